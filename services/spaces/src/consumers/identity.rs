//! What spaces does when identity tells it something. Copies go by the version that the event carries: an older event
//! never overwrites what a newer one told.

use messaging::jobs::JobError;
use messaging::{Messaging, Received};
use service_kit::ids::OrganizationId;
use sharedspaces_proto::identity::events::v1::{
    ConsentChanged, GuestCreated, InvitationAccepted, MemberCreated, OrganizationCreated,
    OrganizationUpdated, PersonUpdated, PrivacyNoticePublished,
};
use sharedspaces_proto::identity::v1 as identity;
use sqlx::PgConnection;

use crate::organization::{self, Organization};
use crate::participant::Participants;
use crate::person::repo::{Told, keep};

/// Subscribes to identity's events.
pub(crate) fn subscribe(messaging: Messaging, participants: &Participants) -> Messaging {
    let participants = participants.clone();
    messaging
        .on(|tx, received: Received<OrganizationCreated>| {
            let told = received.event.organization.clone();
            Box::pin(async move { keep_organization(tx, &received, told).await })
        })
        .on(|tx, received: Received<OrganizationUpdated>| {
            let told = received.event.organization.clone();
            Box::pin(async move { keep_organization(tx, &received, told).await })
        })
        .on(|tx, received: Received<PrivacyNoticePublished>| Box::pin(require_notice(tx, received)))
        .on(|tx, received: Received<MemberCreated>| {
            let told = received.event.person.clone();
            Box::pin(async move { keep_person(tx, &received, told).await })
        })
        .on(|tx, received: Received<GuestCreated>| {
            let told = received.event.person.clone();
            Box::pin(async move { keep_person(tx, &received, told).await })
        })
        .on(|tx, received: Received<PersonUpdated>| {
            let told = received.event.person.clone();
            Box::pin(async move { keep_person(tx, &received, told).await })
        })
        .on(|tx, received: Received<ConsentChanged>| Box::pin(keep_consent(tx, received)))
        .on(move |tx, received: Received<InvitationAccepted>| {
            let participants = participants.clone();
            Box::pin(async move {
                keep_person(tx, &received, received.event.person.clone()).await?;
                participants.accept(tx, received.organization_id, received.event).await?;
                Ok(())
            })
        })
}

pub(crate) async fn keep_organization<E: Sync>(
    tx: &mut PgConnection,
    received: &Received<E>,
    told: Option<identity::Organization>,
) -> Result<(), JobError> {
    let organization = Organization::from_event(received.organization_id, &told.unwrap_or_default());
    organization::keep(tx, &organization, received.aggregate_version).await?;
    Ok(())
}

pub(crate) async fn require_notice(
    tx: &mut PgConnection,
    received: Received<PrivacyNoticePublished>,
) -> Result<(), JobError> {
    let (organization_id, version) = (received.organization_id, received.event.required_version);
    if organization::require_notice(tx, organization_id, version).await? {
        return Ok(());
    }
    Err(JobError::retry(not_known(organization_id)))
}

fn not_known(organization_id: OrganizationId) -> anyhow::Error {
    anyhow::anyhow!("organisation {organization_id} is not known yet")
}

pub(crate) async fn keep_person<E: Sync>(
    tx: &mut PgConnection,
    received: &Received<E>,
    told: Option<identity::Person>,
) -> Result<(), JobError> {
    keep_told(tx, received, told, false).await
}

pub(crate) async fn keep_consent(
    tx: &mut PgConnection,
    received: Received<ConsentChanged>,
) -> Result<(), JobError> {
    let told = received.event.person.clone();
    let is_withdrawal = told.as_ref().is_some_and(|person| person.consent_notice_version == 0);
    keep_told(tx, &received, told, is_withdrawal).await
}

async fn keep_told<E: Sync>(
    tx: &mut PgConnection,
    received: &Received<E>,
    told: Option<identity::Person>,
    is_withdrawal: bool,
) -> Result<(), JobError> {
    let told = Told {
        person: &told.unwrap_or_default(),
        version: received.aggregate_version,
        event_time: received.event_time,
        is_withdrawal,
    };
    keep(tx, received.organization_id, &told).await?;
    Ok(())
}
