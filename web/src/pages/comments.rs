//! One item: what it is, what is said about it, and changing it.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use sharedspaces_proto::spaces::v1 as pb;
use tonic::Status;

use super::content::Shown;
use super::room::{Entered, Refused, Room, enter};
use crate::form::{Filled, mask};
use crate::frame::{Frame, render};
use crate::markdown;
use crate::view::{Moment, Person};
use crate::visitor::Me;

/// How many pages of a space are looked through for an item.
const PAGES_MAX: usize = 20;
const PAGE_SIZE: i32 = 100;

struct Said {
    id: String,
    author: Person,
    when: Moment,
    is_changed: bool,
    /// HTML.
    html: String,
    may_delete: bool,
    is_own: bool,
    /// What its author changes it to.
    edit: Filled,
}

#[derive(askama::Template)]
#[template(path = "item/page.html")]
struct ItemPage {
    frame: Frame,
    space: Room,
    item: Shown,
    may_change: bool,
    edit: Filled,
    /// Where it can be moved to, each with its title.
    folders: Vec<(String, String)>,
    comments: Vec<Said>,
    add: Filled,
    key: String,
}

/// An item, and the folders met on the way to it.
struct Found {
    item: pb::Item,
    folders: Vec<(String, String)>,
}

/// Finds an item in the space or in its folders; there is no call for one alone.
async fn find(me: &Me, space_id: &str, item_id: &str) -> Result<Found, Status> {
    let mut folders = vec![String::new()];
    let mut met = Vec::new();
    let mut pages = 0;
    while let Some(folder_id) = folders.pop() {
        let mut request = pb::ListItemsRequest {
            space_id: space_id.to_owned(),
            folder_id,
            page_size: PAGE_SIZE,
            page_token: String::new(),
        };
        loop {
            pages += 1;
            if pages > PAGES_MAX {
                return Err(Status::not_found("the item is too far away"));
            }
            let listed = me.web().api.content().list_items(me.ask(request.clone())).await?.into_inner();
            let is_folder =
                |item: &&pb::Item| item.r#type() == pb::ItemType::Folder && item.item_id != item_id;
            met.extend(
                listed.items.iter().filter(is_folder).map(|item| (item.item_id.clone(), item.title.clone())),
            );
            if let Some(item) = listed.items.iter().find(|item| item.item_id == item_id) {
                return Ok(Found { item: item.clone(), folders: met });
            }
            folders.extend(listed.items.iter().filter(is_folder).map(|item| item.item_id.clone()));
            if listed.next_page_token.is_empty() {
                break;
            }
            request.page_token = listed.next_page_token;
        }
    }
    Err(Status::not_found("there is no such item"))
}

/// Shows an item with what is said about it.
pub(crate) async fn page(
    me: Me,
    Path((space_id, item_id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    draw(&me, (&space_id, &item_id), Back::default()).await
}

/// Forms of the page that come back.
#[derive(Default)]
struct Back {
    edit: Option<Filled>,
    add: Filled,
    /// A comment's id, and what it was changed to.
    said: Option<(String, Filled)>,
}

async fn draw(
    me: &Me,
    (space_id, item_id): (&str, &str),
    Back { edit, add, said }: Back,
) -> Result<Response, Refused> {
    let Entered { room, frame, .. } = enter(me, space_id, "content").await?;
    let Found { item, folders } = find(me, space_id, item_id).await?;
    let mut comments = if item.r#type() == pb::ItemType::Folder {
        Vec::new()
    } else {
        list(me, (space_id, item_id), room.may_edit).await?
    };
    let is_own = item.adder_user_id == me.session().user_id;
    let is_refused = add.is_refused() || said.is_some() || edit.as_ref().is_some_and(Filled::is_refused);
    if let Some((id, form)) = said
        && let Some(comment) = comments.iter_mut().find(|comment| comment.id == id)
    {
        comment.edit = form;
    }
    let fresh = || {
        Filled::with([
            ("title", item.title.as_str()),
            ("description", &item.description),
            ("url", &item.url),
            ("etag", &item.etag),
        ])
    };
    let page = ItemPage {
        frame,
        may_change: room.may_edit || (is_own && room.may_add),
        space: room,
        item: Shown::new(me.texts(), &item),
        edit: edit.unwrap_or_else(fresh),
        folders,
        comments,
        add,
        key: me.form_key(),
    };
    let code = if is_refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((code, render(&page)?).into_response())
}

async fn list(me: &Me, (space_id, item_id): (&str, &str), may_edit: bool) -> Result<Vec<Said>, Status> {
    let request = pb::ListCommentsRequest {
        space_id: space_id.to_owned(),
        item_id: item_id.to_owned(),
        page_size: PAGE_SIZE,
        page_token: String::new(),
    };
    let listed = me.web().api.comments().list_comments(me.ask(request)).await?.into_inner();
    let said = |comment: pb::Comment| Said {
        may_delete: may_edit || comment.author_user_id == me.session().user_id,
        is_own: comment.author_user_id == me.session().user_id,
        edit: Filled::with([("text", comment.text.as_str()), ("etag", &comment.etag)]),
        is_changed: comment.update_time != comment.create_time,
        author: Person::new(&comment.author_display_name, "?"),
        when: comment.create_time.into(),
        html: markdown::html(&comment.text),
        id: comment.comment_id,
    };
    Ok(listed.comments.into_iter().map(said).collect())
}

fn back_to(space_id: &str, item_id: &str, done: &str) -> Response {
    Redirect::to(&format!("/app/spaces/{space_id}/items/{item_id}?done={done}")).into_response()
}

/// Changes an item.
pub(crate) async fn change(
    me: Me,
    Path((space_id, item_id)): Path<(String, String)>,
    form: Filled,
) -> Result<Response, Refused> {
    let mut paths = vec!["title", "description"];
    if !form.value("url").is_empty() {
        paths.push("url");
    }
    let request = pb::UpdateItemRequest {
        space_id: space_id.clone(),
        item_id: item_id.clone(),
        update_mask: mask(&paths),
        title: form.text("title"),
        description: form.lines("description"),
        url: form.text("url"),
        etag: form.text("etag"),
    };
    match me.web().api.content().update_item(me.ask(request)).await {
        Ok(_) => Ok(back_to(&space_id, &item_id, "saved")),
        Err(status) => {
            let edit = Some(form.refused(me.texts(), status)?);
            draw(&me, (&space_id, &item_id), Back { edit, ..Back::default() }).await
        }
    }
}

/// Moves an item one place up or down.
pub(crate) async fn move_item(
    me: Me,
    Path((space_id, item_id)): Path<(String, String)>,
    form: Filled,
) -> Result<Response, Refused> {
    let Found { item, .. } = find(&me, &space_id, &item_id).await?;
    let step = if form.value("to") == "up" { -1 } else { 1 };
    let request = pb::MoveItemRequest {
        space_id: space_id.clone(),
        item_id: item_id.clone(),
        folder_id: item.folder_id,
        position: (item.position + step).max(0),
    };
    me.web().api.content().move_item(me.ask(request)).await?;
    Ok(back_to(&space_id, &item_id, "saved"))
}

/// Takes an item out of the space.
pub(crate) async fn remove(
    me: Me,
    Path((space_id, item_id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let request = pb::RemoveItemRequest { space_id: space_id.clone(), item_id };
    me.web().api.content().remove_item(me.ask(request)).await?;
    Ok(Redirect::to(&format!("/app/spaces/{space_id}?done=removed")).into_response())
}

/// Says something about an item.
pub(crate) async fn add(
    me: Me,
    Path((space_id, item_id)): Path<(String, String)>,
    form: Filled,
) -> Result<Response, Refused> {
    let request = pb::AddCommentRequest {
        space_id: space_id.clone(),
        item_id: item_id.clone(),
        text: form.lines("text"),
        mentioned_user_ids: Vec::new(),
    };
    match me.web().api.comments().add_comment(me.ask_once(request, form.value("key"))).await {
        Ok(_) => Ok(back_to(&space_id, &item_id, "added")),
        Err(status) => {
            let add = form.refused(me.texts(), status)?;
            draw(&me, (&space_id, &item_id), Back { add, ..Back::default() }).await
        }
    }
}

/// Changes what one has said.
pub(crate) async fn edit(
    me: Me,
    Path((space_id, item_id, comment_id)): Path<(String, String, String)>,
    form: Filled,
) -> Result<Response, Refused> {
    let request = pb::UpdateCommentRequest {
        space_id: space_id.clone(),
        comment_id: comment_id.clone(),
        text: form.lines("text"),
        etag: form.text("etag"),
    };
    match me.web().api.comments().update_comment(me.ask(request)).await {
        Ok(_) => Ok(back_to(&space_id, &item_id, "saved")),
        Err(status) => {
            let said = Some((comment_id, form.refused(me.texts(), status)?));
            draw(&me, (&space_id, &item_id), Back { said, ..Back::default() }).await
        }
    }
}

/// Deletes what was said.
pub(crate) async fn delete(
    me: Me,
    Path((space_id, item_id, comment_id)): Path<(String, String, String)>,
) -> Result<Response, Refused> {
    let request = pb::DeleteCommentRequest { space_id: space_id.clone(), comment_id };
    me.web().api.comments().delete_comment(me.ask(request)).await?;
    Ok(back_to(&space_id, &item_id, "removed"))
}
