//! Organisations as other services may keep them.

use messaging::outbox::{self, NewEvent};
use sharedspaces_proto::identity::events::v1::{OrganizationCreated, OrganizationUpdated};
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
    outbox::append(tx, new_event(event_id, organization, &event)).await
}

/// Appends `identity.organization.updated.v1`.
pub(super) async fn append_updated(
    tx: &mut PgConnection,
    event_id: Uuid,
    organization: &Organization,
) -> Result<(), sqlx::Error> {
    let event = OrganizationUpdated { organization: Some(organization.clone().into()) };
    outbox::append(tx, new_event(event_id, organization, &event)).await
}

fn new_event<'a, E>(event_id: Uuid, organization: &Organization, event: &'a E) -> NewEvent<'a, E>
where
    E: messaging::Event,
{
    NewEvent {
        event_id,
        organization_id: organization.organization_id,
        aggregate_id: organization.organization_id.uuid(),
        aggregate_version: organization.version,
        event,
    }
}
