//! The CRM of one space: its record, its logs, and adding one.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use sharedspaces_proto::crmsync::v1 as crm;
use tonic::Status;

use super::pick::{self, Chosen, Pick, Sought, pick};
use super::show::{Log, kind_of};
use super::words;
use crate::failure::Failure;
use crate::form::Filled;
use crate::frame::{Frame, fill, render};
use crate::pages::room::{Entered, Paged, Refused, Room, enter};
use crate::visitor::{Me, way_back};

/// The record that a space is linked to.
struct Link {
    name: String,
    kind: &'static str,
    crm: String,
    url: String,
    open: String,
}

#[derive(askama::Template)]
#[template(path = "crm/panel.html")]
struct PanelPage {
    frame: Frame,
    space: Room,
    link: Option<Link>,
    may_link: bool,
    may_log: bool,
    is_off: bool,
    logs: Vec<Log>,
    linking: Filled,
    record: Pick,
    is_linking: bool,
    adding: Filled,
    target: Pick,
    person: Pick,
    is_adding: bool,
    next_page: String,
    /// Where retrying leads back to.
    back: String,
    /// Where the forms go.
    link_to: String,
    log_to: String,
}

/// The forms of the page as they were sent.
#[derive(Default)]
struct Forms {
    linking: Option<Filled>,
    adding: Option<Filled>,
}

/// Shows it.
pub(crate) async fn page(
    me: Me,
    Path(space_id): Path<String>,
    Query(paged): Query<Paged>,
) -> Result<Response, Refused> {
    draw(&me, (&space_id, paged.page), Forms::default()).await
}

async fn draw(me: &Me, (space_id, page): (&str, String), forms: Forms) -> Result<Response, Refused> {
    let Entered { room, frame, .. } = enter(me, space_id, "crm").await?;
    let request = crm::ListLogsRequest { space_id: space_id.to_owned(), page_size: 0, page_token: page };
    let told = me.web().api.crm_logs().list_logs(me.ask(request)).await?.into_inner();
    let (t, known) = (me.texts(), &room.crm);
    let target = told.link.as_ref().and_then(|link| link.target.as_ref());
    let usual = target.filter(|of| known.working().any(|working| working.connection_id == of.connection_id));
    let usual = usual.map(Chosen::of_target);
    let (is_linking, is_adding) = (forms.linking.is_some(), forms.adding.is_some());
    let linking = forms.linking.unwrap_or_default();
    let adding = forms.adding.unwrap_or_else(|| Filled::with([("key", &me.form_key())]));
    let (record, target_pick, person) = tokio::join!(
        pick(me, (known, Sought::Record), (&linking, "record"), None),
        pick(me, (known, Sought::Record), (&adding, "target"), usual),
        pick(me, (known, Sought::Person), (&adding, "person"), None)
    );
    let works = known.working().next().is_some();
    let is_refused = linking.is_refused() || adding.is_refused();
    let page = PanelPage {
        frame,
        link: told.link.map(|link| shown(me, &room, link)),
        may_link: works,
        may_log: works && known.is_on(),
        is_off: !known.is_on(),
        logs: told.logs.into_iter().map(|log| Log::new(t, known, log)).collect(),
        linking,
        record,
        is_linking,
        adding,
        target: target_pick,
        person,
        is_adding,
        next_page: told.next_page_token,
        back: format!("/app/spaces/{space_id}/crm"),
        link_to: format!("/app/spaces/{space_id}/crm/link"),
        log_to: format!("/app/spaces/{space_id}/crm/logs"),
        space: room,
    };
    let code = if is_refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((code, render(&page)?).into_response())
}

fn shown(me: &Me, room: &Room, link: crm::SpaceLink) -> Link {
    let target = link.target.unwrap_or_default();
    let crm = room.crm.name_of(&target.connection_id);
    Link {
        kind: kind_of(me.texts(), &target),
        open: fill(me.texts().crm.open_in, &crm),
        crm,
        name: target.record_name,
        url: link.record_url,
    }
}

fn back_to(space_id: &str, done: &str) -> Response {
    Redirect::to(&format!("/app/spaces/{space_id}/crm?done={done}")).into_response()
}

/// Puts what was refused above the form, in words that name the CRM's.
fn refused(me: &Me, form: Filled, status: Status) -> Result<Filled, Failure> {
    let told = words(me.texts(), &status);
    let mut form = form.refused(me.texts(), status)?;
    if form.general != me.texts().reason_fields {
        form.general = told;
    }
    Ok(form)
}

/// Links the space to a record, or shows what is found.
pub(crate) async fn link(me: Me, Path(space_id): Path<String>, form: Filled) -> Result<Response, Refused> {
    let target = pick::record(&form, "record");
    if pick::is_pressed(&form, "record_find") || target.is_none() {
        let is_search = pick::is_pressed(&form, "record_find");
        let form = if is_search { form } else { form.wrong("record", me.texts().crm.choose_record) };
        return draw(&me, (&space_id, String::new()), Forms { linking: Some(form), adding: None }).await;
    }
    let request = crm::LinkSpaceRequest { space_id: space_id.clone(), target };
    match me.web().api.crm_logs().link_space(me.ask(request)).await {
        Ok(_) => Ok(back_to(&space_id, "crm-linked")),
        Err(status) => {
            let form = refused(&me, form, status)?;
            draw(&me, (&space_id, String::new()), Forms { linking: Some(form), adding: None }).await
        }
    }
}

/// Takes the link away.
pub(crate) async fn unlink(me: Me, Path(space_id): Path<String>) -> Result<Response, Refused> {
    let request = crm::LinkSpaceRequest { space_id: space_id.clone(), target: None };
    me.web().api.crm_logs().link_space(me.ask(request)).await?;
    Ok(back_to(&space_id, "crm-unlinked"))
}

/// Logs the space as it is, or shows what is found.
pub(crate) async fn add_log(me: Me, Path(space_id): Path<String>, form: Filled) -> Result<Response, Refused> {
    let again = |form| Forms { linking: None, adding: Some(form) };
    if pick::is_pressed(&form, "target_find") || pick::is_pressed(&form, "person_find") {
        return draw(&me, (&space_id, String::new()), again(form)).await;
    }
    let Some(target) = pick::record(&form, "target") else {
        let form = form.wrong("target", me.texts().crm.choose_record);
        return draw(&me, (&space_id, String::new()), again(form)).await;
    };
    let person = pick::person(&form, "person");
    let request = crm::CreateLogRequest { space_id: space_id.clone(), target: Some(target), person };
    match me.web().api.crm_logs().create_log(me.ask_once(request, form.value("key"))).await {
        Ok(_) => Ok(back_to(&space_id, "crm-logging")),
        Err(status) => {
            let mut form = refused(&me, form, status)?;
            form.put("key", &me.form_key());
            draw(&me, (&space_id, String::new()), again(form)).await
        }
    }
}

/// Tries a log once more.
pub(crate) async fn retry(
    me: Me,
    Path((space_id, log_id)): Path<(String, String)>,
    form: Filled,
) -> Result<Response, Refused> {
    me.web().api.crm_logs().retry_log(me.ask(crm::RetryLogRequest { log_id })).await?;
    let otherwise = format!("/app/spaces/{space_id}/crm");
    let next = way_back(form.value("next"), &otherwise);
    let sign = if next.contains('?') { '&' } else { '?' };
    Ok(Redirect::to(&format!("{next}{sign}done=crm-retrying")).into_response())
}
