//! Deleting what nobody needs any more.
//!
//! Owns the worker that deletes sessions a month after their end, and counters of failed sign-ins a day after the last
//! one. Must not delete evidence: consents and notices stay.

use std::time::Duration;

use service_kit::Worker;
use service_kit::db::Database;

use crate::session;

const SWEEP_EVERY: Duration = Duration::from_secs(600);
const BATCH: u64 = 1_000;

/// Returns the worker.
pub(crate) fn worker(database: Database) -> Worker {
    Worker::new("sweep", move |stop| {
        let database = database.clone();
        Box::pin(async move {
            loop {
                while session::delete_stale_attempts(&database).await? == BATCH {}
                while session::delete_ended_sessions(&database).await? == BATCH {}
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = tokio::time::sleep(SWEEP_EVERY) => {}
                }
            }
        })
    })
}
