//! Granting and declining, each once, whoever is at it at the same time.

use service_kit::caller::{Call, Caller};
use service_kit::db::Reply;
use service_kit::error::CommonError;
use service_kit::ids::OrganizationId;
use sharedspaces_proto::identity::v1 as identity;
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::{AccessRequest, Answer, Declined, Granted, RequestKey, RequestState};
use super::repo::{self, Answered};
use super::{AccessRequestError, AccessRequests, events};
use crate::activity::ActivityKind;
use crate::participant::{self, Kind, Participant, State, Step};
use crate::permission::{Permission, Viewer};
use crate::person::{self, Person};
use crate::space::{self, SpaceView};

/// Who is let in, and who lets them in, as identity tells of them.
struct LetIn {
    person: Person,
    requester: identity::Person,
    granter: identity::Person,
}

impl AccessRequests {
    /// Lets the requester in: a colleague at once, anybody else as an invited guest. Repeating it changes nothing.
    pub(crate) async fn grant<R: Reply<Granted>>(
        &self,
        call: &Call,
        key: RequestKey,
    ) -> Result<R, AccessRequestError> {
        let caller = call.caller()?.clone();
        if let Some(reply) = self.database.replay(call, caller.organization_id).await? {
            return Ok(reply);
        }
        // Looked at before identity is asked, so that nobody gets an account by who may not let them in.
        let request = self.answerable(&caller, key).await?;
        let let_in = match request.state {
            RequestState::Requested => Some(self.resolve(&caller, &request).await?),
            RequestState::Granted | RequestState::Declined | RequestState::Lapsed => None,
        };
        let this = self.clone();
        let write = self.database.write(call, caller.organization_id, move |tx| {
            Box::pin(async move {
                if let Some(let_in) = &let_in {
                    // People before the space, as events about people take them: the other way round, each could wait
                    // for the other.
                    person::repo::keep_answer(tx, caller.organization_id, &let_in.person).await?;
                }
                let (mut view, request) = held(tx, &Viewer::from(&caller), key).await?;
                if request.state.after(Answer::Grant).is_none() {
                    return Err(AccessRequestError::Ended);
                }
                if request.state == RequestState::Granted {
                    return granted_before(tx, caller.organization_id, request).await;
                }
                view.require(Permission::Invite)?;
                // It waited already when identity was asked.
                let let_in = let_in.ok_or(AccessRequestError::Ended)?;
                this.let_in(tx, &mut view, request, let_in).await
            })
        });
        write.await
    }

    /// Declines a request. Repeating it changes nothing.
    pub(crate) async fn decline<R: Reply<Declined>>(
        &self,
        call: &Call,
        key: RequestKey,
    ) -> Result<R, AccessRequestError> {
        let viewer = Viewer::from(call.caller()?);
        let (ids, now) = (self.ids.clone(), self.clock.now());
        let write = self.database.write(call, viewer.organization_id, move |tx| {
            Box::pin(async move {
                let (mut view, mut request) = held(tx, &viewer, key).await?;
                match request.state.after(Answer::Decline) {
                    None => return Err(AccessRequestError::Ended),
                    Some(answered) if answered == request.state => return Ok(Declined(request)),
                    Some(_) => {}
                }
                answer(tx, &view, &mut request, (Answer::Decline, None)).await?;
                // A colleague whom a guest proposed never asked.
                if request.proposer_user_id.is_none() {
                    events::declined(tx, &ids, &view, &request).await?;
                }
                let object = Some((request.access_request_id, request.display_name.clone()));
                space::note(tx, &ids, &mut view, ActivityKind::AccessDeclined, object, now).await?;
                Ok(Declined(request))
            })
        });
        write.await
    }

    async fn answerable(
        &self,
        caller: &Caller,
        key: RequestKey,
    ) -> Result<AccessRequest, AccessRequestError> {
        let viewer = Viewer::from(caller);
        self.database
            .read(viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let (view, request) = seen(tx, &viewer, key).await?;
                    if request.state == RequestState::Requested {
                        view.require(Permission::Invite)?;
                    }
                    Ok(request)
                })
            })
            .await
    }

    /// Asks identity who has the address; an unknown one gets a guest account, called as the request says.
    async fn resolve(&self, caller: &Caller, request: &AccessRequest) -> Result<LetIn, AccessRequestError> {
        let name = identity::GuestName {
            email_address: request.email_address.clone(),
            display_name: request.display_name.clone(),
        };
        let granter = caller.user_id.to_string();
        let wanted = identity::ResolveAddressesRequest {
            organization_id: caller.organization_id.to_string(),
            email_addresses: vec![request.email_address.clone()],
            user_ids: vec![granter.clone()],
            create_missing_guests: true,
            guest_names: if request.display_name.is_empty() { Vec::new() } else { vec![name] },
        };
        let answer = self.identity.directory.clone().resolve_addresses(wanted).await;
        let people = answer.map_err(|status| CommonError::Peer(Box::new(status)))?.into_inner().people;
        let find =
            |is: &dyn Fn(&identity::Person) -> bool, who: &'static str| {
                people.iter().find(|person| is(person)).cloned().ok_or_else(|| {
                    CommonError::Unexpected(anyhow::anyhow!("identity does not know the {who}"))
                })
            };
        let requester = find(&|person| person.email_address == request.email_address, "requester")?;
        let granter = find(&|person| person.user_id == granter, "granter")?;
        if requester.is_deactivated {
            return Err(AccessRequestError::RequesterDeactivated);
        }
        let person = Person::try_from(&requester).map_err(|error| CommonError::Unexpected(error.into()))?;
        Ok(LetIn { person, requester, granter })
    }

    async fn let_in(
        &self,
        tx: &mut PgConnection,
        view: &mut SpaceView,
        mut request: AccessRequest,
        let_in: LetIn,
    ) -> Result<Granted, AccessRequestError> {
        let organization_id = view.space.organization_id;
        let LetIn { person, requester, granter } = let_in;
        let user_id = person.user_id;
        answer(tx, view, &mut request, (Answer::Grant, Some(&person))).await?;
        let invitation_id = self.add(tx, view, (person, Kind::of(requester.kind()))).await?;
        events::granted(tx, &self.ids, view, (&request, invitation_id), (requester, granter)).await?;
        let object = Some((request.access_request_id, request.display_name.clone()));
        let now = self.clock.now();
        space::note(tx, &self.ids, view, ActivityKind::AccessGranted, object, now).await?;
        tracing::info!(space.id = %view.space.space_id, "access granted");
        let space_id = view.space.space_id;
        let participant = participant::repo::find_by_user(tx, organization_id, space_id, user_id).await?;
        Ok(Granted { request, participant })
    }

    /// Adds somebody, or puts back one who is out, under a new invitation; who takes part already stays as they are.
    /// Returns the invitation that a guest is to accept.
    async fn add(
        &self,
        tx: &mut PgConnection,
        view: &SpaceView,
        (person, kind): (Person, Kind),
    ) -> Result<Option<Uuid>, AccessRequestError> {
        let (organization_id, space_id) = (view.space.organization_id, view.space.space_id);
        let before = participant::repo::find_by_user(tx, organization_id, space_id, person.user_id).await?;
        let from = before.map(|participant| participant.state);
        let Some(state) = State::after(from, kind, Step::Invite).filter(|to| Some(*to) != from) else {
            return Ok(None);
        };
        let invitation_id: Uuid = self.ids.next();
        let participant = Participant {
            participant_id: self.ids.next(),
            space_id,
            person,
            kind,
            state,
            create_time: self.clock.now(),
            remind_time: None,
            last_visit_time: None,
        };
        participant::repo::put(tx, organization_id, &participant, invitation_id, view.viewer_user_id).await?;
        Ok((state == State::Invited).then_some(invitation_id))
    }
}

/// Reads a request as an internal participant may.
async fn seen(
    tx: &mut PgConnection,
    viewer: &Viewer,
    key: RequestKey,
) -> Result<(SpaceView, AccessRequest), AccessRequestError> {
    let view = space::visible(tx, viewer, key.space_id).await?;
    if !view.standing.is_internal() {
        return Err(AccessRequestError::InternalParticipantsOnly);
    }
    let request = repo::find(tx, viewer.organization_id, key).await?.ok_or(AccessRequestError::NotFound)?;
    Ok((view, request))
}

/// Reads a request of a space that nobody else changes until the transaction ends.
async fn held(
    tx: &mut PgConnection,
    viewer: &Viewer,
    key: RequestKey,
) -> Result<(SpaceView, AccessRequest), AccessRequestError> {
    space::repo::lock(tx, viewer.organization_id, key.space_id).await?;
    seen(tx, viewer, key).await
}

/// Writes an answer to a request that waits; refused where the time was faster.
async fn answer(
    tx: &mut PgConnection,
    view: &SpaceView,
    request: &mut AccessRequest,
    (answer, requester): (Answer, Option<&Person>),
) -> Result<(), AccessRequestError> {
    let requester_user_id = requester.map(|person| person.user_id);
    let answered = Answered { answer, answerer_user_id: view.viewer_user_id, requester_user_id };
    let written = repo::answer(tx, view.space.organization_id, request, answered).await?;
    let (answer_time, version) = written.ok_or(AccessRequestError::Ended)?;
    request.state = answer.state();
    request.answerer_user_id = Some(view.viewer_user_id);
    request.answer_time = Some(answer_time);
    request.requester_user_id = requester_user_id.or(request.requester_user_id);
    request.version = version;
    Ok(())
}

async fn granted_before(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    request: AccessRequest,
) -> Result<Granted, AccessRequestError> {
    let participant = match request.requester_user_id {
        Some(user_id) => {
            participant::repo::find_by_user(tx, organization_id, request.space_id, user_id).await?
        }
        None => None,
    };
    Ok(Granted { request, participant })
}
