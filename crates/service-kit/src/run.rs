//! Starting and stopping a service.
//!
//! Owns the four commands, the order of starting (settings, telemetry, schema check, ports, workers) and of stopping
//! (NOT_SERVING, drain calls, end workers, close the pool, flush telemetry). Must not know what a service does.

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

use crate::clock::{SharedClock, SystemClock};
use crate::config::{self, Config};
use crate::db::{Database, migrate};
use crate::health::{self, HealthBoard};
use crate::ids::Ids;
use crate::lifecycle::Stop;
use crate::peers::Peers;
use crate::port::Port;
use crate::telemetry::Telemetry;
use crate::verify::Verifier;
use crate::{grpc, jwt, port};

const RESTART_AFTER: Duration = Duration::from_secs(1);
/// A relay publishes what is left for up to 12 seconds after the jobs have ended.
const WORKERS_END_WITHIN: Duration = Duration::from_secs(14);
const POOL_CLOSES_WITHIN: Duration = Duration::from_secs(3);
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
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Subcommand)]
enum Command {
    /// Answers calls.
    Serve,
    /// Publishes events, consumes them, runs jobs.
    Work,
    /// Both in one process.
    Run,
    /// Brings the database's schema up to date, with the role that owns it, and ends.
    Migrate,
}

/// Runs a service: reads the command and the settings, builds it with `build`, and stays until it is stopped.
/// `migrations` are the schemas its database is made of, in order.
pub fn run<S, F, B>(name: &'static str, version: &'static str, migrations: &[&Migrator], build: B) -> ExitCode
where
    S: DeserializeOwned,
    F: Future<Output = anyhow::Result<Parts>>,
    B: FnOnce(Kit<S>) -> F,
{
    let command = Arguments::parse().command;
    match start(name, version, command, migrations, build) {
        Ok(()) => ExitCode::SUCCESS,
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
async fn start<S, F, B>(
    name: &'static str,
    version: &'static str,
    command: Command,
    migrations: &[&Migrator],
    build: B,
) -> anyhow::Result<()>
where
    S: DeserializeOwned,
    F: Future<Output = anyhow::Result<Parts>>,
    B: FnOnce(Kit<S>) -> F,
{
    jwt::install_provider();
    // Fails only where a provider stands already, which can only be this one: the build has no other.
    let _second = rustls::crypto::ring::default_provider().install_default();
    let config: Config = config::load(name).context("bad settings")?;
    if command == Command::Migrate {
        return migrate::run(&config.database, migrations).await;
    }
    let settings: S = config::load(name).context("bad settings")?;
    let telemetry = Telemetry::init(name, version, &config.telemetry)?;
    let database = Database::connect(&config.database, name)?;
    let stop = Stop::default();
    stop.on_signals()?;
    migrate::refuse_pending(&database, migrations, &stop.calls).await?;
    let result =
        Process { name, command, config, stop, database: database.clone() }.run(settings, build).await;
    if tokio::time::timeout(POOL_CLOSES_WITHIN, database.pool().close()).await.is_err() {
        tracing::warn!("connections were cut off");
    }
    tokio::task::spawn_blocking(move || telemetry.flush()).await?;
    result
}

struct Process {
    name: &'static str,
    command: Command,
    config: Config,
    stop: Stop,
    database: Database,
}

impl Process {
    async fn run<S, F, B>(self, settings: S, build: B) -> anyhow::Result<()>
    where
        F: Future<Output = anyhow::Result<Parts>>,
        B: FnOnce(Kit<S>) -> F,
    {
        let Self { name, command, config, stop, database } = self;
        let clock: SharedClock = Arc::new(SystemClock);
        let ids = Ids::new(Arc::clone(&clock));
        let (reporter, health_service) = tonic_health::server::health_reporter();
        let board = HealthBoard::new(reporter);
        let verifier = Verifier::new(config.auth.clone(), config.service_auth.clone());
        let kit = Kit {
            name,
            config: config.clone(),
            settings,
            database: database.clone(),
            clock,
            ids: ids.clone(),
            peers: Peers::new(config.peers.clone(), &config.service_auth),
            health: board.clone(),
            stop: stop.clone(),
        };
        let parts = build(kit).await.context("the service could not be built")?;

        let mut watchers = JoinSet::new();
        board.set("database", false).await;
        watchers.spawn(health::watch_database(database.clone(), board.clone(), stop.work.clone()));
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
        if command != Command::Serve {
            let own = keys_worker(database.clone());
            for worker in parts.workers.into_iter().chain([own]) {
                workers.spawn(worker.supervise(stop.work.clone()));
            }
        }
        let stopping = board.clone();
        let calls = stop.calls.clone();
        watchers.spawn(async move {
            calls.cancelled().await;
            stopping.stop().await;
        });
        if command == Command::Work {
            stop.calls.cancelled().await;
        } else {
            watchers.spawn(verifier.clone().watch(board.clone(), stop.work.clone()));
            let mut ports = JoinSet::new();
            for port in parts.ports {
                let listener = listen(port.setting, port.listen).await?;
                ports.spawn(port::serve(listener, port.routes, stop.calls.clone()));
            }
            let listener = listen("grpc.listen", config.grpc.listen).await?;
            tracing::info!(server.address = %config.grpc.listen, "answering calls");
            grpc::serve(listener, parts.routes, &config, verifier, ids, &stop).await?;
            stop.calls.cancel();
            let drained = async { while ports.join_next().await.is_some() {} };
            if tokio::time::timeout(config.shutdown.drain(), drained).await.is_err() {
                tracing::warn!("answers of the service's own ports were cut off at the end of the drain");
            }
        }
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
