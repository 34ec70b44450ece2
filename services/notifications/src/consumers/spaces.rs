//! Events of spaces: who is invited, and who came in.
//!
//! Owns telling which mail an event asks for. Must not send: it only plans, in the transaction that applies the event.

use anyhow::{Context, anyhow};
use messaging::jobs::JobError;
use messaging::{Messaging, Received};
use service_kit::ids::{SpaceId, UserId};
use sharedspaces_proto::spaces::events::v1::{ParticipantInvited, ParticipantJoined, SpaceSnapshot};
use sharedspaces_proto::spaces::v1::ParticipantKind;
use sqlx::PgConnection;

use super::id;
use crate::delivery::{self, Colors, DeliveryId, Mail, NewDelivery, Space};
use crate::directory::name_of;
use crate::jobs::tell_owner::{self, Accepted};

/// Listens to spaces.
pub(crate) fn subscribe(messaging: Messaging) -> Messaging {
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
    let (new, for_owner) = accepted_mails(&received).map_err(|source| JobError::Dead { source })?;
    delivery::plan(tx, &new).await?;
    if let Some(accepted) = for_owner {
        tell_owner::enqueue(tx, received.organization_id, &accepted).await?;
    }
    Ok(())
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

/// R8.6: the inviter is told; the owner too, where that is somebody else and the inviter turns out to be a guest.
fn accepted_mails(received: &Received<ParticipantJoined>) -> anyhow::Result<(NewDelivery, Option<Accepted>)> {
    let event = &received.event;
    let person = name_of(event.person.as_ref().context("the event has no person")?);
    let snapshot = event.space.as_ref().context("the event has no space")?;
    let space = space(Some(snapshot))?;
    let inviter_user_id: UserId = id("inviter_user_id", &event.inviter_user_id)?;
    let owner_user_id: UserId = id("space.owner_user_id", &snapshot.owner_user_id)?;
    let for_owner = (owner_user_id != inviter_user_id).then(|| Accepted {
        event_id: received.event_id,
        event_time: received.event_time,
        space: space.clone(),
        owner_user_id,
        inviter_user_id,
        person: person.clone(),
    });
    let mail = Mail::InvitationAccepted { space, person, inviter: None };
    Ok((new_delivery(received, inviter_user_id, mail), for_owner))
}

fn new_delivery<E>(received: &Received<E>, recipient_user_id: UserId, mail: Mail) -> NewDelivery {
    NewDelivery {
        delivery_id: DeliveryId::of(received.event_id, recipient_user_id),
        organization_id: received.organization_id,
        event_time: received.event_time,
        recipient_user_id: Some(recipient_user_id),
        due_time: None,
        mail,
    }
}

fn space(snapshot: Option<&SpaceSnapshot>) -> anyhow::Result<Space> {
    let snapshot = snapshot.context("the event has no space")?;
    let space_id: SpaceId = id("space.space_id", &snapshot.space_id)?;
    let colors = snapshot.colors.as_ref().map(|colors| Colors {
        background: colors.background.clone(),
        text: colors.text.clone(),
        header: colors.header.clone(),
        header_text: colors.header_text.clone(),
        accent: colors.accent.clone(),
        accent_text: colors.accent_text.clone(),
    });
    Ok(Space { space_id, title: snapshot.title.clone(), url: snapshot.url.clone(), colors })
}
