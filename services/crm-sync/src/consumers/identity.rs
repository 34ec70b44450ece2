//! Events of identity: crm-sync keeps the plan of each organisation.

use anyhow::anyhow;
use messaging::jobs::JobError;
use messaging::{Messaging, Received};
use sharedspaces_proto::identity::events::v1::OrganizationCreated;
use sqlx::PgConnection;

use crate::organization::{self, Plan};

/// Subscribes to identity's events.
pub(crate) fn subscribe(messaging: Messaging) -> Messaging {
    messaging.on(|tx, received: Received<OrganizationCreated>| Box::pin(organization_created(tx, received)))
}

/// Keeps a new organisation's plan.
pub(crate) async fn organization_created(
    tx: &mut PgConnection,
    received: Received<OrganizationCreated>,
) -> Result<(), JobError> {
    let organization =
        received.event.organization.ok_or_else(|| JobError::dead(anyhow!("no organisation")))?;
    let plan = Plan::of_event(organization.plan()).ok_or_else(|| JobError::dead(anyhow!("no plan")))?;
    organization::repo::keep(tx, received.organization_id, plan).await?;
    Ok(())
}
