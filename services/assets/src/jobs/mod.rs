//! What assets does without being asked; one file per job.
//!
//! Owns repeating: a round that fails is logged and left to the next. Several processes may do the same at once.

pub(crate) mod check_asset;
pub(crate) mod collect_assets;
pub(crate) mod collect_logos;
pub(crate) mod count_uploads;
pub(crate) mod make_previews;
pub(crate) mod render_logos;

use std::error::Error;
use std::time::Duration;

use messaging::jobs::{Job, JobError};
use serde::Deserialize;
use service_kit::Worker;
use service_kit::error::chain;

use crate::asset::AssetId;

/// Returns a worker that does a round at the start and after each pause. A round returns how many things it
/// dealt with.
fn repeated<F, E>(
    name: &'static str,
    pause: Duration,
    round: impl Fn() -> F + Clone + Send + Sync + 'static,
) -> Worker
where
    F: Future<Output = Result<usize, E>> + Send + 'static,
    E: Error + Send + 'static,
{
    Worker::new(name, move |stop| {
        let round = round.clone();
        Box::pin(async move {
            loop {
                match round().await {
                    Ok(0) => {}
                    Ok(count) => tracing::info!(worker.name = name, round.count = count, "round done"),
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

/// What a job on a file is told.
#[derive(Deserialize)]
struct AboutAsset {
    asset_id: AssetId,
}

/// Reads which file a job is about. Errors: trying again cannot help.
fn asset_of(job: &Job) -> Result<AssetId, JobError> {
    let about = AboutAsset::deserialize(&job.payload).map_err(JobError::dead)?;
    Ok(about.asset_id)
}
