//! What comes of asking: a request that waits, a mail to who takes part already, or nothing.
//!
//! Acts in the transaction of the space, so that however many ask at once, each address waits once and no more than may.

use messaging::jobs::JobError;
use service_kit::budget::{self, Bucket};
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use sharedspaces_proto::identity::v1 as identity;
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::{Asked, Asker, TOLD_IN_ALREADY};
use super::repo::{self, Known, NewRequest};
use super::{AccessRequests, events};
use crate::activity::{self, ActivityKind, NewActivity};
use crate::participant::{self, person};
use crate::permission::{SpaceState, Viewer};
use crate::space::{self, SpaceView};

/// The job that looks at what somebody asked.
pub(crate) const TAKE_ACCESS_REQUEST: &str = "take-access-request";

impl AccessRequests {
    /// Looks at what somebody asked. Doing it again folds into what the first time has made.
    pub(crate) async fn take(&self, organization_id: OrganizationId, asked: Asked) -> Result<(), JobError> {
        let this = self.clone();
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move { this.decide(tx, organization_id, &asked).await })
            })
            .await
    }

    async fn decide(
        &self,
        tx: &mut PgConnection,
        organization_id: OrganizationId,
        asked: &Asked,
    ) -> Result<(), JobError> {
        let found = repo::find_space(tx, organization_id, &asked.space_address).await?;
        let Some(space_id) = found else { return Ok(()) };
        let Some(view) = in_use(tx, organization_id, space_id).await? else { return Ok(()) };
        let who = match &asked.asker {
            Asker::Person(user_id) => (Some(*user_id), None),
            Asker::Address { email_address, .. } => (None, Some(email_address.as_str())),
        };
        let known = repo::find_person(tx, organization_id, who).await?;
        match (&asked.asker, known) {
            // Who has no way in any more asks for nothing.
            (_, Some(known)) if known.is_deactivated => Ok(()),
            (_, Some(known)) if takes_part(tx, &view, known.user_id).await? => {
                self.tell_in_already(tx, &view, &known).await
            }
            (Asker::Person(_), Some(known)) => {
                let address = known.email_address.clone();
                self.wait(tx, &view, asked, (Some(known), &address, true)).await
            }
            // Their session is from identity, so their copy is on its way.
            (Asker::Person(user_id), None) => {
                Err(JobError::retry(anyhow::anyhow!("person {user_id} is not known yet")))
            }
            (Asker::Address { email_address, is_verified }, known) => {
                self.wait(tx, &view, asked, (known, email_address, *is_verified)).await
            }
        }
    }

    async fn wait(
        &self,
        tx: &mut PgConnection,
        view: &SpaceView,
        asked: &Asked,
        (known, email_address, is_verified): (Option<Known>, &str, bool),
    ) -> Result<(), JobError> {
        let (organization_id, space_id) = (view.space.organization_id, view.space.space_id);
        let own_name = known.as_ref().map_or("", |known| known.display_name.as_str());
        let new = NewRequest {
            access_request_id: self.ids.next(),
            organization_id,
            space_id,
            email_address,
            display_name: if asked.display_name.is_empty() { own_name } else { &asked.display_name },
            message: &asked.message,
            is_verified,
            requester_user_id: known.as_ref().map(|known| known.user_id),
        };
        if repo::is_swallowed(tx, &new).await? {
            return Ok(());
        }
        let waiting = repo::put(tx, &new).await?;
        if waiting.is_told {
            events::requested(tx, &self.ids, view, (&waiting, email_address)).await?;
        }
        if waiting.access_request_id == new.access_request_id {
            tracing::info!(space.id = %space_id, "access requested");
            let activity = NewActivity {
                activity_id: self.ids.next(),
                organization_id,
                space_id,
                kind: ActivityKind::AccessRequested,
                actor: None,
                object: Some((waiting.access_request_id, waiting.display_name)),
                create_time: self.clock.now(),
            };
            activity::append(tx, activity).await?;
        }
        Ok(())
    }

    /// Tells somebody who takes part already so, once a day.
    async fn tell_in_already(
        &self,
        tx: &mut PgConnection,
        view: &SpaceView,
        known: &Known,
    ) -> Result<(), JobError> {
        let organization_id = view.space.organization_id;
        let (space, user) = (view.space.space_id.to_string(), known.user_id.to_string());
        let once = [Bucket::new(&self.mac, ("access: in already", &[&space, &user]), TOLD_IN_ALREADY)];
        if budget::spend(tx, &once).await?.is_err() {
            return Ok(());
        }
        let found = participant::repo::find_by_user(tx, organization_id, view.space.space_id, known.user_id);
        let Some(participant) = found.await? else { return Ok(()) };
        let told: identity::Person = person(tx, organization_id, known.user_id, participant.kind).await?;
        Ok(events::takes_part_already(tx, &self.ids, view, told).await?)
    }
}

/// Returns a space that is in use, which nobody else changes until the transaction ends.
async fn in_use(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
) -> Result<Option<SpaceView>, sqlx::Error> {
    space::repo::lock(tx, organization_id, space_id).await?;
    // Seen as an admin does who takes no part: nobody has signed in here.
    let nobody =
        Viewer { organization_id, user_id: Uuid::nil().into(), is_admin: true, consent_notice_version: 0 };
    let view = space::repo::find_visible(tx, &nobody, space_id).await?;
    Ok(view.filter(|view| view.space.lifecycle.state() == SpaceState::Active))
}

async fn takes_part(tx: &mut PgConnection, view: &SpaceView, user_id: UserId) -> Result<bool, sqlx::Error> {
    let (organization_id, space_id) = (view.space.organization_id, view.space.space_id);
    let found = participant::repo::find_by_user(tx, organization_id, space_id, user_id).await?;
    Ok(found.is_some_and(|participant| participant.state.takes_part()))
}
