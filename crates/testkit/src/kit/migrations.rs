//! Bringing a schema up to date, and refusing an old one.

use std::borrow::Cow;

use secrecy::{ExposeSecret, SecretString};
use service_kit::config::DatabaseConfig;
use service_kit::db::{Database, migrate};
use service_kit::lifecycle::Stop;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

use crate::TestDatabase;

/// A schema of one slow migration after the kit's.
fn later() -> Migrator {
    let sql = "CREATE TABLE later (id int); SELECT pg_sleep(0.2)".into_sql_str();
    let migration = Migration::new(20_990_101_000_001, "later".into(), MigrationType::Simple, sql, false);
    Migrator { migrations: Cow::Owned(vec![migration]), ..Migrator::DEFAULT }
}

/// The settings of a database without any schema.
async fn fresh(near: &TestDatabase) -> DatabaseConfig {
    let id = crate::ids().next::<uuid::Uuid>().simple().to_string();
    let seconds = crate::forge::now();
    let name = format!("test_fresh_{id}_{seconds}");
    let create = format!("CREATE DATABASE {name} OWNER test_kit_owner");
    near.superuser_pool().execute(AssertSqlSafe(create)).await.unwrap();
    let moved = |url: &SecretString| {
        let mut url: url::Url = url.expose_secret().parse().unwrap();
        url.set_path(&name);
        SecretString::from(String::from(url))
    };
    DatabaseConfig {
        url: moved(&near.config.url),
        migration_url: near.config.migration_url.as_ref().map(moved),
        max_connections: 2,
    }
}

#[tokio::test]
async fn two_that_migrate_one_fresh_database_at_once_both_succeed() {
    let near = TestDatabase::create("test-kit", &[]).await;
    let config = fresh(&near).await;
    let later = later();
    let migrations = [&later];
    let (one, two) = tokio::join!(migrate::run(&config, &migrations), migrate::run(&config, &migrations));
    one.unwrap();
    two.unwrap();
    migrate::run(&config, &migrations).await.unwrap();
    let database = Database::connect(&config, "test").unwrap();
    let applied: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations WHERE success")
        .fetch_one(database.pool())
        .await
        .unwrap();
    assert_eq!(applied, i64::try_from(migrate::MIGRATOR.iter().count() + 1).unwrap());
    sqlx::query("INSERT INTO later VALUES (1)").execute(database.pool()).await.unwrap();
}

#[tokio::test]
async fn a_service_refuses_a_database_whose_schema_is_old_or_missing() {
    let near = TestDatabase::create("test-kit", &[]).await;
    let stop = Stop::default().calls;
    migrate::refuse_pending(&near.database, &[], &stop).await.unwrap();
    let old = migrate::refuse_pending(&near.database, &[&later()], &stop).await.unwrap_err();
    assert_eq!(old.to_string(), "migration 20990101000001 is pending: run `migrate` first");
    let config = fresh(&near).await;
    let none = Database::connect(&config, "test").unwrap();
    let missing = migrate::refuse_pending(&none, &[], &stop).await.unwrap_err();
    assert_eq!(missing.to_string(), "the database has no schema yet: run `migrate` first");
}

#[tokio::test]
async fn a_service_that_waits_for_its_database_can_be_stopped() {
    let url = SecretString::from("postgres://x:x@127.0.0.1:1/x".to_owned());
    let config = DatabaseConfig { url, migration_url: None, max_connections: 1 };
    let away = Database::connect(&config, "test").unwrap();
    let stop = Stop::default().calls;
    let stopping = stop.clone();
    let waiting = tokio::spawn(async move { migrate::refuse_pending(&away, &[], &stopping).await });
    stop.cancel();
    let stopped = tokio::time::timeout(super::server::SOON, waiting).await.unwrap().unwrap().unwrap_err();
    assert_eq!(stopped.to_string(), "stopped while waiting for the database");
}

#[tokio::test]
async fn a_role_with_unexpected_characters_is_refused_before_anything_is_run() {
    let url = SecretString::from("postgres://a%22b@127.0.0.1:1/x".to_owned());
    let config = DatabaseConfig { url: url.clone(), migration_url: Some(url), max_connections: 1 };
    let refused = migrate::run(&config, &[]).await.unwrap_err();
    assert!(refused.to_string().contains("database.url"), "{refused}");
}
