//! Events of spaces: who is invited, asks, comes and goes, and what is said, added and looked at.
//!
//! Owns telling which mails and notices an event asks for. Whom it tells, the event says; left out is only who was shut
//! out or left since. Must not send: it only plans, in the transaction that applies the event.

mod access;
mod content;
mod people;

use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use messaging::jobs::JobError;
use messaging::{Messaging, Received};
use service_kit::ids::{SpaceId, UserId};
use service_kit::locale::Locale;
use sharedspaces_proto::identity::v1::Person;
use sharedspaces_proto::spaces::events::v1::{
    AccessDeclined, AccessGranted, AccessRequested, CommentAdded, ItemAdded, ParticipantInvited,
    ParticipantJoined, ParticipantReminded, ParticipantRemoved, SpaceSnapshot, VisitEnded,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::id;
use crate::delivery::{self, Colors, DeliveryId, Gathering, Mail, NewDelivery, Space};
use crate::departure;
use crate::directory::name_of;
use crate::notice::{Hearer, News, NoticeKind};

pub(crate) use access::{access_declined, access_granted, access_requested};
pub(crate) use content::{comment_added, item_added, visit_ended};
pub(crate) use people::{participant_invited, participant_joined, participant_reminded, participant_removed};

/// Listens to spaces.
pub(crate) fn subscribe(messaging: Messaging, gathering: Gathering) -> Messaging {
    messaging
        .on(|tx, event: Received<ParticipantInvited>| Box::pin(participant_invited(tx, event)))
        .on(move |tx, event: Received<ParticipantJoined>| Box::pin(participant_joined(tx, event, gathering)))
        .on(|tx, event: Received<ParticipantReminded>| Box::pin(participant_reminded(tx, event)))
        .on(|tx, event: Received<ParticipantRemoved>| Box::pin(participant_removed(tx, event)))
        .on(|tx, event: Received<AccessRequested>| Box::pin(access_requested(tx, event)))
        .on(|tx, event: Received<AccessGranted>| Box::pin(access_granted(tx, event)))
        .on(|tx, event: Received<AccessDeclined>| Box::pin(access_declined(tx, event)))
        .on(move |tx, event: Received<CommentAdded>| Box::pin(comment_added(tx, event, gathering)))
        .on(move |tx, event: Received<ItemAdded>| Box::pin(item_added(tx, event, gathering)))
        .on(|tx, event: Received<VisitEnded>| Box::pin(visit_ended(tx, event)))
}

/// Somebody whom an event tells.
#[derive(Clone, Debug)]
struct Recipient {
    user_id: UserId,
    locale: Locale,
    time_zone: String,
}

impl Recipient {
    fn hears(&self, kind: NoticeKind) -> Hearer {
        Hearer { user_id: self.user_id, locale: self.locale, kind }
    }
}

/// Reads what cannot be wrong in one try and right in the next.
fn certain<T>(read: anyhow::Result<T>) -> Result<T, JobError> {
    read.map_err(|source| JobError::Dead { source })
}

/// Returns those of some people who are to be told, each once, in the order of their ids: all who were not shut out and
/// have not left since the event.
async fn recipients<E>(
    tx: &mut PgConnection,
    received: &Received<E>,
    space_id: SpaceId,
    people: &[Person],
) -> Result<Vec<Recipient>, JobError> {
    let read = |person: &Person| -> anyhow::Result<Recipient> {
        Ok(Recipient {
            user_id: id("person's user_id", &person.user_id)?,
            locale: Locale::of(&person.locale),
            time_zone: person.time_zone.clone(),
        })
    };
    let mut told: Vec<Recipient> = certain(people.iter().map(read).collect())?;
    told.sort_by_key(|recipient| recipient.user_id);
    told.dedup_by_key(|recipient| recipient.user_id);
    let ids: Vec<Uuid> = told.iter().map(|recipient| recipient.user_id.uuid()).collect();
    let gone = departure::list(tx, received.organization_id, space_id, &ids, received.event_time).await?;
    told.retain(|recipient| !gone.contains(&recipient.user_id));
    Ok(told)
}

/// Plans the mail of one person, unless they are out of the space since.
async fn plan<E>(
    tx: &mut PgConnection,
    received: &Received<E>,
    recipient: UserId,
    mail: Mail,
) -> Result<(), JobError> {
    if let Some(space) = mail.space() {
        let (organization_id, ids) = (received.organization_id, [recipient.uuid()]);
        let gone = departure::list(tx, organization_id, space.space_id, &ids, received.event_time).await?;
        if !gone.is_empty() {
            return Ok(());
        }
    }
    Ok(delivery::plan(tx, &new_delivery(received, recipient, mail)).await?)
}

/// Gathers a mail that can be muted for each of some people.
async fn gather<E>(
    tx: &mut PgConnection,
    received: &Received<E>,
    recipients: &[Recipient],
    window: Duration,
    mail_to: impl Fn(UserId) -> Mail,
) -> Result<(), JobError> {
    let due_times = due_times(tx, received, recipients, window).await?;
    for (recipient, due_time) in recipients.iter().zip(due_times) {
        let user_id = recipient.user_id;
        let new = new_delivery(received, user_id, mail_to(user_id));
        delivery::gather(tx, &NewDelivery { due_time: Some(due_time), ..new }).await?;
    }
    Ok(())
}

async fn due_times<E>(
    tx: &mut PgConnection,
    received: &Received<E>,
    recipients: &[Recipient],
    window: Duration,
) -> Result<Vec<DateTime<Utc>>, JobError> {
    let people: Vec<_> =
        recipients.iter().map(|person| (person.user_id, person.time_zone.as_str())).collect();
    Ok(delivery::due_times(tx, received.organization_id, &people, window).await?)
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

/// Returns what is told in the app of what somebody did in a space.
fn news<E>(received: &Received<E>, space: &Space, actor: Option<&Person>) -> anyhow::Result<News> {
    Ok(News {
        organization_id: received.organization_id,
        event_id: received.event_id,
        event_time: received.event_time,
        space_id: space.space_id,
        space_title: space.title.clone(),
        actor_user_id: actor.map(|actor| id("actor's user_id", &actor.user_id)).transpose()?,
        actor_display_name: actor.map(name_of).unwrap_or_default(),
        object_id: None,
        object_name: String::new(),
    })
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
