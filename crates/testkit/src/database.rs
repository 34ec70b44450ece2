//! A real database per test.
//!
//! Owns the template database per service and set of migrations, built once per server by the kit's own `migrate`, and
//! its copies, one per test (about 50 ms). Copies are left for looking at; those older than half an hour are dropped
//! by a later run. Must not be pointed at a server whose data matter: it makes roles with a known password.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use anyhow::Context;
use ring::digest;
use secrecy::{ExposeSecret, SecretString};
use service_kit::config::DatabaseConfig;
use service_kit::db::{Database, migrate};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, PgPool};
use tokio::sync::Mutex;
use url::Url;

/// The password of the roles made here; the server is thrown away, or trusts its own machine.
const PASSWORD: &str = "x";
/// "testkit" in ASCII: the lock under which roles and templates are made.
const LOCK: i64 = 0x0074_6573_746b_6974;
const MAX_CONNECTIONS: u32 = 8;
const KEEP_SECONDS: u64 = 1800;

static READY: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
static COUNT: AtomicU64 = AtomicU64::new(0);

/// A database of a test's own, migrated as in production.
#[derive(Debug)]
pub struct TestDatabase {
    /// The unit of work over the service's role, as the service has it.
    pub database: Database,
    /// The settings that lead to it.
    pub config: DatabaseConfig,
    superuser: Url,
}

impl TestDatabase {
    /// Makes a database for `service` (such as `crm-sync`) with the kit's schema and `migrations`, in that order.
    /// Panics where `TEST_DATABASE_URL` is not set, or the server refuses.
    pub async fn create(service: &str, migrations: &[&Migrator]) -> Self {
        let server = crate::required("TEST_DATABASE_URL");
        Self::try_create(&server, &service.replace('-', "_"), migrations)
            .await
            .unwrap_or_else(|error| panic!("the test database of {service} could not be made: {error:#}"))
    }

    async fn try_create(server: &str, service: &str, migrations: &[&Migrator]) -> anyhow::Result<Self> {
        let server: Url = server.parse().context("TEST_DATABASE_URL is not an address")?;
        let template = format!("template_{service}_{}", hash_of(migrations));
        let mut admin = connect(&server).await?;
        {
            let mut ready = READY.lock().await;
            if !ready.contains(&template) {
                build_template(&mut admin, &server, service, &template, migrations).await?;
                ready.insert(template.clone());
            }
        }
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{service}_{}_{count}_{}", std::process::id(), epoch_seconds());
        admin
            .execute(AssertSqlSafe(format!(
                "CREATE DATABASE {name} TEMPLATE {template} OWNER {service}_owner"
            )))
            .await?;
        admin.close().await?;
        let config = config_of(&server, service, &name)?;
        let mut superuser = server;
        superuser.set_path(&name);
        let database = Database::connect(&config, "test")?;
        Ok(Self { database, config, superuser })
    }

    /// Opens a pool with the role that owns the tables; row-level security holds for it too.
    pub fn owner_pool(&self) -> PgPool {
        let url = self.config.migration_url.as_ref().expect("set in try_create");
        pool(url.expose_secret())
    }

    /// Opens a pool with the server's superuser, who sees the rows of every organisation.
    pub fn superuser_pool(&self) -> PgPool {
        pool(self.superuser.as_str())
    }
}

/// Makes the service's roles and the template, unless they are there. The lock is held by the connection: whoever
/// waits finds them made.
async fn build_template(
    admin: &mut PgConnection,
    server: &Url,
    service: &str,
    template: &str,
    migrations: &[&Migrator],
) -> anyhow::Result<()> {
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut *admin).await?;
    drop_old(admin).await?;
    for role in [format!("{service}_owner"), format!("{service}_app")] {
        let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
            .bind(&role)
            .fetch_one(&mut *admin)
            .await?;
        let verb = if exists { "ALTER" } else { "CREATE" };
        admin.execute(AssertSqlSafe(format!("{verb} ROLE {role} LOGIN PASSWORD '{PASSWORD}'"))).await?;
    }
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(template)
        .fetch_one(&mut *admin)
        .await?;
    if !exists {
        // Named as the template only when it is whole.
        let building = format!("{template}_b");
        admin.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {building} WITH (FORCE)"))).await?;
        admin.execute(AssertSqlSafe(format!("CREATE DATABASE {building} OWNER {service}_owner"))).await?;
        migrate::run(&config_of(server, service, &building)?, migrations).await?;
        admin.execute(AssertSqlSafe(format!("ALTER DATABASE {building} RENAME TO {template}"))).await?;
    }
    sqlx::query("SELECT pg_advisory_unlock($1)").bind(LOCK).execute(&mut *admin).await?;
    Ok(())
}

async fn drop_old(admin: &mut PgConnection) -> anyhow::Result<()> {
    let names: Vec<String> =
        sqlx::query_scalar(r"SELECT datname::text FROM pg_database WHERE datname LIKE 'test\_%'")
            .fetch_all(&mut *admin)
            .await?;
    let oldest = epoch_seconds().saturating_sub(KEEP_SECONDS);
    for name in names {
        let made = name.rsplit('_').next().and_then(|seconds| seconds.parse::<u64>().ok());
        if made.is_some_and(|made| made < oldest) {
            admin.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))).await?;
        }
    }
    Ok(())
}

fn config_of(server: &Url, service: &str, database: &str) -> anyhow::Result<DatabaseConfig> {
    let address = |role: &str| -> anyhow::Result<SecretString> {
        let mut url = server.clone();
        let refused = |()| anyhow::anyhow!("TEST_DATABASE_URL takes no role");
        url.set_username(&format!("{service}_{role}")).map_err(refused)?;
        url.set_password(Some(PASSWORD)).map_err(refused)?;
        url.set_path(database);
        Ok(SecretString::from(String::from(url)))
    };
    Ok(DatabaseConfig {
        url: address("app")?,
        migration_url: Some(address("owner")?),
        max_connections: MAX_CONNECTIONS,
    })
}

async fn connect(server: &Url) -> anyhow::Result<PgConnection> {
    let options: PgConnectOptions = server.as_str().parse().context("TEST_DATABASE_URL is not an address")?;
    options
        .disable_statement_logging()
        .connect()
        .await
        .context("the server of TEST_DATABASE_URL did not answer")
}

fn pool(url: &str) -> PgPool {
    PgPoolOptions::new().max_connections(2).connect_lazy(url).expect("an address made here")
}

fn hash_of(migrations: &[&Migrator]) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    for migration in [&migrate::MIGRATOR].iter().chain(migrations).flat_map(|migrator| migrator.iter()) {
        hash.update(&migration.version.to_be_bytes());
        hash.update(&migration.checksum);
    }
    hash.finish().as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn epoch_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_test_has_a_database_of_its_own_with_the_rights_of_production() {
        let one = TestDatabase::create("test-kit", &[]).await;
        let two = TestDatabase::create("test-kit", &[]).await;
        let mut names = Vec::new();
        for test in [&one, &two] {
            let (name, role): (String, String) =
                sqlx::query_as("SELECT current_database()::text, current_user::text")
                    .fetch_one(test.database.pool())
                    .await
                    .unwrap();
            assert_eq!(role, "test_kit_app");
            names.push(name);
            let refused = sqlx::query("CREATE TABLE t ()").execute(test.database.pool()).await;
            assert!(refused.is_err(), "the service's role must own nothing");
            sqlx::query("CREATE TABLE t ()").execute(&test.owner_pool()).await.unwrap();
        }
        assert_ne!(names[0], names[1]);
    }
}
