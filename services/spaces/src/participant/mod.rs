//! Participants: inviting people, and who is there.
//!
//! Owns the use cases; each opens and commits its transaction. Who an address belongs to is identity's to say.

mod entity;
mod error;
mod events;
pub(crate) mod repo;

use std::collections::HashMap;

use service_kit::caller::{Call, Caller};
use service_kit::clock::SharedClock;
use service_kit::db::{Database, Reply};
use service_kit::error::CommonError;
use service_kit::ids::{Ids, OrganizationId, SpaceId, UserId};
use service_kit::page::{Page, PageRequest};
use service_kit::peers::PeerChannel;
use service_kit::validate::Violations;
use sharedspaces_proto::identity::events::v1::InvitationAccepted;
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::identity::v1::organization_service_client::OrganizationServiceClient;
use sqlx::PgConnection;
use tonic::Code;
use uuid::Uuid;

use crate::person::{self, Person};
use crate::space::{self, Permission, SpaceView};

pub(crate) use entity::{Invitation, Invited, Kind, Participant, ParticipantKey, RECOMMENDED_MAX, State};
pub use error::ParticipantError;

/// The use cases of participants.
#[derive(Clone)]
pub(crate) struct Participants {
    database: Database,
    clock: SharedClock,
    ids: Ids,
    directory: OrganizationServiceClient<PeerChannel>,
}

impl Participants {
    /// Returns the use cases; `directory` is where addresses are looked up.
    pub(crate) fn new(
        database: Database,
        clock: SharedClock,
        ids: Ids,
        directory: OrganizationServiceClient<PeerChannel>,
    ) -> Self {
        Self { database, clock, ids, directory }
    }

    /// Invites people by address: colleagues take part at once, guests are asked in by mail. All or nothing.
    pub(crate) async fn invite<R: Reply<Invited>>(
        &self,
        call: &Call,
        invitation: Invitation,
    ) -> Result<R, ParticipantError> {
        let caller = call.caller()?.clone();
        if let Some(reply) = self.database.replay(call, caller.organization_id).await? {
            return Ok(reply);
        }
        // Looked at before anybody is looked up, so that who may not invite learns nothing of any address.
        self.invitable(&caller, invitation.space_id).await?;
        let mut people = self.resolve(&caller, &invitation).await?;
        let inviter = people
            .remove(&caller.user_id)
            .ok_or_else(|| CommonError::Unexpected(anyhow::anyhow!("identity does not know the inviter")))?;
        let this = self.clone();
        self.database
            .write(call, caller.organization_id, move |tx| {
                Box::pin(async move { this.add(tx, &caller, &inviter, people, &invitation).await })
            })
            .await
    }

    /// Lists who takes part in a space the caller sees.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        space_id: SpaceId,
        page: PageRequest<ParticipantKey>,
    ) -> Result<Page<Participant>, ParticipantError> {
        let (organization_id, user_id) = (caller.organization_id, caller.user_id);
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    space::visible(tx, organization_id, user_id, space_id).await?;
                    let rows = repo::list(tx, organization_id, space_id, &page).await?;
                    Ok(Page::cut(rows, &page, Participant::key))
                })
            })
            .await
    }

    /// Takes in a guest who accepted, once, and tells the inviter; acts in the transaction of the event.
    pub(crate) async fn accept(
        &self,
        tx: &mut PgConnection,
        organization_id: OrganizationId,
        accepted: &InvitationAccepted,
    ) -> Result<(), anyhow::Error> {
        let invitation_id = Uuid::parse_str(&accepted.invitation_id)?;
        let told = accepted.person.clone().unwrap_or_default();
        person::repo::upsert(tx, organization_id, &Person::try_from(&told)?).await?;
        let Some(joined) = repo::activate(tx, organization_id, invitation_id).await? else {
            return Ok(());
        };
        let view = space::visible(tx, organization_id, joined.user_id, joined.space_id).await?;
        events::joined(tx, self.ids.next(), &view, &joined, told).await?;
        Ok(())
    }

    async fn invitable(&self, caller: &Caller, space_id: SpaceId) -> Result<(), ParticipantError> {
        let (organization_id, user_id) = (caller.organization_id, caller.user_id);
        let view = self
            .database
            .read(organization_id, move |tx| Box::pin(space::visible(tx, organization_id, user_id, space_id)))
            .await?;
        if view.may(Permission::Invite) { Ok(()) } else { Err(ParticipantError::InvitingNotAllowed) }
    }

    /// Asks identity who stands behind the addresses; an unknown one gets a guest account.
    async fn resolve(
        &self,
        caller: &Caller,
        invitation: &Invitation,
    ) -> Result<HashMap<UserId, identity::Person>, ParticipantError> {
        let request = identity::ResolveAddressesRequest {
            organization_id: caller.organization_id.to_string(),
            email_addresses: invitation.addresses.clone(),
            user_ids: vec![caller.user_id.to_string()],
            create_missing_guests: true,
        };
        let answer = match self.directory.clone().resolve_addresses(request).await {
            Ok(answer) => answer.into_inner(),
            // An address that identity refuses and we did not: its rule is the one that counts.
            Err(status) if status.code() == Code::InvalidArgument => {
                return Err(Violations::one("email_addresses", status.message()).into());
            }
            Err(status) => return Err(CommonError::Peer(Box::new(status)).into()),
        };
        let mut people = HashMap::new();
        for person in answer.people {
            let user_id =
                Uuid::parse_str(&person.user_id).map_err(|error| CommonError::Unexpected(error.into()))?;
            people.insert(user_id.into(), person);
        }
        Ok(people)
    }

    async fn add(
        &self,
        tx: &mut PgConnection,
        caller: &Caller,
        inviter: &identity::Person,
        people: HashMap<UserId, identity::Person>,
        invitation: &Invitation,
    ) -> Result<Invited, ParticipantError> {
        space::repo::lock(tx, caller.organization_id, invitation.space_id).await?;
        let view = space::visible(tx, caller.organization_id, caller.user_id, invitation.space_id).await?;
        if !view.may(Permission::Invite) {
            return Err(ParticipantError::InvitingNotAllowed);
        }
        let mut user_ids: Vec<UserId> = people.keys().copied().collect();
        user_ids.sort();
        for user_id in &user_ids {
            if let Some(told) = people.get(user_id) {
                self.add_one(tx, caller, &view, inviter, told, &invitation.note).await?;
            }
        }
        let participants =
            repo::list_by_user(tx, caller.organization_id, invitation.space_id, &user_ids).await?;
        let total = repo::count(tx, caller.organization_id, invitation.space_id).await?;
        Ok(Invited { participants, total })
    }

    /// Adds one person; who takes part already stays as they are.
    async fn add_one(
        &self,
        tx: &mut PgConnection,
        caller: &Caller,
        view: &SpaceView,
        inviter: &identity::Person,
        told: &identity::Person,
        note: &str,
    ) -> Result<(), ParticipantError> {
        let kind = Kind::of(told.kind());
        if kind == Kind::Internal && !view.kind.is_internal() {
            return Err(ParticipantError::ColleagueNeedsColleague);
        }
        let person = Person::try_from(told).map_err(|error| CommonError::Unexpected(error.into()))?;
        person::repo::upsert(tx, caller.organization_id, &person).await?;
        let invitation_id: Uuid = self.ids.next();
        let participant = Participant {
            participant_id: self.ids.next(),
            space_id: view.space.space_id,
            person,
            kind,
            state: kind.state_when_added(),
            create_time: self.clock.now(),
        };
        let is_new =
            repo::insert(tx, caller.organization_id, &participant, invitation_id, caller.user_id).await?;
        if is_new {
            let event = events::invited(view, invitation_id, told, kind, inviter, note);
            events::append_invited(tx, self.ids.next(), view, invitation_id, &event).await?;
        }
        Ok(())
    }
}
