//! Deletes uploads that never became ready.
//!
//! Owns when: at the start and every five minutes. A round that fails is logged and left to the next. Several
//! processes may do it at once.

use std::time::Duration;

use service_kit::Worker;
use service_kit::error::chain;

use crate::logo::Logos;

const EVERY: Duration = Duration::from_secs(300);

pub(crate) fn worker(logos: Logos) -> Worker {
    Worker::new("delete-abandoned-uploads", move |stop| {
        let logos = logos.clone();
        Box::pin(async move {
            loop {
                match logos.delete_abandoned().await {
                    Ok(0) => {}
                    Ok(count) => tracing::info!(logo.count = count, "abandoned uploads deleted"),
                    Err(error) => {
                        tracing::warn!(error.chain = %chain(&error), "abandoned uploads could not be deleted");
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
