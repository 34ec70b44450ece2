//! Organisations as other services may keep them.

use messaging::outbox::{self, NewEvent};
use sharedspaces_proto::identity::events::v1::OrganizationCreated;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Organization;

/// Appends `identity.organization.created.v1`.
pub(super) async fn append_created(
    tx: &mut PgConnection,
    event_id: Uuid,
    organization: &Organization,
) -> Result<(), sqlx::Error> {
    let event = OrganizationCreated { organization: Some(organization.clone().into()) };
    let new = NewEvent {
        event_id,
        organization_id: organization.organization_id,
        aggregate_id: organization.organization_id.uuid(),
        aggregate_version: 1,
        event: &event,
    };
    outbox::append(tx, new).await
}
