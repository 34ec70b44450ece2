//! Lets requests for access lapse that nobody answered within thirty days, and deletes counters whose window has ended.
//!
//! Owns when: at the start and every minute; the time is the database's. Each request goes in a transaction of its own,
//! and several processes may do it at once. Must not touch one that was answered or renewed meanwhile.

use std::time::Duration;

use service_kit::Worker;
use service_kit::budget;
use service_kit::db::Database;
use service_kit::error::{CommonError, chain};

use crate::access_request::repo;

const EVERY: Duration = Duration::from_secs(60);

pub(crate) fn worker(database: Database) -> Worker {
    Worker::new("lapse-access-requests", move |stop| {
        let database = database.clone();
        Box::pin(async move {
            loop {
                match lapse_all(&database).await {
                    Ok(0) => {}
                    Ok(count) => tracing::info!(request.count = count, "requests for access lapsed"),
                    Err(error) => {
                        tracing::warn!(error.chain = %chain(&error), "requests for access could not lapse");
                    }
                }
                if let Err(error) = delete_counters(&database).await {
                    tracing::warn!(error.chain = %chain(&error), "counters could not be deleted");
                }
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = tokio::time::sleep(EVERY) => {}
                }
            }
        })
    })
}

/// Deletes all counters whose window has ended, so that they do not grow faster than they go.
pub(crate) async fn delete_counters(database: &Database) -> Result<(), CommonError> {
    while budget::delete_ended(database).await? > 0 {}
    Ok(())
}

/// Lets all lapse that are due; returns how many this process did.
pub(crate) async fn lapse_all(database: &Database) -> Result<u64, CommonError> {
    let mut lapsed = 0;
    loop {
        let before = lapsed;
        for (organization_id, access_request_id) in repo::list_due(database).await? {
            let done: Result<bool, CommonError> = database
                .transaction(organization_id, move |tx| {
                    Box::pin(async move { Ok(repo::lapse(tx, organization_id, access_request_id).await?) })
                })
                .await;
            match done {
                Ok(done) => lapsed += u64::from(done),
                // One that fails keeps none of the others.
                Err(error) => {
                    tracing::warn!(error.chain = %chain(&error), "a request for access could not lapse");
                }
            }
        }
        // What is left was taken by another process, or fails: it is left to the next round.
        if lapsed == before {
            return Ok(lapsed);
        }
    }
}
