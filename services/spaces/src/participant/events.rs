//! Participants as the other services are told of them.
//!
//! The invitation is the aggregate: its events keep their order, and those of other invitations do not wait.

use messaging::Event;
use messaging::outbox::{self, NewEvent};
use service_kit::clock::timestamp;
use service_kit::ids::{Ids, OrganizationId};
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::spaces::events::v1 as events;
use sharedspaces_proto::spaces::v1 as pb;
use sqlx::PgConnection;
use uuid::Uuid;

use super::audience::{MuteableMail, audience, internal_audience};
use super::entity::{Kind, Participant};
use super::invitation::{Invitation, Log};
use super::repo::{self, Standing};
use crate::space::SpaceView;
use crate::space::events::snapshot;

const INVITED: i64 = 1;
const JOINED: i64 = 2;
const REMOVED: i64 = 3;

async fn append<E: Event>(
    tx: &mut PgConnection,
    ids: &Ids,
    organization_id: OrganizationId,
    (aggregate_id, aggregate_version): (Uuid, i64),
    event: &E,
) -> Result<(), sqlx::Error> {
    let event_id = ids.next();
    outbox::append(tx, NewEvent { event_id, organization_id, aggregate_id, aggregate_version, event }).await
}

/// Tells of one who was invited.
pub(super) async fn invited(
    tx: &mut PgConnection,
    ids: &Ids,
    organization_id: OrganizationId,
    invitation_id: Uuid,
    event: events::ParticipantInvited,
) -> Result<(), sqlx::Error> {
    let event = events::ParticipantInvited { invitation_id: invitation_id.to_string(), ..event };
    append(tx, ids, organization_id, (invitation_id, INVITED), &event).await
}

/// Tells of an acceptance: the inviter (R8.6), and everybody who wants to hear of new joiners.
pub(super) async fn joined(
    tx: &mut PgConnection,
    ids: &Ids,
    view: &SpaceView,
    invitation_id: Uuid,
    joined: &Standing,
    person: identity::Person,
) -> Result<(), sqlx::Error> {
    let organization_id = view.space.organization_id;
    // Who is told by the mail about the acceptance gets no other about the same.
    let mut without = vec![joined.user_id, joined.inviter_user_id];
    let inviter = repo::find_by_user(tx, organization_id, joined.space_id, joined.inviter_user_id).await?;
    if inviter.is_some_and(|inviter| inviter.kind == Kind::External) {
        without.push(view.space.owner_user_id);
    }
    let event = events::ParticipantJoined {
        space: Some(snapshot(tx, &view.space, &view.url).await?),
        invitation_id: invitation_id.to_string(),
        person: Some(person),
        inviter_user_id: joined.inviter_user_id.to_string(),
        audience: audience(tx, &view.space, MuteableMail::NewJoiners, &without).await?,
        internal_audience: internal_audience(tx, &view.space, &[joined.user_id]).await?,
    };
    tracing::info!(space.id = %joined.space_id, "participant joined");
    append(tx, ids, organization_id, (invitation_id, JOINED), &event).await
}

/// Tells that an invitation is sent once more.
pub(super) async fn reminded(
    tx: &mut PgConnection,
    ids: &Ids,
    view: &SpaceView,
    (invitation_id, reminder_id): (Uuid, Uuid),
    person: identity::Person,
    reminder: identity::Person,
) -> Result<(), sqlx::Error> {
    let event = events::ParticipantReminded {
        space: Some(snapshot(tx, &view.space, &view.url).await?),
        invitation_id: invitation_id.to_string(),
        reminder_id: reminder_id.to_string(),
        person: Some(person),
        reminder: Some(reminder),
    };
    append(tx, ids, view.space.organization_id, (reminder_id, INVITED), &event).await
}

/// Tells that somebody is out. `invitation_id` is what brought them in; an owner of before may have none.
pub(super) async fn removed(
    tx: &mut PgConnection,
    ids: &Ids,
    organization_id: OrganizationId,
    invitation_id: Option<Uuid>,
    participant: &Participant,
) -> Result<(), sqlx::Error> {
    let event = events::ParticipantRemoved {
        organization_id: organization_id.to_string(),
        space_id: participant.space_id.to_string(),
        user_id: participant.person.user_id.to_string(),
        state: pb::ParticipantState::from(participant.state).into(),
    };
    let aggregate_id = invitation_id.unwrap_or(participant.participant_id);
    append(tx, ids, organization_id, (aggregate_id, REMOVED), &event).await
}

/// Asks for a log of who was invited by one call, and returns its id.
pub(super) async fn sent(
    tx: &mut PgConnection,
    ids: &Ids,
    organization_id: OrganizationId,
    space: &events::SpaceSnapshot,
    (inviter, people): (&identity::Person, Vec<identity::Person>),
    (invitation, log): (&Invitation, &Log),
    event_time: chrono::DateTime<chrono::Utc>,
) -> Result<Uuid, sqlx::Error> {
    let call_id: Uuid = ids.next();
    let event = events::InvitationsSent {
        space: Some(space.clone()),
        call_id: call_id.to_string(),
        people,
        inviter: Some(inviter.clone()),
        personal_note: invitation.note.clone(),
        target: log.target.as_ref().map(pb::CrmTarget::from),
        event_time: Some(timestamp(event_time)),
    };
    append(tx, ids, organization_id, (call_id, INVITED), &event).await?;
    Ok(Uuid::new_v5(&call_id, b"invitation"))
}
