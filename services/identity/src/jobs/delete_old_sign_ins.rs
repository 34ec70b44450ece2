//! Deletes what is left of sign-ins when nobody needs it any more.
//!
//! Owns when: at the start and every ten minutes, sessions a month after their end, counters of failures a day after the
//! last one, links in mails a day after they expired, budgets whose window has ended, and devices not used for half a
//! year. A round that fails is logged and left to the next. Several processes may do it at once. Must not delete
//! evidence: consents and notices stay.

use std::time::Duration;

use service_kit::Worker;
use service_kit::db::Database;
use service_kit::error::chain;

use crate::{budget, session, sign_in_link};

const EVERY: Duration = Duration::from_secs(600);
/// What one call deletes at most; fewer means that no more are left.
const BATCH: u64 = 1_000;

pub(crate) fn worker(database: Database) -> Worker {
    Worker::new("delete-old-sign-ins", move |stop| {
        let database = database.clone();
        Box::pin(async move {
            loop {
                match delete_all(&database).await {
                    Ok(0) => {}
                    Ok(count) => tracing::info!(row.count = count, "old rows of sign-ins deleted"),
                    Err(error) => {
                        tracing::warn!(error.chain = %chain(&error), "old rows of sign-ins could not be deleted");
                    }
                }
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = tokio::time::sleep(EVERY) => {}
                }
            }
        })
    })
}

/// Deletes all of it, a batch at a time; returns how many rows.
pub(crate) async fn delete_all(database: &Database) -> Result<u64, sqlx::Error> {
    let mut deleted = 0;
    loop {
        let counts = [
            session::delete_stale_attempts(database).await?,
            session::delete_ended_sessions(database).await?,
            session::delete_forgotten_devices(database).await?,
            sign_in_link::delete_stale_sign_in_links(database).await?,
            budget::delete_ended(database).await?,
        ];
        deleted += counts.iter().sum::<u64>();
        if counts.iter().all(|count| *count < BATCH) {
            return Ok(deleted);
        }
    }
}
