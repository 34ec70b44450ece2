//! Running jobs.
//!
//! Owns the runner: it leases jobs, runs at most eight at once, and notes how they ended. A panic in a handler is a
//! failed try, and so is a lost lease, at which the handler is dropped. What a stopped process leaves running is leased
//! again when its lease has run out.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use opentelemetry::KeyValue;
use service_kit::clock::SharedClock;
use service_kit::db::Database;
use service_kit::telemetry::names;
use sqlx::PgConnection;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use crate::failpoint;
use crate::inbox::Envelope;
use crate::jobs::{self, Claimed, Job, JobError};
use crate::leases::{Held, Leases};
use crate::metrics::{self, METRICS};
use crate::wake::POLL_EVERY;

const CONCURRENCY: usize = 8;
const CLAIM_WITHIN: Duration = Duration::from_secs(8);
/// What hangs for longer is a failed try: an event is a few statements, a job may talk to a slow mail server.
const EVENT_WITHIN: Duration = Duration::from_secs(30);
const JOB_WITHIN: Duration = Duration::from_secs(900);
const END_WITHIN: Duration = Duration::from_secs(10);
const LET_PASS_EVERY: Duration = Duration::from_secs(60);

type ApplyFn = dyn for<'t> Fn(&'t mut PgConnection, Claimed, Envelope) -> BoxFuture<'t, Result<(), JobError>>
    + Send
    + Sync;
type JobFn = dyn Fn(Job) -> BoxFuture<'static, Result<(), JobError>> + Send + Sync;

/// How one kind of event is applied.
#[derive(Clone)]
pub(crate) struct EventHandler {
    pub(crate) job_name: String,
    pub(crate) producer: &'static str,
    pub(crate) routing_key: &'static str,
    /// Reads from a body whose it is.
    pub(crate) organization_of: fn(&[u8]) -> Result<String, prost::DecodeError>,
    pub(crate) apply: Arc<ApplyFn>,
}

#[derive(Clone)]
enum Handler {
    Event(EventHandler),
    Job(Arc<JobFn>),
}

/// What this service does with events and jobs.
#[derive(Clone, Default)]
pub(crate) struct Handlers {
    by_job: HashMap<String, Handler>,
    by_type: HashMap<String, EventHandler>,
}

impl Handlers {
    pub(crate) fn add_event(&mut self, type_name: String, handler: EventHandler) {
        self.by_job.insert(handler.job_name.clone(), Handler::Event(handler.clone()));
        self.by_type.insert(type_name, handler);
    }

    pub(crate) fn add_job(&mut self, name: &'static str, handler: Arc<JobFn>) {
        self.by_job.insert(name.to_owned(), Handler::Job(handler));
    }

    /// Finds how events of a type are applied.
    pub(crate) fn find_event(&self, type_name: &str) -> Option<&EventHandler> {
        self.by_type.get(type_name)
    }

    /// Lists the names of all that is run.
    pub(crate) fn names(&self) -> Vec<String> {
        self.by_job.keys().cloned().collect()
    }

    /// Lists all events that are applied.
    pub(crate) fn events(&self) -> impl Iterator<Item = &EventHandler> {
        self.by_type.values()
    }
    /// Tells whether there is nothing to run.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_job.is_empty()
    }
}

/// Runs the jobs of one service.
pub(crate) struct Runner {
    database: Database,
    handlers: Arc<Handlers>,
    names: Vec<String>,
    wake: Arc<Notify>,
    clock: SharedClock,
    service: &'static str,
    id: Uuid,
    leases: Arc<Leases>,
    ended: CancellationToken,
}

impl Runner {
    /// Returns a runner that is known by `id`; it cancels `ended` after the last job.
    pub(crate) fn new(
        database: Database,
        handlers: Arc<Handlers>,
        wake: Arc<Notify>,
        clock: SharedClock,
        service: &'static str,
        id: Uuid,
        ended: CancellationToken,
    ) -> Arc<Self> {
        let names = handlers.names();
        Arc::new(Self { database, handlers, names, wake, clock, service, id, leases: Leases::new(id), ended })
    }

    /// Runs jobs until told to stop; those under way get ten seconds to end.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        tokio::select! {
            () = self.work(&stop) => {}
            () = self.leases.keep(&self.database) => {}
            () = self.let_pass() => {}
        }
        self.ended.cancel();
    }

    /// Lets events pass those of kinds that nobody has known for an hour. Never ends.
    async fn let_pass(&self) {
        loop {
            match jobs::let_pass(self.database.pool(), &self.names).await {
                Ok(0) => {}
                Ok(passed) => {
                    tracing::warn!(
                        events.count = passed,
                        "events of unknown kinds hold others back no longer"
                    );
                }
                Err(error) => {
                    tracing::warn!(error.chain = %service_kit::error::chain(&error), "unknown events were not looked at");
                }
            }
            tokio::time::sleep(LET_PASS_EVERY).await;
        }
    }

    async fn work(self: &Arc<Self>, stop: &CancellationToken) {
        let mut tasks = JoinSet::new();
        while !stop.is_cancelled() {
            while tasks.try_join_next().is_some() {}
            let asked = Instant::now();
            for job in self.claim(CONCURRENCY.saturating_sub(tasks.len())).await {
                let held = self.leases.hold(&job, asked);
                tasks.spawn(Arc::clone(self).run_one(job, held));
            }
            let is_full = tasks.len() >= CONCURRENCY;
            tokio::select! {
                () = stop.cancelled() => {}
                Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
                () = self.wake.notified(), if !is_full => {}
                () = tokio::time::sleep(POLL_EVERY), if !is_full => {}
            }
        }
        let all = async { while tasks.join_next().await.is_some() {} };
        if timeout(END_WITHIN, all).await.is_err() {
            tracing::warn!("jobs were cut off; they are taken up again when their leases have run out");
        }
    }

    async fn claim(&self, limit: usize) -> Vec<Claimed> {
        if limit == 0 {
            return Vec::new();
        }
        let claim = jobs::claim(self.database.pool(), self.id, &self.names, limit);
        // What was leased after the wait is given up is taken up again when its lease has run out.
        match timeout(CLAIM_WITHIN, claim).await.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(error.chain = %service_kit::error::chain(&error), "no jobs can be claimed");
                Vec::new()
            }
        }
    }

    async fn run_one(self: Arc<Self>, job: Claimed, held: Held) {
        let source = self.source_of(&job);
        let span = metrics::job_span(&job, source.as_ref().map(|(queue, key)| (queue.as_str(), *key)));
        async {
            failpoint("jobs.after_claim");
            let begin = Instant::now();
            let limit = if job.event.is_some() { EVENT_WITHIN } else { JOB_WITHIN };
            let work = timeout(limit, AssertUnwindSafe(self.execute(&job)).catch_unwind());
            let result = tokio::select! {
                biased;
                ended = work => match ended {
                    Ok(Ok(result)) => result,
                    Ok(Err(_)) => Err(JobError::retry(anyhow!("the handler panicked"))),
                    Err(_) => Err(JobError::retry(anyhow!("the handler did not end within {limit:?}"))),
                },
                () = held.lost() => Err(JobError::retry(anyhow!("the lease was lost, and the handler stopped"))),
            };
            let took = begin.elapsed().as_secs_f64();
            METRICS.job_duration.record(took, &[KeyValue::new(names::JOB, job.name.clone())]);
            let error = result.is_err().then_some("failed");
            if let Some((queue, _)) = source {
                let attributes = metrics::message_attributes(&queue, metrics::PROCESS, error);
                METRICS.process_duration.record(took, &attributes);
            }
            self.settle(&job, result).await;
        }
        .instrument(span)
        .await;
    }

    /// Returns queue and routing key that an event came by; nothing for another job.
    fn source_of(&self, job: &Claimed) -> Option<(String, &'static str)> {
        match self.handlers.by_job.get(&job.name) {
            Some(Handler::Event(handler)) => Some((self.queue_of(handler), handler.routing_key)),
            Some(Handler::Job(_)) | None => None,
        }
    }

    fn queue_of(&self, handler: &EventHandler) -> String {
        format!("{}.from-{}", self.service, handler.producer)
    }

    async fn execute(&self, job: &Claimed) -> Result<(), JobError> {
        let handler = self.handlers.by_job.get(&job.name).cloned();
        match handler.ok_or_else(|| anyhow!("no handler has this name"))? {
            Handler::Event(handler) => self.apply(job, handler).await,
            Handler::Job(handler) => {
                let running = Job {
                    id: job.id,
                    organization_id: job.organization_id,
                    payload: job.payload.clone(),
                    attempt: job.attempt,
                    max_attempts: job.max_attempts,
                    create_time: job.create_time,
                };
                handler(running).await?;
                failpoint("jobs.after_handler_before_complete");
                let mut connection = self.database.pool().acquire().await?;
                if !jobs::complete(&mut connection, self.id, job).await? {
                    tracing::warn!("the job was done, but its lease had run out: it may be done twice");
                }
                failpoint("jobs.after_complete");
                Ok(())
            }
        }
    }

    /// Applies an event and ends its job in one transaction.
    async fn apply(&self, job: &Claimed, handler: EventHandler) -> Result<(), JobError> {
        let envelope: Envelope =
            serde_json::from_value(job.payload.clone()).map_err(|error| JobError::dead(anyhow!(error)))?;
        tracing::Span::current()
            .record(names::MESSAGING_MESSAGE_ID, tracing::field::display(envelope.event_id));
        let event_time = envelope.event_time;
        let consumer = self.queue_of(&handler);
        let (claimed, runner) = (job.clone(), self.id);
        self.database
            .transaction(job.organization_id, move |tx| {
                Box::pin(async move {
                    (handler.apply)(&mut *tx, claimed.clone(), envelope).await?;
                    failpoint("jobs.after_handler_before_complete");
                    if !jobs::complete(tx, runner, &claimed).await? {
                        return Err(JobError::retry(anyhow!("the lease was lost; nothing was changed")));
                    }
                    Ok(())
                })
            })
            .await?;
        failpoint("jobs.after_complete");
        let age = (self.clock.now() - event_time).to_std().unwrap_or_default();
        METRICS.delivery_age.record(age.as_secs_f64(), &[KeyValue::new(names::CONSUMER, consumer)]);
        Ok(())
    }

    async fn settle(&self, job: &Claimed, result: Result<(), JobError>) {
        let (outcome, reason, retry) = match result {
            Ok(()) => return count(job, "done"),
            Err(JobError::Retry { source, after }) if job.attempt < job.max_attempts => {
                let delay = after.unwrap_or_else(|| jobs::delay_after(job.attempt));
                ("retry", format!("{source:#}"), Some(delay))
            }
            Err(JobError::Retry { source, .. } | JobError::Dead { source }) => {
                ("dead", format!("{source:#}"), None)
            }
        };
        match jobs::fail(self.database.pool(), self.id, job, &reason, retry).await {
            Ok(false) => {
                // Whoever has it now says how it ends.
                tracing::warn!(error.chain = %reason, "job was taken away and goes on elsewhere");
                return count(job, "lost");
            }
            Ok(true) => {}
            // Its lease runs out, and then it is taken up again.
            Err(error) => {
                tracing::warn!(error.chain = %service_kit::error::chain(&error), "the failure could not be noted");
            }
        }
        count(job, outcome);
        match retry {
            None => tracing::error!(error.chain = %reason, "job is dead"),
            Some(_) => tracing::warn!(error.chain = %reason, "job failed and is tried again"),
        }
    }
}

/// Counts a run that has ended, and marks its span where it did not go well.
fn count(job: &Claimed, outcome: &'static str) {
    if outcome != "done" {
        metrics::mark_failed(&tracing::Span::current(), outcome);
    }
    let attributes = [KeyValue::new(names::JOB, job.name.clone()), KeyValue::new(names::OUTCOME, outcome)];
    METRICS.job_runs.add(1, &attributes);
}
