//! One space: what stands at its head on every page of it; its timeline, insights and notifications.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sharedspaces_proto::assets::v1 as assets;
use sharedspaces_proto::spaces::v1 as pb;
use tonic::{Code, Status};

use super::crm::{Known, known};
use super::invitation::to_consent;
use super::sign_in::answer;
use crate::failure::Failure;
use crate::form::{Filled, mask};
use crate::frame::{Frame, fill, render};
use crate::theme;
use crate::view::{Moment, minutes};
use crate::visitor::Me;

/// Heights of logos until somebody chooses others.
const HEIGHT: i32 = 56;

/// The head of a space, and what the person may do in it.
pub(crate) struct Room {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) logo: String,
    pub(crate) logo_height: i32,
    pub(crate) logo_width: i32,
    pub(crate) is_transparent: bool,
    pub(crate) own_logo: String,
    pub(crate) own_logo_alt: &'static str,
    pub(crate) own_logo_height: i32,
    pub(crate) own_logo_width: i32,
    pub(crate) tab: &'static str,
    pub(crate) is_archived: bool,
    pub(crate) is_preview: bool,
    pub(crate) may_edit: bool,
    pub(crate) may_invite: bool,
    pub(crate) may_add: bool,
    pub(crate) may_download: bool,
    pub(crate) may_comment: bool,
    pub(crate) may_archive: bool,
    pub(crate) may_delete: bool,
    /// The CRMs that the person may work with here.
    pub(crate) crm: Known,
}

impl Room {
    fn new(space: &pb::Space, (tab, own_logo): (&'static str, OwnLogo), own_logo_alt: &'static str) -> Self {
        let may = |permission: pb::Permission| space.permissions().any(|held| held == permission);
        let display = space.logo_display.unwrap_or_default();
        let logo = space
            .customer_logo
            .as_ref()
            .map(|logo| logo_address(&logo.logo_id, display.transparent_background));
        let height = |chosen: i32| if chosen == 0 { HEIGHT } else { chosen };
        let (logo_height, own_height) =
            (height(display.customer_logo_height_px), height(display.organization_logo_height_px));
        let picture = space.customer_logo.as_ref().map(|logo| (logo.width_px, logo.height_px));
        Self {
            id: space.space_id.clone(),
            title: space.title.clone(),
            logo: logo.unwrap_or_default(),
            logo_height,
            logo_width: width(logo_height, picture.unwrap_or_default()),
            is_transparent: display.transparent_background,
            own_logo: own_logo.address,
            own_logo_alt,
            own_logo_height: own_height,
            own_logo_width: width(own_height, own_logo.size),
            tab,
            is_archived: space.state() == pb::SpaceState::Archived,
            is_preview: false,
            may_edit: may(pb::Permission::Edit),
            may_invite: may(pb::Permission::Invite),
            may_add: may(pb::Permission::Edit) || may(pb::Permission::Upload),
            may_download: may(pb::Permission::Download),
            may_comment: may(pb::Permission::Comment),
            may_archive: may(pb::Permission::Archive),
            may_delete: may(pb::Permission::Delete),
            crm: Known::default(),
        }
    }
}

/// How wide a picture is at a height, so that a page leaves room for it before it is there.
fn width(height: i32, (wide, high): (i32, i32)) -> i32 {
    if high > 0 { (height * wide + high / 2) / high } else { height }
}

/// The organisation's logo.
#[derive(Default)]
pub(crate) struct OwnLogo {
    address: String,
    size: (i32, i32),
}

/// Where a logo is shown from.
pub(crate) fn logo_address(logo_id: &str, is_transparent: bool) -> String {
    let transparent = if is_transparent { "?transparent=on" } else { "" };
    format!("/app/logos/{logo_id}{transparent}")
}

/// A page of a space that cannot be shown: the way to the consent where that is missing, else a failure.
pub(crate) enum Refused {
    Failure(Failure),
    Elsewhere(Response),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        Self::Failure(status.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Failure(failure) => failure.into_response(),
            Self::Elsewhere(response) => response,
        }
    }
}

/// What a page of a space begins with.
pub(crate) struct Entered {
    pub(crate) space: pb::Space,
    pub(crate) room: Room,
    pub(crate) frame: Frame,
}

/// Enters a space.
pub(crate) async fn enter(me: &Me, space_id: &str, tab: &'static str) -> Result<Entered, Refused> {
    let request = pb::GetSpaceRequest { space_id: space_id.to_owned() };
    let mut client = me.web().api.spaces();
    let (answer, own_logo, crm) = tokio::join!(client.get_space(me.ask(request)), own_logo(me), known(me));
    let space = match answer {
        Ok(answer) => answer.into_inner().space.ok_or_else(|| Status::internal("no space"))?,
        Err(status) => match to_consent(me, &status) {
            Some(elsewhere) => return Err(Refused::Elsewhere(elsewhere)),
            None => return Err(status.into()),
        },
    };
    let may_log = space.permissions().any(|held| held == pb::Permission::Crm);
    let mut entered = entered(me, space, (tab, own_logo));
    if may_log {
        entered.room.crm = crm;
    }
    Ok(entered)
}

/// Enters a space as a guest would see it.
pub(crate) async fn enter_preview(me: &Me, space_id: &str) -> Result<Entered, Refused> {
    let request = pb::PreviewSpaceRequest { space_id: space_id.to_owned() };
    let mut client = me.web().api.spaces();
    let (answer, own_logo) = tokio::join!(client.preview_space(me.ask(request)), own_logo(me));
    let space = answer?.into_inner().space.ok_or_else(|| Status::internal("no space"))?;
    let mut entered = entered(me, space, ("content", own_logo));
    entered.room.is_preview = true;
    Ok(entered)
}

fn entered(me: &Me, space: pb::Space, (tab, own_logo): (&'static str, OwnLogo)) -> Entered {
    let room = Room::new(&space, (tab, own_logo), me.texts().own_logo);
    let frame =
        Frame::new(me, &space.title).area("spaces").themed(theme::stylesheet_of(space.theme.as_ref()));
    Entered { space, room, frame }
}

/// Where the organisation's logo is shown from; empty where there is none or it cannot be told now: a page goes without.
async fn own_logo(me: &Me) -> OwnLogo {
    let request = assets::GetOrganizationLogoRequest { rendition: assets::LogoRendition::Header.into() };
    let answer = me.web().api.logos().get_organization_logo(me.ask(request)).await;
    let Ok(answer) = answer else { return OwnLogo::default() };
    let logo = answer.into_inner().logo_link.and_then(|link| link.logo).unwrap_or_default();
    OwnLogo { address: "/app/logos/own".to_owned(), size: (logo.width_px, logo.height_px) }
}

/// Which page of a list.
#[derive(Deserialize)]
pub(crate) struct Paged {
    #[serde(default)]
    pub(crate) page: String,
}

struct Happened {
    summary: String,
    when: Moment,
}

#[derive(askama::Template)]
#[template(path = "space/timeline.html")]
struct TimelinePage {
    frame: Frame,
    space: Room,
    activities: Vec<Happened>,
    next_page: String,
}

/// What happened in a space.
pub(crate) async fn timeline(
    me: Me,
    Path(space_id): Path<String>,
    Query(paged): Query<Paged>,
) -> Result<Response, Refused> {
    let request = pb::ListActivitiesRequest {
        space_id: space_id.clone(),
        page_size: 0,
        page_token: paged.page,
        locale: me.locale().as_str().to_owned(),
    };
    let Entered { room, frame, .. } = enter(&me, &space_id, "timeline").await?;
    let answer = me.web().api.activities().list_activities(me.ask(request)).await?.into_inner();
    let happened = |of: pb::Activity| Happened { summary: of.summary, when: of.create_time.into() };
    let activities = answer.activities.into_iter().map(happened).collect();
    Ok(render(&TimelinePage { frame, space: room, activities, next_page: answer.next_page_token })?)
}

struct Guest {
    name: String,
    visits: i32,
    time_spent: String,
    seen: Moment,
    opened: String,
}

#[derive(askama::Template)]
#[template(path = "space/insights.html")]
struct InsightsPage {
    frame: Frame,
    space: Room,
    visits: i32,
    time_spent: String,
    visitors: usize,
    guests: Vec<Guest>,
}

/// What guests did in a space.
pub(crate) async fn insights(me: Me, Path(space_id): Path<String>) -> Result<Response, Refused> {
    let Entered { room, frame, .. } = enter(&me, &space_id, "insights").await?;
    let request = pb::GetInsightsRequest { space_id };
    let told = me.web().api.activities().get_insights(me.ask(request)).await?.into_inner();
    let t = me.texts();
    let guest = |of: &pb::ParticipantInsight| Guest {
        name: if of.display_name.is_empty() { of.email_address.clone() } else { of.display_name.clone() },
        visits: of.visit_count,
        time_spent: fill(t.minutes, minutes(of.visit_duration.as_ref())),
        seen: of.last_visit_time.into(),
        opened: fill(&fill(t.opened_of, of.items.len()), of.unopened_item_count),
    };
    let page = InsightsPage {
        frame,
        space: room,
        visits: told.visit_count,
        time_spent: fill(t.minutes, minutes(told.visit_duration.as_ref())),
        visitors: told.participants.iter().filter(|of| of.visit_count > 0).count(),
        guests: told.participants.iter().map(guest).collect(),
    };
    Ok(render(&page)?)
}

/// Notes that somebody looks at a space; asked for by the script, every 30 seconds while the page is in front.
pub(crate) async fn visit(me: Me, Path(space_id): Path<String>) -> Result<StatusCode, Failure> {
    note_visit(&me, &space_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Notes that somebody looks at a space.
pub(crate) async fn note_visit(me: &Me, space_id: &str) -> Result<(), Status> {
    let request = pb::RecordVisitRequest { space_id: space_id.to_owned() };
    me.web().api.activities().record_visit(me.ask(request)).await.map(drop)
}

#[derive(askama::Template)]
#[template(path = "space/notifications.html")]
struct NotificationsPage {
    frame: Frame,
    space: Room,
    form: Filled,
}

/// Writes a box of a form.
pub(crate) fn box_of(is_on: bool) -> &'static str {
    if is_on { "on" } else { "" }
}

/// Which mails of a space the person gets.
pub(crate) async fn notifications(me: Me, Path(space_id): Path<String>) -> Result<Response, Refused> {
    let Entered { room, frame, .. } = enter(&me, &space_id, "notifications").await?;
    let request = pb::GetNotificationSettingsRequest { space_id };
    let answer = me.web().api.participants().get_notification_settings(me.ask(request)).await;
    let settings = match answer {
        Ok(answer) => answer.into_inner().settings.unwrap_or_default(),
        // An admin who takes no part has no mails to choose.
        Err(status) if status.code() == Code::NotFound => pb::NotificationSettings::default(),
        Err(status) => return Err(status.into()),
    };
    let form = Filled::with([
        ("visit_summaries", box_of(settings.visit_summaries)),
        ("new_joiners", box_of(settings.new_joiners)),
        ("comments", box_of(settings.comments)),
        ("new_content", box_of(settings.new_content)),
    ]);
    Ok(render(&NotificationsPage { frame, space: room, form })?)
}

/// Changes them.
pub(crate) async fn change_notifications(
    me: Me,
    Path(space_id): Path<String>,
    form: Filled,
) -> Result<Response, Refused> {
    let mut paths = vec!["new_joiners", "comments", "new_content"];
    if me.session().is_member {
        paths.push("visit_summaries");
    }
    let request = pb::UpdateNotificationSettingsRequest {
        space_id: space_id.clone(),
        update_mask: mask(&paths),
        settings: Some(pb::NotificationSettings {
            visit_summaries: form.is_on("visit_summaries"),
            new_joiners: form.is_on("new_joiners"),
            comments: form.is_on("comments"),
            new_content: form.is_on("new_content"),
        }),
    };
    match me.web().api.participants().update_notification_settings(me.ask(request)).await {
        Ok(_) => {
            Ok(Redirect::to(&format!("/app/spaces/{space_id}/notifications?done=saved")).into_response())
        }
        Err(status) => {
            let Entered { room, frame, .. } = enter(&me, &space_id, "notifications").await?;
            let form = form.refused(me.texts(), status)?;
            Ok(answer(true, &NotificationsPage { frame, space: room, form })?)
        }
    }
}
