//! Files of assets as items: asking for one before it is added, and giving people addresses to fetch it from.
//!
//! Owns the order: first what the caller may do, then assets, outside of any transaction, then what was done is noted,
//! where the caller may still do it. An address is never kept: asking again gives another, and is another activity.

use service_kit::caller::Caller;
use service_kit::error::CommonError;
use service_kit::ids::SpaceId;
use sharedspaces_proto::assets::v1 as assets;
use sqlx::PgConnection;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use super::{Change, Item, ItemError, ItemFile, ItemKind, Items, repo};
use crate::activity::ActivityKind;
use crate::permission::{Permission, Viewer};
use crate::space::{self, SpaceView};
use crate::visit::Deed;

/// The reason by which assets refuses to show a file in the browser.
const INLINE_NOT_ALLOWED: &str = "INLINE_NOT_ALLOWED";

/// Where to fetch an item from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ItemAddress {
    /// The address.
    pub(crate) url: String,
    /// How long it lives; absent: it is a link's own.
    pub(crate) ttl: Option<prost_types::Duration>,
}

/// What somebody wants to do with an item.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wish {
    Open,
    Download,
}

impl Wish {
    fn permission(self) -> Permission {
        match self {
            Self::Open => Permission::View,
            Self::Download => Permission::Download,
        }
    }

    fn deed(self) -> Deed {
        match self {
            Self::Open => Deed::Open,
            Self::Download => Deed::Download,
        }
    }

    fn activity(self) -> ActivityKind {
        match self {
            Self::Open => ActivityKind::ItemOpened,
            Self::Download => ActivityKind::ItemDownloaded,
        }
    }
}

impl Items {
    /// Returns an address to view a file at, or a link's own, and notes that it was opened.
    pub(crate) async fn open(
        &self,
        caller: &Caller,
        space_id: SpaceId,
        item_id: Uuid,
    ) -> Result<ItemAddress, ItemError> {
        self.fetch(caller, space_id, item_id, Wish::Open).await
    }

    /// Returns an address to save a file from, and notes that it was downloaded.
    pub(crate) async fn download(
        &self,
        caller: &Caller,
        space_id: SpaceId,
        item_id: Uuid,
    ) -> Result<ItemAddress, ItemError> {
        self.fetch(caller, space_id, item_id, Wish::Download).await
    }

    /// Returns an uploaded file that the caller may make an item of the space.
    pub(super) async fn uploaded(
        &self,
        caller: &Caller,
        space_id: SpaceId,
        asset_id: Uuid,
    ) -> Result<ItemFile, ItemError> {
        let viewer = Viewer::from(caller);
        self.database
            .read(viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let view = space::visible(tx, &viewer, space_id).await?;
                    Ok::<_, ItemError>(view.require(Permission::Upload)?)
                })
            })
            .await?;
        let request = assets::DescribeAssetRequest {
            organization_id: viewer.organization_id.to_string(),
            space_id: space_id.to_string(),
            asset_id: asset_id.to_string(),
            user_id: viewer.user_id.to_string(),
        };
        let asset = match self.assets.clone().describe_asset(request).await {
            Ok(answer) => answer.into_inner().asset.unwrap_or_default(),
            Err(status) if status.code() == Code::NotFound => return Err(ItemError::AssetNotFound),
            Err(status) => return Err(CommonError::Peer(Box::new(status)).into()),
        };
        if asset.state() != assets::AssetState::Clean || asset.asset_id != asset_id.to_string() {
            return Err(ItemError::AssetNotFound);
        }
        Ok(ItemFile {
            asset_id,
            file_name: asset.file_name,
            content_type: asset.content_type,
            size_bytes: asset.size_bytes,
        })
    }

    async fn fetch(
        &self,
        caller: &Caller,
        space_id: SpaceId,
        item_id: Uuid,
        wish: Wish,
    ) -> Result<ItemAddress, ItemError> {
        let viewer = Viewer::from(caller);
        let item = self
            .database
            .read(viewer.organization_id, move |tx| {
                Box::pin(async move {
                    Ok::<_, ItemError>(admitted(tx, &viewer, space_id, item_id, wish).await?.1)
                })
            })
            .await?;
        let address = match (item.file, item.url) {
            (Some(file), _) => self.issue(&viewer, space_id, file.asset_id, wish).await?,
            (None, Some(url)) if wish == Wish::Open => ItemAddress { url, ttl: None },
            (None, _) => return Err(ItemError::NotAFile),
        };
        let (clock, ids, visits) = (self.clock.clone(), self.ids.clone(), self.visits.clone());
        self.database
            .transaction(viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let (mut view, item) = admitted(tx, &viewer, space_id, item_id, wish).await?;
                    visits.note(tx, &mut view, item_id, &item.title, wish.deed()).await?;
                    // Named after the visit it may begin, so that the timeline tells them in this order.
                    let (now, activity_id) = (clock.now(), ids.next());
                    let change = Change { viewer, view, now, activity_id, ids };
                    change.note(tx, wish.activity(), &item).await?;
                    Ok::<_, ItemError>(())
                })
            })
            .await?;
        Ok(address)
    }

    async fn issue(
        &self,
        viewer: &Viewer,
        space_id: SpaceId,
        asset_id: Uuid,
        wish: Wish,
    ) -> Result<ItemAddress, ItemError> {
        let request = assets::IssueDownloadRequest {
            organization_id: viewer.organization_id.to_string(),
            space_id: space_id.to_string(),
            asset_id: asset_id.to_string(),
            user_id: viewer.user_id.to_string(),
            is_inline: wish == Wish::Open,
            consent_notice_version: viewer.consent_notice_version,
            is_admin: viewer.is_admin,
        };
        match self.assets.clone().issue_download(request).await {
            Ok(answer) => {
                let issued = answer.into_inner();
                Ok(ItemAddress { url: issued.url, ttl: issued.url_ttl })
            }
            Err(status) if reason_of(&status) == INLINE_NOT_ALLOWED => Err(ItemError::InlineNotAllowed),
            Err(status) if status.code() == Code::NotFound => {
                tracing::warn!(space.id = %space_id, asset.id = %asset_id, "a file that an item shows is gone");
                Err(ItemError::NotFound)
            }
            Err(status) => Err(CommonError::Peer(Box::new(status)).into()),
        }
    }
}

/// Returns the space and an item of it to somebody who may do with it what they want at this moment.
async fn admitted(
    tx: &mut PgConnection,
    viewer: &Viewer,
    space_id: SpaceId,
    item_id: Uuid,
    wish: Wish,
) -> Result<(SpaceView, Item), ItemError> {
    let view = space::visible(tx, viewer, space_id).await?;
    view.require(wish.permission())?;
    let found = repo::find(tx, viewer.organization_id, space_id, item_id).await?;
    let item = found.ok_or(ItemError::NotFound)?;
    let is_possible = match wish {
        Wish::Open => item.kind != ItemKind::Folder,
        Wish::Download => item.kind == ItemKind::File,
    };
    if is_possible { Ok((view, item)) } else { Err(ItemError::NotAFile) }
}

fn reason_of(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}
