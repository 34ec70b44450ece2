//! What people say about the items of a space.
//!
//! Owns the use cases; each opens and commits its transaction, and a change holds the space, so that no comment is added
//! to an item that is being removed. The rules are in `entity`, the SQL in `repo`. Must not read what a text says: it is
//! plain text, and whoever shows it renders its Markdown.

mod entity;
mod error;
mod events;
mod repo;

use chrono::{DateTime, Utc};
use service_kit::caller::{Call, Caller};
use service_kit::clock::SharedClock;
use service_kit::db::{Database, Reply};
use service_kit::ids::{Ids, SpaceId};
use service_kit::page::{Page, PageRequest};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::activity::{self, ActivityKind, NewActivity};
use crate::item;
use crate::participant;
use crate::permission::{Permission, Viewer};
use crate::space::{self, SpaceView};

pub(crate) use entity::{
    Comment, CommentChange, CommentDeleted, CommentKey, CommentSaved, NewComment, mentions, text,
};
pub use error::CommentError;

/// The use cases of comments.
#[derive(Clone)]
pub(crate) struct Comments {
    database: Database,
    clock: SharedClock,
    ids: Ids,
}

/// One change of what was said: who makes it, when, and what they see of the space.
struct Change {
    viewer: Viewer,
    view: SpaceView,
    now: DateTime<Utc>,
    activity_id: Uuid,
    ids: Ids,
}

impl Comments {
    /// Returns the use cases.
    pub(crate) fn new(database: Database, clock: SharedClock, ids: Ids) -> Self {
        Self { database, clock, ids }
    }

    /// Adds a comment to an item.
    pub(crate) async fn add<R: Reply<CommentSaved>>(
        &self,
        call: &Call,
        new: NewComment,
    ) -> Result<R, CommentError> {
        let comment_id = self.ids.next();
        self.change(call, new.space_id, move |tx, change| {
            Box::pin(async move {
                let organization_id = change.viewer.organization_id;
                let title = change.title_of(tx, new.item_id).await?;
                change.check_mentions(tx, &new).await?;
                let comment = Comment {
                    comment_id,
                    space_id: new.space_id,
                    item_id: new.item_id,
                    author_user_id: change.viewer.user_id,
                    author_display_name: change.view.viewer_name.clone(),
                    text: new.text,
                    mentioned_user_ids: new.mentioned_user_ids,
                    version: 1,
                    create_time: change.now,
                    update_time: change.now,
                };
                repo::insert(tx, organization_id, &comment).await?;
                events::added(tx, &change.ids, &change.view, &comment, &title).await?;
                change.note(tx, ActivityKind::CommentAdded, (comment.item_id, title)).await?;
                Ok(CommentSaved(comment))
            })
        })
        .await
    }

    /// Changes the text of the caller's own comment. Where it says so already, nothing changes.
    pub(crate) async fn update<R: Reply<CommentSaved>>(
        &self,
        call: &Call,
        space_id: SpaceId,
        comment_id: Uuid,
        wanted: CommentChange,
    ) -> Result<R, CommentError> {
        self.change(call, space_id, move |tx, change| {
            Box::pin(async move {
                let organization_id = change.viewer.organization_id;
                let mut comment = repo::find(tx, organization_id, space_id, comment_id)
                    .await?
                    .ok_or(CommentError::NotFound)?;
                if comment.author_user_id != change.viewer.user_id {
                    return Err(CommentError::OwnCommentsOnly);
                }
                if comment.change(wanted, change.now)? {
                    repo::update(tx, organization_id, &comment).await?;
                }
                Ok(CommentSaved(comment))
            })
        })
        .await
    }

    /// Deletes a comment: the caller's own, or for internal participants anybody's. One that is deleted stays so.
    pub(crate) async fn delete<R: Reply<CommentDeleted>>(
        &self,
        call: &Call,
        space_id: SpaceId,
        comment_id: Uuid,
    ) -> Result<R, CommentError> {
        self.change(call, space_id, move |tx, change| {
            Box::pin(async move {
                let organization_id = change.viewer.organization_id;
                let found = repo::find_trace(tx, organization_id, space_id, comment_id).await?;
                let trace = found.ok_or(CommentError::NotFound)?;
                if trace.author_user_id != change.viewer.user_id && !change.view.standing.is_internal() {
                    return Err(CommentError::OwnCommentsOnly);
                }
                if !trace.is_deleted {
                    let title = change.title_of(tx, trace.item_id).await?;
                    repo::delete(tx, organization_id, space_id, comment_id, change.now).await?;
                    change.note(tx, ActivityKind::CommentDeleted, (trace.item_id, title)).await?;
                }
                Ok(CommentDeleted)
            })
        })
        .await
    }

    /// Lists what was said about an item, the oldest first.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        space_id: SpaceId,
        item_id: Uuid,
        page: PageRequest<CommentKey>,
    ) -> Result<Page<Comment>, CommentError> {
        let viewer = Viewer::from(caller);
        self.database
            .read(viewer.organization_id, move |tx| {
                Box::pin(async move {
                    space::visible(tx, &viewer, space_id).await?;
                    let item = item::find(tx, viewer.organization_id, space_id, item_id).await?;
                    item.ok_or(CommentError::ItemNotFound)?;
                    let rows = repo::list(tx, viewer.organization_id, space_id, item_id, &page).await?;
                    Ok(Page::cut(rows, &page, Comment::key))
                })
            })
            .await
    }

    /// Holds the space, makes sure that the caller may comment, and lets `work` change what was said.
    async fn change<R, T, F>(&self, call: &Call, space_id: SpaceId, work: F) -> Result<R, CommentError>
    where
        R: Reply<T>,
        T: Send + 'static,
        F: for<'t> FnOnce(
                &'t mut PgConnection,
                Change,
            ) -> futures_util::future::BoxFuture<'t, Result<T, CommentError>>
            + Send
            + 'static,
    {
        let viewer = Viewer::from(call.caller()?);
        let (now, activity_id, ids) = (self.clock.now(), self.ids.next(), self.ids.clone());
        self.database
            .write(call, viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let view = space::changing(tx, &viewer, space_id, Permission::Comment).await?;
                    work(tx, Change { viewer, view, now, activity_id, ids }).await
                })
            })
            .await
    }
}

impl Change {
    async fn title_of(&self, tx: &mut PgConnection, item_id: Uuid) -> Result<String, CommentError> {
        let space = &self.view.space;
        let found = item::find(tx, space.organization_id, space.space_id, item_id).await?;
        found.map(|item| item.title).ok_or(CommentError::ItemNotFound)
    }

    /// Refuses to mention who takes no part, and is not invited to.
    async fn check_mentions(&self, tx: &mut PgConnection, new: &NewComment) -> Result<(), CommentError> {
        if new.mentioned_user_ids.is_empty() {
            return Ok(());
        }
        let organization_id = self.viewer.organization_id;
        let found =
            participant::repo::list_by_user(tx, organization_id, new.space_id, &new.mentioned_user_ids)
                .await?;
        let taking_part = found.iter().filter(|participant| participant.state.takes_part()).count();
        if taking_part == new.mentioned_user_ids.len() {
            Ok(())
        } else {
            Err(CommentError::ParticipantNotFound)
        }
    }

    async fn note(
        self,
        tx: &mut PgConnection,
        kind: ActivityKind,
        object: (Uuid, String),
    ) -> Result<(), sqlx::Error> {
        let new = NewActivity {
            activity_id: self.activity_id,
            organization_id: self.view.space.organization_id,
            space_id: self.view.space.space_id,
            kind,
            actor: Some((self.viewer.user_id, self.view.viewer_name)),
            object: Some(object),
            create_time: self.now,
        };
        activity::append(tx, new).await
    }
}
