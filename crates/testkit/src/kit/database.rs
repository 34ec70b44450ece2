//! The unit of work: nothing of one unit reaches the next, whatever its caller does.

use std::time::Duration;

use service_kit::config::DatabaseConfig;
use service_kit::db::Database;
use service_kit::error::CommonError;
use service_kit::ids::OrganizationId;
use sqlx::{AssertSqlSafe, Executor, PgPool, Row};

use crate::TestDatabase;

/// A pool of one connection, under a name by which the server's view of it can be found.
fn single(test: &TestDatabase) -> (Database, String) {
    let name = format!("one-{}", crate::ids().next::<uuid::Uuid>().simple());
    let config = DatabaseConfig { max_connections: 1, ..test.config.clone() };
    (Database::connect(&config, &name).unwrap(), name)
}

async fn in_transaction(superuser: &PgPool, application: &str) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state LIKE 'idle in transaction%'",
    )
    .bind(application)
    .fetch_one(superuser)
    .await
    .unwrap()
}

async fn backend(pool: &PgPool) -> i32 {
    sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(pool).await.unwrap()
}

/// The organisation a connection acts for, its transaction if it has one, and its time limit.
async fn left_behind(pool: &PgPool) -> (String, Option<String>, String) {
    sqlx::query_as(
        "SELECT coalesce(current_setting('app.organization_id', true), ''),
                pg_current_xact_id_if_assigned()::text, current_setting('statement_timeout')",
    )
    .fetch_one(pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn nothing_that_was_left_open_on_a_connection_is_there_for_the_next() {
    let test = TestDatabase::create("test-kit", &[]).await;
    test.owner_pool().execute("CREATE TABLE t (n int)").await.unwrap();
    let superuser = test.superuser_pool();
    let (database, name) = single(&test);
    let pool = database.pool();
    let pid = backend(pool).await;
    let organization: OrganizationId = crate::ids().next();
    let left = [
        format!("BEGIN; SET app.organization_id = '{organization}'; INSERT INTO t VALUES (1)"),
        format!("SET app.organization_id = '{organization}'"),
        "BEGIN; INSERT INTO t VALUES (1); SET LOCAL statement_timeout = 0".to_owned(),
        "SET statement_timeout = 0; SET role TO test_kit_app".to_owned(),
    ];
    for statements in left {
        let mut connection = pool.acquire().await.unwrap();
        connection.execute(AssertSqlSafe(statements.clone())).await.unwrap();
        drop(connection);
        assert_eq!(left_behind(pool).await, (String::new(), None, "5s".to_owned()), "{statements}");
        assert_eq!(in_transaction(&superuser, &name).await, 0, "{statements}");
        assert_eq!(backend(pool).await, pid, "a connection that can be reset is kept");
    }
    let mut failed = pool.acquire().await.unwrap();
    failed.execute("BEGIN").await.unwrap();
    assert!(failed.execute("SELECT 1/0").await.is_err());
    drop(failed);
    assert_eq!(left_behind(pool).await, (String::new(), None, "5s".to_owned()));
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM t").fetch_one(&superuser).await.unwrap();
    assert_eq!(rows, 0, "what was not committed must be undone");
}

/// Makes a table of each tenant's rows, as services have them.
async fn with_rows(test: &TestDatabase) {
    test.owner_pool()
        .execute(
            "CREATE TABLE rooms (organization_id uuid NOT NULL, n int NOT NULL);
             ALTER TABLE rooms ENABLE ROW LEVEL SECURITY; ALTER TABLE rooms FORCE ROW LEVEL SECURITY;
             CREATE POLICY tenant ON rooms
              USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid)",
        )
        .await
        .unwrap();
}

/// Writes a row in one unit, and returns whose rows it saw besides its own.
async fn unit(database: Database, organization: OrganizationId, n: i32) -> Result<i64, CommonError> {
    database
        .transaction(organization, move |tx| {
            Box::pin(async move {
                sqlx::query("INSERT INTO rooms VALUES ($1, $2)")
                    .bind(organization)
                    .bind(n)
                    .execute(&mut *tx)
                    .await?;
                sqlx::query("SELECT count(*) FROM rooms WHERE organization_id <> $1")
                    .bind(organization)
                    .fetch_one(tx)
                    .await?
                    .try_get(0)
                    .map_err(CommonError::from)
            })
        })
        .await
}

/// Begins by hand, as code outside a unit may; dropping it midway is what launchbadge/sqlx#4393 is about.
async fn by_hand(database: Database, organization: OrganizationId) -> Result<i64, CommonError> {
    let begin = format!("BEGIN; SET LOCAL app.organization_id = '{organization}'");
    let mut transaction = database.pool().begin_with(AssertSqlSafe(begin)).await?;
    let others = sqlx::query_scalar("SELECT count(*) FROM rooms WHERE organization_id <> $1")
        .bind(organization)
        .fetch_one(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(others)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_who_give_up_leave_nothing_to_those_who_come_after() {
    let test = TestDatabase::create("test-kit", &[]).await;
    with_rows(&test).await;
    let superuser = test.superuser_pool();
    let (database, name) = single(&test);
    let tenants: [OrganizationId; 2] = [crate::ids().next(), crate::ids().next()];
    let mut aborted = 0;
    // A thousand, and more rounds where most were faster than those who wake this task to cut them off.
    for n in 0..5_000 {
        if n >= 1_000 && aborted > 100 {
            break;
        }
        let tenant = tenants[usize::from(n % 2 == 1)];
        let units = database.clone();
        let call = tokio::spawn(async move {
            if n % 4 < 2 { by_hand(units, tenant).await } else { unit(units, tenant, n).await }
        });
        // Anything between at once and after the end, the same in every run; then early, whatever the machine's load.
        if n < 1_000 {
            tokio::time::sleep(Duration::from_micros(u64::try_from(n * 7_919 % 3_000).unwrap())).await;
        } else {
            for _turn in 0..n % 8 {
                tokio::task::yield_now().await;
            }
        }
        call.abort();
        match call.await {
            Ok(Ok(others)) => assert_eq!(others, 0, "a unit saw the rows of another tenant"),
            // Those who gave up leave units behind that wait; more of them are refused.
            Ok(Err(error)) => {
                assert!(matches!(error, CommonError::Storage(sqlx::Error::PoolTimedOut)), "{error:?}");
            }
            Err(_) => aborted += 1,
        }
        // At once, before another unit's commit would hide what this one left open.
        assert_eq!(left_behind(database.pool()).await.0, "", "after call {n}");
    }
    assert!(aborted > 100, "only {aborted} calls were cut off");
    for n in 0..20 {
        let tenant = tenants[n % 2];
        let others =
            crate::eventually("a free place", async || unit(database.clone(), tenant, -1).await.ok());
        assert_eq!(others.await, 0);
    }
    assert_eq!(left_behind(database.pool()).await, (String::new(), None, "5s".to_owned()));
    crate::eventually("no open transaction", async || in_transaction(&superuser, &name).await == 0).await;
    let unseen: i64 =
        sqlx::query_scalar("SELECT count(*) FROM rooms").fetch_one(database.pool()).await.unwrap();
    assert_eq!(unseen, 0, "no tenant, no rows");
    let connections: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pg_stat_activity WHERE application_name = $1")
            .bind(&name)
            .fetch_one(&superuser)
            .await
            .unwrap();
    assert_eq!(connections, 1);
}

#[tokio::test]
async fn a_unit_whose_work_panics_or_fails_keeps_nothing() {
    let test = TestDatabase::create("test-kit", &[]).await;
    with_rows(&test).await;
    let (database, name) = single(&test);
    let organization: OrganizationId = crate::ids().next();
    let panicked: Result<(), CommonError> = database
        .transaction(organization, move |tx| {
            Box::pin(async move {
                sqlx::query("INSERT INTO rooms VALUES ($1, 1)").bind(organization).execute(tx).await?;
                panic!("as asked")
            })
        })
        .await;
    assert!(matches!(panicked, Err(CommonError::Unexpected(_))));
    let failed: Result<(), CommonError> = database
        .transaction(organization, move |tx| {
            Box::pin(async move {
                sqlx::query("INSERT INTO rooms VALUES ($1, 2)").bind(organization).execute(tx).await?;
                Err(CommonError::IdempotencyKeyReused)
            })
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(unit(database, organization, 3).await.unwrap(), 0);
    let superuser = test.superuser_pool();
    let rows: Vec<i32> = sqlx::query_scalar("SELECT n FROM rooms").fetch_all(&superuser).await.unwrap();
    assert_eq!(rows, [3]);
    assert_eq!(in_transaction(&superuser, &name).await, 0);
}

#[tokio::test]
async fn a_unit_cannot_write_for_another_organisation() {
    let test = TestDatabase::create("test-kit", &[]).await;
    with_rows(&test).await;
    let (one, other): (OrganizationId, OrganizationId) = (crate::ids().next(), crate::ids().next());
    let refused: Result<(), CommonError> = test
        .database
        .transaction(one, move |tx| {
            Box::pin(async move {
                sqlx::query("INSERT INTO rooms VALUES ($1, 1)").bind(other).execute(tx).await?;
                Ok(())
            })
        })
        .await;
    assert!(matches!(refused, Err(CommonError::Storage(sqlx::Error::Database(_)))), "{refused:?}");
}
