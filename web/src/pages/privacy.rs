//! Privacy notices: every version there was, the next one, and whether the evidence of consents is whole.

use axum::extract::Query;
use axum::response::{IntoResponse, Redirect, Response};
use service_kit::locale::Locale;
use sharedspaces_proto::identity::v1 as pb;
use tonic::Status;

use super::admin::frame;
use super::invitation::paragraphs;
use super::organization::own;
use super::room::Paged;
use super::sign_in::answer;
use crate::failure::Failure;
use crate::form::Filled;
use crate::frame::{Frame, fill, render};
use crate::texts;
use crate::view::Moment;
use crate::visitor::Me;

/// Three versions in three languages.
const PAGE_SIZE: i32 = 9;

struct Text {
    lang: String,
    language: &'static str,
    lines: Vec<String>,
    sha256: String,
}

struct Version {
    number: i32,
    heading: String,
    is_in_force: bool,
    is_material: bool,
    since: Moment,
    texts: Vec<Text>,
}

#[derive(askama::Template)]
#[template(path = "admin/notices.html")]
struct NoticesPage {
    frame: Frame,
    versions: Vec<Version>,
    next_page: String,
    /// What checking the evidence found; empty where it was not checked.
    verdict: String,
    is_intact: bool,
}

#[derive(askama::Template)]
#[template(path = "admin/notice.html")]
struct NoticePage {
    frame: Frame,
    hint: String,
    /// Name in the form, and label.
    fields: Vec<(&'static str, String)>,
    previews: Vec<Text>,
    form: Filled,
}

fn text(locale: &str, text: &str, sha256: String) -> Text {
    let language = texts::of(Locale::of(locale)).language_name;
    Text { lang: locale.to_owned(), language, lines: paragraphs(text), sha256 }
}

async fn list(me: &Me, page_token: String) -> Result<pb::ListPrivacyNoticesResponse, Status> {
    let request = pb::ListPrivacyNoticesRequest { page_size: PAGE_SIZE, page_token };
    Ok(me.web().api.consent().list_privacy_notices(me.ask(request)).await?.into_inner())
}

/// Shows every version.
pub(crate) async fn page(me: Me, Query(paged): Query<Paged>) -> Result<Response, Failure> {
    draw(&me, (paged.page, None)).await
}

async fn draw(
    me: &Me,
    (page_token, checked): (String, Option<pb::VerifyConsentLedgerResponse>),
) -> Result<Response, Failure> {
    let is_first = page_token.is_empty();
    let listed = list(me, page_token).await?;
    let t = me.texts();
    let mut versions: Vec<Version> = Vec::new();
    for notice in listed.privacy_notices {
        let shown = text(&notice.locale, &notice.text, notice.sha256);
        match versions.last_mut().filter(|last| last.number == notice.version) {
            Some(last) => last.texts.push(shown),
            None => versions.push(Version {
                number: notice.version,
                heading: fill(t.admin.version, notice.version),
                is_in_force: is_first && versions.is_empty(),
                is_material: notice.is_material,
                since: notice.publish_time.into(),
                texts: vec![shown],
            }),
        }
    }
    let verdict = checked.as_ref().map(|of| match of.is_intact {
        true => fill(t.admin.intact, of.entry_count),
        false => fill(t.admin.broken, of.first_broken_sequence),
    });
    let page = NoticesPage {
        frame: frame(me),
        versions,
        next_page: listed.next_page_token,
        verdict: verdict.unwrap_or_default(),
        is_intact: checked.is_some_and(|of| of.is_intact),
    };
    render(&page)
}

/// Recomputes the chain of consents.
pub(crate) async fn verify(me: Me) -> Result<Response, Failure> {
    let request = pb::VerifyConsentLedgerRequest {};
    let checked = me.web().api.consent().verify_consent_ledger(me.ask(request)).await?.into_inner();
    draw(&me, (String::new(), Some(checked))).await
}

/// Names the field of a language.
fn field_of(locale: Locale) -> &'static str {
    match locale {
        Locale::English => "text_en",
        Locale::French => "text_fr",
        Locale::German => "text_de",
    }
}

/// Asks for the next version; the one in force is what it starts from.
pub(crate) async fn new_page(me: Me) -> Result<Response, Failure> {
    let known = list(&me, String::new()).await?.privacy_notices;
    let newest = known.first().map(|notice| notice.version).unwrap_or_default();
    let mut form = Filled::with([("key", &me.form_key())]);
    for notice in known.iter().filter(|notice| notice.version == newest) {
        form.put(field_of(Locale::of(&notice.locale)), &notice.text);
    }
    draw_new(&me, (form, Vec::new())).await
}

async fn draw_new(me: &Me, (form, previews): (Filled, Vec<Text>)) -> Result<Response, Failure> {
    let organization = own(me).await?;
    let t = me.texts();
    let name = |locale: Locale| texts::of(locale).language_name;
    let own_language = name(Locale::of(&organization.locale));
    let label = |locale: Locale| (field_of(locale), fill(t.admin.notice_in, name(locale)));
    let page = NoticePage {
        frame: frame(me),
        hint: fill(t.admin.notice_hint, own_language),
        fields: Locale::ALL.map(label).into(),
        previews,
        form,
    };
    answer(page.form.is_refused(), &page)
}

/// Publishes it, or shows it as guests will read it.
pub(crate) async fn publish(me: Me, form: Filled) -> Result<Response, Failure> {
    let typed = Locale::ALL.map(|locale| (locale, form.lines(field_of(locale))));
    let typed = typed.into_iter().filter(|(_, text)| !text.trim().is_empty());
    if form.is_on("preview") {
        let previews = typed.map(|(locale, typed)| text(locale.as_str(), &typed, String::new()));
        let previews = previews.collect();
        return draw_new(&me, (form, previews)).await;
    }
    let texts =
        typed.map(|(locale, text)| pb::PrivacyNoticeText { locale: locale.as_str().to_owned(), text });
    let request =
        pb::PublishPrivacyNoticeRequest { texts: texts.collect(), is_material: form.is_on("is_material") };
    let published =
        me.web().api.consent().publish_privacy_notice(me.ask_once(request, form.value("key"))).await;
    match published {
        Ok(_) => Ok(Redirect::to("/app/admin/notices?done=published").into_response()),
        Err(status) => {
            let mut form = form.refused(me.texts(), status)?;
            if !form.error("texts").is_empty() {
                form.general = form.error("texts").to_owned();
            }
            form.put("key", &me.form_key());
            draw_new(&me, (form, Vec::new())).await
        }
    }
}
