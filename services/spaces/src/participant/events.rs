//! Participants as the other services are told of them.

use messaging::outbox::{self, NewEvent};
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::spaces::events::v1 as events;
use sharedspaces_proto::spaces::v1 as pb;
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::Kind;
use super::repo::Standing;
use crate::space::SpaceView;
use crate::space::events::snapshot;

pub(super) fn invited(
    view: &SpaceView,
    invitation_id: Uuid,
    person: &identity::Person,
    kind: Kind,
    inviter: &identity::Person,
    note: &str,
) -> events::ParticipantInvited {
    events::ParticipantInvited {
        space: Some(snapshot(&view.space, &view.url)),
        invitation_id: invitation_id.to_string(),
        person: Some(person.clone()),
        kind: pb::ParticipantKind::from(kind).into(),
        inviter: Some(inviter.clone()),
        personal_note: note.to_owned(),
    }
}

pub(super) async fn append_invited(
    tx: &mut PgConnection,
    event_id: Uuid,
    view: &SpaceView,
    invitation_id: Uuid,
    event: &events::ParticipantInvited,
) -> Result<(), sqlx::Error> {
    let organization_id = view.space.organization_id;
    // The invitation is the aggregate: its events keep their order, and those of other invitations do not wait.
    let new =
        NewEvent { event_id, organization_id, aggregate_id: invitation_id, aggregate_version: 1, event };
    outbox::append(tx, new).await
}

pub(super) async fn joined(
    tx: &mut PgConnection,
    event_id: Uuid,
    view: &SpaceView,
    invitation_id: Uuid,
    joined: &Standing,
    person: identity::Person,
) -> Result<(), sqlx::Error> {
    let event = events::ParticipantJoined {
        space: Some(snapshot(&view.space, &view.url)),
        invitation_id: invitation_id.to_string(),
        person: Some(person),
        inviter_user_id: joined.inviter_user_id.to_string(),
        audience: Vec::new(),
        internal_audience: Vec::new(),
    };
    tracing::info!(space.id = %joined.space_id, "participant joined");
    let new = NewEvent {
        event_id,
        organization_id: view.space.organization_id,
        aggregate_id: invitation_id,
        aggregate_version: 2,
        event: &event,
    };
    outbox::append(tx, new).await
}
