//! Makes the previews of a file.
//!
//! Owns nothing but the way from the job to the use case.

use messaging::Messaging;
use messaging::jobs::{Job, JobError};

use super::asset_of;
use crate::asset::{Assets, MAKE_PREVIEWS};

/// Registers the job.
pub(crate) fn register(messaging: Messaging, assets: Assets) -> Messaging {
    messaging.job(MAKE_PREVIEWS, move |job| Box::pin(run(assets.clone(), job)))
}

pub(crate) async fn run(assets: Assets, job: Job) -> Result<(), JobError> {
    let asset_id = asset_of(&job)?;
    Ok(assets.make_previews(job.organization_id, asset_id).await?)
}
