//! Starting and stopping a service.
//!
//! Owns the four commands and room for a service's own, the order of starting (settings, telemetry, schema check, ports, workers) and of stopping
//! (NOT_SERVING, linger, drain calls, end workers, close the pool, flush telemetry). Must not know what a service does.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use clap::{Parser, Subcommand};
use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use sqlx::migrate::Migrator;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tonic::service::Routes;
use tonic_health::pb::health_server::{Health, HealthServer};

use crate::clock::{SharedClock, SystemClock};
use crate::config::{self, Config};
use crate::db::{Database, migrate};
use crate::grpc::Listener;
use crate::health::{self, HealthBoard};
use crate::ids::Ids;
use crate::lifecycle::{POOL_CLOSES_WITHIN, Stop, WORKERS_END_WITHIN};
use crate::peers::Peers;
use crate::port::Port;
use crate::telemetry::Telemetry;
use crate::tls::Tls;
use crate::verify::Verifier;
use crate::{grpc, jwt, port};

const RESTART_AFTER: Duration = Duration::from_secs(1);
const DELETE_KEYS_EVERY: Duration = Duration::from_secs(600);

/// What a service is built from.
pub struct Kit<S> {
    /// The service's name, such as `crm-sync`.
    pub name: &'static str,
    /// The settings every service has.
    pub config: Config,
    /// The settings of this service alone.
    pub settings: S,
    /// The service's own database.
    pub database: Database,
    /// The time.
    pub clock: SharedClock,
    /// Ids and randomness.
    pub ids: Ids,
    /// The other services.
    pub peers: Peers,
    /// Where a worker notes how what it depends on is.
    pub health: HealthBoard,
    /// When to stop.
    pub stop: Stop,
}

/// What a service is made of.
#[derive(Default)]
pub struct Parts {
    /// The gRPC services of the business port.
    pub routes: Routes,
    /// What else the second port offers.
    pub http: Router,
    /// Further ports of the service's own, open while it answers calls; they stop and drain as the business port does.
    pub ports: Vec<Port>,
    /// What `work` and `run` keep running.
    pub workers: Vec<Worker>,
}

type WorkerFn = dyn Fn(CancellationToken) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync;

/// Something that runs until told to stop. One that fails is started again after a second.
#[derive(Clone)]
pub struct Worker {
    name: &'static str,
    run: Arc<WorkerFn>,
}

impl Worker {
    /// Returns a worker that runs `run`.
    pub fn new<F>(name: &'static str, run: F) -> Self
    where
        F: Fn(CancellationToken) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync + 'static,
    {
        Self { name, run: Arc::new(run) }
    }

    async fn supervise(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            // Ends with its supervisor, also where that one is cut off.
            let ended = AbortOnDropHandle::new(tokio::spawn((self.run)(stop.clone()))).await;
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::error!(worker.name = self.name, error.chain = %format!("{error:#}"), "worker failed");
                }
                Err(error) => {
                    tracing::error!(worker.name = self.name, error.chain = %error, "worker panicked");
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(RESTART_AFTER) => {}
            }
        }
    }
}

#[derive(Parser)]
#[command(about = "A service of Shared Spaces.", disable_version_flag = true)]
struct Arguments<C: Subcommand> {
    #[command(subcommand)]
    command: Command<C>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Subcommand)]
enum Command<C: Subcommand> {
    /// Answers calls.
    Serve,
    /// Publishes events, consumes them, runs jobs.
    Work,
    /// Both in one process.
    Run,
    /// Brings the database's schema up to date, with the role that owns it, and ends.
    Migrate {
        /// Only looks, with the role that serves, and fails while anything is pending.
        #[arg(long)]
        check: bool,
    },
    #[command(flatten)]
    Own(C),
}

/// What a command of a service's own came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What to tell the person who gave the command, on standard output.
    pub text: String,
    /// False: the process ends with the exit code 1.
    pub is_success: bool,
}

/// The commands of a service that has none of its own.
#[derive(Clone, Copy, Debug, Subcommand)]
enum NoCommands {}

/// Which parts of a service run in this process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mode {
    Serve,
    Work,
    Run,
}

/// Runs a service: reads the command and the settings, builds it with `build`, and stays until it is stopped.
/// `migrations` are the schemas its database is made of, in order.
pub fn run<S, F, B>(name: &'static str, version: &'static str, migrations: &[&Migrator], build: B) -> ExitCode
where
    S: DeserializeOwned,
    F: Future<Output = anyhow::Result<Parts>>,
    B: FnOnce(Kit<S>) -> F,
{
    let none = async |_: Kit<S>, command: NoCommands| match command {};
    run_with_commands(name, version, migrations, build, none)
}

/// Runs a service as [`run`] does; it also has commands of its own, which `execute` carries out with what a running
/// service has. A command ends by itself, listens nowhere and runs no worker.
pub fn run_with_commands<S, C, F, B, G, X>(
    name: &'static str,
    version: &'static str,
    migrations: &[&Migrator],
    build: B,
    execute: X,
) -> ExitCode
where
    S: DeserializeOwned,
    C: Subcommand,
    F: Future<Output = anyhow::Result<Parts>>,
    B: FnOnce(Kit<S>) -> F,
    G: Future<Output = anyhow::Result<Outcome>>,
    X: FnOnce(Kit<S>, C) -> G,
{
    let Arguments { command } = Arguments::<C>::parse();
    match start((name, version), command, migrations, build, execute) {
        Ok(is_success) if is_success => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "logs may not be set up yet; a person started this")]
            {
                eprintln!("{name} cannot go on: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn start<S, C, F, B, G, X>(
    (name, version): (&'static str, &'static str),
    command: Command<C>,
    migrations: &[&Migrator],
    build: B,
    execute: X,
) -> anyhow::Result<bool>
where
    S: DeserializeOwned,
    C: Subcommand,
    F: Future<Output = anyhow::Result<Parts>>,
    B: FnOnce(Kit<S>) -> F,
    G: Future<Output = anyhow::Result<Outcome>>,
    X: FnOnce(Kit<S>, C) -> G,
{
    jwt::install_provider();
    // Fails only where a provider stands already, which can only be this one: the build has no other.
    let _second = rustls::crypto::ring::default_provider().install_default();
    let config: Config = config::load(name).context("bad settings")?;
    if let Command::Migrate { check } = command {
        let done = async {
            if check {
                let database = Database::connect(&config.database, name)?;
                return migrate::refuse_pending(&database, migrations, &CancellationToken::new()).await;
            }
            migrate::run(&config.database, migrations).await
        };
        return done.await.map(|()| true);
    }
    let settings: S = config::load(name).context("bad settings")?;
    let telemetry = Telemetry::init(name, version, &config.telemetry)?;
    let database = Database::connect(&config.database, name)?;
    let stop = Stop::default();
    stop.on_signals()?;
    migrate::refuse_pending(&database, migrations, &stop.leave).await?;
    let (reporter, health_service) = tonic_health::server::health_reporter();
    let kit = assemble(name, config, settings, (database.clone(), HealthBoard::new(reporter), stop))?;
    let result = match command {
        Command::Own(command) => execute(kit, command).await.map(|outcome| tell(&outcome)),
        Command::Serve => Process { mode: Mode::Serve, health_service }.run(kit, build).await.map(|()| true),
        Command::Work => Process { mode: Mode::Work, health_service }.run(kit, build).await.map(|()| true),
        Command::Run | Command::Migrate { .. } => {
            Process { mode: Mode::Run, health_service }.run(kit, build).await.map(|()| true)
        }
    };
    if tokio::time::timeout(POOL_CLOSES_WITHIN, database.pool().close()).await.is_err() {
        tracing::warn!("connections were cut off");
    }
    tokio::task::spawn_blocking(move || telemetry.flush()).await?;
    result
}

/// Puts together what a service is built from.
fn assemble<S>(
    name: &'static str,
    config: Config,
    settings: S,
    (database, health, stop): (Database, HealthBoard, Stop),
) -> anyhow::Result<Kit<S>> {
    let clock: SharedClock = Arc::new(SystemClock);
    let ids = Ids::new(Arc::clone(&clock));
    let tls = config.grpc.tls.as_ref().map(Tls::load).transpose().context("bad settings")?;
    let peers = Peers::new(config.peers.clone(), &config.service_auth).over(tls);
    Ok(Kit { name, config, settings, database, clock, ids, peers, health, stop })
}

#[expect(clippy::print_stdout, reason = "a person gave the command and reads what came of it")]
fn tell(outcome: &Outcome) -> bool {
    println!("{}", outcome.text);
    outcome.is_success
}

struct Process<H> {
    mode: Mode,
    health_service: HealthServer<H>,
}

impl<H: Health> Process<H> {
    async fn run<S, F, B>(self, kit: Kit<S>, build: B) -> anyhow::Result<()>
    where
        F: Future<Output = anyhow::Result<Parts>>,
        B: FnOnce(Kit<S>) -> F,
    {
        let Self { mode, health_service } = self;
        let (config, database, ids) = (kit.config.clone(), kit.database.clone(), kit.ids.clone());
        let (board, stop) = (kit.health.clone(), kit.stop.clone());
        let tls = kit.peers.tls().cloned();
        let verifier = Verifier::new(config.auth.clone(), config.service_auth.clone());
        let parts = build(kit).await.context("the service could not be built")?;

        let mut watchers = JoinSet::new();
        board.set("database", false).await;
        watchers.spawn(health::watch_database(database.clone(), board.clone(), stop.work.clone()));
        if let Some(tls) = tls.clone() {
            watchers.spawn(tls.watch(board.clone(), stop.work.clone()));
        }
        let health_listener = listen("health.listen", config.health.listen).await?;
        let health = Routes::new(health_service)
            .into_axum_router()
            .merge(health::routes(board.clone()))
            .merge(parts.http);
        let until = stop.work.clone().cancelled_owned();
        watchers.spawn(async move {
            if let Err(error) = axum::serve(health_listener, health).with_graceful_shutdown(until).await {
                tracing::error!(error.chain = %error, "the second port failed");
            }
        });

        let mut workers = JoinSet::new();
        if mode != Mode::Serve {
            let own = keys_worker(database.clone());
            for worker in parts.workers.into_iter().chain([own]) {
                workers.spawn(worker.supervise(stop.work.clone()));
            }
        }
        let stopping = board.clone();
        let leave = stop.leave.clone();
        watchers.spawn(async move {
            leave.cancelled().await;
            stopping.stop().await;
        });
        // What only works has no calls to wait for.
        let linger = if mode == Mode::Work { Duration::ZERO } else { config.shutdown.linger() };
        let ending = stop.clone();
        watchers.spawn(async move { ending.calls_after(linger).await });
        if mode == Mode::Work {
            stop.calls.cancelled().await;
        } else {
            watchers.spawn(verifier.clone().watch(board.clone(), stop.work.clone()));
            verifier.wait_for_keys(&stop.calls).await;
            let mut ports = JoinSet::new();
            for port in parts.ports {
                let listener = listen(port.setting, port.listen).await?;
                let (stop, drain) = (stop.calls.clone(), config.shutdown.drain());
                ports.spawn(async move {
                    let late = drained(stop.clone(), drain);
                    tokio::select! {
                        () = port::serve(listener, port.routes, stop) => {}
                        () = late => tracing::warn!(
                            port.setting = port.setting,
                            "answers of the service's own ports were cut off at the end of the drain"
                        ),
                    }
                });
            }
            let listener = Listener::new(listen("grpc.listen", config.grpc.listen).await?, tls);
            tracing::info!(server.address = %config.grpc.listen, "answering calls");
            grpc::serve(listener, parts.routes, &config, verifier, ids, &stop).await?;
            stop.calls.cancel();
            while ports.join_next().await.is_some() {}
        }
        stop.leave.cancel();
        stop.calls.cancel();
        stop.work.cancel();
        let ended = async { while workers.join_next().await.is_some() {} };
        if tokio::time::timeout(WORKERS_END_WITHIN, ended).await.is_err() {
            tracing::warn!("workers were cut off; their jobs are leased and will be taken up again");
        }
        tracing::info!("stopped");
        Ok(())
    }
}

/// Returns when calls have had `drain` to end.
async fn drained(calls: CancellationToken, drain: Duration) {
    calls.cancelled().await;
    tokio::time::sleep(drain).await;
}

/// Deletes idempotency keys that are no longer kept.
fn keys_worker(database: Database) -> Worker {
    Worker::new("idempotency-keys", move |stop| {
        let database = database.clone();
        Box::pin(async move {
            loop {
                while crate::db::delete_expired_idempotency_keys(database.pool()).await? == 1_000 {}
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = tokio::time::sleep(DELETE_KEYS_EVERY) => {}
                }
            }
        })
    })
}

async fn listen(setting: &str, address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("setting {setting}: cannot listen on {address}; is the port taken?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Eq, PartialEq, Subcommand)]
    enum OwnCommand {
        /// Greets.
        SayHello {
            #[arg(long)]
            name: String,
        },
    }

    fn parse<C: Subcommand>(words: &[&str]) -> Result<Command<C>, clap::Error> {
        Arguments::<C>::try_parse_from(["service"].iter().chain(words)).map(|arguments| arguments.command)
    }

    #[test]
    fn every_service_has_the_four_commands_and_its_own_beside_them() {
        for (word, expected) in [("serve", Command::Serve), ("work", Command::Work), ("run", Command::Run)] {
            assert_eq!(parse::<OwnCommand>(&[word]).unwrap(), expected);
        }
        assert_eq!(parse::<OwnCommand>(&["migrate"]).unwrap(), Command::Migrate { check: false });
        assert_eq!(parse::<OwnCommand>(&["migrate", "--check"]).unwrap(), Command::Migrate { check: true });
        let hello = parse::<OwnCommand>(&["say-hello", "--name", "Ada"]).unwrap();
        assert_eq!(hello, Command::Own(OwnCommand::SayHello { name: "Ada".to_owned() }));
        assert!(parse::<OwnCommand>(&["say-hello"]).is_err());
    }

    #[test]
    fn a_service_without_commands_of_its_own_has_the_four_and_no_more() {
        assert!(matches!(parse::<NoCommands>(&["migrate"]), Ok(Command::Migrate { check: false })));
        for other in ["say-hello", "own", ""] {
            assert!(parse::<NoCommands>(&[other]).is_err(), "{other:?}");
        }
    }
}
