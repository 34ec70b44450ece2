//! What spaces does when identity tells it something.

use messaging::jobs::JobError;
use messaging::{Messaging, Received};
use service_kit::ids::OrganizationId;
use sharedspaces_proto::identity::events::v1::{
    GuestCreated, InvitationAccepted, MemberCreated, OrganizationCreated,
};
use sharedspaces_proto::identity::v1 as identity;
use sqlx::PgConnection;

use crate::organization::{self, Organization};
use crate::participant::Participants;
use crate::person::{self, Person};

/// Subscribes to identity's events.
pub(crate) fn subscribe(messaging: Messaging, participants: &Participants) -> Messaging {
    let participants = participants.clone();
    messaging
        .on(|tx, received: Received<OrganizationCreated>| Box::pin(keep_organization(tx, received)))
        .on(|tx, received: Received<MemberCreated>| {
            Box::pin(keep_person(tx, received.organization_id, received.event.person))
        })
        .on(|tx, received: Received<GuestCreated>| {
            Box::pin(keep_person(tx, received.organization_id, received.event.person))
        })
        .on(move |tx, received: Received<InvitationAccepted>| {
            let participants = participants.clone();
            Box::pin(async move {
                participants.accept(tx, received.organization_id, &received.event).await?;
                Ok(())
            })
        })
}

async fn keep_organization(
    tx: &mut PgConnection,
    received: Received<OrganizationCreated>,
) -> Result<(), JobError> {
    let told = received.event.organization.unwrap_or_default();
    let organization = Organization::from_event(received.organization_id, &told);
    organization::keep(tx, &organization).await?;
    Ok(())
}

async fn keep_person(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    person: Option<identity::Person>,
) -> Result<(), JobError> {
    let person = Person::try_from(&person.unwrap_or_default()).map_err(JobError::dead)?;
    person::repo::upsert(tx, organization_id, &person).await?;
    Ok(())
}
