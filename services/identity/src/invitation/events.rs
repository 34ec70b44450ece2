//! Accepted invitations as other services may keep them.

use chrono::{DateTime, Utc};
use messaging::outbox;
use service_kit::clock::timestamp;
use sharedspaces_proto::identity::events::v1::InvitationAccepted;
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::StoredLink;
use crate::person::{self, Person};

/// Appends `identity.invitation.accepted.v1`, an event of the guest: it follows the guest's creation.
pub(super) async fn append_accepted(
    tx: &mut PgConnection,
    event_id: Uuid,
    link: &StoredLink,
    (guest, accept_time): (&Person, DateTime<Utc>),
) -> Result<(), sqlx::Error> {
    let event = InvitationAccepted {
        organization_id: guest.organization_id.to_string(),
        invitation_id: link.invitation_id.to_string(),
        space_id: link.space_id.to_string(),
        person: Some(guest.into()),
        accept_time: Some(timestamp(accept_time)),
    };
    outbox::append(tx, person::new_event(event_id, guest, &event)).await
}
