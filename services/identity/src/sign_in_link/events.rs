//! That somebody asked for a mail, as notifications may know it.

use chrono::{DateTime, Utc};
use messaging::outbox::{self, NewEvent};
use service_kit::clock::timestamp;
use sharedspaces_proto::identity::events::v1::SignInLinkRequested;
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::LinkKey;

/// Appends `identity.sign_in_link.requested.v1`, whether the address is known or not.
pub(super) async fn append_requested(
    tx: &mut PgConnection,
    event_id: Uuid,
    (key, expire_time): (LinkKey, DateTime<Utc>),
) -> Result<(), sqlx::Error> {
    let event = SignInLinkRequested {
        organization_id: key.organization_id.to_string(),
        sign_in_link_id: key.sign_in_link_id.to_string(),
        expire_time: Some(timestamp(expire_time)),
    };
    let new = NewEvent {
        event_id,
        organization_id: key.organization_id,
        aggregate_id: key.sign_in_link_id.uuid(),
        aggregate_version: 1,
        event: &event,
    };
    outbox::append(tx, new).await
}
