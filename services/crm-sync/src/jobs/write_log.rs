//! The job that writes a log to its CRM.
//!
//! Owns what becomes of a log after each answer. It may run again after a crash at any point: each record has a key, and is
//! noted as begun before the CRM is called and as done afterwards, so that one log is the same records whatever is
//! repeated; where a CRM has no keys, what was begun is given time to show and looked for before it is written again. Rows
//! are changed before and after the calls, never during them.
//!
//! Jobs of one connection run one after the other, so that a CRM in trouble holds up nobody else's. A log that cannot be
//! written for reasons of its own leaves that queue after a few tries, so that it does not hold up the others of its
//! connection either.

use std::time::Duration;

use anyhow::anyhow;
use futures_util::future::BoxFuture;
use messaging::Messaging;
use messaging::jobs::{self, Job, JobError, NewJob};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;
use serde::Deserialize;
use service_kit::clock::SharedClock;
use service_kit::db::Database;
use service_kit::error::CommonError;
use service_kit::ids::{Ids, OrganizationId};
use service_kit::telemetry::names;
use uuid::Uuid;

use crate::connection::sessions::{CallError, Sessions};
use crate::connection::{self, ConnectionId, Pause};
use crate::connectors::{CrmConnector, CrmError, CrmWrite, Outcome as WriteOutcome, Provider, Session};
use crate::log::writes_repo::Begun;
use crate::log::{self, Attempt, LogId, LogState, WaitingLog, matching};

/// The job's name.
pub(crate) const NAME: &str = "write_crm_log";
/// Its name before a log could be several records; such jobs may still be waiting.
const OLD_NAME: &str = "write_log";
/// How often a log is tried before it counts as failed. With the pauses between them this bridges more than five hours.
pub(crate) const MAX_TRIES: i32 = 12;
/// How often the job is run: more often, so that a try in which the process or the database ended is made up for, pauses of
/// the connection, which are no tries, are waited for, and the last one still marks the log as failed.
pub(crate) const MAX_ATTEMPTS: i32 = MAX_TRIES + 48;
/// After this many tries a log waits for itself alone.
const TRIES_IN_QUEUE: i32 = 4;
/// Between the note that the CRM is called and the call.
pub(crate) const BEFORE_CALL: &str = "crm.before_call";
/// Between the CRM's answer and the note of it.
pub(crate) const AFTER_2XX_BEFORE_COMMIT: &str = "crm.after_2xx_before_commit";

const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);
/// How long after a call whose answer is not known a CRM without keys may still come to show what it did: longer than it
/// works on one call.
pub(crate) const SETTLING: Duration = Duration::from_secs(90);

#[derive(Deserialize)]
struct Payload {
    log_id: LogId,
    /// The connection whose queue the job is in; nothing: it is in none but its log's own.
    #[serde(default)]
    queue: Option<ConnectionId>,
}

/// Lets the job runner write logs.
pub(crate) fn register(messaging: Messaging, write_log: WriteLog) -> Messaging {
    let old = write_log.clone();
    messaging
        .job(NAME, move |job| Box::pin(write_log.clone().run(job)))
        .job(OLD_NAME, move |job| Box::pin(old.clone().run(job)))
}

/// Returns the job, under an id of its own, that writes a log. Jobs of one connection run one after the other.
pub(crate) fn new_job(
    id: Uuid,
    organization_id: OrganizationId,
    connection_id: ConnectionId,
    log_id: LogId,
) -> NewJob {
    NewJob {
        id,
        name: NAME,
        organization_id,
        queue_key: Some(format!("crm-connection:{connection_id}")),
        payload: serde_json::json!({ "log_id": log_id, "queue": connection_id }),
        max_attempts: MAX_ATTEMPTS,
    }
}

/// Returns the job that goes on with a log that must not hold up others.
fn lone_job(id: Uuid, organization_id: OrganizationId, log_id: LogId) -> NewJob {
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
    ids: Ids,
    sessions: Sessions,
    settling: Duration,
    lag: Histogram<f64>,
}

/// What becomes of a log that was not written.
#[derive(Debug)]
struct Outcome {
    state: LogState,
    reason: String,
    /// How long it waits; nothing: it has ended.
    wait: Option<Duration>,
}

/// What the job does next, as the database says.
enum Next {
    /// The log does not wait, or it waits for another job.
    Nothing,
    /// It, or its connection, is to be left alone for a while.
    Wait(Duration, String),
    /// It is to be tried.
    Try(Box<WaitingLog>),
}

impl WriteLog {
    /// `settling`: how long a write that was begun is left alone where the CRM has no keys.
    pub(crate) fn new(
        database: Database,
        clock: SharedClock,
        ids: Ids,
        sessions: Sessions,
        settling: Duration,
    ) -> Self {
        let lag = names::CRM_SYNC_LAG.histogram();
        Self { database, clock, ids, sessions, settling, lag }
    }

    /// Writes the log that the job names, unless it is written already.
    pub(crate) async fn run(self, job: Job) -> Result<(), JobError> {
        let organization_id = job.organization_id;
        let is_last = job.is_last_attempt();
        let payload: Payload = serde_json::from_value(job.payload).map_err(JobError::dead)?;
        let log_id = payload.log_id;
        let log = match self.begin(organization_id, log_id, job.id, payload.queue.is_none()).await? {
            Next::Nothing => return Ok(()),
            Next::Wait(wait, reason) if is_last => {
                let wait = Some(wait);
                let outcome = Outcome { state: LogState::Pending, reason, wait }.or_failed();
                return self.fail(organization_id, log_id, outcome, None).await;
            }
            Next::Wait(wait, _) => return Err(JobError::retry_after(anyhow!("the log waits"), wait)),
            Next::Try(log) => *log,
        };
        let (tries, pending_time) = (log.tries, log.pending_time);
        match self.write(organization_id, log).await {
            Ok(provider) => {
                let lag = (self.clock.now() - pending_time).to_std().unwrap_or_default();
                self.lag.record(lag.as_secs_f64(), &[KeyValue::new(names::PROVIDER, provider.word())]);
                tracing::info!(crm.log.id = %log_id, "log written");
                Ok(())
            }
            Err(error) => {
                let outcome = outcome(error, tries);
                let outcome = if is_last { outcome.or_failed() } else { outcome };
                let leaves = payload.queue.is_some() && tries >= TRIES_IN_QUEUE && outcome.wait.is_some();
                self.fail(organization_id, log_id, outcome, leaves.then(|| self.ids.next())).await
            }
        }
    }

    /// `is_alone`: the job has just been made by another one, and has the rest of that one's wait before it.
    async fn begin(
        &self,
        organization_id: OrganizationId,
        log_id: LogId,
        job_id: Uuid,
        is_alone: bool,
    ) -> Result<Next, CommonError> {
        let now = self.clock.now();
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    let Some((connection, seconds)) =
                        log::repo::find_wait(tx, organization_id, log_id, job_id).await?
                    else {
                        return Ok(Next::Nothing);
                    };
                    if let Some(Pause { left, reason }) =
                        connection::repo::find_pause(tx, organization_id, connection).await?
                    {
                        return Ok(Next::Wait(left, reason));
                    }
                    if is_alone && seconds > 0.0 {
                        let wait = Duration::try_from_secs_f64(seconds).unwrap_or_default();
                        return Ok(Next::Wait(wait, "The CRM did not answer in time.".to_owned()));
                    }
                    let begun = log::repo::begin_try(tx, organization_id, log_id, now).await?;
                    Ok(begun.map_or(Next::Nothing, |log| Next::Try(Box::new(log))))
                })
            })
            .await
    }

    /// Finds whom the log is on, plans its records and writes those that are not there; returns to which CRM.
    async fn write(&self, organization_id: OrganizationId, log: WaitingLog) -> Result<Provider, CallError> {
        let log_id = log.log_id;
        let connection_id = log.target.connection_id;
        let log = self.matched(organization_id, log).await?;
        let provider = self.sessions.provider(organization_id, connection_id).await?;
        let connector = self.sessions.connectors().of(provider)?;
        let planned = connector.plan(&log.entry())?;
        let settling = if connector.has_keys() { Duration::ZERO } else { self.settling };
        let attempts = match self.note_begun(organization_id, log_id, planned, settling).await? {
            Begun::Attempts(attempts) => attempts,
            Begun::Settling(left) => return Err(settles(left).into()),
        };
        messaging::failpoint(BEFORE_CALL);
        let outcomes =
            match self.sessions.call_each(organization_id, connection_id, &attempts, write_attempts).await {
                Ok(outcomes) => outcomes,
                Err(CallError::Crm(error)) if error.is_refusal() => {
                    attempts.iter().map(|_| Err(error.clone())).collect()
                }
                Err(error) => return Err(error),
            };
        messaging::failpoint(AFTER_2XX_BEFORE_COMMIT);
        self.note_done(organization_id, log_id, attempts, outcomes).await?;
        Ok(provider)
    }

    /// Finds the people of an invitation, once.
    async fn matched(
        &self,
        organization_id: OrganizationId,
        log: WaitingLog,
    ) -> Result<WaitingLog, CallError> {
        if log.is_matched {
            return Ok(log);
        }
        let addresses: Vec<String> =
            log.content.invited.iter().map(|person| person.address.clone()).collect();
        let found = self
            .sessions
            .call(organization_id, log.target.connection_id, &addresses, |connector, session, addresses| {
                connector.match_addresses(session, addresses)
            })
            .await?;
        let matched = matching::choose(&addresses, found);
        let (log_id, people, note) = (log.log_id, matched.people.clone(), matched.note.clone());
        self.database
            .transaction::<_, CommonError, _>(organization_id, move |tx| {
                Box::pin(async move {
                    Ok(log::repo::set_people(tx, organization_id, log_id, &people, &note).await?)
                })
            })
            .await?;
        Ok(WaitingLog { people: matched.people, match_note: matched.note, is_matched: true, ..log })
    }

    async fn note_begun(
        &self,
        organization_id: OrganizationId,
        log_id: LogId,
        planned: Vec<CrmWrite>,
        settling: Duration,
    ) -> Result<Begun, CommonError> {
        let now = self.clock.now();
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    Ok(log::writes_repo::begin(tx, organization_id, log_id, planned, now, settling).await?)
                })
            })
            .await
    }

    /// Notes what is in the CRM by now; the log itself where that is all of it. Errors: the first that was not written.
    async fn note_done(
        &self,
        organization_id: OrganizationId,
        log_id: LogId,
        attempts: Vec<Attempt>,
        outcomes: Vec<WriteOutcome>,
    ) -> Result<(), CallError> {
        let failure = outcomes.iter().find_map(|outcome| outcome.as_ref().err().cloned());
        let (mut written, mut refused) = (Vec::new(), Vec::new());
        for (attempt, outcome) in attempts.into_iter().zip(outcomes) {
            match outcome {
                Ok(record) => written.push((attempt.write.key, record)),
                // Of a try before this one nothing is known all the same.
                Err(error) if error.is_refusal() && !attempt.was_begun => refused.push(attempt.write.key),
                Err(_) => {}
            }
        }
        let now = self.clock.now();
        self.database
            .transaction::<_, CommonError, _>(organization_id, move |tx| {
                Box::pin(async move {
                    for (key, record) in written {
                        log::writes_repo::set_done(tx, organization_id, key, &record, now).await?;
                    }
                    log::writes_repo::set_planned(tx, organization_id, &refused).await?;
                    let main = log::writes_repo::find_main_record(tx, organization_id, log_id).await?;
                    if let Some(record_id) = main {
                        log::finish(tx, organization_id, log_id, &record_id, now).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        failure.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Notes why the log is not written. `lone_job_id`: it goes on by a job of its own, and this one is done.
    async fn fail(
        &self,
        organization_id: OrganizationId,
        log_id: LogId,
        outcome: Outcome,
        lone_job_id: Option<Uuid>,
    ) -> Result<(), JobError> {
        let Outcome { state, reason, wait } = outcome;
        tracing::warn!(crm.log.id = %log_id, crm.log.state = state.as_str(), "log not written");
        let seconds = wait.map(|wait| wait.as_secs_f64());
        self.database
            .transaction::<_, CommonError, _>(organization_id, move |tx| {
                Box::pin(async move {
                    if let Some(id) = lone_job_id {
                        jobs::enqueue(tx, lone_job(id, organization_id, log_id)).await?;
                    }
                    let noted = log::repo::set_state(
                        tx,
                        organization_id,
                        log_id,
                        state,
                        &reason,
                        seconds,
                        lone_job_id,
                    );
                    Ok(noted.await?)
                })
            })
            .await?;
        match wait {
            Some(_) if lone_job_id.is_some() => Ok(()),
            Some(wait) => Err(JobError::retry_after(anyhow!("the log was not written"), wait)),
            None => Err(JobError::dead(anyhow!("the log was refused"))),
        }
    }
}

/// Writes records; where the CRM has no keys, first looks for those that an earlier try may have written.
fn write_attempts<'a>(
    connector: &'a dyn CrmConnector,
    session: &'a Session,
    attempts: &'a Vec<Attempt>,
) -> BoxFuture<'a, Result<Vec<WriteOutcome>, CrmError>> {
    Box::pin(async move {
        let mut found = Vec::new();
        for attempt in attempts {
            let is_doubtful = attempt.was_begun && !connector.has_keys();
            found.push(if is_doubtful {
                connector.find_by_key(session, &attempt.write).await?
            } else {
                None
            });
        }
        let open = attempts.iter().zip(&found).filter(|(_, found)| found.is_none());
        let open: Vec<CrmWrite> = open.map(|(attempt, _)| attempt.write.clone()).collect();
        let written = if open.is_empty() { Vec::new() } else { connector.write(session, &open).await? };
        if let Some(Err(CrmError::Reauthenticate)) = written.first()
            && open.len() == attempts.len()
        {
            // Nothing was written: the whole is done again with a new token.
            return Err(CrmError::Reauthenticate);
        }
        let mut written = written.into_iter();
        let missing = || Err(CrmError::retry("The CRM did not say what became of the log."));
        let outcome = |found: Option<_>| found.map_or_else(|| written.next().unwrap_or_else(missing), Ok);
        Ok(found.into_iter().map(outcome).collect())
    })
}

/// Says that what an earlier try did may not show yet. It is no word of the CRM's: others of the connection go on.
fn settles(left: Duration) -> CrmError {
    let message = "The CRM's answer was lost: what it did is looked for before the log is written again.";
    CrmError::Retry { after: Some(left), message: message.to_owned() }
}

impl Outcome {
    /// What becomes of it when this was the last try.
    fn or_failed(self) -> Self {
        let state = if self.wait.is_some() { LogState::Failed } else { self.state };
        Self { state, wait: None, ..self }
    }
}

/// Decides what becomes of a log after a failed try: it waits for the next one, unless the CRM refuses it for good or
/// this was the last.
fn outcome(error: CallError, tries: i32) -> Outcome {
    let ended = |state, reason: String| Outcome { state, reason, wait: None };
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
    // A CRM that asks for seconds each time must not use up the tries within a minute.
    let wait = after.unwrap_or_default().max(pause_after(tries));
    let outcome = Outcome { state: LogState::Pending, reason, wait: Some(wait) };
    if tries >= MAX_TRIES { outcome.or_failed() } else { outcome }
}

/// How long to leave a CRM alone, at least: seconds at first, then up to an hour.
fn pause_after(tries: i32) -> Duration {
    let quadruplings = u32::try_from(tries.saturating_sub(1)).unwrap_or_default().min(6);
    Duration::from_secs(4_u64.pow(quadruplings)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(error: CrmError, tries: i32) -> Option<u64> {
        outcome(error.into(), tries).wait.map(|wait| wait.as_secs())
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
        let ends = |error: CrmError, tries| {
            let outcome = outcome(error.into(), tries);
            (outcome.state, outcome.wait.is_none())
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
