//! Bringing databases up to date, with the services' own programs on a server of their own.

use std::path::PathBuf;
use std::process::{Command, Output};

use xtask::databases::{app_role, database_name, owner_role, prepare, psql, with_database};
use xtask::environment::{Addresses, service_env};
use xtask::ports::Ports;
use xtask::secrets::Secrets;
use xtask::servers::Postgres;
use xtask::throwaway::Throwaway;
use xtask::workspace::SERVICES;

/// Databases without any schema.
struct Stage {
    database: Postgres,
    addresses: Addresses,
    _dir: Throwaway,
}

impl Stage {
    fn set() -> Self {
        let dir = Throwaway::create("upgrading").unwrap();
        let database = Postgres::start_throwaway().unwrap();
        let superuser = database.superuser_url();
        let mut ports = Ports::load(&dir.path().join("ports.json")).unwrap();
        let mut secrets = Secrets::load(&dir.path().join("secrets.json")).unwrap();
        let nowhere = "amqp://127.0.0.1:1";
        let addresses = Addresses::choose(dir.path(), &mut ports, &mut secrets, &superuser, nowhere).unwrap();
        for service in SERVICES {
            let owner = secrets.password(&owner_role(service)).unwrap();
            let app = secrets.password(&app_role(service)).unwrap();
            prepare(&superuser, service, &database_name(service), &owner, &app).unwrap();
        }
        Self { database, addresses, _dir: dir }
    }

    fn command(&self, service: &str, arguments: &[&str]) -> Command {
        let binaries = PathBuf::from(std::env::var_os("TEST_BINARIES").unwrap());
        let mut command = Command::new(binaries.join(service));
        command.args(arguments).envs(service_env(service, &self.addresses).unwrap());
        command
    }

    fn run(&self, service: &str, arguments: &[&str]) -> Output {
        self.command(service, arguments).output().unwrap()
    }

    fn superuser_url(&self, service: &str) -> String {
        with_database(&self.database.superuser_url(), &database_name(service)).unwrap()
    }
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn migrating_twice_at_once_is_safe_and_the_services_role_changes_no_schema_and_reaches_no_other_database() {
    let stage = Stage::set();
    for service in SERVICES {
        let both = [(); 2].map(|()| {
            let mut command = stage.command(service, &["migrate"]);
            command.stderr(std::process::Stdio::piped()).spawn().unwrap()
        });
        for one in both {
            let ended = one.wait_with_output().unwrap();
            assert!(ended.status.success(), "{service}: {}", words(&ended));
        }
        let twice =
            "SELECT count(*) FROM (SELECT version FROM _sqlx_migrations GROUP BY 1 HAVING count(*) > 1) AS t";
        assert_eq!(psql(&stage.superuser_url(service), twice).unwrap(), "0\n");
    }
    for service in SERVICES {
        let url = &stage.addresses.service(service).unwrap().database_url;
        let refused = |sql: &str| psql(url, sql).unwrap_err().to_string();
        for statement in [
            "CREATE TABLE mine (id int)",
            "ALTER TABLE outbox ADD COLUMN mine int",
            "DROP TABLE outbox",
            "CREATE SCHEMA mine",
            "ALTER TABLE jobs DISABLE ROW LEVEL SECURITY",
            "TRUNCATE outbox",
        ] {
            let words = refused(statement);
            assert!(
                words.contains("permission denied") || words.contains("must be owner"),
                "{statement}: {words}"
            );
        }
        assert_eq!(psql(url, "SELECT count(*) FROM outbox").unwrap(), "0\n");
        for other in SERVICES.into_iter().filter(|other| *other != service) {
            let url = with_database(url, &database_name(other)).unwrap();
            let words = psql(&url, "SELECT 1").unwrap_err().to_string();
            assert!(words.contains("permission denied for database"), "{service} at {other}: {words}");
        }
    }
}

#[test]
fn a_service_refuses_a_schema_of_the_release_before_until_it_is_migrated() {
    let stage = Stage::set();
    for service in SERVICES {
        let none = stage.run(service, &["migrate", "--check"]);
        assert!(!none.status.success() && words(&none).contains("no schema yet"), "{}", words(&none));
        assert!(stage.run(service, &["migrate"]).status.success());
        assert!(stage.run(service, &["migrate", "--check"]).status.success());
    }
    // The newest migration as one that this release brings.
    let forget = "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)
                  RETURNING version";
    let version = psql(&stage.superuser_url("spaces"), forget).unwrap();
    let told = format!("migration {} is pending", version.trim());
    for arguments in [&["migrate", "--check"][..], &["serve"], &["work"], &["run"]] {
        let refused = stage.run("spaces", arguments);
        assert!(
            !refused.status.success() && words(&refused).contains(&told),
            "{arguments:?}: {}",
            words(&refused)
        );
    }
}
