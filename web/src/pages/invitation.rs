//! The way in for a guest: the link of the invitation, the notice, the consent.

use std::time::Duration;

use axum::extract::{Path, Query};
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sharedspaces_proto::identity::v1 as pb;
use sharedspaces_proto::spaces::v1 as spaces;
use tonic::Status;

use super::sign_in::{answer, token_in};
use crate::cookie;
use crate::failure::{Failure, reason};
use crate::form::Filled;
use crate::frame::{Frame, fill};
use crate::visitor::{Me, Visitor, way_back};

/// How often a space is asked whether it has heard of a consent, and with which pause.
const HEARD_LOOKS: usize = 40;
const LOOK_EVERY: Duration = Duration::from_millis(200);

#[derive(askama::Template)]
#[template(path = "door/landing.html")]
struct LandingPage {
    frame: Frame,
    organization: String,
    form: Filled,
}

#[derive(askama::Template)]
#[template(path = "door/accept.html")]
struct AcceptPage {
    frame: Frame,
    organization: String,
    inviting: String,
    words: String,
    password_hint: String,
    notice_id: String,
    notice_lang: String,
    notice: Vec<String>,
    form: Filled,
}

#[derive(askama::Template)]
#[template(path = "door/consent.html")]
struct ConsentPage {
    frame: Frame,
    notice_id: String,
    notice_lang: String,
    notice: Vec<String>,
    form: Filled,
}

pub(super) fn paragraphs(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn draw_landing(visitor: &Visitor, organization: String, form: Filled) -> Result<Response, Failure> {
    let frame = Frame::new(visitor, visitor.texts().invitation_heading);
    let page = LandingPage { frame, organization, form };
    answer(page.form.is_refused(), &page)
}

/// Where the mail's link leads. Nothing is used up here, nor by what the script does.
pub(crate) async fn landing(visitor: Visitor, Path(organization): Path<String>) -> Result<Response, Failure> {
    draw_landing(&visitor, organization, Filled::default())
}

/// Shows who invites, and the notice.
pub(crate) async fn show(
    visitor: Visitor,
    Path(organization): Path<String>,
    mut form: Filled,
) -> Result<Response, Failure> {
    let token = token_in(form.value("token")).to_owned();
    form.put("token", &token);
    draw_accept(&visitor, organization, form).await
}

async fn draw_accept(visitor: &Visitor, organization: String, form: Filled) -> Result<Response, Failure> {
    let request = pb::GetInvitationRequest {
        token: form.value("token").to_owned(),
        locale: visitor.locale().as_str().to_owned(),
    };
    let t = visitor.texts();
    let shown = match visitor.web().api.invitations().get_invitation(visitor.ask(request)).await {
        Ok(shown) => shown.into_inner(),
        Err(status) => return draw_landing(visitor, organization, form.without("token").refused(t, status)?),
    };
    let notice = shown.privacy_notice.ok_or_else(|| Status::internal("no privacy notice"))?;
    let page = AcceptPage {
        frame: Frame::new(visitor, t.invitation_heading),
        organization,
        inviting: fill(
            t.inviting,
            format!("{} · {}", shown.inviter_display_name, shown.organization_display_name),
        ),
        words: fill(t.landing_words, &shown.email_address),
        password_hint: fill(t.choose_password_hint, shown.password_min_length),
        notice_id: notice.privacy_notice_id,
        notice_lang: notice.locale,
        notice: paragraphs(&notice.text),
        form: form.without("password"),
    };
    answer(page.form.is_refused(), &page)
}

/// Records the consent and lets the guest in.
pub(crate) async fn accept(
    visitor: Visitor,
    Path(organization): Path<String>,
    form: Filled,
) -> Result<Response, Failure> {
    let t = visitor.texts();
    if !form.is_on("consent_given") {
        return draw_accept(&visitor, organization, form.wrong("consent_given", t.consent_needed)).await;
    }
    let request = pb::AcceptInvitationRequest {
        token: form.value("token").to_owned(),
        privacy_notice_id: form.text("privacy_notice_id"),
        consent_given: true,
        display_name: form.text("display_name"),
        job_title: form.text("job_title"),
        company: form.text("company"),
        phone: String::new(),
        locale: visitor.locale().as_str().to_owned(),
        time_zone: form.text("time_zone"),
        password: form.value("password").to_owned(),
        device: Some(visitor.device()),
    };
    match visitor.web().api.invitations().accept_invitation(visitor.ask(request)).await {
        Ok(accepted) => {
            let accepted = accepted.into_inner();
            let next = format!("/app/spaces/{}", accepted.space_id);
            visitor.come_in(&organization, accepted.tokens, &next).await
        }
        Err(status) => draw_accept(&visitor, organization, form.refused(t, status)?).await,
    }
}

/// Where somebody was going whose consent does not stand.
#[derive(Deserialize)]
pub(crate) struct Way {
    #[serde(default)]
    next: String,
}

/// Asks a guest again, whose consent does not stand any more.
pub(crate) async fn consent_page(me: Me, Query(way): Query<Way>) -> Result<Response, Failure> {
    draw_consent(&me, Filled::with([("next", &way.next)])).await
}

async fn draw_consent(me: &Me, form: Filled) -> Result<Response, Failure> {
    let request = pb::GetPrivacyNoticeRequest {
        organization: me.session().organization.clone(),
        locale: me.locale().as_str().to_owned(),
    };
    let answered = me.web().api.consent().get_privacy_notice(me.ask(request)).await?;
    let notice = answered.into_inner().privacy_notice.ok_or_else(|| Status::internal("no privacy notice"))?;
    let page = ConsentPage {
        frame: Frame::new(me, me.texts().privacy_notice),
        notice_id: notice.privacy_notice_id,
        notice_lang: notice.locale,
        notice: paragraphs(&notice.text),
        form,
    };
    answer(page.form.is_refused(), &page)
}

/// Records the consent; the tokens that say so are fetched at once.
pub(crate) async fn give_consent(me: Me, form: Filled) -> Result<Response, Failure> {
    let t = me.texts();
    if !form.is_on("consent_given") {
        return draw_consent(&me, form.wrong("consent_given", t.consent_needed)).await;
    }
    let request =
        pb::GiveConsentRequest { privacy_notice_id: form.text("privacy_notice_id"), consent_given: true };
    if let Err(status) = me.web().api.consent().give_consent(me.ask(request)).await {
        return draw_consent(&me, form.refused(t, status)?).await;
    }
    let next = way_back(form.value("next"), "/app/spaces");
    until_heard(&me, next).await;
    let session = me.fresh().await?;
    Ok(([(SET_COOKIE, me.seal(cookie::SESSION, &session)?)], Redirect::to(next)).into_response())
}

/// Waits until the space that somebody goes on to has heard of their consent, for a while: of one that was given after
/// another was taken back it learns by an event alone, and until then it would ask again.
async fn until_heard(me: &Me, next: &str) {
    let id = next.strip_prefix("/app/spaces/").and_then(|rest| rest.split(['/', '?']).next());
    let Some(space_id) = id.map(str::to_owned) else { return };
    for _ in 0..HEARD_LOOKS {
        let request = spaces::GetSpaceRequest { space_id: space_id.clone() };
        match me.web().api.spaces().get_space(me.ask(request)).await {
            Err(status) if reason(&status) == "CONSENT_REQUIRED" => tokio::time::sleep(LOOK_EVERY).await,
            _ => return,
        }
    }
}

/// Tells whether a page was refused because the guest's consent does not stand, and leads to giving it.
pub(crate) fn to_consent(visitor: &Visitor, status: &Status) -> Option<Response> {
    let next: String = url::form_urlencoded::byte_serialize(visitor.address().as_bytes()).collect();
    (reason(status) == "CONSENT_REQUIRED")
        .then(|| Redirect::to(&format!("/app/consent?next={next}")).into_response())
}
