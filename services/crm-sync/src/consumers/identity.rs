//! Events of identity: crm-sync keeps the plan of each organisation.

use anyhow::anyhow;
use messaging::jobs::JobError;
use messaging::{Messaging, Received};
use sharedspaces_proto::identity::events::v1::{OrganizationCreated, OrganizationUpdated};
use sharedspaces_proto::identity::v1 as identity_pb;
use sqlx::PgConnection;

use crate::organization::{self, Plan};

/// Subscribes to identity's events.
pub(crate) fn subscribe(messaging: Messaging) -> Messaging {
    messaging
        .on(|tx, received: Received<OrganizationCreated>| Box::pin(organization_created(tx, received)))
        .on(|tx, received: Received<OrganizationUpdated>| Box::pin(organization_updated(tx, received)))
}

/// Keeps a new organisation's plan.
pub(crate) async fn organization_created(
    tx: &mut PgConnection,
    received: Received<OrganizationCreated>,
) -> Result<(), JobError> {
    keep(tx, &received, received.event.organization.as_ref()).await
}

/// Keeps the plan after a change, unless a later one is known: an event that failed at first may come after its
/// successor.
pub(crate) async fn organization_updated(
    tx: &mut PgConnection,
    received: Received<OrganizationUpdated>,
) -> Result<(), JobError> {
    keep(tx, &received, received.event.organization.as_ref()).await
}

async fn keep<E>(
    tx: &mut PgConnection,
    received: &Received<E>,
    organization: Option<&identity_pb::Organization>,
) -> Result<(), JobError> {
    let organization = organization.ok_or_else(|| JobError::dead(anyhow!("no organisation")))?;
    let plan = Plan::of_event(organization.plan()).ok_or_else(|| JobError::dead(anyhow!("no plan")))?;
    organization::repo::keep(tx, received.organization_id, plan, received.aggregate_version).await?;
    Ok(())
}
