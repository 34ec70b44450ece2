//! What a service declares: which events it applies and which jobs it runs.
//!
//! Owns the builder and the workers made of it. Must not hold any logic of its own.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use service_kit::clock::{SharedClock, SystemClock};
use service_kit::config::BrokerConfig;
use service_kit::db::Database;
use service_kit::health::HealthBoard;
use service_kit::ids::{Ids, OrganizationId};
use service_kit::{Kit, Worker};
use sqlx::PgConnection;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::connection::Broker;
use crate::consumer::Consumer;
use crate::events::Event;
use crate::figures::Backlogs;
use crate::jobs::{Job, JobError};
use crate::relay::Relay;
use crate::runner::{EventHandler, Handlers, Runner};
use crate::topology::{SUBSCRIPTIONS, Subscription};
use crate::wake::Wake;

/// How often what is left to do is counted, without a setting.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// An event of another service, to apply.
#[derive(Clone, Debug)]
pub struct Received<E> {
    /// Unique.
    pub event_id: Uuid,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// What changed.
    pub aggregate_id: Uuid,
    /// The aggregate's version after the change.
    pub aggregate_version: i64,
    /// When it came about.
    pub event_time: DateTime<Utc>,
    /// The event.
    pub event: E,
}

/// What a service does with events and jobs.
pub struct Messaging {
    service: &'static str,
    database: Database,
    broker: BrokerConfig,
    board: Option<HealthBoard>,
    clock: SharedClock,
    look_every: Duration,
    handlers: Handlers,
    topology: &'static [Subscription],
}

impl fmt::Debug for Messaging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messaging").field("service", &self.service).finish_non_exhaustive()
    }
}

type Task = Arc<dyn Fn(CancellationToken) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

impl Messaging {
    /// Returns the messaging of a service that applies nothing and runs nothing yet.
    pub fn new<S>(kit: &Kit<S>) -> Self {
        let mut messaging = Self::over(kit.name, kit.database.clone(), kit.config.broker.clone());
        messaging.board = Some(kit.health.clone());
        messaging.clock = Arc::clone(&kit.clock);
        messaging.look_every = kit.config.telemetry.metric_interval();
        messaging
    }

    /// Returns the messaging of `service` without a kit; for tests.
    pub fn over(service: &'static str, database: Database, broker: BrokerConfig) -> Self {
        crate::failpoint::arm_failpoints();
        Self {
            service,
            database,
            broker,
            board: None,
            clock: Arc::new(SystemClock),
            look_every: LOOK_EVERY,
            handlers: Handlers::default(),
            topology: SUBSCRIPTIONS,
        }
    }

    /// Hears what `topology` says, as a release with another table does; for tests.
    #[must_use]
    pub fn with_topology(mut self, topology: &'static [Subscription]) -> Self {
        self.topology = topology;
        self
    }

    /// Applies an event: `handler` runs in one transaction for the event's organisation, which also ends the event's
    /// job, so that its effect on the database happens exactly once.
    #[must_use]
    pub fn on<E: Event>(
        mut self,
        handler: impl for<'t> Fn(&'t mut PgConnection, Received<E>) -> BoxFuture<'t, Result<(), JobError>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let handler = EventHandler {
            job_name: format!("event:{}", E::ROUTING_KEY),
            producer: E::PRODUCER,
            routing_key: E::ROUTING_KEY,
            organization_of: |body| E::decode(body).map(|event| event.organization_id().to_owned()),
            apply: Arc::new(move |tx, job, envelope| {
                match E::decode(job.event.unwrap_or_default().as_slice()) {
                    // A kind that an earlier release took in has not been looked into yet.
                    Ok(event)
                        if Uuid::parse_str(event.organization_id()) != Ok(job.organization_id.uuid()) =>
                    {
                        let error = anyhow!("the body belongs to another organisation");
                        Box::pin(std::future::ready(Err(JobError::dead(error))))
                    }
                    Ok(event) => handler(
                        tx,
                        Received {
                            event_id: envelope.event_id,
                            organization_id: job.organization_id,
                            aggregate_id: envelope.aggregate_id,
                            aggregate_version: envelope.aggregate_version,
                            event_time: envelope.event_time,
                            event,
                        },
                    ),
                    Err(error) => Box::pin(std::future::ready(Err(JobError::dead(error)))),
                }
            }),
        };
        self.handlers.add_event(E::full_name(), handler);
        self
    }

    /// Runs jobs of this name. `handler` does its own units of work and must be idempotent: after a crash it runs
    /// again.
    #[must_use]
    pub fn job(
        mut self,
        name: &'static str,
        handler: impl Fn(Job) -> BoxFuture<'static, Result<(), JobError>> + Send + Sync + 'static,
    ) -> Self {
        self.handlers.add_job(name, Arc::new(handler));
        self
    }

    /// Returns the workers: listening, relay, a consumer per producer, and the runner. Errors where what the service
    /// applies is not what the topology sends it.
    pub fn workers(self) -> anyhow::Result<Vec<Worker>> {
        let tasks = self.tasks()?;
        Ok(tasks.into_iter().map(|(name, task)| Worker::new(name, move |stop| task(stop))).collect())
    }

    /// Starts the same without a kit, until `stop`; for tests. Panics where [`Self::workers`] errors.
    #[expect(clippy::expect_used, reason = "only tests start without a kit, and this is how they fail")]
    pub fn start(self, stop: &CancellationToken) -> JoinSet<()> {
        let mut running = JoinSet::new();
        for (_, task) in self.tasks().expect("what is applied is what the topology sends") {
            let stop = stop.clone();
            running.spawn(async move {
                while !stop.is_cancelled() {
                    if let Err(error) = task(stop.clone()).await {
                        tracing::error!(error.chain = %format!("{error:#}"), "worker failed");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            });
        }
        running
    }

    fn tasks(self) -> anyhow::Result<Vec<(&'static str, Task)>> {
        let subscriptions: Vec<&'static Subscription> =
            self.topology.iter().filter(|subscription| subscription.consumer == self.service).collect();
        check(&self.handlers, &subscriptions)?;
        let wake = Wake::default();
        let broker = Broker::new(self.broker, self.service, self.board);
        let handlers = Arc::new(self.handlers);
        let jobs_ended = CancellationToken::new();
        let pool = self.database.pool().clone();
        let mut tasks: Vec<(&'static str, Task)> = Vec::new();

        let listening = wake.clone();
        tasks.push(task("wake", move |stop| {
            let (listening, pool) = (listening.clone(), pool.clone());
            async move { listening.listen(&pool, &stop).await }
        }));
        let backlogs = Backlogs::new(self.database.clone(), handlers.names(), self.look_every);
        let backlogs = Arc::new(backlogs);
        tasks.push(task("figures", move |stop| {
            let backlogs = Arc::clone(&backlogs);
            async move {
                backlogs.run(&stop).await;
                Ok(())
            }
        }));
        if handlers.is_empty() {
            jobs_ended.cancel();
        } else {
            let id = Ids::new(Arc::clone(&self.clock)).next();
            let runner = Runner::new(
                self.database.clone(),
                Arc::clone(&handlers),
                Arc::clone(&wake.jobs),
                self.clock,
                self.service,
                id,
                jobs_ended.clone(),
            );
            tasks.push(task("jobs", move |stop| {
                let runner = Arc::clone(&runner);
                async move {
                    runner.run(stop).await;
                    Ok(())
                }
            }));
        }
        for subscription in subscriptions {
            let consumer = Arc::new(Consumer {
                database: self.database.clone(),
                broker: Arc::clone(&broker),
                handlers: Arc::clone(&handlers),
                subscription,
            });
            tasks.push(task(subscription.queue, move |stop| {
                let consumer = Arc::clone(&consumer);
                async move {
                    consumer.run(&stop).await;
                    Ok(())
                }
            }));
        }
        let relay = Arc::new(Relay { database: self.database, broker, wake: wake.outbox, jobs_ended });
        tasks.push(task("relay", move |stop| {
            let relay = Arc::clone(&relay);
            async move {
                relay.run(&stop).await;
                Ok(())
            }
        }));
        Ok(tasks)
    }
}

fn task<F>(
    name: &'static str,
    run: impl Fn(CancellationToken) -> F + Send + Sync + 'static,
) -> (&'static str, Task)
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    (name, Arc::new(move |stop| Box::pin(run(stop))))
}

/// Refuses a handler that would hear nothing, and an event that nobody would apply.
fn check(handlers: &Handlers, subscriptions: &[&Subscription]) -> anyhow::Result<()> {
    let is_subscribed = |handler: &EventHandler| {
        subscriptions.iter().any(|subscription| {
            subscription.producer == handler.producer
                && subscription.events.iter().any(|event| event.routing_key == handler.routing_key)
        })
    };
    for handler in handlers.events() {
        if !is_subscribed(handler) {
            bail!("{} is applied here, but the topology does not send it here", handler.routing_key);
        }
    }
    for event in subscriptions.iter().flat_map(|subscription| subscription.events) {
        if handlers.find_event(&event.type_name()).is_none() {
            bail!("the topology sends {} here, but nothing applies it", event.routing_key);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handler(routing_key: &'static str) -> EventHandler {
        EventHandler {
            job_name: format!("event:{routing_key}"),
            producer: "identity",
            routing_key,
            organization_of: |_| Ok(String::new()),
            apply: Arc::new(|_, _, _| Box::pin(std::future::ready(Ok(())))),
        }
    }

    #[test]
    fn what_a_service_applies_must_be_what_the_topology_sends_it() {
        let subscriptions: Vec<_> =
            SUBSCRIPTIONS.iter().filter(|s| s.queue == "crm-sync.from-identity").collect();
        let mut handlers = Handlers::default();
        assert!(check(&handlers, &subscriptions).unwrap_err().to_string().contains("nothing applies it"));
        for event in subscriptions[0].events {
            handlers.add_event(event.type_name(), handler(event.routing_key));
        }
        assert!(check(&handlers, &subscriptions).is_ok());
        handlers.add_event("other".to_owned(), handler("identity.member.created.v1"));
        assert!(check(&handlers, &subscriptions).unwrap_err().to_string().contains("does not send it"));
    }
}
