//! Who takes part in a space, who asks to, and inviting.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use sharedspaces_proto::spaces::v1 as pb;
use tonic::Status;
use tonic_types::StatusExt;

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
    is_never_seen: bool,
    may_remind: bool,
    may_revoke: bool,
}

struct Group {
    id: &'static str,
    heading: &'static str,
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
    /// Addresses that are none.
    refused: Vec<String>,
    share_link: String,
}

impl One {
    fn new(t: &'static Texts, participant: pb::Participant, may_edit: bool) -> Self {
        let (kind, state) = (participant.kind(), participant.state());
        let is_guest = kind == pb::ParticipantKind::External;
        let work = [participant.job_title.as_str(), &participant.company];
        Self {
            person: Person::new(&participant.display_name, &participant.email_address),
            kind: match kind {
                pb::ParticipantKind::Owner => t.owner,
                pb::ParticipantKind::Internal => t.colleague,
                pb::ParticipantKind::External | pb::ParticipantKind::Unspecified => t.guest,
            },
            work: work.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", "),
            is_never_seen: may_edit && is_guest && participant.last_visit_time.is_none(),
            seen: participant.last_visit_time.into(),
            may_remind: may_edit && state == pb::ParticipantState::Invited,
            may_revoke: may_edit && kind != pb::ParticipantKind::Owner,
            email_address: participant.email_address,
            id: participant.participant_id,
        }
    }
}

/// Shows who takes part.
pub(crate) async fn page(me: Me, Path(space_id): Path<String>) -> Result<Response, Refused> {
    let form = Filled::with([("key", &me.form_key())]);
    draw(&me, &space_id, (form, Vec::new())).await
}

async fn draw(me: &Me, space_id: &str, (form, refused): (Filled, Vec<String>)) -> Result<Response, Refused> {
    let Entered { room, frame, .. } = enter(me, space_id, "people").await?;
    let (people, requests, share_link) = tokio::join!(
        list(me, space_id),
        requests(me, space_id, room.may_edit),
        share_link(me, space_id, room.may_invite)
    );
    let t = me.texts();
    let (invited, active): (Vec<_>, Vec<_>) =
        people?.into_iter().partition(|of| of.state() == pb::ParticipantState::Invited);
    let group = |id, heading, people: Vec<pb::Participant>| Group {
        id,
        heading,
        people: people.into_iter().map(|of| One::new(t, of, room.may_edit)).collect(),
    };
    let groups = [group("active", t.taking_part, active), group("invited", t.invited, invited)];
    let is_refused = form.is_refused() || !refused.is_empty();
    let page = PeoplePage {
        frame,
        groups: groups.into_iter().filter(|group| !group.people.is_empty()).collect(),
        requests: requests?,
        share_link: share_link?,
        space: room,
        form,
        refused,
    };
    let code = if is_refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((code, render(&page)?).into_response())
}

async fn list(me: &Me, space_id: &str) -> Result<Vec<pb::Participant>, Status> {
    let mut request = pb::ListParticipantsRequest {
        space_id: space_id.to_owned(),
        page_size: 100,
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

fn back_to(space_id: &str, done: &str) -> Response {
    Redirect::to(&format!("/app/spaces/{space_id}/people?done={done}")).into_response()
}

/// Invites a pasted list: all of it, or after saying so what is good of it.
pub(crate) async fn invite(me: Me, Path(space_id): Path<String>, form: Filled) -> Result<Response, Refused> {
    let request = pb::InviteParticipantsRequest {
        space_id: space_id.clone(),
        pasted_list: form.lines("pasted_list"),
        personal_note: form.lines("personal_note"),
        send_good_ones: form.is_on("send_good_ones"),
        ..pb::InviteParticipantsRequest::default()
    };
    let invited =
        me.web().api.participants().invite_participants(me.ask_once(request, form.value("key"))).await;
    match invited {
        Ok(_) => Ok(back_to(&space_id, "invited")),
        Err(status) => {
            let bad = bad_addresses(&status, form.value("pasted_list"));
            let mut form = form.refused(me.texts(), status)?;
            if !bad.is_empty() {
                form = form.accepted();
            }
            form.put("key", &me.form_key());
            draw(&me, &space_id, (form, bad)).await
        }
    }
}

/// Returns the entries of a pasted list that are no addresses: those that the API's rules quote.
fn bad_addresses(status: &Status, pasted: &str) -> Vec<String> {
    let told = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    let told: Vec<String> = told
        .into_iter()
        .filter(|of| of.field.starts_with("pasted_list") || of.field.starts_with("email_addresses"))
        .map(|of| of.description)
        .collect();
    let entries =
        pasted.split([',', ';', '\n', '\r', ' ', '\t']).map(str::trim).filter(|entry| !entry.is_empty());
    let mut bad: Vec<String> = Vec::new();
    for entry in entries {
        let is_told = told.iter().any(|words| words.contains(entry));
        if is_told && !bad.iter().any(|known| known == entry) {
            bad.push(entry.to_owned());
        }
    }
    bad
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
