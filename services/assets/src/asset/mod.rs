//! Files: uploading, checking, showing and collecting them.
//!
//! Owns the use cases. Row (UPLOADING), then the object's parts, then row (SCANNING), then the object of all parts, then
//! the check, then row (CLEAN or REFUSED): an object without a row that leads to it does not come about, and nobody
//! sees a file before it was checked. The rules are in `entity` and `name`, the SQL in `repo` and `places`.

mod checking;
mod collecting;
mod entity;
mod error;
mod name;
mod places;
mod previewing;
mod receiving;
mod repo;
mod sending;
mod showing;
mod starting;

use std::sync::Arc;

use service_kit::caller::Caller;
use service_kit::clock::SharedClock;
use service_kit::db::Database;
use service_kit::ids::{Ids, OrganizationId};
use service_kit::space_access::SpaceAccess;
use tokio::sync::Semaphore;

use crate::config::{QuotaSettings, ScanSettings};
use crate::content::Addresses;
use crate::image::Converter;
use crate::pdf::PageRenderer;
use crate::scan::{Scanner, scanner};
use crate::storage::ObjectStore;

pub(crate) use checking::{AFTER_END_BEFORE_CHECK, AFTER_REFUSAL_BEFORE_DELETE, CHECK_ASSET};
pub(crate) use collecting::AFTER_OBJECTS_BEFORE_ROW;
pub(crate) use entity::{
    Asset, AssetDeleted, AssetId, MissingParts, NewAsset, Part, PartAddress, Preview, PreviewSize, Refusal,
    State, Usage,
};
pub use error::AssetError;
pub(crate) use name::extension;
pub(crate) use places::{Placed, place};
pub(crate) use previewing::{AFTER_PUT_BEFORE_PREVIEW, MAKE_PREVIEWS};
pub(crate) use receiving::{AFTER_PART_BEFORE_ROW, IDLE, MAX_CHUNK_BYTES};
pub(crate) use repo::{OpenUploads, count_uploads};
#[cfg(test)]
pub(crate) use sending::ASK_EVERY;
pub(crate) use showing::{DownloadWanted, Fetched, LinkedPreview, Question};
pub(crate) use starting::{
    AFTER_BEGIN_BEFORE_UPLOAD, AFTER_COMPLETE_BEFORE_ANSWER, AFTER_RESERVED_BEFORE_BEGIN,
};

/// Streams at once in this process; each holds one part, and a copy of it while that is sent on.
const MAX_STREAMS: usize = 8;

/// The use cases of files.
#[derive(Clone)]
pub(crate) struct Assets {
    database: Database,
    ids: Ids,
    clock: SharedClock,
    store: ObjectStore,
    access: SpaceAccess,
    addresses: Addresses,
    converter: Converter,
    pages: PageRenderer,
    scanner: Arc<dyn Scanner>,
    refused_types: Arc<[String]>,
    quota: QuotaSettings,
    streams: Arc<Semaphore>,
}

/// What the use cases of files work with.
pub(crate) struct Tools {
    pub(crate) database: Database,
    pub(crate) ids: Ids,
    pub(crate) clock: SharedClock,
    pub(crate) store: ObjectStore,
    pub(crate) access: SpaceAccess,
    pub(crate) addresses: Addresses,
    pub(crate) converter: Converter,
    pub(crate) pages: PageRenderer,
}

impl Assets {
    pub(crate) fn new(tools: Tools, quota: QuotaSettings, scan: ScanSettings) -> Self {
        let Tools { database, ids, clock, store, access, addresses, converter, pages } = tools;
        Self {
            database,
            ids,
            clock,
            store,
            access,
            addresses,
            converter,
            pages,
            scanner: scanner(scan.clamd.as_deref()),
            refused_types: scan.refused_types.into(),
            quota,
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
        }
    }

    /// Finds a file that is not being deleted.
    async fn find(&self, organization_id: OrganizationId, asset_id: AssetId) -> Result<Asset, AssetError> {
        let found = self
            .database
            .read(organization_id, move |tx| {
                Box::pin(async move { Ok::<_, AssetError>(repo::find(tx, organization_id, asset_id).await?) })
            })
            .await?;
        found.ok_or(AssetError::NotFound)
    }

    /// Finds a file that the caller uploads or has uploaded.
    async fn find_own(&self, caller: &Caller, asset_id: AssetId) -> Result<Asset, AssetError> {
        let asset = self.find(caller.organization_id, asset_id).await?;
        if asset.uploader_user_id == caller.user_id { Ok(asset) } else { Err(AssetError::NotFound) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::files::world::Files;
    use crate::tests::world::reason;

    #[tokio::test]
    async fn eight_files_are_streamed_at_once_and_one_more_is_turned_away() {
        let files = Files::new().await;
        let (uploader, space_id) = files.uploader();
        let asset_id = files.begin(&uploader, space_id, "a.txt", b"hello").await;
        let others = u32::try_from(MAX_STREAMS - 1).unwrap();
        let held = files.assets.streams.acquire_many(others).await.unwrap();
        let last = files.assets.streams.acquire().await.unwrap();
        let refused = files.stream(&uploader, &asset_id, 0, b"hello").await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (tonic::Code::ResourceExhausted, "UPLOADS_BUSY")
        );
        drop(last);
        assert!(files.stream(&uploader, &asset_id, 0, b"hello").await.is_ok());
        drop(held);
    }
}
