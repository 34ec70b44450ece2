//! The job that plans a mail to the owner of a space whose guest has brought somebody in.
//!
//! Owns finding out whether the inviter is a guest, which the event does not say and identity does. Must not send: it
//! plans, and planning the same again changes nothing.

use anyhow::Context;
use chrono::{DateTime, Utc};
use messaging::Messaging;
use messaging::jobs::{self, Job, JobError, NewJob};
use serde::{Deserialize, Serialize};
use service_kit::error::CommonError;
use service_kit::ids::{OrganizationId, UserId};
use sharedspaces_proto::identity::v1::PersonKind;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::delivery::{Deliveries, DeliveryId, Mail, NewDelivery, Setback, Space};
use crate::directory::{Directory, name_of};

/// The name of the job.
const TELL_OWNER: &str = "tell_owner";
/// For about two hours.
const MAX_ATTEMPTS: i32 = 20;

/// Somebody came in whom somebody else than the owner had invited.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Accepted {
    /// The event that told it.
    pub(crate) event_id: Uuid,
    /// When that happened.
    pub(crate) event_time: DateTime<Utc>,
    /// Where to.
    pub(crate) space: Space,
    /// Whom it belongs to.
    pub(crate) owner_user_id: UserId,
    /// Who had invited.
    pub(crate) inviter_user_id: UserId,
    /// Who came in.
    pub(crate) person: String,
}

/// Enqueues the job, in the transaction that applies the event.
pub(crate) async fn enqueue(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    accepted: &Accepted,
) -> Result<(), CommonError> {
    let payload = serde_json::to_value(accepted).map_err(|error| CommonError::Unexpected(error.into()))?;
    let job = NewJob {
        id: Uuid::new_v5(&accepted.event_id, TELL_OWNER.as_bytes()),
        name: TELL_OWNER,
        organization_id,
        queue_key: None,
        payload,
        max_attempts: MAX_ATTEMPTS,
    };
    Ok(jobs::enqueue(tx, job).await?)
}

/// Lets the job runner tell owners.
pub(crate) fn register(messaging: Messaging, deliveries: Deliveries, directory: Directory) -> Messaging {
    messaging.job(TELL_OWNER, move |job| {
        let (deliveries, directory) = (deliveries.clone(), directory.clone());
        Box::pin(async move { run(&deliveries, &directory, job).await })
    })
}

/// Plans the mail where the inviter is a guest (R8.6); members need nobody to know.
pub(crate) async fn run(deliveries: &Deliveries, directory: &Directory, job: Job) -> Result<(), JobError> {
    let accepted: Accepted = serde_json::from_value(job.payload)
        .context("the job has no acceptance")
        .map_err(|source| JobError::Dead { source })?;
    let inviter = directory.person(job.organization_id, accepted.inviter_user_id).await.map_err(job_error)?;
    if inviter.kind() != PersonKind::Guest {
        return Ok(());
    }
    let new = NewDelivery {
        delivery_id: DeliveryId::of(accepted.event_id, accepted.owner_user_id),
        organization_id: job.organization_id,
        event_time: accepted.event_time,
        recipient_user_id: Some(accepted.owner_user_id),
        due_time: None,
        mail: Mail::InvitationAccepted {
            space: accepted.space,
            person: accepted.person,
            inviter: Some(name_of(&inviter)),
        },
    };
    Ok(deliveries.plan(new).await?)
}

fn job_error(setback: Setback) -> JobError {
    if setback.is_permanent { JobError::dead(setback) } else { JobError::retry(setback) }
}
