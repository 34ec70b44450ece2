//! Events of identity: a link that somebody asked for, what happened to an account, and what organisations are called.
//!
//! Owns telling which mail an event asks for. Must not send, and must not ask whether an address is known: that shows
//! when the mail is sent, and only to whom it goes.

use anyhow::{Context, anyhow};
use chrono::{DateTime, Utc};
use messaging::jobs::JobError;
use messaging::{Messaging, Received};
use service_kit::ids::UserId;
use sharedspaces_proto::identity::events::v1::{
    OrganizationCreated, OrganizationUpdated, SecurityNoticeKind, SecurityNoticed, SignInLinkRequested,
};
use sharedspaces_proto::identity::v1::Organization;
use sqlx::PgConnection;
use uuid::Uuid;

use super::id;
use crate::delivery::{self, DeliveryId, Mail, NewDelivery, Notice};
use crate::organization;

/// Listens to identity.
pub(crate) fn subscribe(messaging: Messaging) -> Messaging {
    messaging
        .on(|tx, event: Received<SignInLinkRequested>| Box::pin(sign_in_link_requested(tx, event)))
        .on(|tx, event: Received<SecurityNoticed>| Box::pin(security_noticed(tx, event)))
        .on(|tx, mut received: Received<OrganizationCreated>| {
            let told = received.event.organization.take();
            Box::pin(async move { keep_organization(tx, &received, told).await })
        })
        .on(|tx, mut received: Received<OrganizationUpdated>| {
            let told = received.event.organization.take();
            Box::pin(async move { keep_organization(tx, &received, told).await })
        })
}

pub(crate) async fn sign_in_link_requested(
    tx: &mut PgConnection,
    received: Received<SignInLinkRequested>,
) -> Result<(), JobError> {
    // What an event lacks, it lacks at every try.
    let new = link_mail(&received).map_err(|source| JobError::Dead { source })?;
    Ok(delivery::plan(tx, &new).await?)
}

pub(crate) async fn security_noticed(
    tx: &mut PgConnection,
    received: Received<SecurityNoticed>,
) -> Result<(), JobError> {
    let new = notice_mail(&received).map_err(|source| JobError::Dead { source })?;
    Ok(delivery::plan(tx, &new).await?)
}

/// Keeps what mails say of an organisation.
pub(crate) async fn keep_organization<E>(
    tx: &mut PgConnection,
    received: &Received<E>,
    told: Option<Organization>,
) -> Result<(), JobError> {
    let told = told.context("the event has no organisation").map_err(|source| JobError::Dead { source })?;
    Ok(organization::keep(tx, received.organization_id, told, received.aggregate_version).await?)
}

/// R9.3: one mail per link, whether the address is known or not.
fn link_mail(received: &Received<SignInLinkRequested>) -> anyhow::Result<NewDelivery> {
    let event = &received.event;
    let sign_in_link_id: Uuid = id("sign_in_link_id", &event.sign_in_link_id)?;
    let expire_time = time("expire_time", event.expire_time.map(|time| (time.seconds, time.nanos)))?;
    Ok(NewDelivery {
        delivery_id: DeliveryId::of_link(sign_in_link_id),
        organization_id: received.organization_id,
        event_time: received.event_time,
        recipient_user_id: None,
        due_time: None,
        mail: Mail::AccountLink { sign_in_link_id, expire_time },
    })
}

fn notice_mail(received: &Received<SecurityNoticed>) -> anyhow::Result<NewDelivery> {
    let event = &received.event;
    let person = event.person.as_ref().context("the event has no person")?;
    let user_id: UserId = id("person.user_id", &person.user_id)?;
    let notice = match event.kind() {
        SecurityNoticeKind::NewDevice => Notice::NewDevice,
        SecurityNoticeKind::PasswordChanged => Notice::PasswordChanged,
        SecurityNoticeKind::SessionReused => Notice::SessionReused,
        SecurityNoticeKind::Unspecified => return Err(anyhow!("the event does not say what happened")),
    };
    let event_time = time("event_time", event.event_time.map(|time| (time.seconds, time.nanos)))?;
    Ok(NewDelivery {
        delivery_id: DeliveryId::of(id("security_notice_id", &event.security_notice_id)?, user_id),
        organization_id: received.organization_id,
        event_time,
        recipient_user_id: Some(user_id),
        due_time: None,
        mail: Mail::SecurityNotice {
            notice,
            organization: event.organization_display_name.clone(),
            device: event.device_label.clone(),
            event_time,
        },
    })
}

fn time(field: &str, value: Option<(i64, i32)>) -> anyhow::Result<DateTime<Utc>> {
    value
        .and_then(|(seconds, nanos)| DateTime::from_timestamp(seconds, u32::try_from(nanos).ok()?))
        .with_context(|| format!("the event's {field} is no time"))
}
