//! What assets does without being asked; one file per job.
//!
//! Owns repeating: a round that fails is logged and left to the next. Several processes may do the same at once.

pub(crate) mod collect_logos;
pub(crate) mod render_logos;

use std::time::Duration;

use service_kit::Worker;
use service_kit::error::chain;

use crate::logo::LogoError;

/// Returns a worker that does a round at the start and after each pause. A round returns how many logos it dealt with.
fn repeated<F>(
    name: &'static str,
    pause: Duration,
    round: impl Fn() -> F + Clone + Send + Sync + 'static,
) -> Worker
where
    F: Future<Output = Result<usize, LogoError>> + Send + 'static,
{
    Worker::new(name, move |stop| {
        let round = round.clone();
        Box::pin(async move {
            loop {
                match round().await {
                    Ok(0) => {}
                    Ok(count) => tracing::info!(worker.name = name, logo.count = count, "round done"),
                    Err(error) => {
                        tracing::warn!(worker.name = name, error.chain = %chain(&error), "round broken off");
                    }
                }
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = tokio::time::sleep(pause) => {}
                }
            }
        })
    })
}
