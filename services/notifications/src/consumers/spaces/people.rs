//! Who is invited, reminded, comes in and is out.

use anyhow::{Context, anyhow};
use messaging::Received;
use messaging::jobs::JobError;
use service_kit::ids::{SpaceId, UserId};
use sharedspaces_proto::identity::v1::Person;
use sharedspaces_proto::spaces::events::v1::{
    ParticipantInvited, ParticipantJoined, ParticipantReminded, ParticipantRemoved,
};
use sharedspaces_proto::spaces::v1::ParticipantKind;
use sqlx::PgConnection;

use super::super::id;
use super::{certain, gather, news, plan, recipients, space};
use crate::delivery::{self, Gathering, Mail, Space};
use crate::departure;
use crate::directory::name_of;
use crate::jobs::tell_owner::{self, Accepted};
use crate::notice::{self, NoticeKind};

/// R8.4, R8.5: a colleague is told, by mail and in the app; a guest is asked to activate.
pub(crate) async fn participant_invited(
    tx: &mut PgConnection,
    received: Received<ParticipantInvited>,
) -> Result<(), JobError> {
    // What an event lacks, it lacks at every try.
    let (user_id, mail) = certain(invitation_mail(&received.event))?;
    plan(tx, &received, user_id, mail).await?;
    let event = &received.event;
    if event.kind() == ParticipantKind::Internal {
        let people: Vec<Person> = event.person.iter().cloned().collect();
        added(tx, &received, &certain(space(event.space.as_ref()))?, &people, event.inviter.as_ref()).await?;
    }
    Ok(())
}

/// Tells members in the app that they were added to a space.
pub(super) async fn added<E>(
    tx: &mut PgConnection,
    received: &Received<E>,
    space: &Space,
    people: &[Person],
    by: Option<&Person>,
) -> Result<(), JobError> {
    let news = certain(news(received, space, by))?;
    let told = recipients(tx, received, space.space_id, people).await?;
    Ok(notice::tell(tx, &news, told.iter().map(|person| person.hears(NoticeKind::AddedToSpace))).await?)
}

/// R8.6: the inviter is told; the owner too, where that is somebody else and the inviter turns out to be a guest; and
/// those who want to know of new joiners.
pub(crate) async fn participant_joined(
    tx: &mut PgConnection,
    received: Received<ParticipantJoined>,
    gathering: Gathering,
) -> Result<(), JobError> {
    let (inviter_user_id, mail, for_owner) = certain(accepted_mails(&received))?;
    plan(tx, &received, inviter_user_id, mail).await?;
    if let Some(accepted) = for_owner {
        tell_owner::enqueue(tx, received.organization_id, &accepted).await?;
    }
    let event = &received.event;
    let space = certain(space(event.space.as_ref()))?;
    let people = vec![event.person.as_ref().map(name_of).unwrap_or_default()];
    let told = recipients(tx, &received, space.space_id, &event.audience).await?;
    let news = certain(news(&received, &space, event.person.as_ref()))?;
    let space_id = space.space_id;
    let mail_to = |_| Mail::NewJoiner { space: space.clone(), people: people.clone(), more: 0 };
    gather(tx, &received, &told, gathering.window, mail_to).await?;
    let hearers = recipients(tx, &received, space_id, &event.internal_audience).await?;
    Ok(notice::tell(tx, &news, hearers.iter().map(|person| person.hears(NoticeKind::NewJoiner))).await?)
}

pub(crate) async fn participant_reminded(
    tx: &mut PgConnection,
    received: Received<ParticipantReminded>,
) -> Result<(), JobError> {
    let (user_id, mail) = certain(reminder_mail(&received.event))?;
    plan(tx, &received, user_id, mail).await
}

/// Nothing of a space reaches who is out of it any more: neither what waits, nor what was told in the app, nor what
/// happened before and is told later.
pub(crate) async fn participant_removed(
    tx: &mut PgConnection,
    received: Received<ParticipantRemoved>,
) -> Result<(), JobError> {
    let event = &received.event;
    let space_id: SpaceId = certain(id("space_id", &event.space_id))?;
    let user_id: UserId = certain(id("user_id", &event.user_id))?;
    let (organization_id, time) = (received.organization_id, received.event_time);
    departure::record(tx, organization_id, space_id, user_id, time).await?;
    delivery::withdraw(tx, organization_id, space_id, user_id, time).await?;
    Ok(notice::hide(tx, organization_id, space_id, user_id, time).await?)
}

fn invitation_mail(event: &ParticipantInvited) -> anyhow::Result<(UserId, Mail)> {
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
    Ok((id("person.user_id", &person.user_id)?, mail))
}

fn accepted_mails(
    received: &Received<ParticipantJoined>,
) -> anyhow::Result<(UserId, Mail, Option<Accepted>)> {
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
    Ok((inviter_user_id, Mail::InvitationAccepted { space, person, inviter: None }, for_owner))
}

fn reminder_mail(event: &ParticipantReminded) -> anyhow::Result<(UserId, Mail)> {
    let person = event.person.as_ref().context("the event has no person")?;
    let inviter = event.reminder.as_ref().context("the event has nobody who reminds")?;
    let mail = Mail::Reminder {
        space: space(event.space.as_ref())?,
        invitation_id: id("invitation_id", &event.invitation_id)?,
        inviter_user_id: id("reminder.user_id", &inviter.user_id)?,
        inviter: name_of(inviter),
        recipient: person.display_name.clone(),
    };
    Ok((id("person.user_id", &person.user_id)?, mail))
}
