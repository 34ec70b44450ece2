//! Deletes notices that are older than 90 days.
//!
//! Owns when: at the start and every ten minutes. Several processes may do it at once.

use std::time::Duration;

use service_kit::Worker;
use service_kit::error::chain;

use crate::notice::Notices;

const EVERY: Duration = Duration::from_secs(600);

pub(crate) fn worker(notices: Notices) -> Worker {
    Worker::new("delete-old-notices", move |stop| {
        let notices = notices.clone();
        Box::pin(async move {
            loop {
                match notices.delete_old().await {
                    Ok(0) => {}
                    Ok(count) => tracing::info!(round.count = count, "old notices deleted"),
                    Err(error) => {
                        tracing::warn!(error.chain = %chain(&error), "old notices could not be deleted");
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
