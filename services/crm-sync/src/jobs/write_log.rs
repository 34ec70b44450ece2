//! The job that writes a log to its CRM.
//!
//! Owns what becomes of a log after each answer. It may run again after a crash at any point: the log's id is the
//! record's key in the CRM, so that one log is one record. The log's row is changed before and after the call, never
//! during it.

use std::time::Duration;

use anyhow::anyhow;
use messaging::Messaging;
use messaging::jobs::{Job, JobError, NewJob};
use opentelemetry::global;
use opentelemetry::metrics::Histogram;
use serde::Deserialize;
use service_kit::clock::SharedClock;
use service_kit::db::Database;
use service_kit::error::CommonError;
use service_kit::ids::OrganizationId;
use service_kit::telemetry::names;
use uuid::Uuid;

use crate::connection::sessions::{CallError, Sessions};
use crate::connectors::CrmError;
use crate::log::{self, LogId, LogState, LogToWrite};

/// The job's name.
pub(crate) const NAME: &str = "write_log";
/// How often a log is tried before it counts as failed. With the pauses between them this bridges more than five hours;
/// with those of a used-up quota, a day.
pub(crate) const MAX_TRIES: i32 = 12;
/// How often the job is run: more often, so that a try in which the process or the database ended is made up for, and
/// the last one still marks the log as failed.
pub(crate) const MAX_ATTEMPTS: i32 = MAX_TRIES + 8;
/// Between the note that the CRM is called and the call.
pub(crate) const BEFORE_CALL: &str = "crm.before_call";
/// Between the CRM's answer and the note of it.
pub(crate) const AFTER_2XX_BEFORE_COMMIT: &str = "crm.after_2xx_before_commit";

const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);
/// Seconds, around the promise that 99 % are written within five minutes.
const LAG_BUCKETS: [f64; 12] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 86_400.0];

#[derive(Deserialize)]
struct Payload {
    log_id: LogId,
}

/// Lets the job runner write logs.
pub(crate) fn register(messaging: Messaging, write_log: WriteLog) -> Messaging {
    messaging.job(NAME, move |job| Box::pin(write_log.clone().run(job)))
}

/// Returns the job, under an id of its own, that writes a log. Jobs of one log run one after the other.
pub(crate) fn new_job(id: Uuid, organization_id: OrganizationId, log_id: LogId) -> NewJob {
    NewJob {
        id,
        name: NAME,
        organization_id,
        queue_key: Some(format!("crm-log:{log_id}")),
        payload: serde_json::json!({ "log_id": log_id }),
        max_attempts: MAX_ATTEMPTS,
    }
}

/// Writes logs.
#[derive(Clone)]
pub(crate) struct WriteLog {
    database: Database,
    clock: SharedClock,
    sessions: Sessions,
    lag: Histogram<f64>,
}

/// What becomes of a log that was not written.
struct Outcome {
    state: LogState,
    reason: String,
    error: JobError,
}

impl WriteLog {
    pub(crate) fn new(database: Database, clock: SharedClock, sessions: Sessions) -> Self {
        let lag = global::meter("sharedspaces")
            .f64_histogram(names::CRM_SYNC_LAG)
            .with_unit("s")
            .with_boundaries(LAG_BUCKETS.to_vec())
            .build();
        Self { database, clock, sessions, lag }
    }

    /// Writes the log that the job names, unless it is written already.
    pub(crate) async fn run(self, job: Job) -> Result<(), JobError> {
        let organization_id = job.organization_id;
        let attempt = job.attempt;
        let payload: Payload = serde_json::from_value(job.payload).map_err(JobError::dead)?;
        let log_id = payload.log_id;
        let Some(log) = self.begin(organization_id, log_id).await? else { return Ok(()) };
        messaging::failpoint(BEFORE_CALL);
        let answered = self.sessions.call(
            organization_id,
            log.connection_id,
            &log.entry,
            |connector, session, entry| connector.write_log(session, entry),
        );
        match answered.await {
            Ok(record_id) => {
                messaging::failpoint(AFTER_2XX_BEFORE_COMMIT);
                self.succeed(organization_id, &log, record_id).await
            }
            Err(error) => self.fail(organization_id, log_id, outcome(error, attempt)).await,
        }
    }

    async fn begin(
        &self,
        organization_id: OrganizationId,
        log_id: LogId,
    ) -> Result<Option<LogToWrite>, CommonError> {
        let now = self.clock.now();
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move { Ok(log::repo::begin_try(tx, organization_id, log_id, now).await?) })
            })
            .await
    }

    async fn succeed(
        &self,
        organization_id: OrganizationId,
        log: &LogToWrite,
        record_id: String,
    ) -> Result<(), JobError> {
        let now = self.clock.now();
        let log_id = log.entry.log_id;
        self.database
            .transaction::<_, CommonError, _>(organization_id, move |tx| {
                Box::pin(async move { Ok(log::finish(tx, organization_id, log_id, &record_id, now).await?) })
            })
            .await?;
        let lag = (now - log.pending_time).to_std().unwrap_or_default();
        self.lag.record(lag.as_secs_f64(), &[]);
        tracing::info!(crm.log.id = %log_id, "log written");
        Ok(())
    }

    async fn fail(
        &self,
        organization_id: OrganizationId,
        log_id: LogId,
        outcome: Outcome,
    ) -> Result<(), JobError> {
        let Outcome { state, reason, error } = outcome;
        tracing::warn!(crm.log.id = %log_id, crm.log.state = state.as_str(), "log not written");
        self.database
            .transaction::<_, CommonError, _>(organization_id, move |tx| {
                Box::pin(async move {
                    Ok(log::repo::set_state(tx, organization_id, log_id, state, &reason).await?)
                })
            })
            .await?;
        Err(error)
    }
}

/// Decides what becomes of a log after a failed try: it waits for the next one, unless the CRM refuses it for good or
/// this was the last.
fn outcome(error: CallError, attempt: i32) -> Outcome {
    let ended = |state, reason: String| Outcome {
        state,
        reason,
        error: JobError::dead(anyhow!("the log was refused")),
    };
    let (after, reason) = match error {
        CallError::Crm(CrmError::Permanent { message }) => return ended(LogState::Failed, message),
        CallError::Crm(CrmError::Reconnect { message }) => return ended(LogState::ReconnectNeeded, message),
        CallError::NotFound => {
            let reason = "The connection to the CRM is not there any more: choose another one.";
            return ended(LogState::Failed, reason.to_owned());
        }
        CallError::Crm(CrmError::Retry { after, message }) => (after, message),
        CallError::Crm(CrmError::Deferred { after, message }) => (Some(after), message),
        CallError::Crm(CrmError::Reauthenticate) => (None, "The CRM takes no token of ours.".to_owned()),
        CallError::Common(error) => {
            tracing::warn!(error.chain = %service_kit::error::chain(&error), "a try failed on our side");
            (None, "Something failed on our side.".to_owned())
        }
    };
    if attempt >= MAX_TRIES {
        let error = JobError::dead(anyhow!("the log was tried too often"));
        return Outcome { state: LogState::Failed, reason, error };
    }
    // A CRM that asks for seconds each time must not use up the tries within a minute.
    let wait = after.unwrap_or_default().max(pause_after(attempt));
    let error = JobError::retry_after(anyhow!("the log was not written"), wait);
    Outcome { state: LogState::Pending, reason, error }
}

/// How long to leave a CRM alone, at least: seconds at first, then up to an hour.
fn pause_after(attempt: i32) -> Duration {
    let quadruplings = u32::try_from(attempt.saturating_sub(1)).unwrap_or_default().min(6);
    Duration::from_secs(4_u64.pow(quadruplings)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(error: CrmError, attempt: i32) -> Option<u64> {
        match outcome(error.into(), attempt).error {
            JobError::Retry { after, .. } => after.map(|after| after.as_secs()),
            JobError::Dead { .. } => None,
        }
    }

    fn deferred() -> CrmError {
        CrmError::Deferred { after: Duration::from_secs(7_200), message: String::new() }
    }

    #[test]
    fn the_pauses_between_tries_bridge_hours() {
        let pauses: Vec<u64> = (1..MAX_TRIES).map(|attempt| pause_after(attempt).as_secs()).collect();
        assert_eq!(pauses[..7], [1, 4, 16, 64, 256, 1_024, 3_600]);
        assert!(pauses.iter().sum::<u64>() > 5 * 3_600);
    }

    #[test]
    fn a_log_that_may_still_be_written_fails_with_the_last_try_only_and_its_job_with_it() {
        let ends = |error: CrmError, attempt| {
            let outcome = outcome(error.into(), attempt);
            (outcome.state, matches!(outcome.error, JobError::Dead { .. }))
        };
        assert_eq!(ends(CrmError::retry("busy"), MAX_TRIES - 1), (LogState::Pending, false));
        assert_eq!(ends(CrmError::retry("busy"), MAX_TRIES), (LogState::Failed, true));
        assert_eq!(ends(deferred(), MAX_TRIES - 1), (LogState::Pending, false));
        assert_eq!(ends(deferred(), MAX_TRIES), (LogState::Failed, true));
        assert_eq!(ends(CrmError::permanent("no"), 1), (LogState::Failed, true));
        let reconnect = CrmError::Reconnect { message: String::new() };
        assert_eq!(ends(reconnect, MAX_TRIES), (LogState::ReconnectNeeded, true));
        let ours = || CommonError::Unexpected(anyhow!("ours"));
        assert_eq!(outcome(ours().into(), MAX_TRIES - 1).state, LogState::Pending);
        // A try that was lost makes the next one the last: the job has some to spare.
        assert_eq!(outcome(ours().into(), MAX_TRIES + 1).state, LogState::Failed);
    }

    #[test]
    fn a_crm_may_lengthen_a_pause_and_not_shorten_it() {
        let asks =
            |seconds| CrmError::Retry { after: Some(Duration::from_secs(seconds)), message: String::new() };
        assert_eq!(wait(asks(1), 6), Some(1_024));
        assert_eq!(wait(asks(1_024), 6), Some(1_024));
        assert_eq!(wait(asks(1_025), 6), Some(1_025));
        assert_eq!(wait(CrmError::retry("busy"), 6), Some(1_024));
        assert_eq!(wait(deferred(), 1), Some(7_200));
    }
}
