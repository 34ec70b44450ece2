//! The addresses that mails and people carry: a space's own, asking for access, getting out of mails.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sharedspaces_proto::notifications::v1 as notifications;
use sharedspaces_proto::spaces::v1 as pb;
use tonic::Code;

use super::sign_in::{answer, token_in};
use crate::failure::{Failure, Reason};
use crate::form::Filled;
use crate::frame::Frame;
use crate::visitor::Visitor;

/// How many pages of spaces are looked through for an address.
const PAGES_MAX: usize = 50;
const PAGE_SIZE: i32 = 100;

#[derive(askama::Template)]
#[template(path = "door/request.html")]
struct RequestPage {
    frame: Frame,
    organization: String,
    form: Filled,
    is_sent: bool,
}

#[derive(askama::Template)]
#[template(path = "door/unsubscribe.html")]
struct UnsubscribePage {
    frame: Frame,
    form: Filled,
    is_done: bool,
}

/// The address of a space: leads who takes part to it, and anybody else to asking for their address. The same for a space
/// that does not exist.
pub(crate) async fn space(
    visitor: Visitor,
    Path((organization, space)): Path<(String, String)>,
) -> Result<Response, Failure> {
    lead(&visitor, (&organization, &space), "").await
}

/// A page within a space, by its address.
pub(crate) async fn place(
    visitor: Visitor,
    Path((organization, space, place)): Path<(String, String, String)>,
) -> Result<Response, Failure> {
    let below = match place.as_str() {
        "people" => "/people",
        // What a mail calls settings are those of the person's own mails.
        "settings" => "/notifications",
        _ => return Err(Reason::NoSuchPage.into()),
    };
    lead(&visitor, (&organization, &space), below).await
}

async fn lead(
    visitor: &Visitor,
    (organization, space): (&str, &str),
    below: &str,
) -> Result<Response, Failure> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    if organization == "app" || ![organization, space].iter().all(|part| part.chars().all(is_part)) {
        return Err(Reason::NoSuchPage.into());
    }
    let is_of_here = visitor.session().is_some_and(|session| session.organization == organization);
    if !is_of_here {
        let next = format!("/{organization}/{space}{below}");
        let way = format!("/{organization}/sign-in?space={space}&next={next}");
        return Ok(Redirect::to(&way).into_response());
    }
    Ok(match find(visitor, &format!("/{organization}/{space}")).await? {
        Some(id) => Redirect::to(&format!("/app/spaces/{id}{below}")).into_response(),
        None => Redirect::to(&format!("/{organization}/request-access?space={space}")).into_response(),
    })
}

/// Finds a space of the person's own by the end of its address.
async fn find(visitor: &Visitor, end: &str) -> Result<Option<String>, Failure> {
    let mut request = pb::ListSpacesRequest { page_size: PAGE_SIZE, ..pb::ListSpacesRequest::default() };
    for _ in 0..PAGES_MAX {
        let answer = visitor.web().api.spaces().list_spaces(visitor.ask(request.clone())).await?.into_inner();
        let found = answer.spaces.into_iter().find(|space| space.url.ends_with(end));
        if found.is_some() || answer.next_page_token.is_empty() {
            return Ok(found.map(|space| space.space_id));
        }
        request.page_token = answer.next_page_token;
    }
    Ok(None)
}

/// Which space access is asked for.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    space: String,
}

fn draw_request(
    visitor: &Visitor,
    organization: String,
    (form, is_sent): (Filled, bool),
) -> Result<Response, Failure> {
    let frame = Frame::new(visitor, visitor.texts().request_access);
    let page = RequestPage { frame, organization, form, is_sent };
    answer(page.form.is_refused(), &page)
}

/// Asks for access to a space.
pub(crate) async fn request_page(
    visitor: Visitor,
    Path(organization): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    draw_request(&visitor, organization, (Filled::with([("space_address", &wanted.space)]), false))
}

/// Sends the request; the answer is always the same.
pub(crate) async fn request(
    visitor: Visitor,
    Path(organization): Path<String>,
    form: Filled,
) -> Result<Response, Failure> {
    if !form.is_on("send") {
        return draw_request(&visitor, organization, (form, false));
    }
    let is_signed_in = visitor.session().is_some();
    let email_address = if is_signed_in { String::new() } else { form.text("email_address") };
    let request = pb::RequestAccessRequest {
        organization: organization.clone(),
        space_address: form.text("space_address"),
        email_address,
        request_token: token_in(form.value("request_token")).to_owned(),
        display_name: form.text("display_name"),
        message: form.lines("message"),
    };
    match visitor.web().api.requests().request_access(visitor.ask(request)).await {
        Ok(_) => draw_request(&visitor, organization, (form, true)),
        Err(status) => draw_request(&visitor, organization, (form.refused(visitor.texts(), status)?, false)),
    }
}

fn draw_unsubscribe(visitor: &Visitor, form: Filled, is_done: bool) -> Result<Response, Failure> {
    let frame = Frame::new(visitor, visitor.texts().unsubscribe_heading);
    let page = UnsubscribePage { frame, form, is_done };
    answer(page.form.is_refused(), &page)
}

/// Where the link of a mail to get out of its kind leads.
pub(crate) async fn unsubscribe_page(visitor: Visitor) -> Result<Response, Failure> {
    draw_unsubscribe(&visitor, Filled::default(), false)
}

/// Stops the mails.
pub(crate) async fn unsubscribe(visitor: Visitor, form: Filled) -> Result<Response, Failure> {
    let request = notifications::UnsubscribeRequest { token: token_in(form.value("token")).to_owned() };
    match visitor.web().api.deliveries().unsubscribe(visitor.ask(request)).await {
        Ok(_) => draw_unsubscribe(&visitor, form, true),
        Err(status) => draw_unsubscribe(&visitor, form.refused(visitor.texts(), status)?, false),
    }
}

/// What a mail program sends (RFC 8058).
#[derive(Deserialize)]
pub(crate) struct OneClick {
    token: String,
}

/// Stops the mails for a mail program, which shows nothing.
pub(crate) async fn one_click(visitor: Visitor, Query(click): Query<OneClick>) -> StatusCode {
    let request = notifications::UnsubscribeRequest { token: click.token };
    match visitor.web().api.deliveries().unsubscribe(visitor.ask(request)).await {
        Ok(_) => StatusCode::OK,
        Err(status) if status.code() == Code::NotFound => StatusCode::NOT_FOUND,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
