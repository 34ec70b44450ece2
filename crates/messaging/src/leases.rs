//! What this process holds of the table `jobs`.
//!
//! Owns the leases of the jobs that run here: it renews them over a connection of its own, so that a full pool ends
//! none, and it stops what has lost its lease, so that two processes do not run one job for long. Must not claim a job
//! or end one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use service_kit::db::Database;
use sqlx::{ConnectOptions, PgConnection};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::jobs::{self, Claimed};

const RENEW_EVERY: Duration = Duration::from_secs(5);
const RENEW_AGAIN_AFTER: Duration = Duration::from_secs(1);
const RENEW_WITHIN: Duration = Duration::from_secs(4);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a lease counts here that was asked for; shorter than the 15 s of the database, so that a process that is
/// cut off from it stops its jobs before another takes them up.
const HOLD_FOR: Duration = Duration::from_secs(14);

/// The leases of one runner.
#[derive(Debug)]
pub(crate) struct Leases {
    runner: Uuid,
    held: Mutex<Book>,
}

/// All that is held, by a number of this process's: a job's id may come back while an earlier try still ends.
#[derive(Debug, Default)]
struct Book {
    last: u64,
    leases: BTreeMap<u64, Lease>,
}

#[derive(Clone, Debug)]
struct Lease {
    job: Uuid,
    attempt: i32,
    until: Instant,
    lost: CancellationToken,
}

/// Keeps a job's lease until it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    leases: Arc<Leases>,
    number: u64,
    lost: CancellationToken,
}

impl Held {
    /// Returns when the lease was lost, and with it the right to go on.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.leases.book().leases.remove(&self.number);
    }
}

impl Leases {
    /// Returns the leases of the runner that is known by `runner`; none yet.
    pub(crate) fn new(runner: Uuid) -> Arc<Self> {
        Arc::new(Self { runner, held: Mutex::default() })
    }

    /// Holds the lease of a job that was claimed not before `asked`. An earlier try that still runs here has lost its
    /// own: otherwise nobody could have claimed this one.
    pub(crate) fn hold(self: &Arc<Self>, job: &Claimed, asked: Instant) -> Held {
        let lost = CancellationToken::new();
        let mut book = self.book();
        for earlier in book.leases.values().filter(|lease| lease.job == job.id) {
            earlier.lost.cancel();
        }
        book.last += 1;
        let number = book.last;
        let lease = Lease { job: job.id, attempt: job.attempt, until: asked + HOLD_FOR, lost: lost.clone() };
        book.leases.insert(number, lease);
        drop(book);
        Held { leases: Arc::clone(self), number, lost }
    }

    /// Renews all leases, stops what has lost its own, and buries what no runner will take up again. Never ends.
    pub(crate) async fn keep(&self, database: &Database) {
        tokio::join!(self.renew_all(database), self.stop_late());
    }

    async fn renew_all(&self, database: &Database) {
        let mut connection = None;
        let mut pause = RENEW_EVERY;
        loop {
            tokio::time::sleep(pause).await;
            let renew = self.renew(database, &mut connection);
            pause = RENEW_EVERY;
            match timeout(RENEW_WITHIN, renew).await.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
                Ok(0) => {}
                Ok(buried) => tracing::error!(jobs.count = buried, "jobs died with their processes"),
                Err(error) => {
                    tracing::warn!(error.chain = %service_kit::error::chain(&error), "leases were not kept");
                    // Its state is unknown, and it may be gone without a word.
                    connection = None;
                    pause = RENEW_AGAIN_AFTER;
                }
            }
        }
    }

    async fn renew(
        &self,
        database: &Database,
        connection: &mut Option<PgConnection>,
    ) -> Result<u64, sqlx::Error> {
        let connection = match connection {
            Some(connection) => connection,
            None => connection.insert(database.pool().connect_options().connect().await?),
        };
        let asked = Instant::now();
        let leases = self.current();
        let tries: Vec<(Uuid, i32)> = leases.values().map(|lease| (lease.job, lease.attempt)).collect();
        if !tries.is_empty() {
            let renewals = jobs::renew_leases(connection, self.runner, &tries).await?;
            for (number, lease) in &leases {
                match renewals.iter().find(|found| (found.id, found.attempt) == (lease.job, lease.attempt)) {
                    Some(found) if found.is_renewed => self.extend(*number, asked + HOLD_FOR),
                    // Somebody has the row in hand: the next round sees what became of it.
                    Some(_) => {}
                    None => lease.lost.cancel(),
                }
            }
        }
        let running: Vec<Uuid> = self.book().leases.values().map(|lease| lease.job).collect();
        jobs::bury_lost(connection, &running).await
    }

    /// Stops what holds a lease that nobody could renew in time. Never ends.
    async fn stop_late(&self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = Instant::now();
            for late in self.current().values().filter(|lease| lease.until <= now) {
                late.lost.cancel();
            }
        }
    }

    /// Returns what is held and not known to be lost.
    fn current(&self) -> BTreeMap<u64, Lease> {
        let mut leases = self.book().leases.clone();
        leases.retain(|_, lease| !lease.lost.is_cancelled());
        leases
    }

    fn extend(&self, number: u64, until: Instant) {
        if let Some(lease) = self.book().leases.get_mut(&number) {
            lease.until = until;
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn claimed(id: Uuid, attempt: i32) -> Claimed {
        Claimed {
            id,
            name: String::new(),
            organization_id: Uuid::nil().into(),
            payload: serde_json::Value::Null,
            event: None,
            traceparent: None,
            attempt,
            max_attempts: 9,
            create_time: DateTime::UNIX_EPOCH,
        }
    }

    #[tokio::test]
    async fn a_lease_that_was_not_renewed_in_time_is_lost_and_not_before() {
        let leases = Leases::new(Uuid::nil());
        let now = Instant::now();
        let late = leases.hold(&claimed(Uuid::from_u128(1), 1), now - HOLD_FOR);
        let fresh = leases.hold(&claimed(Uuid::from_u128(2), 1), now);
        tokio::select! {
            () = leases.stop_late() => {}
            () = late.lost() => {}
        }
        assert!(!fresh.lost.is_cancelled());
    }

    #[test]
    fn a_later_try_ends_an_earlier_one_of_its_job_alone() {
        let leases = Leases::new(Uuid::nil());
        let now = Instant::now();
        let earlier = leases.hold(&claimed(Uuid::from_u128(1), 1), now);
        let other = leases.hold(&claimed(Uuid::from_u128(2), 1), now);
        // A job that was set to run again starts from its first try: the same id and number.
        let later = leases.hold(&claimed(Uuid::from_u128(1), 1), now);
        assert!(earlier.lost.is_cancelled());
        assert!(!other.lost.is_cancelled() && !later.lost.is_cancelled());
        drop(earlier);
        assert_eq!(leases.current().len(), 2);
    }
}
