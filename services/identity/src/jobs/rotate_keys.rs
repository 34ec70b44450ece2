//! Replaces the signing key from time to time.
//!
//! Owns when it is looked whether the next one is due: at the start and every ten minutes. Several processes may look at
//! once; one of them makes the key. Must not decide how keys follow each other.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use service_kit::Worker;

use crate::keys::SigningKeys;

const EVERY: Duration = Duration::from_secs(600);

pub(crate) fn worker(keys: Arc<SigningKeys>, age: TimeDelta) -> Worker {
    Worker::new("rotate-keys", move |stop| {
        let keys = Arc::clone(&keys);
        Box::pin(async move {
            loop {
                if let Err(error) = keys.rotate_if_due(age).await {
                    tracing::warn!(error.chain = %format!("{error:#}"), "the signing key could not be replaced");
                }
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = tokio::time::sleep(EVERY) => {}
                }
            }
        })
    })
}
