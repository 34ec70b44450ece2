//! One person of a space: what is known of them, what they may do, their profile; handing the space over, and leaving it.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use sharedspaces_proto::spaces::v1 as pb;

use super::people::{back_to, kind_name, list};
use super::pictures;
use super::room::{Entered, Refused, Room, box_of, enter};
use crate::failure::{Failure, Reason};
use crate::form::{Filled, mask};
use crate::frame::{Frame, render};
use crate::texts::{self, Texts};
use crate::view::{Moment, Person};
use crate::visitor::Me;

/// Whether somebody may do something, and who says no.
struct Ability {
    name: &'static str,
    is_granted: bool,
    refused_by: String,
}

#[derive(askama::Template)]
#[template(path = "people/person.html")]
struct PersonPage {
    frame: Frame,
    space: Room,
    id: String,
    person: Person,
    kind: &'static str,
    email_address: String,
    /// Label and text; what is not told is left out.
    facts: Vec<(&'static str, String)>,
    since: Moment,
    seen: Moment,
    is_me: bool,
    is_owner: bool,
    may_edit_profile: bool,
    may_hand_over: bool,
    abilities: Vec<Ability>,
    form: Filled,
}

/// Shows one person.
pub(crate) async fn page(
    me: Me,
    Path((space_id, participant_id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    draw(&me, (&space_id, &participant_id), None).await
}

async fn draw(
    me: &Me,
    (space_id, participant_id): (&str, &str),
    form: Option<Filled>,
) -> Result<Response, Refused> {
    let Entered { space, room, frame } = enter(me, space_id, "people").await?;
    let people = list(me, space_id, room.may_edit).await?;
    let found = people.into_iter().find(|of| of.participant_id == participant_id);
    let one = found.ok_or(Failure::from(Reason::NoSuchPage))?;
    let t = me.texts();
    let is_guest = one.kind() == pb::ParticipantKind::External;
    let is_active = one.state() == pb::ParticipantState::Active;
    let is_colleague = one.kind() == pb::ParticipantKind::Internal;
    let may_transfer = space.permissions().any(|held| held == pb::Permission::Transfer);
    let is_me = one.user_id == me.session().user_id;
    let abilities = if is_guest && is_active && room.may_edit {
        abilities(me, space_id, &one).await?
    } else {
        Vec::new()
    };
    let pictures = pictures::of(me, std::iter::once(&one.user_id)).await;
    let code = if form.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = PersonPage {
        frame,
        person: Person::new(&one.display_name, &one.email_address).with(pictures.get(&one.user_id)),
        kind: kind_name(t, one.kind()),
        facts: facts(t, &one),
        since: one.create_time.into(),
        seen: one.last_visit_time.into(),
        is_me,
        is_owner: one.kind() == pb::ParticipantKind::Owner,
        may_edit_profile: is_guest && room.may_edit && !is_me && !room.is_archived,
        may_hand_over: may_transfer && is_colleague && is_active && !room.is_archived,
        abilities,
        form: form.unwrap_or_else(|| filled(&one)),
        space: room,
        id: one.participant_id,
        email_address: one.email_address,
    };
    Ok((code, render(&page)?).into_response())
}

fn filled(one: &pb::Participant) -> Filled {
    Filled::with([
        ("had_name", box_of(!one.display_name.is_empty())),
        ("display_name", one.display_name.as_str()),
        ("job_title", &one.job_title),
        ("company", &one.company),
        ("phone", &one.phone),
        ("locale", &one.locale),
        ("time_zone", &one.time_zone),
    ])
}

fn facts(t: &'static Texts, one: &pb::Participant) -> Vec<(&'static str, String)> {
    let language = service_kit::locale::Locale::find(&one.locale);
    let language = language.map(|locale| texts::of(locale).language_name).unwrap_or_default();
    let facts = [
        (t.job_title, one.job_title.as_str()),
        (t.company, &one.company),
        (t.phone, &one.phone),
        (t.language, language),
        (t.time_zone, &one.time_zone),
    ];
    let told = facts.into_iter().filter(|(_, text)| !text.is_empty());
    told.map(|(label, text)| (label, text.to_owned())).collect()
}

/// Asks what a guest may do here, and who says no.
async fn abilities(me: &Me, space_id: &str, one: &pb::Participant) -> Result<Vec<Ability>, Refused> {
    let request =
        pb::ExplainPermissionsRequest { space_id: space_id.to_owned(), user_id: one.user_id.clone() };
    let told = me.web().api.spaces().explain_permissions(me.ask(request)).await?.into_inner();
    let t = me.texts();
    let ability = |of: &pb::PermissionExplanation| {
        let refused_by: Vec<_> = of.refused_by().filter_map(|refusal| refusal_name(t, refusal)).collect();
        let name = ability_name(t, of.permission())?;
        Some(Ability { name, is_granted: of.is_granted, refused_by: refused_by.join("; ") })
    };
    Ok(told.permissions.iter().filter_map(ability).collect())
}

/// Names what can be granted to guests at all.
fn ability_name(t: &'static Texts, permission: pb::Permission) -> Option<&'static str> {
    match permission {
        pb::Permission::View => Some(t.team.may_view),
        pb::Permission::Download => Some(t.may_download),
        pb::Permission::Invite => Some(t.may_invite),
        pb::Permission::Upload => Some(t.may_upload),
        pb::Permission::Comment => Some(t.team.may_comment),
        _ => None,
    }
}

fn refusal_name(t: &'static Texts, refusal: pb::Refusal) -> Option<&'static str> {
    match refusal {
        pb::Refusal::Unspecified => None,
        pb::Refusal::OrganizationPolicy => Some(t.team.no_policy),
        pb::Refusal::Space => Some(t.team.no_space),
        pb::Refusal::ParticipantKind => Some(t.team.no_kind),
        pb::Refusal::SpaceState => Some(t.team.no_state),
        pb::Refusal::Consent => Some(t.team.no_consent),
    }
}

/// Fills in or corrects a guest's profile.
pub(crate) async fn save_profile(
    me: Me,
    Path((space_id, participant_id)): Path<(String, String)>,
    form: Filled,
) -> Result<Response, Refused> {
    let request = pb::UpdateParticipantProfileRequest {
        space_id: space_id.clone(),
        participant_id: participant_id.clone(),
        update_mask: mask(&changed(&form)),
        display_name: form.text("display_name"),
        job_title: form.text("job_title"),
        company: form.text("company"),
        phone: form.text("phone"),
        locale: form.text("locale"),
        time_zone: form.text("time_zone"),
    };
    match me.web().api.participants().update_participant_profile(me.ask(request)).await {
        Ok(_) => Ok(Redirect::to(&format!("/app/spaces/{space_id}/people/{participant_id}?done=saved"))
            .into_response()),
        Err(status) => {
            let form = form.refused(me.texts(), status)?;
            draw(&me, (&space_id, &participant_id), Some(form)).await
        }
    }
}

/// Names the fields to change: a guest may go without a name until there is one to give.
fn changed(form: &Filled) -> Vec<&'static str> {
    let mut paths = vec!["job_title", "company", "phone", "locale", "time_zone"];
    if !form.text("display_name").is_empty() || form.value("had_name") == "on" {
        paths.push("display_name");
    }
    paths
}

/// Makes a colleague the owner.
pub(crate) async fn hand_over(
    me: Me,
    Path((space_id, participant_id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let people = list(&me, &space_id, false).await?;
    let found = people.into_iter().find(|of| of.participant_id == participant_id);
    let user_id = found.ok_or(Failure::from(Reason::NoSuchPage))?.user_id;
    let request = pb::TransferOwnershipRequest { space_id: space_id.clone(), user_id };
    me.web().api.spaces().transfer_ownership(me.ask(request)).await?;
    Ok(back_to(&space_id, "transferred"))
}

/// Ends the person's own part in a space.
pub(crate) async fn leave(me: Me, Path(space_id): Path<String>) -> Result<Redirect, Refused> {
    me.web().api.participants().leave_space(me.ask(pb::LeaveSpaceRequest { space_id })).await?;
    Ok(Redirect::to("/app/spaces?done=left"))
}
