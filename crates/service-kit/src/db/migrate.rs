//! Bringing the schema up to date, and refusing to work on an old one.
//!
//! Owns `migrate`, which acts with the role that owns the tables, and the check at the start. The service's own role
//! owns nothing: it gets its rights here.

use std::time::Duration;

use anyhow::{Context, bail};
use secrecy::ExposeSecret;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use tokio_util::sync::CancellationToken;

use super::Database;
use crate::config::DatabaseConfig;

/// The schema of this crate: idempotency keys.
pub static MIGRATOR: Migrator = sqlx::migrate!();

const RETRY_EVERY: Duration = Duration::from_secs(1);
const GIVE_UP_AFTER: u32 = 60;

/// Applies what is pending, under a lock, so that two at once are safe.
pub async fn run(config: &DatabaseConfig, migrations: &[&Migrator]) -> anyhow::Result<()> {
    let url = config.migration_url.as_ref().context(
        "setting database.migration_url is missing: the address with the role that owns the tables",
    )?;
    let owner: PgConnectOptions = url.expose_secret().parse().context("setting database.migration_url")?;
    let service: PgConnectOptions = config.url.expose_secret().parse().context("setting database.url")?;
    let role = service.get_username();
    if role.is_empty() || !role.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        bail!("setting database.url: the role must be letters, digits and underscores");
    }
    let mut connection =
        owner.disable_statement_logging().connect().await.context("the database did not answer")?;
    // Held until the connection ends; the migrator's own lock would not cover the rights.
    connection.execute("SELECT pg_advisory_lock(hashtextextended('sharedspaces migrate', 0))").await?;
    connection
        .execute(AssertSqlSafe(format!(
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};
             ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {role};
             GRANT USAGE ON SCHEMA public TO {role}"
        )))
        .await
        .context("the role of database.url could not be given its rights")?;
    for migrator in all(migrations) {
        migrator.run(&mut connection).await.context("a migration failed")?;
    }
    Ok(())
}

/// Waits for the database, then refuses to go on while a migration is pending. For `run`, and for tests.
pub async fn refuse_pending(
    database: &Database,
    migrations: &[&Migrator],
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut failures = 0;
    let applied: Vec<i64> = loop {
        let applied = sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success")
            .fetch_all(database.pool())
            .await;
        match applied {
            Ok(applied) => break applied,
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => {
                bail!("the database has no schema yet: run `migrate` first");
            }
            Err(error) if failures == GIVE_UP_AFTER => {
                return Err(error).context("the database did not answer");
            }
            Err(error) => tracing::warn!(error.chain = %error, "the database does not answer yet"),
        }
        failures += 1;
        tokio::select! {
            () = stop.cancelled() => bail!("stopped while waiting for the database"),
            () = tokio::time::sleep(RETRY_EVERY) => {}
        }
    };
    let needed =
        [&MIGRATOR].into_iter().chain(migrations.iter().copied()).flat_map(|migrator| migrator.iter());
    for migration in needed {
        if !applied.contains(&migration.version) {
            bail!("migration {} is pending: run `migrate` first", migration.version);
        }
    }
    Ok(())
}

/// Each schema is its own set of files over one table of applied versions, so each ignores the others' versions.
fn all(migrations: &[&Migrator]) -> Vec<Migrator> {
    [&MIGRATOR]
        .iter()
        .chain(migrations)
        .map(|migrator| {
            let mut migrator = Migrator { migrations: migrator.migrations.clone(), ..Migrator::DEFAULT };
            migrator.set_ignore_missing(true);
            migrator
        })
        .collect()
}
