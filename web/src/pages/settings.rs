//! What a seller sets for a space: title, what guests may do, look, logos, its end.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use sharedspaces_proto::spaces::v1 as pb;

use super::room::{Entered, Refused, Room, box_of, enter};
use super::spaces::{themes, ticked};
use crate::form::{Filled, mask};
use crate::frame::{Frame, render};
use crate::visitor::Me;

#[derive(askama::Template)]
#[template(path = "space/settings.html")]
struct SettingsPage {
    frame: Frame,
    space: Room,
    form: Filled,
    logo: Filled,
    shows: pb::SharingToggles,
    shows_any: bool,
    themes: Vec<pb::Theme>,
    /// The whole address, which never changes.
    url: String,
}

/// Shows the settings.
pub(crate) async fn page(me: Me, Path(space_id): Path<String>) -> Result<Response, Refused> {
    draw(&me, &space_id, (None, Filled::default())).await
}

/// Shows the settings with a logo that was refused.
pub(crate) async fn draw_with_logo(me: &Me, space_id: &str, logo: Filled) -> Result<Response, Refused> {
    draw(me, space_id, (None, logo)).await
}

/// Shows the settings with a way of showing a logo that was refused.
pub(crate) async fn draw_with_display(
    me: &Me,
    space_id: &str,
    mut logo: Filled,
) -> Result<Response, Refused> {
    if !logo.error("logo_display").is_empty() {
        logo.general = logo.error("logo_display").to_owned();
    }
    draw_with_logo(me, space_id, logo).await
}

async fn draw(me: &Me, space_id: &str, (form, logo): (Option<Filled>, Filled)) -> Result<Response, Refused> {
    let Entered { space, room, frame } = enter(me, space_id, "settings").await?;
    let shows = space.sharing_shown.unwrap_or_default();
    let is_refused = logo.is_refused() || form.as_ref().is_some_and(Filled::is_refused);
    let page = SettingsPage {
        frame,
        space: room,
        form: form.unwrap_or_else(|| filled(&space)),
        logo,
        shows,
        shows_any: shows.download || shows.invite || shows.upload,
        themes: themes(me).await?,
        url: space.url,
    };
    let code = if is_refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((code, render(&page)?).into_response())
}

fn filled(space: &pb::Space) -> Filled {
    let defaults = space.notification_defaults.unwrap_or_default();
    let mut form = Filled::with([
        ("title", space.title.as_str()),
        ("theme_id", &space.theme_id),
        ("etag", &space.etag),
        ("visit_summaries", box_of(defaults.visit_summaries)),
        ("new_joiners", box_of(defaults.new_joiners)),
        ("comments", box_of(defaults.comments)),
    ]);
    for (name, value) in ticked(space.sharing.unwrap_or_default()) {
        form.put(name, value);
    }
    form
}

/// Saves them. A toggle that the organisation's policy hides keeps the space's own choice.
pub(crate) async fn save(me: Me, Path(space_id): Path<String>, form: Filled) -> Result<Response, Refused> {
    let Entered { space, .. } = enter(&me, &space_id, "settings").await?;
    let (shown, kept) = (space.sharing_shown.unwrap_or_default(), space.sharing.unwrap_or_default());
    let choose = |is_shown, name, kept| if is_shown { form.is_on(name) } else { kept };
    let request = pb::UpdateSpaceRequest {
        space_id: space_id.clone(),
        update_mask: mask(&["title", "sharing", "theme_id", "notification_defaults"]),
        title: form.text("title"),
        description: String::new(),
        sharing: Some(pb::SharingToggles {
            download: choose(shown.download, "download", kept.download),
            invite: choose(shown.invite, "invite", kept.invite),
            upload: choose(shown.upload, "upload", kept.upload),
        }),
        etag: form.text("etag"),
        theme_id: form.text("theme_id"),
        notification_defaults: Some(pb::NotificationDefaults {
            visit_summaries: form.is_on("visit_summaries"),
            new_joiners: form.is_on("new_joiners"),
            comments: form.is_on("comments"),
        }),
    };
    match me.web().api.spaces().update_space(me.ask(request)).await {
        Ok(_) => Ok(back_to(&space_id, "saved")),
        Err(status) => {
            let form = form.refused(me.texts(), status)?;
            draw(&me, &space_id, (Some(form), Filled::default())).await
        }
    }
}

fn back_to(space_id: &str, done: &str) -> Response {
    Redirect::to(&format!("/app/spaces/{space_id}/settings?done={done}")).into_response()
}

/// Changes how the customer's logo is shown.
pub(crate) async fn display_logo(
    me: Me,
    Path(space_id): Path<String>,
    form: Filled,
) -> Result<Response, Refused> {
    let request = pb::UpdateLogoDisplayRequest {
        space_id: space_id.clone(),
        update_mask: mask(&["customer_logo_height_px", "transparent_background"]),
        logo_display: Some(pb::LogoDisplay {
            // What is no number is no height, and is refused with the rule.
            customer_logo_height_px: form.text("height").parse().unwrap_or_default(),
            organization_logo_height_px: 0,
            transparent_background: form.is_on("transparent"),
        }),
    };
    match me.web().api.spaces().update_logo_display(me.ask(request)).await {
        Ok(_) => Ok(back_to(&space_id, "saved")),
        Err(status) => draw_with_display(&me, &space_id, form.refused(me.texts(), status)?).await,
    }
}

/// Takes the customer's logo away.
pub(crate) async fn remove_logo(me: Me, Path(space_id): Path<String>) -> Result<Response, Refused> {
    let request = pb::RemoveCustomerLogoRequest { space_id: space_id.clone() };
    me.web().api.spaces().remove_customer_logo(me.ask(request)).await?;
    Ok(back_to(&space_id, "removed"))
}

/// Shuts guests out.
pub(crate) async fn archive(me: Me, Path(space_id): Path<String>) -> Result<Response, Refused> {
    let request = pb::ArchiveSpaceRequest { space_id: space_id.clone() };
    me.web().api.spaces().archive_space(me.ask(request)).await?;
    Ok(back_to(&space_id, "archived"))
}

/// Opens the space again.
pub(crate) async fn reactivate(me: Me, Path(space_id): Path<String>) -> Result<Response, Refused> {
    let request = pb::ReactivateSpaceRequest { space_id: space_id.clone() };
    me.web().api.spaces().reactivate_space(me.ask(request)).await?;
    Ok(back_to(&space_id, "reactivated"))
}

/// Deletes the space.
pub(crate) async fn delete(me: Me, Path(space_id): Path<String>) -> Result<Response, Refused> {
    me.web().api.spaces().delete_space(me.ask(pb::DeleteSpaceRequest { space_id })).await?;
    Ok(Redirect::to("/app/spaces?done=deleted").into_response())
}
