//! Jobs: work that survives the process.
//!
//! Owns the table `jobs` and its states: pending → running (leased by the database's clock) → done, which deletes the
//! row, or pending again with a growing delay, or dead with the reason. Within a `queue_key` jobs run one at a time in
//! the order they were enqueued; one that waits to be tried again holds the others back, a dead one does not, so that
//! one bad job cannot block its queue for good. Must not know what a job does.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use service_kit::error::CommonError;
use service_kit::ids::OrganizationId;
use service_kit::telemetry::propagation;
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

/// How often an event is tried: for about a week, at ten minutes a try. Nobody sends an event again, so that one that
/// dies leaves this service wrong for good: it must outlive whatever its handler asks, be that away for a night or a
/// weekend. The price is that a handler that can never succeed, and does not say so with [`JobError::Dead`], holds
/// back its aggregate's later events for as long.
pub(crate) const EVENT_MAX_ATTEMPTS: i32 = 1_000;

/// Longest reason that is kept, in characters.
const MAX_REASON: usize = 1_000;
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(600);

/// A job to enqueue.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Unique among the jobs that are not done; the same id again makes no second job.
    pub id: Uuid,
    /// Which handler runs it; see `Messaging::job`.
    pub name: &'static str,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// Jobs of one key run one at a time, in order. Keys that begin with `event:` are this crate's.
    pub queue_key: Option<String>,
    /// What the handler needs; never a secret.
    pub payload: Value,
    /// How often it is tried before it is dead; at least 1.
    pub max_attempts: i32,
}

/// A job that runs.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// What was enqueued.
    pub payload: Value,
    /// Which try this is, from 1.
    pub attempt: i32,
    /// How many tries there are.
    pub max_attempts: i32,
    /// When it was enqueued.
    pub create_time: DateTime<Utc>,
}

impl Job {
    /// Tells whether failing now is failing for good.
    pub fn is_last_attempt(&self) -> bool {
        self.attempt >= self.max_attempts
    }
}

/// Why a job did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Trying again may help.
    #[error("the job failed")]
    Retry {
        /// What went wrong.
        source: anyhow::Error,
        /// When to try again; absent: 1 s, doubled at each try up to 10 min, ±20 %.
        after: Option<Duration>,
    },
    /// Trying again cannot help.
    #[error("the job failed for good")]
    Dead {
        /// What went wrong.
        source: anyhow::Error,
    },
}

impl JobError {
    /// Returns an error after which the job is tried again.
    pub fn retry(source: impl Into<anyhow::Error>) -> Self {
        Self::Retry { source: source.into(), after: None }
    }

    /// Returns an error after which the job is tried again, not before `after` has passed.
    pub fn retry_after(source: impl Into<anyhow::Error>, after: Duration) -> Self {
        Self::Retry { source: source.into(), after: Some(after) }
    }

    /// Returns an error after which the job is dead.
    pub fn dead(source: impl Into<anyhow::Error>) -> Self {
        Self::Dead { source: source.into() }
    }
}

impl From<anyhow::Error> for JobError {
    fn from(error: anyhow::Error) -> Self {
        Self::retry(error)
    }
}

impl From<sqlx::Error> for JobError {
    fn from(error: sqlx::Error) -> Self {
        Self::retry(error)
    }
}

impl From<CommonError> for JobError {
    fn from(error: CommonError) -> Self {
        Self::retry(error)
    }
}

impl From<tonic::Status> for JobError {
    fn from(status: tonic::Status) -> Self {
        Self::retry(status)
    }
}

/// Enqueues a job in the writer's transaction, with the current trace context, and wakes a runner on commit.
pub async fn enqueue(tx: &mut PgConnection, job: NewJob) -> Result<(), sqlx::Error> {
    enqueue_after(tx, job, Duration::ZERO).await
}

/// Enqueues a job that is not run before `delay` has passed by the database's clock; in a queue, those behind it wait too.
pub async fn enqueue_after(tx: &mut PgConnection, job: NewJob, delay: Duration) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH enqueued AS (
             INSERT INTO jobs (id, name, organization_id, queue_key, payload, traceparent, max_attempts, run_after)
             VALUES ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8))
             ON CONFLICT (id) DO NOTHING
             RETURNING id)
         SELECT pg_notify('jobs', '') FROM enqueued",
    )
    .bind(job.id)
    .bind(job.name)
    .bind(job.organization_id)
    .bind(job.queue_key)
    .bind(job.payload)
    .bind(propagation::current_traceparent())
    .bind(job.max_attempts)
    .bind(delay.as_secs_f64())
    .execute(tx)
    .await?;
    Ok(())
}

/// Sets a dead job to run again, from the first try. False: the organisation has no dead job with this id. Whose it is, is
/// asked here, because the table has no row-level security.
pub async fn redrive(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    id: Uuid,
) -> Result<bool, sqlx::Error> {
    let redriven = sqlx::query(
        "WITH redriven AS (
             UPDATE jobs SET state = 'pending', attempt = 0, run_after = now()
              WHERE id = $1 AND organization_id = $2 AND state = 'dead'
             RETURNING id)
         SELECT pg_notify('jobs', '') FROM redriven",
    )
    .bind(id)
    .bind(organization_id)
    .fetch_optional(tx)
    .await?;
    Ok(redriven.is_some())
}

/// A job that this process has leased.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Claimed {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) organization_id: OrganizationId,
    pub(crate) payload: Value,
    pub(crate) event: Option<Vec<u8>>,
    pub(crate) traceparent: Option<String>,
    pub(crate) attempt: i32,
    pub(crate) max_attempts: i32,
    pub(crate) create_time: DateTime<Utc>,
}

/// Leases up to `limit` jobs for 15 s by the database's clock: those that are due, and those whose lease has run out
/// because their process has died. A job is due only when no older one of its key is open.
pub(crate) async fn claim(
    pool: &PgPool,
    runner: Uuid,
    names: &[String],
    limit: usize,
) -> Result<Vec<Claimed>, sqlx::Error> {
    sqlx::query_as(
        "SELECT id, name, organization_id, payload, event, traceparent, attempt, max_attempts, create_time
           FROM claim_jobs($1, $2, $3)",
    )
    .bind(runner)
    .bind(names)
    .bind(i64::try_from(limit).unwrap_or(1))
    .fetch_all(pool)
    .await
}

/// What became of the lease of a try that runs.
#[derive(Debug, FromRow)]
pub(crate) struct Renewal {
    pub(crate) id: Uuid,
    pub(crate) attempt: i32,
    /// False: the row is locked, so that the lease is neither longer nor lost.
    pub(crate) is_renewed: bool,
}

/// Extends the leases of tries that still run to 15 s. What is missing from the answer was lost. Waits for no row: one
/// that is being ended must not cost the others their leases.
pub(crate) async fn renew_leases(
    connection: &mut PgConnection,
    runner: Uuid,
    tries: &[(Uuid, i32)],
) -> Result<Vec<Renewal>, sqlx::Error> {
    let (ids, attempts): (Vec<Uuid>, Vec<i32>) = tries.iter().copied().unzip();
    sqlx::query_as(
        "WITH held AS (
             SELECT jobs.id, jobs.attempt
               FROM jobs JOIN unnest($2::uuid[], $3::int[]) AS try (id, attempt) USING (id, attempt)
              WHERE locked_by = $1 AND state = 'running'),
         free AS (
             SELECT id FROM jobs
              WHERE id IN (SELECT id FROM held) AND locked_by = $1 AND state = 'running'
                FOR UPDATE SKIP LOCKED),
         renewed AS (
             UPDATE jobs SET locked_until = now() + interval '15 seconds'
               FROM free WHERE jobs.id = free.id
             RETURNING jobs.id, jobs.attempt)
         SELECT held.id, held.attempt, renewed.id IS NOT NULL AS is_renewed
           FROM held LEFT JOIN renewed USING (id, attempt)",
    )
    .bind(runner)
    .bind(&ids)
    .bind(&attempts)
    .fetch_all(connection)
    .await
}

/// Declares dead what has used up its tries without ever reporting an end, but for what is `running` here, which will
/// report its own; returns how many.
pub(crate) async fn bury_lost(connection: &mut PgConnection, running: &[Uuid]) -> Result<u64, sqlx::Error> {
    let buried = sqlx::query(
        "UPDATE jobs SET state = 'dead', locked_by = NULL, locked_until = NULL,
                last_error = 'the process ended within the last try'
          WHERE state = 'running' AND locked_until < now() AND attempt >= max_attempts AND id <> ALL($1)",
    )
    .bind(running)
    .execute(connection)
    .await?;
    Ok(buried.rows_affected())
}

/// Takes those events out of their queues whose kinds are not among `names`, the first of their queue, and have waited for
/// an hour without anybody trying them: no process of a release that knows them is there, and what is behind them need
/// not wait for one. They are kept, and applied late. Returns how many.
pub(crate) async fn let_pass(pool: &PgPool, names: &[String]) -> Result<u64, sqlx::Error> {
    let passed = sqlx::query(
        "UPDATE jobs AS job SET queue_key = NULL
          WHERE state = 'pending' AND attempt = 0 AND event IS NOT NULL AND queue_key IS NOT NULL
            AND name <> ALL($1) AND create_time < now() - interval '1 hour'
            AND NOT EXISTS (
                SELECT FROM jobs AS older
                 WHERE older.queue_key = job.queue_key AND older.seq < job.seq AND older.state <> 'dead')",
    )
    .bind(names)
    .execute(pool)
    .await?;
    Ok(passed.rows_affected())
}

/// Ends a job that has done its work. False: the lease was lost, and with it the right to end it.
pub(crate) async fn complete(
    connection: &mut PgConnection,
    runner: Uuid,
    job: &Claimed,
) -> Result<bool, sqlx::Error> {
    let deleted = sqlx::query(
        "DELETE FROM jobs WHERE id = $1 AND locked_by = $2 AND attempt = $3 AND state = 'running'",
    )
    .bind(job.id)
    .bind(runner)
    .bind(job.attempt)
    .execute(connection)
    .await?;
    Ok(deleted.rows_affected() == 1)
}

/// Puts a failed job off, or declares it dead. False: the lease was lost, and nothing was changed.
pub(crate) async fn fail(
    pool: &PgPool,
    runner: Uuid,
    job: &Claimed,
    reason: &str,
    retry: Option<Duration>,
) -> Result<bool, sqlx::Error> {
    // PostgreSQL's text takes no NUL.
    let reason: String = reason.chars().filter(|c| *c != '\0').take(MAX_REASON).collect();
    let put_off = sqlx::query(
        "UPDATE jobs
            SET state = CASE WHEN $4::float8 IS NULL THEN 'dead' ELSE 'pending' END,
                run_after = now() + interval '1 second' * (coalesce($4, 0) * (0.8 + 0.4 * random())),
                last_error = $5, locked_by = NULL, locked_until = NULL
          WHERE id = $1 AND locked_by = $2 AND attempt = $3 AND state = 'running'",
    )
    .bind(job.id)
    .bind(runner)
    .bind(job.attempt)
    .bind(retry.map(|delay| delay.as_secs_f64()))
    .bind(reason)
    .execute(pool)
    .await?;
    Ok(put_off.rows_affected() == 1)
}

/// Returns the delay after a try, before the ±20 % that the database adds.
pub(crate) fn delay_after(attempt: i32) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or_default().min(16);
    (FIRST_DELAY * 2_u32.pow(doublings)).min(LONGEST_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_ten_minutes() {
        let seconds: Vec<u64> = [1, 2, 3, 10, 11, i32::MAX].map(|n| delay_after(n).as_secs()).to_vec();
        assert_eq!(seconds, [1, 2, 4, 512, 600, 600]);
    }

    #[test]
    fn the_last_attempt_is_told_at_the_limit_and_not_before() {
        let job = |attempt| Job {
            id: Uuid::nil(),
            organization_id: Uuid::nil().into(),
            payload: Value::Null,
            attempt,
            max_attempts: 3,
            create_time: DateTime::UNIX_EPOCH,
        };
        assert!(!job(2).is_last_attempt());
        assert!(job(3).is_last_attempt());
    }
}
