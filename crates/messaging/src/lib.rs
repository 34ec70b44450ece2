//! Outbox, relay, inbox, consumers and jobs: how a committed change reaches other services exactly once in effect.
//!
//! The way: [`outbox::append`] in the writer's transaction → the relay publishes with confirms → a consumer writes
//! inbox and job row in one transaction and acknowledges → the runner applies the event in one transaction with the
//! end of its job. Owns the tables `outbox`, `inbox` and `jobs`, and the broker's topology; it is the only crate that
//! knows AMQP. Must not know what any event means.

mod connection;
mod consumer;
mod dead_jobs;
mod events;
mod failpoint;
mod figures;
mod inbox;
pub mod jobs;
mod leases;
mod messaging;
mod metrics;
pub mod outbox;
mod parked;
mod relay;
mod runner;
pub mod topology;
mod wake;

use sqlx::PgPool;

pub use dead_jobs::{DeadJobError, DeadJobs};
pub use events::Event;
pub use failpoint::{FAILPOINTS, arm_failpoints, failpoint};
pub use messaging::{Messaging, Received};

/// The schema of this crate. Its tables are infrastructure, exempt from row-level security.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// What a service still has to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Backlog {
    /// Events not yet published.
    pub outbox: i64,
    /// Jobs that wait, run, or wait to run again.
    pub jobs_pending: i64,
    /// Jobs that have failed for good.
    pub jobs_dead: i64,
}

impl Backlog {
    /// Tells whether nothing is under way. Dead jobs wait for a person, not for time.
    pub fn is_quiet(&self) -> bool {
        self.outbox == 0 && self.jobs_pending == 0
    }
}

/// Counts what the service whose database this is still has to do.
pub async fn backlog(pool: &PgPool) -> Result<Backlog, sqlx::Error> {
    let (outbox, jobs_pending, jobs_dead) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM outbox WHERE publish_time IS NULL),
                (SELECT count(*) FROM jobs WHERE state <> 'dead'),
                (SELECT count(*) FROM jobs WHERE state = 'dead')",
    )
    .fetch_one(pool)
    .await?;
    Ok(Backlog { outbox, jobs_pending, jobs_dead })
}
