//! What is in a space: the welcome text, folders, links and files.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sharedspaces_proto::spaces::v1 as pb;
use tonic::Status;
use url::Url;

use super::room::{self, Entered, Refused, Room, enter, enter_preview};
use crate::form::{Filled, mask};
use crate::frame::{Frame, fill, render};
use crate::markdown;
use crate::texts::{self, Texts};
use crate::view;
use crate::visitor::Me;

/// Which folder, and which page of it.
#[derive(Clone, Default, Deserialize)]
pub(crate) struct Place {
    #[serde(default)]
    pub(crate) folder: String,
    #[serde(default)]
    pub(crate) page: String,
}

/// A folder, link or file as it is drawn.
pub(crate) struct Shown {
    pub(crate) id: String,
    pub(crate) folder_id: String,
    pub(crate) kind: &'static str,
    pub(crate) badge: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) facts: String,
    pub(crate) adder: String,
    /// What the handle says that it is dragged by.
    pub(crate) move_words: String,
    pub(crate) comments: String,
    pub(crate) is_external: bool,
    pub(crate) may_open: bool,
}

impl Shown {
    pub(crate) fn new(t: &'static Texts, item: &pb::Item) -> Self {
        let kind = item.r#type();
        let host =
            Url::parse(&item.url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        let (kind, badge, facts) = match kind {
            pb::ItemType::Folder => {
                ("folder", "▸".to_owned(), texts::count(item.item_count, (t.item_one, t.item_many)))
            }
            pb::ItemType::Link => ("link", "↗".to_owned(), host),
            pb::ItemType::Unspecified | pb::ItemType::File => {
                ("file", ending(&item.file_name), view::size(item.size_bytes))
            }
        };
        let can_be_shown = item.content_type.starts_with("image/")
            || matches!(item.content_type.as_str(), "application/pdf" | "text/plain");
        Self {
            id: item.item_id.clone(),
            folder_id: item.folder_id.clone(),
            may_open: kind == "link" || (kind == "file" && can_be_shown),
            kind,
            badge,
            title: item.title.clone(),
            description: markdown::html(&item.description),
            facts,
            move_words: fill(t.live.move_item, &item.title),
            adder: fill(t.added_by, &item.adder_display_name),
            comments: match item.comment_count {
                0 => t.comment_none.to_owned(),
                count => texts::count(count, (t.comment_one, t.comment_many)),
            },
            is_external: item.origin() == pb::ItemOrigin::External,
        }
    }
}

/// The ending of a file's name, as its badge.
fn ending(file_name: &str) -> String {
    let ending = file_name.rsplit_once('.').map_or("", |(_, ending)| ending);
    ending.chars().filter(char::is_ascii_alphanumeric).take(4).flat_map(char::to_uppercase).collect()
}

#[derive(askama::Template)]
#[template(path = "space/content.html")]
struct ContentPage {
    frame: Frame,
    space: Room,
    /// HTML.
    description: String,
    describe: Filled,
    /// The folder's title; empty: the space itself.
    path: String,
    folder_id: String,
    items: Vec<Shown>,
    /// The place of the first of them in the folder.
    first: i32,
    next_page: String,
    /// Which form was refused: `file`, `link`, `folder` or none.
    adding: &'static str,
    add: Filled,
    key: String,
}

/// Forms of the page that come back.
#[derive(Default)]
pub(crate) struct Back {
    pub(crate) adding: &'static str,
    pub(crate) add: Filled,
    pub(crate) describe: Option<Filled>,
}

/// Shows a space, or a folder of it.
pub(crate) async fn page(
    me: Me,
    Path(space_id): Path<String>,
    Query(place): Query<Place>,
) -> Result<Response, Refused> {
    let entered = enter(&me, &space_id, "content").await?;
    let visit = async {
        // A guest has come; the script tells how long they stay. A visit that cannot be noted keeps nobody out.
        if !me.session().is_member
            && let Err(status) = room::note_visit(&me, &space_id).await
        {
            tracing::warn!(rpc.code = ?status.code(), "a visit was not noted");
        }
    };
    let (page, ()) = tokio::join!(draw(&me, entered, (place, Back::default())), visit);
    page
}

/// Shows a space as a guest would see it.
pub(crate) async fn preview(
    me: Me,
    Path(space_id): Path<String>,
    Query(place): Query<Place>,
) -> Result<Response, Refused> {
    let entered = enter_preview(&me, &space_id).await?;
    draw(&me, entered, (place, Back::default())).await
}

/// Shows a space with a form that was refused.
pub(crate) async fn draw_back(
    me: &Me,
    space_id: &str,
    (place, back): (Place, Back),
) -> Result<Response, Refused> {
    let entered = enter(me, space_id, "content").await?;
    let page = draw(me, entered, (place, back)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

async fn draw(me: &Me, entered: Entered, (place, back): (Place, Back)) -> Result<Response, Refused> {
    let Entered { space, room, frame } = entered;
    let request = pb::ListItemsRequest {
        space_id: space.space_id.clone(),
        folder_id: place.folder.clone(),
        page_size: 100,
        page_token: place.page,
    };
    let listed = me.web().api.content().list_items(me.ask(request)).await?.into_inner();
    let t = me.texts();
    let path = if place.folder.is_empty() { String::new() } else { t.folder.to_owned() };
    let fresh = || Filled::with([("description", space.description.as_str()), ("etag", &space.etag)]);
    let page = ContentPage {
        description: markdown::html(&space.description),
        describe: back.describe.unwrap_or_else(fresh),
        items: listed.items.iter().map(|item| Shown::new(t, item)).collect(),
        first: listed.items.first().map_or(0, |item| item.position),
        next_page: listed.next_page_token,
        key: me.form_key(),
        frame,
        space: room,
        path,
        folder_id: place.folder,
        adding: back.adding,
        add: back.add,
    };
    Ok(render(&page)?)
}

/// The page that a form on it leads back to.
pub(crate) fn back_to(space_id: &str, folder: &str, done: &str) -> Response {
    let folder: String = url::form_urlencoded::byte_serialize(folder.as_bytes()).collect();
    let folder = if folder.is_empty() { folder } else { format!("folder={folder}&") };
    Redirect::to(&format!("/app/spaces/{space_id}?{folder}done={done}")).into_response()
}

/// Changes the welcome text.
pub(crate) async fn describe(
    me: Me,
    Path(space_id): Path<String>,
    form: Filled,
) -> Result<Response, Refused> {
    let request = pb::UpdateSpaceRequest {
        space_id: space_id.clone(),
        update_mask: mask(&["description"]),
        description: form.lines("description"),
        etag: form.text("etag"),
        ..pb::UpdateSpaceRequest::default()
    };
    match me.web().api.spaces().update_space(me.ask(request)).await {
        Ok(_) => Ok(back_to(&space_id, "", "saved")),
        Err(status) => {
            let describe = Some(form.refused(me.texts(), status)?);
            draw_back(&me, &space_id, (Place::default(), Back { describe, ..Back::default() })).await
        }
    }
}

/// Adds a link.
pub(crate) async fn add_link(
    me: Me,
    Path(space_id): Path<String>,
    Query(place): Query<Place>,
    form: Filled,
) -> Result<Response, Refused> {
    let request = pb::AddItemRequest {
        space_id: space_id.clone(),
        folder_id: place.folder.clone(),
        title: form.text("title"),
        description: form.lines("description"),
        url: form.text("url"),
        asset_id: String::new(),
    };
    let added = me.web().api.content().add_item(me.ask_once(request, form.value("key"))).await;
    added_or_back(&me, &space_id, (place, "link", form), added.map(drop)).await
}

/// Adds a folder.
pub(crate) async fn add_folder(
    me: Me,
    Path(space_id): Path<String>,
    Query(place): Query<Place>,
    form: Filled,
) -> Result<Response, Refused> {
    let request = pb::CreateFolderRequest {
        space_id: space_id.clone(),
        folder_id: place.folder.clone(),
        title: form.text("title"),
        description: String::new(),
    };
    let added = me.web().api.content().create_folder(me.ask_once(request, form.value("key"))).await;
    added_or_back(&me, &space_id, (place, "folder", form), added.map(drop)).await
}

/// Leads back after adding something, or shows what was refused.
async fn added_or_back(
    me: &Me,
    space_id: &str,
    (place, adding, form): (Place, &'static str, Filled),
    added: Result<(), Status>,
) -> Result<Response, Refused> {
    match added {
        Ok(()) => Ok(back_to(space_id, &place.folder, "added")),
        Err(status) => {
            let add = form.refused(me.texts(), status)?;
            draw_back(me, space_id, (place, Back { adding, add, describe: None })).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_badge_is_the_short_ending_of_a_name() {
        assert_eq!(ending("Offer 2027.pdf"), "PDF");
        assert_eq!(ending("README"), "");
        assert_eq!(ending("x.<b>longer"), "BLON");
    }
}
