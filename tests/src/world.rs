//! All services as processes on servers of their own.
//!
//! Owns starting, breaking and mending them. Everything is of this world alone and ends with it, so that tests that
//! break something do not disturb each other.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use messaging::topology::SUBSCRIPTIONS;
use serde_json::Value;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use testkit::certificates::{Authority, TlsFiles};
use uuid::Uuid;
use xtask::databases::{app_role, database_name, owner_role, prepare, with_database};
use xtask::environment::{Addresses, behind_gateway, demo_env, service_env, tls_name, web_env};
use xtask::ports::Ports;
use xtask::process::{Child, wait_until};
use xtask::secrets::Secrets;
use xtask::servers::{Envoy, Postgres, RabbitMq};
use xtask::throwaway::Throwaway;
use xtask::workspace::SERVICES;

use crate::environment::Environment;
use crate::outside::within;

const READY_WITHIN: Duration = Duration::from_secs(120);
const STOP_WITHIN: Duration = Duration::from_secs(60);
/// Longer than a lease that a dead process holds, and the waiting after failed tries.
const QUIET_WITHIN: Duration = Duration::from_secs(180);

/// All services, running.
pub struct World {
    web: Option<Child>,
    gateway: Option<Envoy>,
    services: BTreeMap<&'static str, Child>,
    mended: Option<&'static str>,
    _sandbox: Child,
    /// Who gave out the services' certificates, where they speak mutual TLS.
    pub authority: Option<Authority>,
    /// The world's own broker, where it has one.
    pub broker: Option<RabbitMq>,
    /// The world's own database server.
    pub database: Postgres,
    /// Where everything is.
    pub addresses: Addresses,
    binaries: std::path::PathBuf,
    dir: Throwaway,
}

impl World {
    /// Starts all services over the tests' shared broker.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&[])
    }

    /// Starts all services over a broker of their own, to break.
    pub fn start_with_broker() -> anyhow::Result<Self> {
        let broker = RabbitMq::start_throwaway()?;
        let url = broker.url();
        Self::start_over(Postgres::start_throwaway()?, Some(broker), &url, &[])
    }

    /// Starts all services with further settings, for each of them.
    pub fn start_with(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::start_over(Postgres::start_throwaway()?, None, &shared_broker()?, settings)
    }

    /// Starts all services over a broker that shows its metrics, with further settings for each of them.
    pub fn start_with_metrics(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let broker = RabbitMq::start_throwaway_with_metrics()?;
        let url = broker.url();
        Self::start_over(Postgres::start_throwaway()?, Some(broker), &url, settings)
    }

    /// Starts all services with mutual TLS among them; their files are below [`Addresses::tls`].
    pub fn start_with_mutual_tls() -> anyhow::Result<Self> {
        let authority = Some(Authority::new());
        Self::start_among(Postgres::start_throwaway()?, None, &shared_broker()?, &[], authority)
    }

    /// Starts all services over a database that is as durable as a real one; for measurements.
    pub fn start_durable() -> anyhow::Result<Self> {
        Self::start_over(Postgres::start_throwaway_durable()?, None, &shared_broker()?, &[])
    }

    fn start_over(
        database: Postgres,
        broker: Option<RabbitMq>,
        broker_url: &str,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        Self::start_among(database, broker, broker_url, settings, None)
    }

    fn start_among(
        database: Postgres,
        broker: Option<RabbitMq>,
        broker_url: &str,
        settings: &[(&str, &str)],
        authority: Option<Authority>,
    ) -> anyhow::Result<Self> {
        let binaries = std::env::var_os("TEST_BINARIES")
            .context("TEST_BINARIES is missing: run this through `cargo xtask test`")?;
        let dir = Throwaway::create("world")?;
        let mut ports = Ports::load(&dir.path().join("ports.json"))?;
        let mut secrets = Secrets::load(&dir.path().join("secrets.json"))?;
        let superuser = database.superuser_url();
        let sandbox_dir = dir.path().join("sandbox");
        std::fs::create_dir_all(&sandbox_dir)?;
        let mut addresses =
            Addresses::choose(&sandbox_dir, &mut ports, &mut secrets, &superuser, broker_url)?;
        if broker.is_none() {
            // With a letter in front: digits alone would be read as a number.
            addresses.broker_prefix = format!("t{}.", crate::visit::unique());
        }
        if let Some(authority) = &authority {
            addresses.tls = Some(give_out(authority, dir.path())?);
        }
        for service in SERVICES {
            let (owner, app) =
                (secrets.password(&owner_role(service))?, secrets.password(&app_role(service))?);
            prepare(&superuser, service, &database_name(service), &owner, &app)?;
        }
        let binaries = std::path::PathBuf::from(binaries);
        let mut command = Command::new(binaries.join("sandbox"));
        command.args(addresses.sandbox.arguments());
        let sandbox = Child::spawn("sandbox", command, &dir.path().join("sandbox.log"))?;
        let mut world = Self {
            web: None,
            gateway: None,
            services: BTreeMap::new(),
            mended: None,
            _sandbox: sandbox,
            authority,
            broker,
            database,
            addresses,
            binaries,
            dir,
        };
        world.wait_for_tokens()?;
        for service in SERVICES {
            world.migrate(service)?;
        }
        for service in SERVICES {
            world.start_service(service, settings)?;
        }
        world.wait_ready()?;
        Ok(world)
    }

    /// Returns where a journey finds everything.
    pub fn environment(&self) -> anyhow::Result<Environment> {
        Environment::from_variables(demo_env(&self.addresses)?)
    }

    /// Starts the API gateway before the services, with `further` arguments; returns its address.
    pub fn start_gateway(&mut self, further: &[&str]) -> anyhow::Result<String> {
        let program = std::env::var_os("TEST_ENVOY")
            .context("TEST_ENVOY is missing: run this through `cargo xtask test`")?;
        let (program, dir) = (std::path::PathBuf::from(program), self.dir.path().join("gateway"));
        let made = Envoy::start(&program, &self.binaries.join("gateway"), &dir, &self.addresses, further)?;
        self.gateway = Some(made);
        Ok(format!("http://{}", self.addresses.gateway))
    }

    /// Starts the web client; returns its address, to which the links in mails lead.
    pub fn start_web(&mut self) -> anyhow::Result<String> {
        self.start_web_with(Vec::new())
    }

    /// Starts the web client before the gateway, as `up` and a cluster do; returns its address.
    pub fn start_web_behind_gateway(&mut self) -> anyhow::Result<String> {
        self.start_web_with(behind_gateway(&self.addresses))
    }

    fn start_web_with(&mut self, further: Vec<(String, String)>) -> anyhow::Result<String> {
        let mut process = Command::new(self.binaries.join("web"));
        process.envs(web_env(&self.addresses)?).envs(further);
        let child = self.web.insert(Child::spawn("web", process, &self.dir.path().join("web.log"))?);
        let address = self.addresses.web.clone();
        let ready = wait_until(READY_WITHIN, || {
            ensure!(child.is_running(), "web ended:\n{}", child.last_lines(20));
            // Its own page, and not whatever else may have taken the port.
            Ok(is_fine(&address, "/app/sign-in").then_some(()))
        })?;
        ready.context("the web client was not ready")?;
        Ok(format!("http://{address}"))
    }

    /// Starts a service; `settings` come after its own, without its prefix, or as they are where they have none.
    pub fn start_service(&mut self, service: &'static str, settings: &[(&str, &str)]) -> anyhow::Result<()> {
        self.start_service_as("run", service, settings)
    }

    /// Starts a service as [`Self::start_service`] does, to `serve`, `work` or `run`.
    pub fn start_service_as(
        &mut self,
        command: &str,
        service: &'static str,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<()> {
        let child = self.spawn(command, service, settings)?;
        self.services.insert(service, child);
        Ok(())
    }

    /// Starts a process of a service beside those that run.
    pub(crate) fn spawn(
        &self,
        command: &str,
        service: &'static str,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Child> {
        let mut process = Command::new(self.binaries.join(service));
        process.arg(command).envs(service_env(service, &self.addresses)?);
        let prefix = format!("{}__", service.to_uppercase().replace('-', "_"));
        for (key, value) in settings {
            if key.contains("__") && !key.starts_with(&prefix) {
                process.env(format!("{prefix}{key}"), value);
            } else {
                process.env(key, value);
            }
        }
        let log = self.dir.path().join(format!("{service}-{}.log", crate::visit::unique()));
        Child::spawn(service, process, &log)
    }

    /// Ends a service with SIGKILL.
    pub fn kill_service(&mut self, service: &str) -> anyhow::Result<()> {
        let mut child = self.services.remove(service).context("no such service runs")?;
        child.kill().map(drop)
    }

    /// Ends a service with SIGTERM and waits for it; an error where it did not end well.
    pub fn stop_service(&mut self, service: &str) -> anyhow::Result<()> {
        let mut child = self.services.remove(service).context("no such service runs")?;
        let status = child.terminate(STOP_WITHIN)?;
        if status.success() {
            Ok(())
        } else {
            bail!("{service} ended with {status}:\n{}", child.last_lines(20))
        }
    }

    /// Ends the web client with SIGTERM and waits for it; an error where it did not end well.
    pub fn stop_web(&mut self) -> anyhow::Result<()> {
        let mut child = self.web.take().context("no web client runs")?;
        let status = child.terminate(STOP_WITHIN)?;
        ensure!(status.success(), "web ended with {status}:\n{}", child.last_lines(20));
        Ok(())
    }

    /// Returns the id of a service's process; nothing where it does not run.
    pub fn process_id(&self, service: &str) -> Option<u32> {
        self.services.get(service).map(Child::id)
    }

    /// Returns the address of a service's database with the server's own superuser.
    pub fn superuser_url(&self, service: &str) -> anyhow::Result<String> {
        with_database(&self.database.superuser_url(), &database_name(service))
    }

    /// Tells whether a service has died by itself.
    pub fn has_died(&mut self, service: &str) -> bool {
        self.services.get_mut(service).is_some_and(|child| !child.is_running())
    }

    /// Starts a service that has died again, and remembers it.
    pub fn mend_service(&mut self, service: &'static str) -> anyhow::Result<()> {
        self.start_service(service, &[])?;
        self.mended = Some(service);
        self.wait_ready()
    }

    /// Tells whether a service was started again since [`Self::forget_mending`].
    pub fn was_mended(&self, service: &str) -> bool {
        self.mended == Some(service)
    }

    /// Forgets what was mended.
    pub fn forget_mending(&mut self) {
        self.mended = None;
    }

    /// Waits until all services answer calls.
    pub fn wait_ready(&mut self) -> anyhow::Result<()> {
        for service in SERVICES {
            let address = self.addresses.service(service)?.health.clone();
            let Some(child) = self.services.get_mut(service) else { continue };
            let ready = wait_until(READY_WITHIN, || {
                if !child.is_running() {
                    bail!("{service} ended:\n{}", child.last_lines(20));
                }
                Ok(is_ready(&address).then_some(()))
            })?;
            ready.with_context(|| format!("{service} was not ready:\n{}", child.last_lines(20)))?;
        }
        Ok(())
    }

    /// Waits until no event and no job of any service is left undone, nor any event under way between two of them;
    /// returns the dead jobs.
    pub async fn quiesce(&self) -> anyhow::Result<i64> {
        let mut pools = BTreeMap::new();
        for service in SERVICES {
            let url = self.superuser_url(service)?;
            let pool = PgPoolOptions::new().max_connections(1).connect(&url).await?;
            pools.insert(service, pool);
        }
        let dead = within(QUIET_WITHIN, "quiet", async || look_for_work(&pools).await.map(Some)).await;
        for pool in pools.values() {
            pool.close().await;
        }
        dead
    }

    /// Leaves an event behind that a service could not apply, however often it tried.
    pub async fn leave_dead_event(
        &self,
        service: &str,
        (organization_id, job_id): (Uuid, Uuid),
        routing_key: &str,
        (envelope, body): (&Value, &[u8]),
    ) -> anyhow::Result<()> {
        let pool = PgPoolOptions::new().max_connections(1).connect(&self.superuser_url(service)?).await?;
        sqlx::query(
            "INSERT INTO jobs (id, name, organization_id, payload, event, state, attempt, max_attempts, last_error)
             VALUES ($1, 'event:' || $2, $3, $4, $5, 'dead', 1000, 1000, 'the database was full')",
        )
        .bind(job_id)
        .bind(routing_key)
        .bind(organization_id)
        .bind(envelope)
        .bind(body)
        .execute(&pool)
        .await?;
        pool.close().await;
        Ok(())
    }

    /// Returns everything the services have logged.
    pub fn logs(&self) -> anyhow::Result<String> {
        let mut logs = String::new();
        let gateway = self.dir.path().join("gateway");
        let beside = if gateway.exists() { Some(std::fs::read_dir(gateway)?) } else { None };
        for entry in std::fs::read_dir(self.dir.path())?.chain(beside.into_iter().flatten()) {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                logs.push_str(&std::fs::read_to_string(path)?);
            }
        }
        Ok(logs)
    }

    fn migrate(&self, service: &'static str) -> anyhow::Result<()> {
        let mut command = Command::new(self.binaries.join(service));
        command.arg("migrate").envs(service_env(service, &self.addresses)?);
        xtask::process::output(&mut command).map(drop)
    }

    fn wait_for_tokens(&self) -> anyhow::Result<()> {
        let sandbox = &self.addresses.sandbox;
        let all_there = || {
            let http = sandbox.http.parse().is_ok_and(|address| {
                std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok()
            });
            Ok((http && sandbox.token_file("operator").exists()).then_some(()))
        };
        wait_until(READY_WITHIN, all_there)?.context("the sandbox was not ready")
    }
}

/// Gives each service and the gateway its certificate.
fn give_out(authority: &Authority, dir: &std::path::Path) -> anyhow::Result<std::path::PathBuf> {
    let dir = dir.join("tls");
    std::fs::create_dir(&dir)?;
    for holder in SERVICES.into_iter().chain(["gateway"]) {
        TlsFiles::write(&dir, holder, &authority.issue(&tls_name(holder)), authority.pem());
    }
    Ok(dir)
}

/// Looks once at all services; returns the dead jobs, or an error that says what is left to do.
///
/// Inboxes are read first: an event that arrived has its job from the same moment on, so that whoever then has no job
/// has done all that the inbox held. Whether that was all there is, the producers' outboxes tell.
async fn look_for_work(pools: &BTreeMap<&'static str, PgPool>) -> anyhow::Result<i64> {
    let pool = |service: &str| pools.get(service).with_context(|| format!("{service} has no database"));
    let mut received = BTreeMap::new();
    for subscription in SUBSCRIPTIONS {
        // The inbox names the service, whichever of its queues an event came through.
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM inbox WHERE consumer = $1")
            .bind(subscription.consumer)
            .fetch_one(pool(subscription.consumer)?)
            .await?;
        received.insert(subscription.consumer, count);
    }
    let mut dead = 0;
    for (service, pool) in pools {
        let backlog = messaging::backlog(pool).await?;
        ensure!(backlog.is_quiet(), "{service} has work left: {backlog:?}");
        dead += backlog.jobs_dead;
    }
    let mut published = BTreeMap::new();
    for subscription in SUBSCRIPTIONS {
        let keys: Vec<&str> = subscription.events.iter().map(|event| event.routing_key).collect();
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE routing_key = ANY($1)")
            .bind(keys)
            .fetch_one(pool(subscription.producer)?)
            .await?;
        *published.entry(subscription.consumer).or_insert(0) += count;
    }
    ensure!(received == published, "events are under way: published {published:?}, received {received:?}");
    Ok(dead)
}

/// The broker that the tests of a run share.
fn shared_broker() -> anyhow::Result<String> {
    let url = std::env::var_os("TEST_AMQP_URL").and_then(|url| url.into_string().ok());
    url.context("TEST_AMQP_URL is missing: run this through `cargo xtask`")
}

/// Asks the second port whether calls should be sent.
pub(crate) fn is_ready(address: &str) -> bool {
    is_fine(address, "/readyz")
}

/// Tells whether a GET is answered with 200.
fn is_fine(address: &str, path: &str) -> bool {
    use std::io::{Read, Write};
    let ask = || -> std::io::Result<bool> {
        let address: std::net::SocketAddr = address.parse().map_err(std::io::Error::other)?;
        let mut stream = std::net::TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}
