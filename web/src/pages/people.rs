//! Who takes part in a space, by where they stand, and who asks to.

use std::collections::HashMap;

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use sharedspaces_proto::spaces::v1 as pb;
use tonic::Status;

use super::inviting::{Bad, Sent};
use super::pictures;
use super::room::{Entered, Refused, Room, enter};
use crate::form::Filled;
use crate::frame::{Frame, render};
use crate::texts::Texts;
use crate::view::{Moment, Person};
use crate::visitor::Me;

struct One {
    id: String,
    person: Person,
    kind: &'static str,
    email_address: String,
    work: String,
    seen: Moment,
    reminded: Moment,
    is_never_seen: bool,
    is_me: bool,
    may_remind: bool,
    may_revoke: bool,
    /// The key of the form that invites them again; empty where they need not be, or the person may not.
    again: String,
}

struct Group {
    id: &'static str,
    heading: &'static str,
    /// Whether it is unfolded only on demand.
    is_folded: bool,
    people: Vec<One>,
}

struct Asked {
    id: String,
    person: Person,
    email_address: String,
    message: String,
    is_verified: bool,
    when: Moment,
}

#[derive(askama::Template)]
#[template(path = "people/page.html")]
struct PeoplePage {
    frame: Frame,
    space: Room,
    groups: Vec<Group>,
    requests: Vec<Asked>,
    form: Filled,
    /// Addresses that are none, each with its rule.
    refused: Vec<Bad>,
    /// What came of the invitation just sent.
    told: Vec<String>,
    /// Guests who were invited just now.
    new: Vec<(String, Person)>,
    share_link: String,
}

impl One {
    fn new(me: &Me, participant: pb::Participant, (may_edit, picture): (bool, Option<&String>)) -> Self {
        let (kind, state) = (participant.kind(), participant.state());
        let is_gone = matches!(state, pb::ParticipantState::Revoked | pb::ParticipantState::Left);
        let is_guest = kind == pb::ParticipantKind::External;
        let work = [participant.job_title.as_str(), &participant.company];
        Self {
            person: Person::new(&participant.display_name, &participant.email_address).with(picture),
            kind: kind_name(me.texts(), kind),
            work: work.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", "),
            is_never_seen: may_edit && is_guest && !is_gone && participant.last_visit_time.is_none(),
            seen: participant.last_visit_time.into(),
            reminded: participant.remind_time.into(),
            is_me: participant.user_id == me.session().user_id,
            may_remind: may_edit && state == pb::ParticipantState::Invited,
            may_revoke: may_edit && kind != pb::ParticipantKind::Owner && !is_gone,
            again: if may_edit && is_gone { me.form_key() } else { String::new() },
            email_address: participant.email_address,
            id: participant.participant_id,
        }
    }
}

/// Names how somebody belongs to a space.
pub(super) fn kind_name(t: &'static Texts, kind: pb::ParticipantKind) -> &'static str {
    match kind {
        pb::ParticipantKind::Owner => t.owner,
        pb::ParticipantKind::Internal => t.colleague,
        pb::ParticipantKind::External | pb::ParticipantKind::Unspecified => t.guest,
    }
}

/// Shows who takes part.
pub(crate) async fn page(
    me: Me,
    Path(space_id): Path<String>,
    Query(sent): Query<Sent>,
) -> Result<Response, Refused> {
    let form = Filled::with([("key", &me.form_key())]);
    draw(&me, &space_id, (form, Vec::new(), sent)).await
}

/// Draws the page: with a form, what is wrong with its addresses, and what was sent just now.
pub(super) async fn draw(
    me: &Me,
    space_id: &str,
    (form, refused, sent): (Filled, Vec<Bad>, Sent),
) -> Result<Response, Refused> {
    let Entered { room, frame, .. } = enter(me, space_id, "people").await?;
    let (people, requests, share_link) = tokio::join!(
        list(me, space_id, room.may_edit),
        requests(me, space_id, room.may_edit),
        share_link(me, space_id, room.may_invite && !room.is_archived)
    );
    let people = people?;
    let pictures = pictures::of(me, people.iter().map(|of| &of.user_id)).await;
    let is_refused = form.is_refused() || !refused.is_empty();
    let page = PeoplePage {
        frame,
        told: sent.told(me.texts(), &people),
        new: sent.guests(&people),
        groups: grouped(me, &people, (room.may_edit, &pictures)),
        requests: requests?,
        share_link: share_link?,
        space: room,
        form,
        refused,
    };
    let code = if is_refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((code, render(&page)?).into_response())
}

/// Sorts people by where they stand; who is gone is folded away.
fn grouped(
    me: &Me,
    people: &[pb::Participant],
    (may_edit, pictures): (bool, &HashMap<String, String>),
) -> Vec<Group> {
    use pb::ParticipantState as State;
    let t = me.texts();
    let groups = [
        ("active", t.taking_part, State::Active),
        ("invited", t.invited, State::Invited),
        ("removed", t.team.removed_people, State::Revoked),
        ("left", t.team.left_people, State::Left),
    ];
    let group = |(id, heading, state): (&'static str, &'static str, State)| Group {
        id,
        heading,
        is_folded: matches!(state, State::Revoked | State::Left),
        people: people
            .iter()
            .filter(|of| of.state() == state)
            .map(|of| One::new(me, of.clone(), (may_edit, pictures.get(&of.user_id))))
            .collect(),
    };
    groups.into_iter().map(group).filter(|group| !group.people.is_empty()).collect()
}

/// Lists who takes part or is invited; for internal participants also who was removed or left.
pub(super) async fn list(me: &Me, space_id: &str, may_edit: bool) -> Result<Vec<pb::Participant>, Status> {
    use pb::ParticipantState as State;
    let all = [State::Active, State::Invited, State::Revoked, State::Left].map(i32::from);
    let mut request = pb::ListParticipantsRequest {
        space_id: space_id.to_owned(),
        page_size: 100,
        states: if may_edit { all.to_vec() } else { Vec::new() },
        ..pb::ListParticipantsRequest::default()
    };
    let mut people = Vec::new();
    loop {
        let listed =
            me.web().api.participants().list_participants(me.ask(request.clone())).await?.into_inner();
        people.extend(listed.participants);
        if listed.next_page_token.is_empty() {
            return Ok(people);
        }
        request.page_token = listed.next_page_token;
    }
}

async fn requests(me: &Me, space_id: &str, may_edit: bool) -> Result<Vec<Asked>, Status> {
    if !may_edit {
        return Ok(Vec::new());
    }
    let request = pb::ListAccessRequestsRequest {
        space_id: space_id.to_owned(),
        page_size: 100,
        ..pb::ListAccessRequestsRequest::default()
    };
    let listed = me.web().api.requests().list_access_requests(me.ask(request)).await?.into_inner();
    let asked = |of: pb::AccessRequest| Asked {
        person: Person::new(&of.display_name, &of.email_address),
        id: of.access_request_id,
        email_address: of.email_address,
        message: of.message,
        is_verified: of.is_verified,
        when: of.request_time.into(),
    };
    Ok(listed.access_requests.into_iter().map(asked).collect())
}

async fn share_link(me: &Me, space_id: &str, may_invite: bool) -> Result<String, Status> {
    if !may_invite {
        return Ok(String::new());
    }
    let request = pb::GetShareLinkRequest { space_id: space_id.to_owned() };
    Ok(me.web().api.spaces().get_share_link(me.ask(request)).await?.into_inner().url)
}

pub(super) fn back_to(space_id: &str, done: &str) -> Response {
    Redirect::to(&format!("/app/spaces/{space_id}/people?done={done}")).into_response()
}

/// Sends an invitation once more.
pub(crate) async fn remind(
    me: Me,
    Path((space_id, participant_id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let request = pb::RemindParticipantRequest { space_id: space_id.clone(), participant_id };
    me.web().api.participants().remind_participant(me.ask(request)).await?;
    Ok(back_to(&space_id, "reminded"))
}

/// Shuts somebody out.
pub(crate) async fn revoke(
    me: Me,
    Path((space_id, participant_id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let request = pb::RevokeParticipantRequest { space_id: space_id.clone(), participant_id };
    me.web().api.participants().revoke_participant(me.ask(request)).await?;
    Ok(back_to(&space_id, "revoked"))
}

/// Lets somebody in who asked.
pub(crate) async fn grant(
    me: Me,
    Path((space_id, access_request_id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let request = pb::GrantAccessRequest { space_id: space_id.clone(), access_request_id };
    me.web().api.requests().grant_access(me.ask(request)).await?;
    Ok(back_to(&space_id, "granted"))
}

/// Declines.
pub(crate) async fn decline(
    me: Me,
    Path((space_id, access_request_id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let request = pb::DeclineAccessRequest { space_id: space_id.clone(), access_request_id };
    me.web().api.requests().decline_access(me.ask(request)).await?;
    Ok(back_to(&space_id, "declined"))
}
