//! One's own account beyond the profile: where one is signed in, when mails wait, what one agreed to.

use axum::extract::{Path, Query};
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use service_kit::locale::Locale;
use sharedspaces_proto::identity::v1 as pb;
use sharedspaces_proto::notifications::v1 as notifications;
use sharedspaces_proto::spaces::v1 as spaces;
use tonic::Status;

use super::invitation::paragraphs;
use super::room::Paged;
use super::sign_in::{answer, sign_in_page};
use crate::cookie;
use crate::failure::Failure;
use crate::form::{Filled, mask};
use crate::frame::{Frame, fill, render};
use crate::texts::{self, Texts};
use crate::view::{Moment, Person};
use crate::visitor::Me;

struct SignedIn {
    id: String,
    device: String,
    letter: String,
    tint: u32,
    is_current: bool,
    method: &'static str,
    began: Moment,
    used: Moment,
}

#[derive(askama::Template)]
#[template(path = "account/sessions.html")]
struct SessionsPage {
    frame: Frame,
    sessions: Vec<SignedIn>,
    has_others: bool,
}

fn frame(me: &Me) -> Frame {
    Frame::new(me, me.texts().nav_profile).area("profile")
}

async fn list_sessions(me: &Me) -> Result<Vec<pb::Session>, Status> {
    let mut request = pb::ListSessionsRequest { page_size: 100, page_token: String::new() };
    let mut sessions = Vec::new();
    loop {
        let listed = me.web().api.sign_in().list_sessions(me.ask(request.clone())).await?.into_inner();
        sessions.extend(listed.sessions);
        if listed.next_page_token.is_empty() {
            return Ok(sessions);
        }
        request.page_token = listed.next_page_token;
    }
}

/// Shows where the person is signed in.
pub(crate) async fn sessions(me: Me) -> Result<Response, Failure> {
    let t = me.texts();
    let sessions: Vec<_> = list_sessions(&me).await?.into_iter().map(|of| signed_in(t, of)).collect();
    let has_others = sessions.iter().any(|session| !session.is_current);
    render(&SessionsPage { frame: frame(&me), sessions, has_others })
}

fn signed_in(t: &'static Texts, session: pb::Session) -> SignedIn {
    let device = match session.device_label.as_str() {
        "" => t.own.unknown_device.to_owned(),
        label => label.to_owned(),
    };
    let person = Person::new(&device, "");
    SignedIn {
        letter: person.initials,
        tint: person.tint,
        device,
        is_current: session.is_current,
        method: match session.method() {
            pb::SignInMethod::Unspecified | pb::SignInMethod::Password => t.own.by_password,
            pb::SignInMethod::Link => t.own.by_link,
            pb::SignInMethod::Code => t.own.by_code,
            pb::SignInMethod::Invitation => t.own.by_invitation,
        },
        id: session.session_id,
        began: session.create_time.into(),
        used: session.last_use_time.into(),
    }
}

/// Ends one of them.
pub(crate) async fn end_session(me: Me, Path(session_id): Path<String>) -> Result<Redirect, Failure> {
    me.web().api.sign_in().revoke_session(me.ask(pb::RevokeSessionRequest { session_id })).await?;
    Ok(Redirect::to("/app/profile/sessions?done=ended"))
}

/// Ends all but this one.
pub(crate) async fn end_others(me: Me) -> Result<Redirect, Failure> {
    for session in list_sessions(&me).await?.into_iter().filter(|session| !session.is_current) {
        let request = pb::RevokeSessionRequest { session_id: session.session_id };
        me.web().api.sign_in().revoke_session(me.ask(request)).await?;
    }
    Ok(Redirect::to("/app/profile/sessions?done=ended"))
}

/// Ends all of them, this one too.
pub(crate) async fn end_all(me: Me) -> Result<Response, Failure> {
    me.web().api.sign_in().sign_out(me.ask(pb::SignOutRequest { everywhere: true })).await?;
    let forget = AppendHeaders([(SET_COOKIE, cookie::SESSION.forget())]);
    Ok((forget, Redirect::to(&sign_in_page(&me))).into_response())
}

#[derive(askama::Template)]
#[template(path = "account/mails.html")]
struct MailsPage {
    frame: Frame,
    form: Filled,
    has_quiet_hours: bool,
    zone: String,
    /// Id and title.
    spaces: Vec<(String, String)>,
    next_page: String,
}

/// Shows when mails wait, and where to choose which come.
pub(crate) async fn mails(me: Me, Query(paged): Query<Paged>) -> Result<Response, Failure> {
    draw_mails(&me, (None, paged.page)).await
}

async fn draw_mails(me: &Me, (form, page_token): (Option<Filled>, String)) -> Result<Response, Failure> {
    let listing = spaces::ListSpacesRequest {
        page_size: 50,
        page_token,
        order: spaces::SpaceOrder::Title.into(),
        ..spaces::ListSpacesRequest::default()
    };
    let (mut preferences, mut client) = (me.web().api.preferences(), me.web().api.spaces());
    let (told, listed) = tokio::join!(
        preferences.get_preferences(me.ask(notifications::GetPreferencesRequest {})),
        client.list_spaces(me.ask(listing))
    );
    let quiet_hours = told?.into_inner().preferences.unwrap_or_default().quiet_hours;
    let listed = listed?.into_inner();
    let t = me.texts();
    let zone = match me.session().time_zone.as_str() {
        "" => t.own.in_utc.to_owned(),
        zone => fill(t.own.in_zone, zone),
    };
    let has_quiet_hours = quiet_hours.is_some();
    let hours = quiet_hours.unwrap_or_default();
    let is_refused = form.is_some();
    let page = MailsPage {
        frame: frame(me),
        form: form.unwrap_or_else(|| Filled::with([("start", hours.start.as_str()), ("end", &hours.end)])),
        has_quiet_hours,
        zone,
        spaces: listed.spaces.into_iter().map(|space| (space.space_id, space.title)).collect(),
        next_page: listed.next_page_token,
    };
    answer(is_refused, &page)
}

/// Changes when mails wait.
pub(crate) async fn save_mails(me: Me, form: Filled) -> Result<Response, Failure> {
    let hours = notifications::QuietHours { start: form.text("start"), end: form.text("end") };
    let request = notifications::UpdatePreferencesRequest {
        update_mask: mask(&["quiet_hours"]),
        preferences: Some(notifications::Preferences { quiet_hours: (!form.is_on("none")).then_some(hours) }),
    };
    match me.web().api.preferences().update_preferences(me.ask(request)).await {
        Ok(_) => Ok(Redirect::to("/app/profile/mails?done=saved").into_response()),
        Err(status) => {
            let mut form = form.refused(me.texts(), status)?;
            if !form.error("preferences").is_empty() {
                form.general = form.error("preferences").to_owned();
            }
            draw_mails(&me, (Some(form), String::new())).await
        }
    }
}

struct Agreed {
    what: String,
    via: &'static str,
    lang: String,
    language: &'static str,
    when: Moment,
}

#[derive(askama::Template)]
#[template(path = "account/privacy.html")]
struct PrivacyPage {
    frame: Frame,
    /// Whether the person's newest word on the notice is yes.
    stands: bool,
    version: String,
    notice_lang: String,
    notice: Vec<String>,
    history: Vec<Agreed>,
    next_page: String,
}

/// Shows what the person agreed to, and when.
pub(crate) async fn privacy(me: Me, Query(paged): Query<Paged>) -> Result<Response, Failure> {
    let asked = pb::GetPrivacyNoticeRequest {
        organization: me.session().organization.clone(),
        locale: me.locale().as_str().to_owned(),
    };
    let listing = pb::ListConsentsRequest {
        user_id: me.session().user_id.clone(),
        page_size: 50,
        page_token: paged.page,
    };
    let (mut consent, mut ledger, mut account) =
        (me.web().api.consent(), me.web().api.consent(), me.web().api.account());
    let (told, listed, profile) = tokio::join!(
        consent.get_privacy_notice(me.ask(asked)),
        ledger.list_consents(me.ask(listing)),
        account.get_profile(me.ask(pb::GetProfileRequest {}))
    );
    let notice = told?.into_inner().privacy_notice.unwrap_or_default();
    let listed = listed?.into_inner();
    let t = me.texts();
    let agreed_to = profile?.into_inner().person.unwrap_or_default().consent_notice_version;
    let page = PrivacyPage {
        frame: frame(&me),
        // A material change asks again.
        stands: agreed_to > 0 && !(notice.is_material && agreed_to < notice.version),
        version: fill(t.admin.version, notice.version),
        notice_lang: notice.locale,
        notice: paragraphs(&notice.text),
        history: listed.consents.into_iter().map(|of| agreed(t, of)).collect(),
        next_page: listed.next_page_token,
    };
    render(&page)
}

fn agreed(t: &'static Texts, consent: pb::Consent) -> Agreed {
    let what = match consent.action() {
        pb::ConsentAction::Withdrawn => t.own.withdrawn,
        pb::ConsentAction::Unspecified | pb::ConsentAction::Given => t.own.agreed,
    };
    Agreed {
        what: fill(what, consent.notice_version),
        via: match consent.via() {
            pb::ConsentVia::Invitation => t.own.via_invitation,
            pb::ConsentVia::Unspecified | pb::ConsentVia::Account => t.own.via_account,
        },
        language: texts::of(Locale::of(&consent.notice_locale)).language_name,
        lang: consent.notice_locale,
        when: consent.create_time.into(),
    }
}

/// Takes the consent back; the tokens that say so are fetched at once.
pub(crate) async fn withdraw(me: Me) -> Result<Response, Failure> {
    me.web().api.consent().withdraw_consent(me.ask(pb::WithdrawConsentRequest {})).await?;
    let session = me.fresh().await?;
    let kept = [(SET_COOKIE, me.seal(cookie::SESSION, &session)?)];
    Ok((kept, Redirect::to("/app/profile/privacy?done=withdrawn")).into_response())
}
