//! The job that writes a log to its CRM.
//!
//! Owns what becomes of a log after each answer. It may run again after a crash at any point: the log's id is the
//! record's key in the CRM, so that one log is one record. The log's row is changed before and after the call, never
//! during it.

use std::time::Duration;

use anyhow::anyhow;
use messaging::jobs::{Job, JobError};
use opentelemetry::global;
use opentelemetry::metrics::Histogram;
use serde::Deserialize;
use service_kit::clock::SharedClock;
use service_kit::db::Database;
use service_kit::error::CommonError;
use service_kit::ids::OrganizationId;
use service_kit::telemetry::names;

use crate::connection::sessions::{CallError, Sessions};
use crate::connectors::CrmError;
use crate::log::{self, LogId, LogState, LogToWrite};

/// The job's name.
pub(crate) const NAME: &str = "write_log";
/// With the pauses between them this bridges more than five hours; with those of a used-up quota, a day.
pub(crate) const MAX_ATTEMPTS: i32 = 12;
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
        let organization = job.organization_id;
        let (attempt, is_last) = (job.attempt, job.is_last_attempt());
        let payload: Payload = serde_json::from_value(job.payload).map_err(JobError::dead)?;
        let log_id = payload.log_id;
        let Some(log) = self.begin(organization, log_id).await? else { return Ok(()) };
        messaging::failpoint(BEFORE_CALL);
        let answered =
            self.sessions.call(organization, log.connection_id, &log.entry, |connector, session, entry| {
                connector.write_log(session, entry)
            });
        match answered.await {
            Ok(record_id) => {
                messaging::failpoint(AFTER_2XX_BEFORE_COMMIT);
                self.succeed(organization, &log, record_id).await
            }
            Err(error) => self.fail(organization, log_id, outcome(error, attempt, is_last)).await,
        }
    }

    async fn begin(
        &self,
        organization: OrganizationId,
        log_id: LogId,
    ) -> Result<Option<LogToWrite>, CommonError> {
        let now = self.clock.now();
        self.database
            .transaction(organization, move |tx| {
                Box::pin(async move { Ok(log::repo::begin_try(tx, organization, log_id, now).await?) })
            })
            .await
    }

    async fn succeed(
        &self,
        organization: OrganizationId,
        log: &LogToWrite,
        record_id: String,
    ) -> Result<(), JobError> {
        let now = self.clock.now();
        let log_id = log.entry.log_id;
        self.database
            .transaction::<_, CommonError, _>(organization, move |tx| {
                Box::pin(async move {
                    Ok(log::repo::set_logged(tx, organization, log_id, &record_id, now).await?)
                })
            })
            .await?;
        let lag = (now - log.pending_time).to_std().unwrap_or_default();
        self.lag.record(lag.as_secs_f64(), &[]);
        tracing::info!(crm.log.id = %log_id, "log written");
        Ok(())
    }

    async fn fail(
        &self,
        organization: OrganizationId,
        log_id: LogId,
        outcome: Outcome,
    ) -> Result<(), JobError> {
        let Outcome { state, reason, error } = outcome;
        tracing::warn!(crm.log.id = %log_id, crm.log.state = state.as_str(), "log not written");
        self.database
            .transaction::<_, CommonError, _>(organization, move |tx| {
                Box::pin(
                    async move { Ok(log::repo::set_state(tx, organization, log_id, state, &reason).await?) },
                )
            })
            .await?;
        Err(error)
    }
}

/// Decides what becomes of a log after a failed try.
fn outcome(error: CallError, attempt: i32, is_last: bool) -> Outcome {
    let source = anyhow!("the log was not written");
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
            let reason = "Something failed on our side.".to_owned();
            let state = if is_last { LogState::Failed } else { LogState::Pending };
            return Outcome { state, reason, error: error.into() };
        }
    };
    let state = if is_last { LogState::Failed } else { LogState::Pending };
    Outcome {
        state,
        reason,
        error: JobError::retry_after(source, after.unwrap_or_else(|| pause_after(attempt))),
    }
}

/// How long to leave a CRM alone that does not say how long itself: seconds at first, then up to an hour.
fn pause_after(attempt: i32) -> Duration {
    let quadruplings = u32::try_from(attempt.saturating_sub(1)).unwrap_or_default().min(6);
    Duration::from_secs(4_u64.pow(quadruplings)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_between_tries_bridge_hours() {
        let pauses: Vec<u64> = (1..MAX_ATTEMPTS).map(|attempt| pause_after(attempt).as_secs()).collect();
        assert_eq!(pauses[..7], [1, 4, 16, 64, 256, 1_024, 3_600]);
        assert!(pauses.iter().sum::<u64>() > 5 * 3_600);
    }

    #[test]
    fn a_log_that_may_still_be_written_fails_with_the_last_try_only() {
        let state = |error: CrmError, is_last| outcome(error.into(), 1, is_last).state;
        let deferred = || CrmError::Deferred { after: Duration::from_secs(7_200), message: String::new() };
        assert_eq!(state(CrmError::retry("busy"), false), LogState::Pending);
        assert_eq!(state(CrmError::retry("busy"), true), LogState::Failed);
        assert_eq!(state(deferred(), false), LogState::Pending);
        assert_eq!(state(CrmError::permanent("no"), false), LogState::Failed);
        assert_eq!(state(CrmError::Reconnect { message: String::new() }, true), LogState::ReconnectNeeded);
        let error = outcome(deferred().into(), 1, false).error;
        assert!(matches!(error, JobError::Retry { after: Some(after), .. } if after.as_secs() == 7_200));
    }
}
