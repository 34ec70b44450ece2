//! Participants: inviting people, and who is there.
//!
//! Owns the use cases; each opens and commits its transaction. Who an address belongs to is identity's to say. `moving`
//! holds what becomes of somebody who was invited: joining, leaving, being shut out.

mod entity;
mod error;
mod events;
mod moving;
pub(crate) mod repo;

use std::collections::HashMap;

use service_kit::caller::{Call, Caller};
use service_kit::clock::SharedClock;
use service_kit::db::{Database, Reply};
use service_kit::error::CommonError;
use service_kit::ids::{Ids, SpaceId, UserId};
use service_kit::page::{Page, PageRequest};
use service_kit::peers::PeerChannel;
use service_kit::validate::Violations;
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::identity::v1::organization_service_client::OrganizationServiceClient;
use sqlx::PgConnection;
use tonic::Code;
use uuid::Uuid;

use crate::activity::ActivityKind;
use crate::permission::{Permission, Viewer};
use crate::person::{self, Person};
use crate::space::{self, SpaceView};

pub(crate) use entity::{
    Invitation, Invited, Kind, Participant, ParticipantKey, RECOMMENDED_MAX, State, Step,
};
pub use error::ParticipantError;
pub(crate) use moving::Left;

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

    /// Lists who stands at one of `states` in a space the caller sees; guests see those who take part alone.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        space_id: SpaceId,
        states: Vec<State>,
        page: PageRequest<ParticipantKey>,
    ) -> Result<Page<Participant>, ParticipantError> {
        let viewer = Viewer::from(caller);
        self.database
            .read(viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let view = space::visible(tx, &viewer, space_id).await?;
                    if view.standing.is_guest() && !states.iter().all(|state| state.takes_part()) {
                        return Err(ParticipantError::InternalParticipantsOnly);
                    }
                    let rows = repo::list(tx, viewer.organization_id, space_id, &states, &page).await?;
                    Ok(Page::cut(rows, &page, Participant::key))
                })
            })
            .await
    }

    async fn invitable(&self, caller: &Caller, space_id: SpaceId) -> Result<(), ParticipantError> {
        let viewer = Viewer::from(caller);
        let view = self
            .database
            .read(viewer.organization_id, move |tx| {
                Box::pin(async move { space::visible(tx, &viewer, space_id).await })
            })
            .await?;
        Ok(view.require(Permission::Invite)?)
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
            guest_names: Vec::new(),
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
        let viewer = Viewer::from(caller);
        let (organization_id, space_id) = (viewer.organization_id, invitation.space_id);
        let mut view = space::changing(tx, &viewer, space_id, Permission::Invite).await?;
        let mut user_ids: Vec<UserId> = people.keys().copied().collect();
        user_ids.sort();
        let known = repo::list_by_user(tx, organization_id, space_id, &user_ids).await?;
        for user_id in &user_ids {
            if let Some(told) = people.get(user_id) {
                let before = known.iter().find(|participant| participant.person.user_id == *user_id);
                self.add_one(tx, &mut view, inviter, told, before, &invitation.note).await?;
            }
        }
        let participants = repo::list_by_user(tx, organization_id, space_id, &user_ids).await?;
        let total = repo::count(tx, organization_id, space_id).await?;
        Ok(Invited { participants, total })
    }

    /// Adds one person, or puts back one who is out; who takes part already stays as they are.
    async fn add_one(
        &self,
        tx: &mut PgConnection,
        view: &mut SpaceView,
        inviter: &identity::Person,
        told: &identity::Person,
        before: Option<&Participant>,
        note: &str,
    ) -> Result<(), ParticipantError> {
        let kind = Kind::of(told.kind());
        if kind == Kind::Internal && !view.standing.is_internal() {
            return Err(ParticipantError::ColleagueNeedsColleague);
        }
        let from = before.map(|participant| participant.state);
        // Who was shut out by the organisation's people comes back by them alone.
        if from == Some(State::Revoked) && !view.standing.is_internal() {
            return Err(ParticipantError::InvitingNotAllowed);
        }
        let organization_id = view.space.organization_id;
        let person = Person::try_from(told).map_err(|error| CommonError::Unexpected(error.into()))?;
        person::repo::keep_answer(tx, organization_id, &person).await?;
        let Some(state) = State::after(from, kind, Step::Invite).filter(|to| Some(*to) != from) else {
            return Ok(());
        };
        let (invitation_id, now): (Uuid, _) = (self.ids.next(), self.clock.now());
        let participant = Participant {
            participant_id: self.ids.next(),
            space_id: view.space.space_id,
            person,
            kind,
            state,
            create_time: now,
        };
        repo::put(tx, organization_id, &participant, invitation_id, view.viewer_user_id).await?;
        let event = events::invited(view, invitation_id, told, kind, inviter, note);
        events::append_invited(tx, self.ids.next(), view, invitation_id, &event).await?;
        let object = Some((participant.person.user_id.uuid(), participant.person.display_name));
        space::note(tx, &self.ids, view, ActivityKind::ParticipantInvited, object, now).await?;
        Ok(())
    }
}
