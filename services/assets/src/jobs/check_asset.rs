//! Checks a file that has arrived.
//!
//! Owns nothing but the way from the job to the use case.

use messaging::Messaging;
use messaging::jobs::{Job, JobError};

use super::asset_of;
use crate::asset::{Assets, CHECK_ASSET};

/// Registers the job.
pub(crate) fn register(messaging: Messaging, assets: Assets) -> Messaging {
    messaging.job(CHECK_ASSET, move |job| Box::pin(run(assets.clone(), job)))
}

pub(crate) async fn run(assets: Assets, job: Job) -> Result<(), JobError> {
    let asset_id = asset_of(&job)?;
    Ok(assets.check(job.organization_id, asset_id).await?)
}
