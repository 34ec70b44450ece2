//! Backing up and restoring, as docs/operating.md tells.
//!
//! Owns the dumps of the five databases and the copy of the bucket, in their order, and bringing them back onto other
//! servers. Must not know what is in them.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use s3::creds::Credentials;
use s3::{Bucket, Region};
use url::Url;
use xtask::databases::{database_name, prepare, psql, with_database};
use xtask::environment::{S3_BUCKET, service_env};
use xtask::packages::find_postgres_tool;
use xtask::process::output;
use xtask::servers::Postgres;
use xtask::throwaway::Throwaway;

use crate::world::World;

/// Whoever hears of others comes before them, so that a dump knows no less than those before it; what is not owed to an
/// event, such as a file that an item shows, comes after who names it.
pub const ORDER: [&str; 5] = ["notifications", "crm-sync", "spaces", "assets", "identity"];

/// Has every service publish again what it published in the last seven days; inboxes fold what was taken already.
pub const PUBLISH_AGAIN: &str = "UPDATE outbox SET publish_time = NULL WHERE publish_time IS NOT NULL";

/// An object of the bucket.
struct Object {
    content_type: String,
    bytes: Vec<u8>,
}

/// What there was at one time.
pub struct Backup {
    dir: Throwaway,
    objects: BTreeMap<String, Object>,
}

impl Backup {
    /// Takes one of everything, while the services run.
    pub async fn take(world: &World) -> anyhow::Result<Self> {
        let this = Self { dir: Throwaway::create("backup")?, objects: BTreeMap::new() };
        for service in ORDER {
            let url = world.superuser_url(service)?;
            let mut dump = postgres_tool("pg_dump", &url)?;
            dump.args(["--format=custom", "--file"]).arg(this.dump_of(service));
            output(&mut dump)?;
        }
        let bucket = bucket(world)?;
        let mut objects = BTreeMap::new();
        for page in bucket.list(String::new(), None).await? {
            for listed in page.contents {
                let (head, _) = bucket.head_object(&listed.key).await?;
                let bytes = bucket.get_object(&listed.key).await?.to_vec();
                let content_type = head.content_type.unwrap_or_default();
                objects.insert(listed.key, Object { content_type, bytes });
            }
        }
        Ok(Self { objects, ..this })
    }

    /// Returns how many objects the bucket had.
    pub fn object_count(&self) -> usize {
        self.objects.len()
    }

    /// Restores a service's database into a server that does not have it.
    pub fn restore_database(&self, world: &World, service: &str) -> anyhow::Result<()> {
        let addresses = world.addresses.service(service)?;
        let superuser = world.database.superuser_url();
        let password = |url: &str| -> anyhow::Result<String> {
            Ok(Url::parse(url)?.password().context("no password")?.to_owned())
        };
        let (owner, app) = (password(&addresses.migration_url)?, password(&addresses.database_url)?);
        prepare(&superuser, service, &database_name(service), &owner, &app)?;
        let url = with_database(&superuser, &database_name(service))?;
        let mut restore = postgres_tool("pg_restore", &url)?;
        restore.args(["--exit-on-error", "--single-transaction"]).arg(self.dump_of(service));
        output(&mut restore).map(drop)
    }

    /// Puts every object back.
    pub async fn restore_objects(&self, world: &World) -> anyhow::Result<()> {
        let bucket = bucket(world)?;
        for (key, object) in &self.objects {
            let put = bucket.put_object_with_content_type(key, &object.bytes, &object.content_type).await?;
            ensure!(put.status_code() == 200, "the store answered {}", put.status_code());
        }
        Ok(())
    }

    fn dump_of(&self, service: &str) -> PathBuf {
        self.dir.path().join(format!("{service}.dump"))
    }
}

/// Loses everything that services keep: the database server, the bucket, and the broker with all its queues. The services
/// must not run.
pub async fn lose_everything(world: &mut World) -> anyhow::Result<()> {
    let bucket = bucket(world)?;
    for page in bucket.list(String::new(), None).await? {
        for listed in page.contents {
            bucket.delete_object(&listed.key).await?;
        }
    }
    let fresh = tokio::task::spawn_blocking(Postgres::start_throwaway).await??;
    let (old, new) =
        (format!("127.0.0.1:{}/", world.database.port()), format!("127.0.0.1:{}/", fresh.port()));
    for addresses in world.addresses.services.values_mut() {
        addresses.database_url = addresses.database_url.replace(&old, &new);
        addresses.migration_url = addresses.migration_url.replace(&old, &new);
    }
    world.database = fresh;
    world.addresses.broker_prefix = format!("t{}.", crate::visit::unique());
    Ok(())
}

/// Deletes a service's database, which must not run.
pub fn drop_database(world: &World, service: &str) -> anyhow::Result<()> {
    let drop = format!("DROP DATABASE {} WITH (FORCE)", database_name(service));
    psql(&world.database.superuser_url(), &drop).map(drop_output)
}

/// Sends SQL to a service's database.
pub fn send(world: &World, service: &str, sql: &str) -> anyhow::Result<()> {
    psql(&world.superuser_url(service)?, sql).map(drop_output)
}

fn drop_output(_: String) {}

/// A program of PostgreSQL, to act on a database; the password goes by environment.
fn postgres_tool(name: &str, url: &str) -> anyhow::Result<Command> {
    let program = find_postgres_tool(name).with_context(|| format!("{name} is missing"))?;
    let mut url = Url::parse(url)?;
    let password = url.password().unwrap_or_default().to_owned();
    ensure!(url.set_password(None).is_ok(), "the address takes no password");
    let mut command = Command::new(program);
    command.env("PGPASSWORD", password).arg("--dbname").arg(url.as_str());
    Ok(command)
}

/// Returns the bucket that assets uses.
fn bucket(world: &World) -> anyhow::Result<Box<Bucket>> {
    let settings: HashMap<String, String> = service_env("assets", &world.addresses)?.into_iter().collect();
    let setting = |name: &str| {
        settings.get(&format!("ASSETS__S3__{name}")).cloned().with_context(|| format!("no setting {name}"))
    };
    let region = Region::Custom { region: setting("REGION")?, endpoint: setting("ENDPOINT")? };
    let (key, secret) = (setting("ACCESS_KEY")?, setting("SECRET_KEY")?);
    let credentials = Credentials::new(Some(&key), Some(&secret), None, None, None)?;
    Ok(Bucket::new(S3_BUCKET, region, credentials)?.with_path_style())
}
