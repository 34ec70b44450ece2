//! Notices and consents as other services may keep them.

use messaging::outbox::{self, NewEvent};
use service_kit::ids::OrganizationId;
use sharedspaces_proto::identity::events::v1::{ConsentChanged, PrivacyNoticePublished};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Notice;
use crate::person::{self, Person};

/// Appends `identity.privacy_notice.published.v1`.
pub(super) async fn append_published(
    tx: &mut PgConnection,
    event_id: Uuid,
    (organization_id, notice): (OrganizationId, &Notice),
    required_version: i32,
) -> Result<(), sqlx::Error> {
    let event = PrivacyNoticePublished {
        organization_id: organization_id.to_string(),
        version: notice.version,
        required_version,
    };
    let new = NewEvent {
        event_id,
        organization_id,
        // Not the organisation, whose own versions count changes of its settings.
        aggregate_id: notice.privacy_notice_id,
        aggregate_version: i64::from(notice.version),
        event: &event,
    };
    outbox::append(tx, new).await
}

/// Appends `identity.consent.changed.v1`, an event of the guest.
pub(super) async fn append_changed(
    tx: &mut PgConnection,
    event_id: Uuid,
    guest: &Person,
) -> Result<(), sqlx::Error> {
    let event =
        ConsentChanged { organization_id: guest.organization_id.to_string(), person: Some(guest.into()) };
    outbox::append(tx, person::new_event(event_id, guest, &event)).await
}
