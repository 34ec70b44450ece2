//! Owns one private PostgreSQL cluster.
//!
//! Must not lay out the services' databases: that is `databases`'s part.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use crate::databases::{psql, with_login};
use crate::packages::{Package, postgres_bin_dirs};
use crate::process::{Child, output, reap_all, wait_until};
use crate::secrets::{random_hex, write_private};
use crate::throwaway::Throwaway;
use crate::{packages, ports};

const SUPERUSER: &str = "postgres";
const START_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// Where a cluster lies when the account that has to run it cannot reach the directory that was asked for.
const ELSEWHERE: &str = "/var/lib/sharedspaces-dev";
/// Enough for five services' pools in several tests at once.
const MAX_CONNECTIONS: &str = "max_connections=200";
/// For data nobody misses after a crash (PostgreSQL's manual, "Non-Durable Settings").
const NOT_DURABLE: [&str; 3] = ["fsync=off", "synchronous_commit=off", "full_page_writes=off"];

/// A private PostgreSQL server on the loopback address, stopped when dropped.
#[derive(Debug)]
pub struct Postgres {
    child: Option<Child>,
    cluster: Cluster,
    port: u16,
    password: String,
    // Dropped last, after the server has stopped.
    _throwaway: Option<Throwaway>,
}

/// What does not change between two starts.
#[derive(Debug)]
struct Cluster {
    dir: PathBuf,
    account: Option<Account>,
    durable: bool,
}

/// The account that runs the server when this process is root, because the server refuses to run as root.
#[derive(Clone, Copy, Debug)]
struct Account {
    uid: u32,
    gid: u32,
}

impl Postgres {
    /// Starts the cluster below `dir`, creating it when there is none, and waits until it answers.
    ///
    /// Without `port` a free one is taken. As root the cluster runs as the account `postgres` (or `nobody`), and lies
    /// below `/var/lib/sharedspaces-dev` when that account cannot reach `dir`: see [`Postgres::dir`].
    ///
    /// # Errors
    /// Fails when the programs are missing, the port is taken, or the server does not answer within a minute.
    pub fn start(dir: &Path, port: Option<u16>) -> Result<Self> {
        refuse_taken(port)?;
        Self::start_cluster(Cluster::place(dir, true)?, port, None)
    }

    /// Starts the cluster like [`Postgres::start`], on the port that `port` chooses once no earlier run holds it.
    ///
    /// # Errors
    /// As [`Postgres::start`], and what `port` fails with.
    pub fn start_kept(dir: &Path, port: impl FnOnce() -> Result<u16>) -> Result<Self> {
        let cluster = Cluster::place(dir, true)?;
        reap_all(&cluster.dir)?;
        Self::start_cluster(cluster, Some(port()?), None)
    }

    /// Starts an empty server in a temporary directory, without any durability, for tests.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub fn start_throwaway() -> Result<Self> {
        let dir = Throwaway::create("postgres")?;
        let cluster = Cluster::place(&dir.path().join("cluster"), false)?;
        Self::start_cluster(cluster, None, Some(dir))
    }

    /// Starts an empty server in a temporary directory that is as durable as a real one, for measurements.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub fn start_throwaway_durable() -> Result<Self> {
        let dir = Throwaway::create("postgres")?;
        let cluster = Cluster::place(&dir.path().join("cluster"), true)?;
        Self::start_cluster(cluster, None, Some(dir))
    }

    fn start_cluster(cluster: Cluster, port: Option<u16>, throwaway: Option<Throwaway>) -> Result<Self> {
        let port = port.map_or_else(ports::free, Ok)?;
        cluster.create_if_missing()?;
        let password = cluster.password()?;
        let mut this = Self { child: None, cluster, port, password, _throwaway: throwaway };
        this.start_again()?;
        Ok(this)
    }

    /// Starts the server again on the same port after [`Postgres::stop`] or [`Postgres::kill`].
    ///
    /// # Errors
    /// Fails when the server does not answer within a minute.
    pub fn start_again(&mut self) -> Result<()> {
        reap_all(&self.cluster.dir)?;
        refuse_taken(Some(self.port))?;
        let mut child = self.spawn()?;
        let url = self.superuser_url();
        let answered = wait_until(START_TIMEOUT, || {
            if child.is_running() {
                return Ok(psql(&url, "SELECT 1").ok());
            }
            // After a crash the old server's own children take a moment to notice and go.
            if child.last_lines(3).contains("pre-existing shared memory block") {
                child = self.spawn()?;
                return Ok(None);
            }
            bail!(
                "PostgreSQL ended while starting; its log {} says:\n{}",
                child.log().display(),
                child.last_lines(8)
            );
        })?;
        if answered.is_none() {
            bail!("PostgreSQL did not answer within {START_TIMEOUT:?}; see {}", child.log().display());
        }
        self.child = Some(child);
        Ok(())
    }

    fn spawn(&self) -> Result<Child> {
        let mut command = self.cluster.command("postgres")?;
        command.arg("-D").arg(self.cluster.data()).args(["-p", &self.port.to_string()]);
        let settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", MAX_CONNECTIONS];
        let loose: &[&str] = if self.cluster.durable { &[] } else { &NOT_DURABLE };
        for setting in settings.iter().chain(loose) {
            command.args(["-c", setting]);
        }
        // SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
        Child::spawn_stopped_by("INT", "PostgreSQL", command, &self.cluster.dir.join("postgres.log"))
    }

    /// The directory the cluster lies in.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.cluster.dir
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of the superuser on the database `postgres`.
    #[must_use]
    pub fn superuser_url(&self) -> String {
        superuser_url(self.port, &self.password)
    }

    /// The address of a database for a role and its password.
    ///
    /// # Errors
    /// Never in practice: it is built from an address this server made.
    pub fn url(&self, database: &str, user: &str, password: &str) -> Result<String> {
        with_login(&self.superuser_url(), user, password, database)
    }

    /// Sends SQL as superuser to the database `postgres` and gives the rows, unaligned.
    ///
    /// # Errors
    /// Fails with the server's words when a statement fails.
    pub fn psql(&self, sql: &str) -> Result<String> {
        psql(&self.superuser_url(), sql)
    }

    /// Stops the server in an orderly way and waits for it.
    ///
    /// # Errors
    /// Fails when the process cannot be signalled.
    pub fn stop(&mut self) -> Result<()> {
        self.child.take().map_or(Ok(()), |mut child| child.terminate(STOP_TIMEOUT).map(drop))
    }

    /// Kills the server without warning, as a crash would.
    ///
    /// # Errors
    /// Fails when the process cannot be signalled.
    pub fn kill(&mut self) -> Result<()> {
        self.child.take().map_or(Ok(()), |mut child| child.kill().map(drop))
    }

    /// Tells whether the server's process runs.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(Child::is_running)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Nobody is left to hear of a failure; dropping the child kills what did not stop.
        let _ = self.stop();
    }
}

impl Cluster {
    /// Takes `dir`, or a directory elsewhere that the server's account can reach.
    fn place(dir: &Path, durable: bool) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("{} cannot be created", dir.display()))?;
        let dir = dir.canonicalize()?;
        let Some(account) = Account::needed()? else { return Ok(Self { dir, account: None, durable }) };
        account.own(&dir)?;
        if account.can_work_in(&dir) {
            return Ok(Self { dir, account: Some(account), durable });
        }
        // A checkout that was deleted and cloned again has other keys: its database must not be that of the one before.
        let begun = dir.parent().and_then(|state| fs::metadata(state).ok()?.created().ok());
        let begun = begun.and_then(|moment| moment.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        let name = format!("{}:{}", dir.to_string_lossy(), begun.as_nanos());
        let elsewhere = Path::new(ELSEWHERE).join(hash(&name));
        fs::create_dir_all(&elsewhere)
            .with_context(|| format!("{} cannot be created", elsewhere.display()))?;
        account.own(&elsewhere)?;
        if !account.can_work_in(&elsewhere) {
            bail!(
                "PostgreSQL may not run as root and user {} can reach neither {} nor {}; move the checkout to a \
                 directory that other users can enter, or run this as another user",
                account.uid,
                dir.display(),
                elsewhere.display()
            );
        }
        // The empty directory would only mislead.
        let _ = fs::remove_dir(&dir);
        Ok(Self { dir: elsewhere, account: Some(account), durable })
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn password(&self) -> Result<String> {
        let file = self.dir.join("password");
        fs::read_to_string(&file).with_context(|| {
            format!("{} cannot be read; remove {} to start afresh", file.display(), self.dir.display())
        })
    }

    fn create_if_missing(&self) -> Result<()> {
        if self.data().exists() {
            return Ok(());
        }
        // Built beside its place and moved there when whole: an interrupted start leaves no half cluster.
        let fresh = self.dir.join("data.new");
        if fresh.exists() {
            fs::remove_dir_all(&fresh)?;
        }
        let password = self.dir.join("password");
        write_private(&password, &random_hex()?)?;
        if let Some(account) = self.account {
            chown(&password, Some(account.uid), Some(account.gid))?;
        }
        let mut init = self.command("initdb")?;
        init.arg("-D").arg(&fresh).arg("--pwfile").arg(&password).args([
            "--username",
            SUPERUSER,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]);
        if !self.durable {
            init.arg("--no-sync");
        }
        output(&mut init).context("a new PostgreSQL cluster cannot be created")?;
        fs::rename(&fresh, self.data())?;
        Ok(())
    }

    /// A program of the version the cluster was made with, as the account that runs the server.
    fn command(&self, program: &str) -> Result<Command> {
        packages::require(Package::Postgres)?;
        let version = fs::read_to_string(self.data().join("PG_VERSION")).ok();
        let found =
            postgres_bin_dirs().into_iter().map(|dir| dir.join(program)).filter(|path| path.is_file()).find(
                |path| match &version {
                    None => true,
                    Some(version) => output(Command::new(path).arg("--version"))
                        .is_ok_and(|words| words.split([' ', '.']).any(|word| word == version.trim())),
                },
            );
        let Some(path) = found else {
            bail!(
                "the data in {} needs PostgreSQL {}, which is not installed; install it, or remove the directory to start afresh",
                self.dir.display(),
                version.unwrap_or_default().trim()
            );
        };
        let mut command = Command::new(path);
        command.current_dir("/");
        for (name, _) in std::env::vars_os() {
            // PGPORT, PGDATA and their like would change what is started.
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        if let Some(account) = self.account {
            command.uid(account.uid).gid(account.gid);
        }
        Ok(command)
    }
}

impl Account {
    /// The account to run the server as; `None` when this process is not root.
    fn needed() -> Result<Option<Self>> {
        if output(Command::new("id").arg("-u"))?.trim() != "0" {
            return Ok(None);
        }
        for name in ["postgres", "nobody"] {
            let id = |option: &str| -> Option<u32> {
                output(Command::new("id").args([option, name])).ok()?.trim().parse().ok()
            };
            if let (Some(uid), Some(gid)) = (id("-u"), id("-g")) {
                return Ok(Some(Self { uid, gid }));
            }
        }
        bail!(
            "PostgreSQL may not run as root and there is no user `postgres`; create one: useradd --system postgres"
        )
    }

    fn own(self, dir: &Path) -> Result<()> {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
        chown(dir, Some(self.uid), Some(self.gid))
            .with_context(|| format!("{} cannot be given to user {}", dir.display(), self.uid))
    }

    fn can_work_in(self, dir: &Path) -> bool {
        Command::new("/bin/sh")
            .args(["-c", "cd \"$0\" && test -w ."])
            .arg(dir)
            .current_dir("/")
            .uid(self.uid)
            .gid(self.gid)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

fn refuse_taken(port: Option<u16>) -> Result<()> {
    match port {
        Some(port) if !ports::is_free(port) => {
            bail!(
                "port {port} of 127.0.0.1 is taken, so PostgreSQL cannot listen there; end the program that holds it"
            )
        }
        _ => Ok(()),
    }
}

fn superuser_url(port: u16, password: &str) -> String {
    format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{port}/postgres")
}

/// FNV-1a with 64 bits: the same name for the same checkout, whatever compiler built this.
fn hash(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databases::{prepare, with_database};

    #[test]
    fn a_cluster_keeps_its_data_over_a_restart_and_its_roles_are_fenced() {
        let dir = Throwaway::create("cluster").unwrap();
        let place = dir.path().join("postgres");
        let mut first = Postgres::start(&place, None).unwrap();
        let port = first.port();
        for _ in 0..2 {
            prepare(&first.superuser_url(), "crm-sync", "sharedspaces_crm_sync", "owner", "app").unwrap();
        }
        let owner = first.url("sharedspaces_crm_sync", "crm_sync_owner", "owner").unwrap();
        psql(
            &owner,
            "CREATE TABLE kept (id int); INSERT INTO kept VALUES (7); GRANT SELECT ON kept TO crm_sync_app",
        )
        .unwrap();
        let app = first.url("sharedspaces_crm_sync", "crm_sync_app", "app").unwrap();
        assert_eq!(psql(&app, "SELECT id FROM kept").unwrap(), "7\n");
        assert!(
            psql(&app, "CREATE TABLE mine (id int)").unwrap_err().to_string().contains("permission denied")
        );
        prepare(&first.superuser_url(), "spaces", "sharedspaces_spaces", "owner", "app").unwrap();
        let foreign = with_login(&owner, "spaces_app", "app", "sharedspaces_crm_sync").unwrap();
        assert!(psql(&foreign, "SELECT 1").unwrap_err().to_string().contains("permission denied"));
        let wrong = with_login(&owner, "crm_sync_app", "wrong", "sharedspaces_crm_sync").unwrap();
        assert!(psql(&wrong, "SELECT 1").unwrap_err().to_string().contains("password"));
        first.stop().unwrap();
        assert!(ports::is_free(port));
        drop(first);

        let mut second = Postgres::start(&place, Some(port)).unwrap();
        assert_eq!(psql(&app, "SELECT id FROM kept").unwrap(), "7\n");
        second.kill().unwrap();
        second.start_again().unwrap();
        assert_eq!(psql(&app, "SELECT id FROM kept").unwrap(), "7\n");
    }

    #[test]
    fn a_throwaway_server_goes_with_its_directory_and_runs_beside_another() {
        let one = Postgres::start_throwaway().unwrap();
        let two = Postgres::start_throwaway().unwrap();
        assert_ne!(one.port(), two.port());
        assert_eq!(one.psql("SHOW fsync").unwrap(), "off\n");
        assert_eq!(
            psql(&with_database(&two.superuser_url(), "template1").unwrap(), "SELECT 1").unwrap(),
            "1\n"
        );
        let dir = one.dir().to_owned();
        drop(one);
        assert!(!dir.exists());
        assert_eq!(two.psql("SELECT 1").unwrap(), "1\n");
    }

    #[test]
    fn a_taken_port_is_refused_before_anything_is_created() {
        let dir = Throwaway::create("taken").unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = Postgres::start(&dir.path().join("postgres"), Some(port)).unwrap_err().to_string();
        assert!(error.contains("is taken"), "{error}");
        assert!(!dir.path().join("postgres").exists());
    }

    #[test]
    fn the_hash_of_a_path_is_fnv_1a() {
        assert_eq!(hash("a"), "af63dc4c8601ec8c");
    }
}
