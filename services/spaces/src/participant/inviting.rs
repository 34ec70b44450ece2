//! Inviting people by address (R8): who is added, who is asked about, and what goes out.
//!
//! Owns the order: first what the caller may do, then the CRM and identity, outside of any transaction, then everything in
//! one transaction, and names of guests at the end. All or nothing.

use std::collections::HashMap;

use service_kit::caller::{Call, Caller};
use service_kit::db::Reply;
use service_kit::error::CommonError;
use service_kit::ids::{OrganizationId, UserId};
use service_kit::validate::Violations;
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::spaces::events::v1 as events;
use sharedspaces_proto::spaces::v1 as pb;
use sqlx::PgConnection;
use tokio::sync::oneshot;
use tonic::Code;
use uuid::Uuid;

use super::limits::Sender;
use super::mails_repo::{self, MailKind, NewMail};
use super::{
    Invitation, Invited, Kind, Participant, ParticipantError, Participants, State, Step, events as told,
    proposing, repo,
};
use crate::activity::ActivityKind;
use crate::organization;
use crate::permission::{Permission, Viewer};
use crate::person::{self, Person};
use crate::space::{self, SpaceView};

/// What becomes of one person who is invited.
enum Plan<'a> {
    /// They are added, or put back.
    Add(&'a identity::Person, Kind, State),
    /// They are a colleague whom a guest proposes.
    Propose(&'a identity::Person),
    /// They take part already.
    Keep,
}

impl Participants {
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
        let invitation = self.invitable(&caller, invitation).await?;
        let invitation = self.known_to_crm(&caller, invitation).await?;
        let mut people = self.resolve(&caller, &invitation).await?;
        let inviter = people
            .remove(&caller.user_id)
            .ok_or_else(|| CommonError::Unexpected(anyhow::anyhow!("identity does not know the inviter")))?;
        let (this, organization_id) = (self.clone(), caller.organization_id);
        let (tell, named) = oneshot::channel();
        let reply = self
            .database
            .write(call, organization_id, move |tx| {
                Box::pin(async move {
                    let named = give_names(tx, organization_id, &invitation, &mut people).await?;
                    let invited = this.add(tx, &caller, &inviter, people, &invitation).await?;
                    let _nobody_waits = tell.send(named);
                    Ok::<_, ParticipantError>(invited)
                })
            })
            .await?;
        // Nothing is told where another call of the same key did it.
        self.name_guests(organization_id, named.await.unwrap_or_default()).await;
        Ok(reply)
    }

    /// Makes sure that the caller may invite, and these many, before others are asked about them.
    async fn invitable(
        &self,
        caller: &Caller,
        invitation: Invitation,
    ) -> Result<Invitation, ParticipantError> {
        let viewer = Viewer::from(caller);
        let limits = self.limits;
        self.database
            .read(viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let (organization_id, space_id) = (viewer.organization_id, invitation.space_id);
                    let view = space::visible(tx, &viewer, space_id).await?;
                    view.require(Permission::Invite)?;
                    if invitation.log.is_some() {
                        view.require(Permission::Crm)?;
                        let known = organization::find(tx, organization_id).await?;
                        if !known.is_some_and(|organization| organization.has_crm) {
                            return Err(ParticipantError::PlanRequired);
                        }
                    }
                    let addresses = &invitation.addresses;
                    let known = repo::count_addresses(tx, organization_id, space_id, addresses).await?;
                    let new = addresses.len().saturating_sub(usize::try_from(known).unwrap_or_default());
                    limits.check_sender(tx, sender(&view), new).await?;
                    Ok(invitation)
                })
            })
            .await
    }

    /// Asks identity who stands behind the addresses; an unknown one gets a guest account.
    async fn resolve(
        &self,
        caller: &Caller,
        invitation: &Invitation,
    ) -> Result<HashMap<UserId, identity::Person>, ParticipantError> {
        let names = invitation.addresses.iter().filter_map(|address| {
            let display_name = invitation.names.get(address)?.clone();
            Some(identity::GuestName { email_address: address.clone(), display_name })
        });
        let request = identity::ResolveAddressesRequest {
            organization_id: caller.organization_id.to_string(),
            email_addresses: invitation.addresses.clone(),
            user_ids: vec![caller.user_id.to_string()],
            create_missing_guests: true,
            guest_names: names.collect(),
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
        let mut user_ids: Vec<UserId> = people.keys().copied().collect();
        user_ids.sort();
        // People before the space, as events about people take them: the other way round, each could wait for the other.
        for told in user_ids.iter().filter_map(|user_id| people.get(user_id)) {
            person::repo::keep_answer(tx, organization_id, &known_as(told)?).await?;
        }
        let mut view = space::changing(tx, &viewer, space_id, Permission::Invite).await?;
        let known = repo::list_by_user(tx, organization_id, space_id, &user_ids).await?;
        let mut plans = Vec::new();
        for user_id in &user_ids {
            let before = known.iter().find(|participant| participant.person.user_id == *user_id);
            if let Some(person) = people.get(user_id) {
                plans.push((*user_id, plan(&view, person, before)?));
            }
        }
        self.check_limits(tx, &view, &plans).await?;
        let snapshot = space::events::snapshot(tx, &view.space, &view.url).await?;
        let event = events::ParticipantInvited {
            space: Some(snapshot.clone()),
            inviter: Some(inviter.clone()),
            personal_note: invitation.note.clone(),
            ..events::ParticipantInvited::default()
        };
        let (mut added, mut requested) = (Vec::new(), Vec::new());
        for (user_id, plan) in plans {
            match plan {
                Plan::Add(person, kind, state) => {
                    self.add_one(tx, &mut view, &event, person, (kind, state)).await?;
                    added.push(person.clone());
                }
                Plan::Propose(colleague) => {
                    self.propose(tx, &mut view, inviter, (user_id, colleague)).await?;
                    requested.push(colleague.email_address.clone());
                }
                Plan::Keep => {}
            }
        }
        let log_id = match &invitation.log {
            Some(log) if !added.is_empty() => {
                let (people, about) = ((inviter, added), (invitation, log));
                let now = self.clock.now();
                Some(told::sent(tx, &self.ids, organization_id, &snapshot, people, about, now).await?)
            }
            _ => None,
        };
        let mut participants = repo::list_by_user(tx, organization_id, space_id, &user_ids).await?;
        participants.retain(|participant| participant.state.takes_part());
        if view.standing.is_guest() {
            participants = participants.into_iter().map(Participant::seen_by_guest).collect();
        }
        let total = repo::count(tx, organization_id, space_id).await?;
        Ok(Invited { participants, total, refused: invitation.refused.clone(), requested, log_id })
    }

    /// Refuses more mails than may be sent; counted while no other call of the organisation counts.
    async fn check_limits(
        &self,
        tx: &mut PgConnection,
        view: &SpaceView,
        plans: &[(UserId, Plan<'_>)],
    ) -> Result<(), ParticipantError> {
        let people = plans.iter().filter(|(_, plan)| !matches!(plan, Plan::Keep)).count();
        if people == 0 {
            return Ok(());
        }
        let (organization_id, space_id) = (view.space.organization_id, view.space.space_id);
        mails_repo::lock(tx, organization_id).await?;
        self.limits.check_sender(tx, sender(view), people).await?;
        let added = plans.iter().filter(|(_, plan)| matches!(plan, Plan::Add(..)));
        let recipients: Vec<UserId> = added.map(|(user_id, _)| *user_id).collect();
        self.limits.check_recipients(tx, organization_id, space_id, &recipients).await
    }

    /// Adds one person, or puts back one who is out.
    async fn add_one(
        &self,
        tx: &mut PgConnection,
        view: &mut SpaceView,
        event: &events::ParticipantInvited,
        told_person: &identity::Person,
        (kind, state): (Kind, State),
    ) -> Result<(), ParticipantError> {
        let organization_id = view.space.organization_id;
        let person = known_as(told_person)?;
        let (invitation_id, now): (Uuid, _) = (self.ids.next(), self.clock.now());
        let participant = Participant {
            participant_id: self.ids.next(),
            space_id: view.space.space_id,
            person,
            kind,
            state,
            create_time: now,
            remind_time: None,
            last_visit_time: None,
        };
        repo::put(tx, organization_id, &participant, invitation_id, view.viewer_user_id).await?;
        let mail = NewMail {
            mail_id: invitation_id,
            organization_id,
            space_id: view.space.space_id,
            invitation_id: Some(invitation_id),
            kind: MailKind::Invitation,
            sender_user_id: view.viewer_user_id,
            recipient_user_id: participant.person.user_id,
        };
        mails_repo::insert(tx, &mail).await?;
        let event = events::ParticipantInvited {
            person: Some(told_person.clone()),
            kind: pb::ParticipantKind::from(kind).into(),
            ..event.clone()
        };
        told::invited(tx, &self.ids, organization_id, invitation_id, event).await?;
        let object = Some((participant.person.user_id.uuid(), participant.person.display_name));
        space::note(tx, &self.ids, view, ActivityKind::ParticipantInvited, object, now).await?;
        Ok(())
    }

    /// Asks the owner about a colleague whom a guest proposes; counted as if they were invited.
    async fn propose(
        &self,
        tx: &mut PgConnection,
        view: &mut SpaceView,
        proposer: &identity::Person,
        (user_id, colleague): (UserId, &identity::Person),
    ) -> Result<(), ParticipantError> {
        let mail = NewMail {
            mail_id: self.ids.next(),
            organization_id: view.space.organization_id,
            space_id: view.space.space_id,
            invitation_id: None,
            kind: MailKind::Proposal,
            sender_user_id: view.viewer_user_id,
            recipient_user_id: user_id,
        };
        mails_repo::insert(tx, &mail).await?;
        proposing::propose(tx, &self.ids, view, proposer, colleague, self.clock.now()).await?;
        Ok(())
    }
}

fn known_as(told: &identity::Person) -> Result<Person, CommonError> {
    Person::try_from(told).map_err(|error| CommonError::Unexpected(error.into()))
}

fn sender(view: &SpaceView) -> Sender {
    Sender {
        organization_id: view.space.organization_id,
        user_id: view.viewer_user_id,
        is_guest: view.standing.is_guest(),
    }
}

/// Decides what becomes of one person. What a guest brings in is a guest (attack 03): the directory says who is not.
fn plan<'a>(
    view: &SpaceView,
    person: &'a identity::Person,
    before: Option<&Participant>,
) -> Result<Plan<'a>, ParticipantError> {
    let kind = Kind::of(person.kind());
    let from = before.map(|participant| participant.state);
    if from.is_some_and(State::takes_part) {
        return Ok(Plan::Keep);
    }
    if kind == Kind::Internal && !view.standing.is_internal() {
        return Ok(Plan::Propose(person));
    }
    // Who was shut out by the organisation's people comes back by them alone.
    if from == Some(State::Revoked) && !view.standing.is_internal() {
        return Err(ParticipantError::InvitingNotAllowed);
    }
    let to = State::after(from, kind, Step::Invite).filter(|to| Some(*to) != from);
    Ok(to.map_or(Plan::Keep, |state| Plan::Add(person, kind, state)))
}

/// Calls guests without a name who are about to be added what the list calls them; returns whom identity has to be told
/// of. Who takes part already is named by nobody else's list.
async fn give_names(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    invitation: &Invitation,
    people: &mut HashMap<UserId, identity::Person>,
) -> Result<Vec<(UserId, String)>, sqlx::Error> {
    let user_ids: Vec<UserId> = people.keys().copied().collect();
    let mut known = repo::list_by_user(tx, organization_id, invitation.space_id, &user_ids).await?;
    known.retain(|participant| participant.state.takes_part());
    let mut named = Vec::new();
    for (user_id, person) in people {
        let is_in = known.iter().any(|participant| participant.person.user_id == *user_id);
        let is_nameless =
            !is_in && person.kind() == identity::PersonKind::Guest && person.display_name.is_empty();
        if let Some(name) = invitation.names.get(&person.email_address).filter(|_| is_nameless) {
            person.display_name.clone_from(name);
            named.push((*user_id, name.clone()));
        }
    }
    Ok(named)
}
