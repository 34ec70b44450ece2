//! Signing in: the address first, then a password, a link or a code; and out again.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use sharedspaces_proto::identity::v1 as pb;
use tonic::Code;

use crate::cookie;
use crate::failure::{Failure, reason};
use crate::form::Filled;
use crate::frame::{Frame, fill, render};
use crate::visitor::{Visitor, way_back};

/// Where people go who asked for no page.
const HOME: &str = "/app/spaces";

#[derive(Deserialize)]
pub(crate) struct Way {
    #[serde(default)]
    next: String,
    #[serde(default)]
    space: String,
}

/// What this browser asked for when it asked for a link.
#[derive(Deserialize, Serialize)]
struct Login {
    login_request: String,
    organization: String,
    email_address: String,
    next: String,
}

#[derive(askama::Template)]
#[template(path = "sign_in/start.html")]
struct StartPage {
    frame: Frame,
    organization: String,
    form: Filled,
}

#[derive(askama::Template)]
#[template(path = "sign_in/ways.html")]
struct WaysPage {
    frame: Frame,
    organization: String,
    form: Filled,
    has_password: bool,
    has_link: bool,
    may_request: bool,
}

#[derive(askama::Template)]
#[template(path = "sign_in/code.html")]
struct CodePage {
    frame: Frame,
    organization: String,
    form: Filled,
    sent_to: String,
    words: String,
}

#[derive(askama::Template)]
#[template(path = "sign_in/forgot.html")]
struct ForgotPage {
    frame: Frame,
    organization: String,
    form: Filled,
    is_sent: bool,
}

#[derive(askama::Template)]
#[template(path = "sign_in/reset.html")]
struct ResetPage {
    frame: Frame,
    organization: String,
    form: Filled,
}

fn frame(visitor: &Visitor) -> Frame {
    Frame::new(visitor, visitor.texts().sign_in_heading)
}

/// Draws a form; one that was refused with the code that says so.
pub(crate) fn answer(form_is_refused: bool, page: &impl askama::Template) -> Result<Response, Failure> {
    let code = if form_is_refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((code, render(page)?).into_response())
}

fn start_page(visitor: &Visitor, organization: &str, form: Filled) -> Result<Response, Failure> {
    let page = StartPage { frame: frame(visitor), organization: organization.to_owned(), form };
    answer(page.form.is_refused(), &page)
}

/// Asks for organisation and address.
pub(crate) async fn choose_organization(
    visitor: Visitor,
    Query(way): Query<Way>,
) -> Result<Response, Failure> {
    start_page(&visitor, "", Filled::with([("next", &way.next)]))
}

/// Goes on with both.
pub(crate) async fn take_organization(visitor: Visitor, form: Filled) -> Result<Response, Failure> {
    let organization = form.text("organization").to_lowercase();
    let is_slug = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if organization.is_empty() || !organization.chars().all(is_slug) {
        return start_page(&visitor, "", form.wrong("organization", visitor.texts().rule_organization));
    }
    ways_page(&visitor, (&organization, ""), form).await
}

/// Asks for the address.
pub(crate) async fn start(
    visitor: Visitor,
    Path(organization): Path<String>,
    Query(way): Query<Way>,
) -> Result<Response, Failure> {
    start_page(&visitor, &organization, Filled::with([("next", &way.next), ("space", &way.space)]))
}

/// Offers the ways to go on.
pub(crate) async fn ways(
    visitor: Visitor,
    Path(organization): Path<String>,
    form: Filled,
) -> Result<Response, Failure> {
    ways_page(&visitor, (&organization, &organization), form).await
}

/// Asks identity how the address goes on; what it refuses goes back to the page that was filled in, which knows the
/// organisation already or not.
async fn ways_page(
    visitor: &Visitor,
    (organization, known): (&str, &str),
    form: Filled,
) -> Result<Response, Failure> {
    let request = pb::StartSignInRequest {
        organization: organization.to_owned(),
        email_address: form.text("email_address"),
        space_address: form.text("space"),
    };
    match visitor.web().api.sign_in().start_sign_in(visitor.ask(request)).await {
        Ok(answer) => draw_ways(visitor, organization, (answer.into_inner().options().collect(), form)),
        Err(status) => start_page(visitor, known, form.refused(visitor.texts(), status)?),
    }
}

fn draw_ways(
    visitor: &Visitor,
    organization: &str,
    (options, form): (Vec<pb::SignInOption>, Filled),
) -> Result<Response, Failure> {
    let offers = |option| options.contains(&option);
    let page = WaysPage {
        frame: frame(visitor),
        organization: organization.to_owned(),
        has_password: offers(pb::SignInOption::Password),
        has_link: offers(pb::SignInOption::EmailLink),
        may_request: offers(pb::SignInOption::RequestAccess) && !form.value("space").is_empty(),
        form: form.without("password"),
    };
    answer(page.form.is_refused(), &page)
}

/// Signs in with address and password.
pub(crate) async fn with_password(
    visitor: Visitor,
    Path(organization): Path<String>,
    form: Filled,
) -> Result<Response, Failure> {
    let request = pb::SignInWithPasswordRequest {
        organization: organization.clone(),
        email_address: form.text("email_address"),
        password: form.value("password").to_owned(),
        device: Some(visitor.device()),
    };
    let answer = visitor.web().api.sign_in().sign_in_with_password(visitor.ask(request)).await;
    let status = match answer {
        Ok(answer) => {
            let next = way_back(form.value("next"), HOME);
            return visitor.come_in(&organization, answer.into_inner().tokens, next).await;
        }
        Err(status) => status,
    };
    let t = visitor.texts();
    let form = if status.code() == Code::Unauthenticated {
        form.wrong("password", t.credentials_refused)
    } else {
        form.refused(t, status)?
    };
    let both = vec![pb::SignInOption::Password, pb::SignInOption::EmailLink];
    draw_ways(&visitor, &organization, (both, form))
}

/// Has a mail sent with a link and a code.
pub(crate) async fn send_link(
    visitor: Visitor,
    Path(organization): Path<String>,
    form: Filled,
) -> Result<Response, Failure> {
    let email_address = form.text("email_address");
    let request = pb::RequestSignInLinkRequest {
        organization: organization.clone(),
        email_address: email_address.clone(),
        space_id: String::new(),
        space_address: form.text("space"),
    };
    match visitor.web().api.sign_in().request_sign_in_link(visitor.ask(request)).await {
        Ok(answer) => {
            let login_request = answer.into_inner().login_request;
            let next = way_back(form.value("next"), HOME).to_owned();
            let page = format!("/{organization}/sign-in/code");
            let login = Login { login_request, organization, email_address, next };
            let kept = [(SET_COOKIE, visitor.seal(cookie::LOGIN, &login)?)];
            Ok((kept, Redirect::to(&page)).into_response())
        }
        Err(status) => start_page(&visitor, &organization, form.refused(visitor.texts(), status)?),
    }
}

fn draw_code(visitor: &Visitor, organization: &str, form: Filled) -> Result<Response, Failure> {
    let sent_to = visitor.sealed::<Login>(cookie::LOGIN).map(|login| login.email_address).unwrap_or_default();
    let words = fill(visitor.texts().code_sent, &sent_to);
    let page =
        CodePage { frame: frame(visitor), organization: organization.to_owned(), form, sent_to, words };
    answer(page.form.is_refused(), &page)
}

/// Asks for the code of the mail.
pub(crate) async fn code_page(
    visitor: Visitor,
    Path(organization): Path<String>,
) -> Result<Response, Failure> {
    draw_code(&visitor, &organization, Filled::default())
}

/// Signs in with the code, in the browser that asked for it.
pub(crate) async fn with_code(
    visitor: Visitor,
    Path(organization): Path<String>,
    form: Filled,
) -> Result<Response, Failure> {
    let t = visitor.texts();
    let Some(login) = visitor.sealed::<Login>(cookie::LOGIN) else {
        return draw_code(&visitor, &organization, form.wrong("code", t.link_refused));
    };
    let request = pb::RedeemSignInCodeRequest {
        login_request: login.login_request,
        code: form.text("code"),
        device: Some(visitor.device()),
    };
    match visitor.web().api.sign_in().redeem_sign_in_code(visitor.ask(request)).await {
        Ok(answer) => {
            let tokens = answer.into_inner().tokens;
            visitor.come_in(&login.organization, tokens, way_back(&login.next, HOME)).await
        }
        Err(status) if status.code() == Code::NotFound => {
            draw_code(&visitor, &organization, form.wrong("code", t.link_refused))
        }
        Err(status) => draw_code(&visitor, &organization, form.refused(t, status)?),
    }
}

/// Signs in with the link, after a press of the button; opening the link alone does nothing.
pub(crate) async fn with_link(
    visitor: Visitor,
    Path(organization): Path<String>,
    form: Filled,
) -> Result<Response, Failure> {
    let login = visitor.sealed::<Login>(cookie::LOGIN);
    let next = login.as_ref().map_or(HOME, |login| way_back(&login.next, HOME)).to_owned();
    let request = pb::RedeemSignInLinkRequest {
        token: form.text("token"),
        login_request: login.map(|login| login.login_request).unwrap_or_default(),
        device: Some(visitor.device()),
    };
    match visitor.web().api.sign_in().redeem_sign_in_link(visitor.ask(request)).await {
        Ok(answer) => visitor.come_in(&organization, answer.into_inner().tokens, &next).await,
        Err(status) if reason(&status) == "OTHER_BROWSER" => {
            draw_code(&visitor, &organization, Filled::default().refused(visitor.texts(), status)?)
        }
        Err(status) => {
            start_page(&visitor, &organization, Filled::default().refused(visitor.texts(), status)?)
        }
    }
}

/// Ends the session.
pub(crate) async fn sign_out(visitor: Visitor) -> Result<Response, Failure> {
    if visitor.session().is_some() {
        let ended =
            visitor.web().api.sign_in().sign_out(visitor.ask(pb::SignOutRequest { everywhere: false })).await;
        // A session that had ended already is what was wanted.
        if let Err(status) = ended
            && status.code() != Code::Unauthenticated
        {
            return Err(status.into());
        }
    }
    let page = sign_in_page(&visitor);
    Ok((AppendHeaders([(SET_COOKIE, cookie::SESSION.forget())]), Redirect::to(&page)).into_response())
}

/// Where somebody goes who has signed out.
pub(super) fn sign_in_page(visitor: &Visitor) -> String {
    match visitor.cookie(cookie::ORGANIZATION) {
        Some(organization) => format!("/{organization}/sign-in?done=signed-out"),
        None => "/app/sign-in?done=signed-out".to_owned(),
    }
}

fn draw_forgot(
    visitor: &Visitor,
    organization: String,
    (form, is_sent): (Filled, bool),
) -> Result<Response, Failure> {
    let frame = Frame::new(visitor, visitor.texts().forgot_heading);
    let page = ForgotPage { frame, organization, form, is_sent };
    answer(page.form.is_refused(), &page)
}

/// Asks whose password was forgotten.
pub(crate) async fn forgot_page(
    visitor: Visitor,
    Path(organization): Path<String>,
) -> Result<Response, Failure> {
    draw_forgot(&visitor, organization, (Filled::default(), false))
}

/// Has a mail sent to set a new password.
pub(crate) async fn forgot(
    visitor: Visitor,
    Path(organization): Path<String>,
    form: Filled,
) -> Result<Response, Failure> {
    let request = pb::RequestPasswordResetRequest {
        organization: organization.clone(),
        email_address: form.text("email_address"),
    };
    match visitor.web().api.account().request_password_reset(visitor.ask(request)).await {
        Ok(_) => draw_forgot(&visitor, organization, (form, true)),
        Err(status) => draw_forgot(&visitor, organization, (form.refused(visitor.texts(), status)?, false)),
    }
}

fn draw_reset(visitor: &Visitor, organization: String, form: Filled) -> Result<Response, Failure> {
    let frame = Frame::new(visitor, visitor.texts().reset_heading);
    let page = ResetPage { frame, organization, form: form.without("new_password") };
    answer(page.form.is_refused(), &page)
}

/// Asks for a new password.
pub(crate) async fn reset_page(
    visitor: Visitor,
    Path(organization): Path<String>,
) -> Result<Response, Failure> {
    draw_reset(&visitor, organization, Filled::default())
}

/// Sets it by the link of the mail.
pub(crate) async fn reset(
    visitor: Visitor,
    Path(organization): Path<String>,
    form: Filled,
) -> Result<Response, Failure> {
    let request = pb::ResetPasswordRequest {
        token: token_in(form.value("token")).to_owned(),
        new_password: form.value("new_password").to_owned(),
    };
    match visitor.web().api.account().reset_password(visitor.ask(request)).await {
        Ok(_) => Ok(Redirect::to(&format!("/{organization}/sign-in?done=password")).into_response()),
        Err(status) => draw_reset(&visitor, organization, form.refused(visitor.texts(), status)?),
    }
}

/// Takes the token out of a pasted link; a token alone is one.
pub(crate) fn token_in(pasted: &str) -> &str {
    let pasted = pasted.trim();
    pasted.rsplit_once('#').map_or(pasted, |(_, token)| token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_link_is_as_good_as_its_token() {
        assert_eq!(token_in(" https://rooms.example/acme/invitation#abc.def \n"), "abc.def");
        assert_eq!(token_in("abc.def"), "abc.def");
    }
}
