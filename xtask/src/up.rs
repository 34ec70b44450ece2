//! Owns `cargo xtask up`: everything on this machine, kept below `.dev/`, until Ctrl-C.
//!
//! Must not touch what it did not start, nor forget data between two runs.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use xtask::databases::{app_role, database_name, owner_role, prepare};
use xtask::environment::{Addresses, behind_gateway, demo_env, service_env, web_env};
use xtask::packages::{Package, ensure};
use xtask::ports::Ports;
use xtask::process::{Child, interrupted, last_lines, reap_all, run, say, wait_until};
use xtask::secrets::{Secrets, write_private};
use xtask::servers::{Envoy, Postgres, RabbitMq, RabbitPorts};
use xtask::tools;
use xtask::workspace::{SERVICES, Workspace};

use crate::greeting::greeting;

/// How long a service may take to serve.
const SERVING_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the services together may take to stop before they are killed: their calls may take 10 s, their jobs 14.
const STOP_PATIENCE: Duration = Duration::from_secs(35);
/// How long one question about health may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// How much of a log is shown when its process ended.
const SHOWN_LINES: usize = 20;

/// What was started, in the order in which it is to be stopped.
#[derive(Default)]
struct Running {
    web: Option<Child>,
    gateway: Option<Envoy>,
    services: Vec<Child>,
    sandbox: Option<Child>,
    broker: Option<RabbitMq>,
    database: Option<Postgres>,
}

/// The directory below the checkout that holds all state.
#[must_use]
pub(crate) fn state_dir(workspace: &Workspace) -> PathBuf {
    workspace.root().join(".dev")
}

/// Starts everything and waits for Ctrl-C; then stops everything.
///
/// # Errors
/// Fails when something cannot be started, or ends by itself; all is stopped then as well.
pub(crate) fn up(workspace: &Workspace) -> Result<()> {
    let state = state_dir(workspace);
    fs::create_dir_all(state.join("log"))
        .with_context(|| format!("{} cannot be written", state.display()))?;
    let _lock = lock(&state.join("up.lock"))?;
    let mut running = Running::default();
    let result = start(workspace, &state, &mut running).and_then(|()| watch(&mut running));
    if running.is_anything() {
        say("Stopping …");
    }
    // `cargo xtask demo` goes by this file.
    let _ = fs::remove_file(state.join("env"));
    let stopped = running.stop();
    if interrupted() {
        return stopped;
    }
    result.and(stopped)
}

/// Takes the lock that only one `up` of a checkout can hold; the system gives it back however the process ends.
fn lock(path: &Path) -> Result<File> {
    let mut file = File::options().create(true).truncate(false).read(true).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0)?;
            file.rewind()?;
            write!(file, "{}", std::process::id())?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            file.read_to_string(&mut pid)?;
            bail!("`cargo xtask up` already runs here as process {pid}; stop that one first with Ctrl-C")
        }
        Err(TryLockError::Error(error)) => Err(error).context("the lock of `up` cannot be taken"),
    }
}

fn start(workspace: &Workspace, state: &Path, running: &mut Running) -> Result<()> {
    let given_database = given("DATABASE_URL")?;
    let given_broker = given("AMQP_URL")?;
    let wanted: &[Package] =
        if given_broker.is_some() { &[Package::Postgres] } else { &[Package::Postgres, Package::RabbitMq] };
    ensure(wanted)?;
    let envoy = tools::envoy(workspace)?;
    let logs = state.join("log");
    reap_all(&logs)?;
    clear_logs(&logs)?;
    let mut ports = Ports::load(&state.join("ports.json"))?;
    let mut secrets = Secrets::load(&state.join("secrets.json"))?;

    let broker_url = match given_broker {
        Some(url) => url,
        None => {
            say("Starting RabbitMQ …");
            let dir = state.join("rabbitmq");
            // One that was left behind would hold the ports that are kept for it.
            reap_all(&dir)?;
            let amqp = ports.get("rabbitmq")?;
            let distribution = ports.get("rabbitmq-distribution")?;
            let epmd = ports.get("rabbitmq-epmd")?;
            let broker = RabbitMq::launch(&dir, RabbitPorts { amqp, distribution, epmd })?;
            running.broker.insert(broker).url()
        }
    };
    let superuser_url = match given_database {
        Some(url) => url,
        None => {
            say("Starting PostgreSQL …");
            start_database(state, &mut ports, running)?
        }
    };
    build(workspace)?;
    let world =
        Addresses::choose(&state.join("sandbox"), &mut ports, &mut secrets, &superuser_url, &broker_url)?;
    say("Preparing the databases …");
    for service in SERVICES {
        let (owner, app) = (secrets.password(&owner_role(service))?, secrets.password(&app_role(service))?);
        prepare(&superuser_url, service, &database_name(service), &owner, &app)?;
    }
    for service in SERVICES {
        migrate(workspace, &logs, service, &world)?;
    }
    if let Some(broker) = running.broker.as_mut() {
        broker.wait_ready()?;
    }
    start_sandbox(workspace, &logs, &world, running)?;
    start_services(workspace, &logs, &world, running)?;
    say("Starting the gateway …");
    let dir = state.join("gateway");
    reap_all(&dir)?;
    let address = |port: u16| format!("127.0.0.1:{port}");
    let (admin, metrics) = (address(ports.get("gateway-admin")?), address(ports.get("gateway-metrics")?));
    let further = ["--docs", "--admin", &admin, "--metrics", &metrics];
    running.gateway = Some(Envoy::start(&envoy, &workspace.binary("gateway")?, &dir, &world, &further)?);
    start_web(workspace, &logs, &world, running)?;
    write_env(state, &world)?;
    say("Seeding the demo …");
    let mut seed = Command::new(workspace.binary("demo")?);
    if !run(seed.arg("seed").envs(demo_env(&world)?))?.success() {
        bail!("the demo could not be seeded; the services' logs are in {}", logs.display());
    }
    say(&greeting(&logs, &world, &metrics)?);
    Ok(())
}

/// An address in the environment; an empty one counts as none.
fn given(name: &str) -> Result<Option<String>> {
    let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    match value.into_string() {
        Ok(value) => Ok(Some(value)),
        Err(_) => bail!("{name} is not UTF-8"),
    }
}

/// Logs are of this run only; nothing writes to them now.
fn clear_logs(logs: &Path) -> Result<()> {
    for entry in fs::read_dir(logs)? {
        fs::remove_file(entry?.path())?;
    }
    Ok(())
}

fn start_database(state: &Path, ports: &mut Ports, running: &mut Running) -> Result<String> {
    let dir = state.join("postgres");
    let database = Postgres::start_kept(&dir, || ports.get("postgres"))?;
    if !database.dir().starts_with(state.canonicalize()?) {
        say(&format!(
            "PostgreSQL may not run as root, and its user cannot reach this checkout: its data is in {}",
            database.dir().display()
        ));
    }
    Ok(running.database.insert(database).superuser_url())
}

fn build(workspace: &Workspace) -> Result<()> {
    say("Building …");
    // The whole workspace, so that dependencies have the features that `test` builds them with, and are built once.
    let mut command = workspace.cargo();
    if run(command.args(["build", "--workspace", "--bins"]))?.success() {
        Ok(())
    } else {
        bail!("the services do not build; see the errors above")
    }
}

fn migrate(workspace: &Workspace, logs: &Path, service: &str, world: &Addresses) -> Result<()> {
    let log = logs.join(format!("{service}-migrate.log"));
    let mut command = Command::new(workspace.binary(service)?);
    command.arg("migrate").envs(service_env(service, world)?);
    let mut child = Child::spawn(&format!("{service} migrate"), command, &log)?;
    let status = wait_until(SERVING_TIMEOUT, || Ok(child.exit_status()))?;
    match status {
        Some(status) if status.success() => Ok(()),
        Some(_) => bail!("{service} could not migrate its database:\n{}", last_lines(&log, SHOWN_LINES)),
        None => bail!("{service} did not finish migrating within {SERVING_TIMEOUT:?}; see {}", log.display()),
    }
}

fn start_sandbox(workspace: &Workspace, logs: &Path, world: &Addresses, running: &mut Running) -> Result<()> {
    say("Starting the sandbox …");
    fs::create_dir_all(&world.sandbox.dir)?;
    let mut command = Command::new(workspace.binary("sandbox")?);
    command.args(world.sandbox.arguments());
    let child = running.sandbox.insert(Child::spawn("sandbox", command, &logs.join("sandbox.log"))?);
    let of = &world.sandbox;
    let addresses = [&of.http, &of.smtp, &of.s3, &of.salesforce, &of.dataverse, &of.c4c, &of.sales_cloud];
    let files: Vec<PathBuf> = SERVICES
        .iter()
        .map(|service| world.sandbox.token_file(service))
        .chain([world.sandbox.jwks_file(), world.sandbox.token_file("operator")])
        .collect();
    let ready = wait_until(SERVING_TIMEOUT, || {
        alive(child)?;
        Ok((addresses.iter().all(|address| answers(address)) && files.iter().all(|file| file.exists()))
            .then_some(()))
    })?;
    if ready.is_none() {
        bail!("the sandbox is not ready after {SERVING_TIMEOUT:?}; see {}", child.log().display());
    }
    Ok(())
}

fn start_services(
    workspace: &Workspace,
    logs: &Path,
    world: &Addresses,
    running: &mut Running,
) -> Result<()> {
    say("Starting the services …");
    for service in SERVICES {
        let mut command = Command::new(workspace.binary(service)?);
        command.arg("run").envs(service_env(service, world)?);
        running.services.push(Child::spawn(service, command, &logs.join(format!("{service}.log")))?);
    }
    let ready = wait_until(SERVING_TIMEOUT, || {
        running.services.iter_mut().try_for_each(alive)?;
        let serving = SERVICES
            .iter()
            .filter_map(|service| world.service(service).ok())
            .all(|addresses| is_ready(&addresses.health));
        Ok(serving.then_some(()))
    })?;
    if ready.is_none() {
        let late: Vec<&str> = SERVICES
            .into_iter()
            .filter(|service| !world.service(service).is_ok_and(|own| is_ready(&own.health)))
            .collect();
        bail!("{} not ready after {SERVING_TIMEOUT:?}; the logs are in {}", late.join(", "), logs.display());
    }
    Ok(())
}

fn start_web(workspace: &Workspace, logs: &Path, world: &Addresses, running: &mut Running) -> Result<()> {
    say("Starting the web client …");
    let mut command = Command::new(workspace.binary("web")?);
    command.envs(web_env(world)?).envs(behind_gateway(world));
    let child = running.web.insert(Child::spawn("web", command, &logs.join("web.log"))?);
    let ready = wait_until(SERVING_TIMEOUT, || {
        alive(child)?;
        Ok(answers(&world.web).then_some(()))
    })?;
    ready.with_context(|| format!("the web client is not ready; see {}", child.log().display()))
}

fn write_env(state: &Path, world: &Addresses) -> Result<()> {
    let lines: String = demo_env(world)?.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    write_private(&state.join("env"), &lines)
}

/// Waits until the end is asked for, or something ends by itself.
fn watch(running: &mut Running) -> Result<()> {
    // Only an interruption ends this, as an error that `up` does not show.
    while wait_until(Duration::from_secs(1), || {
        running.services.iter_mut().chain(running.sandbox.as_mut()).try_for_each(alive)?;
        running.gateway.as_mut().map(Envoy::child).into_iter().try_for_each(alive)?;
        running.web.as_mut().into_iter().try_for_each(alive)?;
        if running.broker.as_mut().is_some_and(|broker| !broker.is_running()) {
            bail!("RabbitMQ ended by itself");
        }
        if running.database.as_mut().is_some_and(|database| !database.is_running()) {
            bail!("PostgreSQL ended by itself");
        }
        Ok(None::<()>)
    })?
    .is_none()
    {}
    Ok(())
}

fn alive(child: &mut Child) -> Result<()> {
    match child.exit_status() {
        None => Ok(()),
        Some(status) => bail!(
            "{} ended by itself ({status}); the end of {}:\n{}",
            child.name(),
            child.log().display(),
            child.last_lines(SHOWN_LINES)
        ),
    }
}

fn answers(address: &str) -> bool {
    address
        .parse::<SocketAddr>()
        .is_ok_and(|address| TcpStream::connect_timeout(&address, PROBE_TIMEOUT).is_ok())
}

/// Asks `/readyz` and takes 200 for ready.
fn is_ready(address: &str) -> bool {
    let ask = || -> Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address.parse()?, PROBE_TIMEOUT)?;
        stream.set_read_timeout(Some(PROBE_TIMEOUT))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

impl Running {
    fn is_anything(&self) -> bool {
        !self.services.is_empty()
            || self.web.is_some()
            || self.sandbox.is_some()
            || self.broker.is_some()
            || self.database.is_some()
    }

    /// Stops the gateway, the services together, then the sandbox, RabbitMQ and PostgreSQL.
    ///
    /// # Errors
    /// Goes on to the end and gives the first failure.
    fn stop(&mut self) -> Result<()> {
        let mut result = Ok(());
        if let Some(mut web) = self.web.take() {
            result = web.terminate(STOP_PATIENCE).map(drop);
        }
        if let Some(mut gateway) = self.gateway.take() {
            result = result.and(gateway.stop());
        }
        result = result.and(self.services.iter_mut().try_for_each(Child::ask_to_stop));
        let deadline = Instant::now() + STOP_PATIENCE;
        for service in &mut self.services {
            let patience = deadline.saturating_duration_since(Instant::now());
            result = result.and(service.terminate(patience).map(drop));
        }
        self.services.clear();
        if let Some(mut sandbox) = self.sandbox.take() {
            result = result.and(sandbox.terminate(STOP_PATIENCE).map(drop));
        }
        if let Some(mut broker) = self.broker.take() {
            result = result.and(broker.stop());
        }
        if let Some(mut database) = self.database.take() {
            result = result.and(database.stop());
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use xtask::throwaway::Throwaway;

    fn serve_once(answer: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 11];
            stream.read_exact(&mut request).unwrap();
            assert_eq!(&request, b"GET /readyz");
            stream.write_all(answer).unwrap();
        });
        address
    }

    #[test]
    fn only_a_status_of_200_is_ready() {
        assert!(is_ready(&serve_once(b"HTTP/1.1 200 OK\r\n\r\n")));
        assert!(!is_ready(&serve_once(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")));
        assert!(!is_ready("127.0.0.1:1"));
    }

    #[test]
    fn a_second_up_is_told_of_the_first() {
        let dir = Throwaway::create("lock").unwrap();
        let path = dir.path().join("up.lock");
        let first = lock(&path).unwrap();
        let error = lock(&path).unwrap_err().to_string();
        assert!(error.contains(&std::process::id().to_string()), "{error}");
        drop(first);
        lock(&path).unwrap();
    }
}
