//! The list of spaces, a new one, and a copy of one.

use axum::extract::{Path, Query};
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sharedspaces_proto::spaces::v1 as pb;

use super::crm::pick::{self, Pick, Sought, pick};
use super::crm::{Known, known};
use super::room::{box_of, logo_address};
use super::sign_in::answer;
use crate::cookie;
use crate::failure::Failure;
use crate::form::Filled;
use crate::frame::{Frame, fill, render};
use crate::texts::{self, Texts};
use crate::view::Moment;
use crate::visitor::{Me, way_back};

const PAGE_SIZE: i32 = 24;
/// The look of a card of a space without a theme.
const COLORS: (&str, &str) = ("#17324d", "#ffffff");

/// What is looked for.
#[derive(Deserialize)]
pub(crate) struct Search {
    #[serde(default)]
    q: String,
    #[serde(default)]
    order: String,
    #[serde(default)]
    page: String,
}

struct Card {
    id: String,
    title: String,
    logo: String,
    letter: String,
    color: String,
    on_color: String,
    owner: String,
    people: String,
    items: String,
    active: Moment,
    is_archived: bool,
    may_duplicate: bool,
    may_edit: bool,
    may_invite: bool,
    more: String,
}

#[derive(askama::Template)]
#[template(path = "spaces/list.html")]
struct ListPage {
    frame: Frame,
    spaces: Vec<Card>,
    query: String,
    order: String,
    is_gallery: bool,
    nothing_for: String,
    next_page: String,
}

#[derive(askama::Template)]
#[template(path = "spaces/new.html")]
struct NewPage {
    frame: Frame,
    form: Filled,
    shows: pb::SharingToggles,
    shows_any: bool,
    themes: Vec<pb::Theme>,
    /// Where to log the creation; nothing where nothing can be logged.
    crm: Option<Pick>,
}

#[derive(askama::Template)]
#[template(path = "spaces/duplicate.html")]
struct DuplicatePage {
    frame: Frame,
    id: String,
    key: String,
    named: String,
    copied: Vec<&'static str>,
    left_out: Vec<&'static str>,
}

impl Card {
    fn new(t: &'static Texts, space: pb::SpaceSummary) -> Self {
        let colors = space.theme.as_ref().filter(|theme| !theme.theme_id.is_empty());
        let colors = colors.and_then(|theme| theme.colors.as_ref());
        let logo = space.customer_logo.as_ref();
        let may = |permission: pb::Permission| space.permissions().any(|held| held == permission);
        Self {
            may_duplicate: may(pb::Permission::Duplicate),
            may_edit: may(pb::Permission::Edit),
            may_invite: may(pb::Permission::Invite),
            is_archived: space.state() == pb::SpaceState::Archived,
            logo: logo
                .map(|logo| logo_address(&logo.logo_id, space.transparent_background))
                .unwrap_or_default(),
            letter: space.title.chars().next().into_iter().flat_map(char::to_uppercase).collect(),
            color: colors.map_or(COLORS.0, |colors| &colors.header).to_owned(),
            on_color: colors.map_or(COLORS.1, |colors| &colors.header_text).to_owned(),
            people: texts::count(space.participant_count, (t.person_one, t.person_many)),
            items: texts::count(space.item_count, (t.item_one, t.item_many)),
            active: space.last_activity_time.into(),
            more: fill(t.actions_for, &space.title),
            owner: space.owner_display_name,
            id: space.space_id,
            title: space.title,
        }
    }
}

/// Lists the person's spaces.
pub(crate) async fn list(me: Me, Query(search): Query<Search>) -> Result<Response, Failure> {
    let order = match search.order.as_str() {
        "title" => pb::SpaceOrder::Title,
        "created" => pb::SpaceOrder::CreateTime,
        _ => pb::SpaceOrder::LastActivity,
    };
    let request = pb::ListSpacesRequest {
        page_size: PAGE_SIZE,
        page_token: search.page,
        query: search.q.trim().to_owned(),
        order: order.into(),
        ..pb::ListSpacesRequest::default()
    };
    let answer = me.web().api.spaces().list_spaces(me.ask(request)).await?.into_inner();
    let t = me.texts();
    let page = ListPage {
        frame: Frame::new(&me, t.nav_spaces).area("spaces"),
        spaces: answer.spaces.into_iter().map(|space| Card::new(t, space)).collect(),
        nothing_for: fill(t.nothing_for, search.q.trim()),
        query: search.q.trim().to_owned(),
        order: search.order,
        is_gallery: me.cookie(cookie::VIEW) != Some("list"),
        next_page: answer.next_page_token,
    };
    render(&page)
}

/// Chooses list or gallery in this browser.
pub(crate) async fn choose_view(form: Filled) -> Response {
    let kept = [(SET_COOKIE, cookie::VIEW.keep(form.value("view")))];
    (kept, Redirect::to(way_back(form.value("next"), "/app/spaces"))).into_response()
}

/// Lists the organisation's themes, to choose from.
pub(crate) async fn themes(me: &Me) -> Result<Vec<pb::Theme>, Failure> {
    let request = pb::ListThemesRequest { page_size: 100, page_token: String::new() };
    Ok(me.web().api.policies().list_themes(me.ask(request)).await?.into_inner().themes)
}

/// Which toggles the organisation's policy lets a space have.
async fn shown(me: &Me) -> Result<pb::SharingToggles, Failure> {
    let told = me.web().api.policies().get_sharing_policy(me.ask(pb::GetSharingPolicyRequest {})).await?;
    let policy = told.into_inner().sharing_policy.unwrap_or_default();
    Ok(pb::SharingToggles {
        download: policy.allow_download,
        invite: policy.allow_invite,
        upload: policy.allow_upload,
    })
}

async fn draw_new(me: &Me, (form, known): (Filled, &Known)) -> Result<Response, Failure> {
    let (shows, themes, crm) =
        tokio::join!(shown(me), themes(me), pick(me, (known, Sought::Record), (&form, "target"), None));
    let crm = known.may_log().then_some(crm);
    let shows = shows?;
    let frame = Frame::new(me, me.texts().new_space).area("spaces");
    let shows_any = shows.download || shows.invite || shows.upload;
    let page = NewPage { frame, form, shows, shows_any, themes: themes?, crm };
    answer(page.form.is_refused(), &page)
}

/// Asks what a new space is to be.
pub(crate) async fn new_page(me: Me) -> Result<Response, Failure> {
    let known = known(&me).await;
    let form = Filled::with([
        ("key", &me.form_key()),
        ("crm_log", box_of(known.is_default())),
        ("download", "on"),
        ("visit_summaries", "on"),
        ("new_joiners", "on"),
        ("comments", "on"),
    ]);
    draw_new(&me, (form, &known)).await
}

/// Creates it. A toggle that the policy hides is left at its default, which holds once the policy allows it.
pub(crate) async fn create(me: Me, form: Filled) -> Result<Response, Failure> {
    let (form, crm_target) = match pick::target(me.texts(), form) {
        Ok(asked) => asked,
        Err(form) => return draw_new(&me, (form, &known(&me).await)).await,
    };
    let shows = shown(&me).await?;
    let request = pb::CreateSpaceRequest {
        title: form.text("title"),
        address: form.text("address"),
        sharing: Some(pb::SharingToggles {
            download: form.is_on("download") || !shows.download,
            invite: form.is_on("invite") && shows.invite,
            upload: form.is_on("upload") && shows.upload,
        }),
        description: form.lines("description"),
        crm_target,
        theme_id: form.text("theme_id"),
        notification_defaults: Some(pb::NotificationDefaults {
            visit_summaries: form.is_on("visit_summaries"),
            new_joiners: form.is_on("new_joiners"),
            comments: form.is_on("comments"),
        }),
    };
    let done = if request.crm_target.is_some() { "crm-created" } else { "created" };
    let created = me.web().api.spaces().create_space(me.ask_once(request, form.value("key"))).await;
    match created {
        Ok(created) => {
            let space = created.into_inner().space.unwrap_or_default();
            Ok(Redirect::to(&format!("/app/spaces/{}?done={done}", space.space_id)).into_response())
        }
        Err(status) => {
            // The key stands for what was refused; what is put right is another call.
            let mut form = form.refused(me.texts(), status)?;
            form.put("key", &me.form_key());
            draw_new(&me, (form, &known(&me).await)).await
        }
    }
}

/// Tells what a copy would have.
pub(crate) async fn duplicate_page(me: Me, Path(space_id): Path<String>) -> Result<Response, Failure> {
    let request = pb::DescribeDuplicationRequest {
        space_id: space_id.clone(),
        locale: me.locale().as_str().to_owned(),
    };
    let told = me.web().api.spaces().describe_duplication(me.ask(request)).await?.into_inner();
    let t = me.texts();
    let parts = |is_copied| {
        let of = told.parts.iter().filter(move |part| part.is_copied == is_copied);
        of.filter_map(|part| part_name(t, part.part())).collect()
    };
    let page = DuplicatePage {
        frame: Frame::new(&me, t.duplicate_heading).area("spaces"),
        id: space_id,
        key: me.form_key(),
        named: fill(t.duplicate_named, &told.title),
        copied: parts(true),
        left_out: parts(false),
    };
    render(&page)
}

fn part_name(t: &'static Texts, part: pb::SpacePart) -> Option<&'static str> {
    Some(match part {
        pb::SpacePart::Unspecified => return None,
        pb::SpacePart::Title => t.part_title,
        pb::SpacePart::Logo => t.part_logo,
        pb::SpacePart::Description => t.part_description,
        pb::SpacePart::InternalContent => t.part_internal_content,
        pb::SpacePart::Sharing => t.part_sharing,
        pb::SpacePart::Theme => t.part_theme,
        pb::SpacePart::NotificationDefaults => t.part_notification_defaults,
        pb::SpacePart::Participants => t.part_participants,
        pb::SpacePart::Comments => t.part_comments,
        pb::SpacePart::ExternalContent => t.part_external_content,
        pb::SpacePart::Visits => t.part_visits,
        pb::SpacePart::Crm => t.part_crm,
        pb::SpacePart::Timeline => t.part_timeline,
        pb::SpacePart::Address => t.part_address,
    })
}

/// Makes the copy.
pub(crate) async fn duplicate(
    me: Me,
    Path(space_id): Path<String>,
    form: Filled,
) -> Result<Response, Failure> {
    let request = pb::DuplicateSpaceRequest { space_id, locale: me.locale().as_str().to_owned() };
    let made = me.web().api.spaces().duplicate_space(me.ask_once(request, form.value("key"))).await?;
    let space = made.into_inner().space.unwrap_or_default();
    Ok(Redirect::to(&format!("/app/spaces/{}?done=duplicated", space.space_id)).into_response())
}

/// Says which boxes of toggles are ticked.
pub(crate) fn ticked(sharing: pb::SharingToggles) -> [(&'static str, &'static str); 3] {
    [
        ("download", box_of(sharing.download)),
        ("invite", box_of(sharing.invite)),
        ("upload", box_of(sharing.upload)),
    ]
}
