//! What a space holds: folders, links and files, in order.
//!
//! Owns the use cases; each opens and commits its transaction, and holds the space while places change, so that they
//! stay without gaps. The rules are in `entity`, the SQL in `repo`; `files` asks assets, and opens and downloads;
//! `places` tells assets which item shows which file, `events` the others what was added; `described` names it for a log. Must not touch the bytes of a file.

mod described;
mod entity;
mod error;
mod events;
mod files;
pub(crate) mod places;
mod repo;

use chrono::{DateTime, Utc};
use service_kit::caller::{Call, Caller};
use service_kit::clock::SharedClock;
use service_kit::db::{Database, Reply};
use service_kit::ids::{Ids, SpaceId};
use service_kit::page::{Page, PageRequest};
use service_kit::peers::PeerChannel;
use sharedspaces_proto::assets::v1::asset_service_client::AssetServiceClient;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::activity::{self, ActivityKind, NewActivity};
use crate::permission::{Permission, Viewer};
use crate::space::{self, SpaceView};
use crate::visit::Visits;

pub(crate) use described::{DescribedItem, describe};
pub(crate) use entity::{
    DESCRIPTION_MAX, Item, ItemChange, ItemFile, ItemKey, ItemKind, ItemMove, ItemRemoved, ItemSaved,
    NewContent, NewItem, Origin, TITLE_MAX, link,
};
pub use error::ItemError;
pub(crate) use files::ItemAddress;
pub(crate) use repo::find;

/// The use cases of items.
#[derive(Clone)]
pub(crate) struct Items {
    database: Database,
    clock: SharedClock,
    ids: Ids,
    assets: AssetServiceClient<PeerChannel>,
    visits: Visits,
}

/// One change of what a space holds: who makes it, when, and what they see of the space.
struct Change {
    viewer: Viewer,
    view: SpaceView,
    now: DateTime<Utc>,
    activity_id: Uuid,
    ids: Ids,
}

impl Items {
    /// Returns the use cases; `assets` is where uploaded files are asked for.
    pub(crate) fn new(
        database: Database,
        clock: SharedClock,
        ids: Ids,
        assets: AssetServiceClient<PeerChannel>,
        visits: Visits,
    ) -> Self {
        Self { database, clock, ids, assets, visits }
    }

    /// Adds a folder, link or file at the end of a folder.
    pub(crate) async fn add<R: Reply<ItemSaved>>(&self, call: &Call, new: NewItem) -> Result<R, ItemError> {
        let file = match new.content {
            NewContent::File(asset_id) => {
                let caller = call.caller()?;
                if let Some(reply) = self.database.replay(call, caller.organization_id).await? {
                    return Ok(reply);
                }
                Some(self.uploaded(caller, new.space_id, asset_id).await?)
            }
            NewContent::Folder | NewContent::Link(_) => None,
        };
        let item_id = self.ids.next();
        self.change(call, new.space_id, move |tx, change| {
            Box::pin(async move {
                let kind = new.content.kind();
                match kind {
                    ItemKind::Folder => change.view.require(Permission::Edit)?,
                    ItemKind::Link | ItemKind::File => change.view.require(Permission::Upload)?,
                }
                let organization_id = change.viewer.organization_id;
                repo::tree(tx, organization_id, new.space_id).await?.check_add(new.folder_id, kind)?;
                let item = Item {
                    item_id,
                    space_id: new.space_id,
                    folder_id: new.folder_id,
                    kind,
                    position: repo::count_in(tx, organization_id, new.space_id, new.folder_id).await?,
                    title: new.title,
                    description: new.description,
                    url: match new.content {
                        NewContent::Link(url) => Some(url),
                        NewContent::Folder | NewContent::File(_) => None,
                    },
                    file,
                    origin: change.origin(),
                    adder_user_id: change.viewer.user_id,
                    adder_display_name: change.view.viewer_name.clone(),
                    item_count: 0,
                    comment_count: 0,
                    version: 1,
                    create_time: change.now,
                    update_time: change.now,
                };
                repo::insert(tx, organization_id, &item).await?;
                places::added(tx, &change.ids, organization_id, &item).await?;
                events::added(tx, &change.ids, &change.view, &item).await?;
                change.note(tx, ActivityKind::ItemAdded, &item).await?;
                Ok(ItemSaved(item))
            })
        })
        .await
    }

    /// Changes title, description or address of an item.
    pub(crate) async fn update<R: Reply<ItemSaved>>(
        &self,
        call: &Call,
        space_id: SpaceId,
        item_id: Uuid,
        wanted: ItemChange,
    ) -> Result<R, ItemError> {
        self.change(call, space_id, move |tx, change| {
            Box::pin(async move {
                let mut item = change.find(tx, item_id).await?;
                change.check_own(&item)?;
                // Who may no longer upload puts nothing new in the place of what they uploaded; removing it stays allowed.
                if change.view.standing.is_guest() {
                    change.view.require(Permission::Upload)?;
                }
                item.change(wanted, change.now)?;
                repo::update(tx, change.viewer.organization_id, &item).await?;
                change.note(tx, ActivityKind::ItemChanged, &item).await?;
                Ok(ItemSaved(item))
            })
        })
        .await
    }

    /// Moves an item to a place of the same or another folder. Where it is there already, nothing changes.
    pub(crate) async fn relocate<R: Reply<ItemSaved>>(
        &self,
        call: &Call,
        wanted: ItemMove,
    ) -> Result<R, ItemError> {
        let ItemMove { space_id, item_id, folder_id, position } = wanted;
        self.change(call, space_id, move |tx, change| {
            Box::pin(async move {
                change.view.require(Permission::Edit)?;
                let organization_id = change.viewer.organization_id;
                let mut item = change.find(tx, item_id).await?;
                repo::tree(tx, organization_id, space_id).await?.check_move(&item, folder_id)?;
                let others = repo::count_in(tx, organization_id, space_id, folder_id).await?
                    - i32::from(item.folder_id == folder_id);
                let position = position.min(others);
                if (item.folder_id, item.position) == (folder_id, position) {
                    return Ok(ItemSaved(item));
                }
                repo::shift(tx, organization_id, space_id, item.folder_id, item.position + 1, -1).await?;
                // The item itself may have been shifted with the others: its own place is written last.
                repo::shift(tx, organization_id, space_id, folder_id, position, 1).await?;
                item.place(folder_id, position, change.now);
                repo::update(tx, organization_id, &item).await?;
                change.note(tx, ActivityKind::ItemChanged, &item).await?;
                Ok(ItemSaved(item))
            })
        })
        .await
    }

    /// Removes an item, and with a folder all that is in it.
    pub(crate) async fn remove<R: Reply<ItemRemoved>>(
        &self,
        call: &Call,
        space_id: SpaceId,
        item_id: Uuid,
    ) -> Result<R, ItemError> {
        self.change(call, space_id, move |tx, change| {
            Box::pin(async move {
                let organization_id = change.viewer.organization_id;
                let item = change.find(tx, item_id).await?;
                change.check_own(&item)?;
                places::gone_with(tx, &change.ids, organization_id, space_id, item_id).await?;
                repo::delete(tx, organization_id, space_id, item_id).await?;
                repo::shift(tx, organization_id, space_id, item.folder_id, item.position + 1, -1).await?;
                change.note(tx, ActivityKind::ItemRemoved, &item).await?;
                Ok(ItemRemoved)
            })
        })
        .await
    }

    /// Lists what is in a folder, in its order.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        space_id: SpaceId,
        folder_id: Option<Uuid>,
        page: PageRequest<ItemKey>,
    ) -> Result<Page<Item>, ItemError> {
        let viewer = Viewer::from(caller);
        self.database
            .read(viewer.organization_id, move |tx| {
                Box::pin(async move {
                    space::visible(tx, &viewer, space_id).await?;
                    if let Some(folder_id) = folder_id {
                        let folder = repo::find(tx, viewer.organization_id, space_id, folder_id).await?;
                        folder
                            .filter(|folder| folder.kind == ItemKind::Folder)
                            .ok_or(ItemError::FolderNotFound)?;
                    }
                    let rows = repo::list(tx, viewer.organization_id, space_id, folder_id, &page).await?;
                    Ok(Page::cut(rows, &page, Item::key))
                })
            })
            .await
    }

    /// Holds the space, looks at what the caller may do, and lets `work` change what it holds.
    async fn change<R, T, F>(&self, call: &Call, space_id: SpaceId, work: F) -> Result<R, ItemError>
    where
        R: Reply<T>,
        T: Send + 'static,
        F: for<'t> FnOnce(
                &'t mut PgConnection,
                Change,
            ) -> futures_util::future::BoxFuture<'t, Result<T, ItemError>>
            + Send
            + 'static,
    {
        let viewer = Viewer::from(call.caller()?);
        let (now, activity_id, ids) = (self.clock.now(), self.ids.next(), self.ids.clone());
        self.database
            .write(call, viewer.organization_id, move |tx| {
                Box::pin(async move {
                    space::repo::lock(tx, viewer.organization_id, space_id).await?;
                    let view = space::visible(tx, &viewer, space_id).await?;
                    work(tx, Change { viewer, view, now, activity_id, ids }).await
                })
            })
            .await
    }
}

impl Change {
    /// Refuses a guest who did not add the item themselves.
    fn check_own(&self, item: &Item) -> Result<(), ItemError> {
        if !self.view.standing.is_guest() {
            return Ok(self.view.require(Permission::Edit)?);
        }
        // A folder may hold what others added.
        let is_own = item.adder_user_id == self.viewer.user_id && item.kind != ItemKind::Folder;
        if is_own { Ok(()) } else { Err(ItemError::OwnItemsOnly) }
    }

    fn origin(&self) -> Origin {
        if self.view.standing.is_guest() { Origin::External } else { Origin::Internal }
    }

    async fn find(&self, tx: &mut PgConnection, item_id: Uuid) -> Result<Item, ItemError> {
        let space = &self.view.space;
        repo::find(tx, space.organization_id, space.space_id, item_id).await?.ok_or(ItemError::NotFound)
    }

    async fn note(self, tx: &mut PgConnection, kind: ActivityKind, item: &Item) -> Result<(), sqlx::Error> {
        let new = NewActivity {
            activity_id: self.activity_id,
            organization_id: self.view.space.organization_id,
            space_id: self.view.space.space_id,
            kind,
            actor: Some((self.viewer.user_id, self.view.viewer_name)),
            object: Some((item.item_id, item.title.clone())),
            create_time: self.now,
        };
        activity::append(tx, new).await
    }
}
