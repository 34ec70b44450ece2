//! People as other services may keep them.

use messaging::outbox::{self, NewEvent};
use sharedspaces_proto::identity::events::v1::{GuestCreated, MemberCreated, PersonUpdated};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Person, PersonKind};

/// Appends `identity.member.created.v1` or `identity.guest.created.v1`.
pub(super) async fn append_created(
    tx: &mut PgConnection,
    event_id: Uuid,
    person: &Person,
) -> Result<(), sqlx::Error> {
    let organization_id = person.organization_id.to_string();
    let snapshot = Some(person.into());
    match person.kind {
        PersonKind::Member => {
            let event = MemberCreated { organization_id, person: snapshot };
            outbox::append(tx, new_event(event_id, person, &event)).await
        }
        PersonKind::Guest => {
            let event = GuestCreated { organization_id, person: snapshot };
            outbox::append(tx, new_event(event_id, person, &event)).await
        }
    }
}

/// Appends `identity.person.updated.v1`.
pub(crate) async fn append_updated(
    tx: &mut PgConnection,
    event_id: Uuid,
    person: &Person,
) -> Result<(), sqlx::Error> {
    let organization_id = person.organization_id.to_string();
    let event = PersonUpdated { organization_id, person: Some(person.into()) };
    outbox::append(tx, new_event(event_id, person, &event)).await
}

/// Returns an event about a person, in the state the person has now.
pub(crate) fn new_event<'a, E>(event_id: Uuid, person: &Person, event: &'a E) -> NewEvent<'a, E>
where
    E: messaging::Event,
{
    NewEvent {
        event_id,
        organization_id: person.organization_id,
        aggregate_id: person.user_id.uuid(),
        aggregate_version: person.version,
        event,
    }
}
