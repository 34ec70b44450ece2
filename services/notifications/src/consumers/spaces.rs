//! Events of spaces: who is invited, and who came in.
//!
//! Owns telling which mail an event asks for. Must not send: it only plans, in the transaction that applies the event.

use anyhow::{Context, anyhow};
use messaging::jobs::JobError;
use messaging::{Messaging, Received};
use service_kit::ids::{SpaceId, UserId};
use sharedspaces_proto::identity::v1::Person;
use sharedspaces_proto::spaces::events::v1::{ParticipantInvited, ParticipantJoined, SpaceSnapshot};
use sharedspaces_proto::spaces::v1::ParticipantKind;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::delivery::{self, Mail, NewDelivery, Space};

/// Listens to spaces.
pub fn subscribe(messaging: Messaging) -> Messaging {
    messaging
        .on(|tx, event: Received<ParticipantInvited>| Box::pin(participant_invited(tx, event)))
        .on(|tx, event: Received<ParticipantJoined>| Box::pin(participant_joined(tx, event)))
}

pub(crate) async fn participant_invited(
    tx: &mut PgConnection,
    received: Received<ParticipantInvited>,
) -> Result<(), JobError> {
    // What an event lacks, it lacks at every try.
    let new = invitation_mail(&received).map_err(|source| JobError::Dead { source })?;
    Ok(delivery::plan(tx, &new).await?)
}

pub(crate) async fn participant_joined(
    tx: &mut PgConnection,
    received: Received<ParticipantJoined>,
) -> Result<(), JobError> {
    let new = accepted_mail(&received).map_err(|source| JobError::Dead { source })?;
    Ok(delivery::plan(tx, &new).await?)
}

/// R8.4, R8.5: a colleague is told, a guest is asked to activate.
fn invitation_mail(received: &Received<ParticipantInvited>) -> anyhow::Result<NewDelivery> {
    let event = &received.event;
    let person = event.person.as_ref().context("the event has no person")?;
    let inviter = event.inviter.as_ref().context("the event has no inviter")?;
    let space = space(event.space.as_ref())?;
    let note = event.personal_note.clone();
    let mail = match event.kind() {
        ParticipantKind::External => Mail::GuestInvitation {
            space,
            invitation_id: id("invitation_id", &event.invitation_id)?,
            inviter_user_id: id("inviter.user_id", &inviter.user_id)?,
            inviter: name_of(inviter),
            recipient: person.display_name.clone(),
            note,
        },
        ParticipantKind::Internal => Mail::ColleagueInvitation { space, inviter: name_of(inviter), note },
        kind @ (ParticipantKind::Owner | ParticipantKind::Unspecified) => {
            return Err(anyhow!("nobody is invited as {}", kind.as_str_name()));
        }
    };
    Ok(new_delivery(received, id("person.user_id", &person.user_id)?, mail))
}

/// R8.6: the inviter is told.
fn accepted_mail(received: &Received<ParticipantJoined>) -> anyhow::Result<NewDelivery> {
    let event = &received.event;
    let person = event.person.as_ref().context("the event has no person")?;
    let mail = Mail::InvitationAccepted { space: space(event.space.as_ref())?, person: name_of(person) };
    Ok(new_delivery(received, id("inviter_user_id", &event.inviter_user_id)?, mail))
}

fn new_delivery<E>(received: &Received<E>, recipient_user_id: UserId, mail: Mail) -> NewDelivery {
    NewDelivery {
        organization_id: received.organization_id,
        event_id: received.event_id,
        event_time: received.event_time,
        recipient_user_id,
        mail,
    }
}

fn space(snapshot: Option<&SpaceSnapshot>) -> anyhow::Result<Space> {
    let snapshot = snapshot.context("the event has no space")?;
    let space_id: SpaceId = id("space.space_id", &snapshot.space_id)?;
    Ok(Space { space_id, title: snapshot.title.clone(), url: snapshot.url.clone() })
}

/// Somebody who gave no name yet is known by their address.
fn name_of(person: &Person) -> String {
    let name =
        if person.display_name.trim().is_empty() { &person.email_address } else { &person.display_name };
    name.clone()
}

fn id<T: From<Uuid>>(field: &str, value: &str) -> anyhow::Result<T> {
    Ok(T::from(value.parse().with_context(|| format!("the event's {field} is no id"))?))
}
