//! What the script sends while somebody drags: an item to its place, a logo's corner to its size. Forms do the same.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use sharedspaces_proto::spaces::v1 as pb;

use super::room::Refused;
use super::settings;
use crate::failure::Failure;
use crate::form::{Filled, mask};
use crate::visitor::Me;

/// Puts an item at a place of a folder.
pub(crate) async fn place(
    me: Me,
    Path((space_id, item_id)): Path<(String, String)>,
    headers: HeaderMap,
    form: Filled,
) -> Result<Response, Failure> {
    let request = pb::MoveItemRequest {
        space_id: space_id.clone(),
        item_id: item_id.clone(),
        folder_id: form.text("folder"),
        // A form that says no place means the end.
        position: form.value("position").parse().unwrap_or(i32::MAX),
    };
    me.web().api.content().move_item(me.ask(request)).await?;
    let page = format!("/app/spaces/{space_id}/items/{item_id}?done=saved");
    Ok(done(&headers, &page))
}

/// Gives one of the two logos its height in this space.
pub(crate) async fn resize_logo(
    me: Me,
    Path(space_id): Path<String>,
    headers: HeaderMap,
    form: Filled,
) -> Result<Response, Refused> {
    // What is no number is no height, and is refused with the rule.
    let height = form.value("height").parse().unwrap_or_default();
    let mut logo_display = pb::LogoDisplay::default();
    let path = if form.value("logo") == "own" {
        logo_display.organization_logo_height_px = height;
        "organization_logo_height_px"
    } else {
        logo_display.customer_logo_height_px = height;
        "customer_logo_height_px"
    };
    let request = pb::UpdateLogoDisplayRequest {
        space_id: space_id.clone(),
        update_mask: mask(&[path]),
        logo_display: Some(logo_display),
    };
    match me.web().api.spaces().update_logo_display(me.ask(request)).await {
        Ok(_) => Ok(done(&headers, &format!("/app/spaces/{space_id}/settings?done=saved"))),
        Err(status) => settings::draw_with_display(&me, &space_id, form.refused(me.texts(), status)?).await,
    }
}

/// The script stays where it is; a form goes on to a page.
fn done(headers: &HeaderMap, page: &str) -> Response {
    let is_form = headers.get("sec-fetch-dest").is_none_or(|dest| dest == "document");
    if is_form { Redirect::to(page).into_response() } else { StatusCode::NO_CONTENT.into_response() }
}
