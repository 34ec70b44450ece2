//! Who asks to be let in, and what becomes of it.

use anyhow::Context;
use messaging::Received;
use messaging::jobs::JobError;
use service_kit::ids::UserId;
use sharedspaces_proto::spaces::events::v1::{AccessDeclined, AccessGranted, AccessRequested};
use sqlx::PgConnection;
use uuid::Uuid;

use super::super::id;
use super::people::added;
use super::{certain, new_delivery, news, plan, recipients, space};
use crate::delivery::{self, Asked, DeliveryId, GrantedInvitation, Mail, NewDelivery, Space};
use crate::directory::name_of;
use crate::notice::{self, News, NoticeKind};

/// R10.4: the owner gets a mail, and one in 15 minutes at most; all internal participants are told in the app.
pub(crate) async fn access_requested(
    tx: &mut PgConnection,
    received: Received<AccessRequested>,
) -> Result<(), JobError> {
    let event = &received.event;
    let space = certain(space(event.space.as_ref()))?;
    let news = certain(asked(&received, &space))?;
    let owner = certain(event.owner.as_ref().context("the event has no owner"))?;
    let requests = vec![Asked {
        email_address: event.email_address.clone(),
        name: event.display_name.clone(),
        message: event.message.clone(),
        proposer: event.proposer.as_ref().map(name_of),
    }];
    for owner in recipients(tx, &received, space.space_id, std::slice::from_ref(owner)).await? {
        let mail = Mail::AccessRequested { space: space.clone(), requests: requests.clone(), more: 0 };
        delivery::gather_after_first(tx, &new_delivery(&received, owner.user_id, mail)).await?;
    }
    let told = recipients(tx, &received, space.space_id, &event.internal_audience).await?;
    Ok(notice::tell(tx, &news, told.iter().map(|person| person.hears(NoticeKind::AccessRequested))).await?)
}

/// R10.5: the requester is asked to activate; a colleague finds the space in the app too.
pub(crate) async fn access_granted(
    tx: &mut PgConnection,
    received: Received<AccessGranted>,
) -> Result<(), JobError> {
    let (user_id, mail) = certain(granted_mail(&received.event))?;
    plan(tx, &received, user_id, mail).await?;
    let event = &received.event;
    match (&event.person, &event.granter) {
        (Some(person), Some(granter)) if event.invitation_id.is_empty() => {
            let space = certain(space(event.space.as_ref()))?;
            added(tx, &received, &space, std::slice::from_ref(person), Some(granter)).await
        }
        _ => Ok(()),
    }
}

/// The requester may have no account, so that the mail goes to an address.
pub(crate) async fn access_declined(
    tx: &mut PgConnection,
    received: Received<AccessDeclined>,
) -> Result<(), JobError> {
    let event = &received.event;
    let request_id: Uuid = certain(id("access_request_id", &event.access_request_id))?;
    let new = NewDelivery {
        delivery_id: DeliveryId::from(Uuid::new_v5(&received.event_id, request_id.as_bytes())),
        organization_id: received.organization_id,
        event_time: received.event_time,
        recipient_user_id: None,
        due_time: None,
        mail: Mail::AccessDeclined {
            space: certain(space(event.space.as_ref()))?,
            email_address: event.email_address.clone(),
            recipient: event.display_name.clone(),
            locale: event.locale.clone(),
        },
    };
    Ok(delivery::plan(tx, &new).await?)
}

/// Who asks has no account, or none that is told: they are what is asked about. Who proposed them is who asks.
fn asked(received: &Received<AccessRequested>, space: &Space) -> anyhow::Result<News> {
    let event = &received.event;
    let named = !event.display_name.trim().is_empty();
    let name = if named { &event.display_name } else { &event.email_address };
    Ok(News {
        object_id: Some(id("access_request_id", &event.access_request_id)?),
        object_name: name.clone(),
        ..news(received, space, event.proposer.as_ref())?
    })
}

fn granted_mail(event: &AccessGranted) -> anyhow::Result<(UserId, Mail)> {
    let person = event.person.as_ref().context("the event has no person")?;
    let invitation = match (event.invitation_id.as_str(), &event.granter) {
        ("", _) => None,
        (invitation_id, granter) => {
            let granter =
                granter.as_ref().context("the event has an invitation and nobody who granted it")?;
            Some(GrantedInvitation {
                invitation_id: id("invitation_id", invitation_id)?,
                granter_user_id: id("granter.user_id", &granter.user_id)?,
            })
        }
    };
    let mail = Mail::AccessGranted {
        space: space(event.space.as_ref())?,
        invitation,
        granter: event.granter.as_ref().map(name_of).unwrap_or_default(),
        recipient: person.display_name.clone(),
    };
    Ok((id("person.user_id", &person.user_id)?, mail))
}
