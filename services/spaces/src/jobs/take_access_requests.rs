//! Looks at what people ask who have a link.
//!
//! Owns nothing but the way from the job to the use case.

use messaging::Messaging;
use messaging::jobs::{Job, JobError};

use crate::access_request::{AccessRequests, Asked, TAKE_ACCESS_REQUEST};

/// Registers the job.
pub(crate) fn register(messaging: Messaging, access_requests: &AccessRequests) -> Messaging {
    let access_requests = access_requests.clone();
    messaging.job(TAKE_ACCESS_REQUEST, move |job| Box::pin(run(access_requests.clone(), job)))
}

pub(crate) async fn run(access_requests: AccessRequests, job: Job) -> Result<(), JobError> {
    let asked: Asked = serde_json::from_value(job.payload).map_err(JobError::dead)?;
    access_requests.take(job.organization_id, asked).await
}
