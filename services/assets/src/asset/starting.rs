//! Beginning, continuing and ending uploads.
//!
//! Owns who may and what fits: the right is asked for at the beginning and at the end, and bytes are reserved before
//! anything is stored. Must not trust the sender on what has arrived: the store is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use messaging::jobs::{NewJob, enqueue};
use serde_json::json;
use service_kit::caller::{Call, Caller};
use service_kit::db::Reply;
use service_kit::error::chain;
use service_kit::ids::OrganizationId;
use sqlx::PgConnection;

use super::entity::{MAX_UPLOADS, admit_upload, object_key};
use super::{
    Asset, AssetError, AssetId, Assets, CHECK_ASSET, MissingParts, NewAsset, Part, PartAddress, State, Usage,
    repo,
};
use crate::config::QuotaSettings;
use crate::storage::StoredPart;

/// How often a check is tried: for about a week, so that it outlives a scanner that is away over a weekend.
const CHECK_ATTEMPTS: i32 = 1_000;

/// Crash point: bytes are reserved, the store knows nothing yet.
pub(crate) const AFTER_RESERVED_BEFORE_BEGIN: &str = "assets.after_reserved_before_begin";
/// Crash point: the store has begun an upload, the row does not say so.
pub(crate) const AFTER_BEGIN_BEFORE_UPLOAD: &str = "assets.after_begin_before_upload";
/// Crash point: the upload has ended and its check waits, nobody was told.
pub(crate) const AFTER_COMPLETE_BEFORE_ANSWER: &str = "assets.after_complete_before_answer";

impl Assets {
    /// Begins an upload. A repeated idempotency key gives the first one again.
    pub(crate) async fn start<R: Reply<Asset>>(&self, call: &Call, new: NewAsset) -> Result<R, AssetError> {
        let caller = call.caller()?;
        let organization_id = caller.organization_id;
        if let Some(reply) = self.database.replay(call, organization_id).await? {
            return Ok(reply);
        }
        admit_upload(&self.access.permissions_of(caller, new.space_id).await?)?;
        let asset_id = self.ids.next();
        self.reserve(caller, asset_id, new).await?;
        messaging::failpoint(AFTER_RESERVED_BEFORE_BEGIN);
        let upload_id = match self.store.begin_upload(&object_key(organization_id, asset_id)).await {
            Ok(upload_id) => upload_id,
            Err(error) => {
                self.give_up(organization_id, asset_id).await;
                return Err(error.into());
            }
        };
        messaging::failpoint(AFTER_BEGIN_BEFORE_UPLOAD);
        let is_begun = Arc::new(AtomicBool::new(false));
        let begun = Arc::clone(&is_begun);
        let reply = self
            .database
            .write(call, organization_id, move |tx| {
                Box::pin(async move {
                    begun.store(true, Ordering::Relaxed);
                    repo::set_upload(tx, organization_id, asset_id, &upload_id).await?;
                    repo::find(tx, organization_id, asset_id).await?.ok_or(AssetError::NotFound)
                })
            })
            .await;
        // Another call of the same key was faster, and its file is the one that is told.
        if !is_begun.load(Ordering::Relaxed) {
            self.give_up(organization_id, asset_id).await;
        }
        reply
    }

    async fn reserve(&self, caller: &Caller, asset_id: AssetId, new: NewAsset) -> Result<(), AssetError> {
        let (organization_id, user_id) = (caller.organization_id, caller.user_id);
        let quota = self.quota;
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    repo::lock_quota(tx, organization_id).await?;
                    usage(tx, organization_id, quota).await?.admit(new.size_bytes)?;
                    if repo::count_uploading(tx, organization_id, user_id).await? >= MAX_UPLOADS {
                        return Err(AssetError::TooManyUploads);
                    }
                    Ok(repo::insert(tx, organization_id, asset_id, user_id, &new).await?)
                })
            })
            .await
    }

    /// Frees what was reserved for an upload that could not begin. Where that fails it is collected after a day.
    async fn give_up(&self, organization_id: OrganizationId, asset_id: AssetId) {
        let freed = self
            .database
            .transaction(organization_id, move |tx| {
                Box::pin(
                    async move { Ok::<_, AssetError>(repo::abandon(tx, organization_id, asset_id).await?) },
                )
            })
            .await;
        if let Err(error) = freed {
            tracing::warn!(asset.id = %asset_id, error.chain = %chain(&error), "reserved bytes not freed");
        }
    }

    /// Returns a file whose parts go straight to the store, with addresses for those that have not arrived.
    pub(crate) async fn missing_parts(
        &self,
        caller: &Caller,
        asset_id: AssetId,
    ) -> Result<MissingParts, AssetError> {
        let mut asset = self.find_own(caller, asset_id).await?;
        let upload_id = asset.open_upload()?.to_owned();
        if !asset.is_direct {
            return Ok(MissingParts { asset, addresses: Vec::new() });
        }
        let stored = self.store.list_parts(&asset.object_key(), &upload_id).await?;
        let (arrived, missing): (Vec<Part>, Vec<Part>) =
            asset.parts().into_iter().partition(|part| has_arrived(*part, &stored));
        asset.received_bytes = arrived.iter().map(|part| part.size_bytes).sum();
        self.note_received(&asset).await?;
        let mut addresses = Vec::new();
        for part in missing {
            let key = asset.object_key();
            let url = self.store.part_address(&key, &upload_id, part.number, part.size_bytes).await?;
            addresses.push(PartAddress { part, url });
        }
        Ok(MissingParts { asset, addresses })
    }

    /// Ends an upload and has the file checked; one that has ended stays as it is.
    pub(crate) async fn complete<R: Reply<Asset>>(
        &self,
        call: &Call,
        asset_id: AssetId,
    ) -> Result<R, AssetError> {
        let caller = call.caller()?;
        let organization_id = caller.organization_id;
        let asset = self.find_own(caller, asset_id).await?;
        if asset.state == State::Uploading {
            admit_upload(&self.access.permissions_of(caller, asset.space_id).await?)?;
            self.check_arrived(&asset).await?;
        }
        let job_id = self.ids.next();
        let reply = self
            .database
            .write(call, organization_id, move |tx| {
                Box::pin(async move {
                    let asset =
                        repo::lock(tx, organization_id, asset_id).await?.ok_or(AssetError::UploadEnded)?;
                    if asset.state != State::Uploading {
                        return Ok(asset);
                    }
                    repo::mark_scanning(tx, organization_id, asset_id).await?;
                    let job = NewJob {
                        id: job_id,
                        name: CHECK_ASSET,
                        organization_id,
                        queue_key: None,
                        payload: json!({ "asset_id": asset_id }),
                        max_attempts: CHECK_ATTEMPTS,
                    };
                    enqueue(tx, job).await?;
                    repo::find(tx, organization_id, asset_id).await?.ok_or(AssetError::UploadEnded)
                })
            })
            .await;
        messaging::failpoint(AFTER_COMPLETE_BEFORE_ANSWER);
        reply
    }

    /// Errors: some part has not arrived, or has another size than it should.
    async fn check_arrived(&self, asset: &Asset) -> Result<(), AssetError> {
        let upload_id = asset.open_upload()?;
        let received_bytes = if asset.is_direct {
            let stored = self.store.list_parts(&asset.object_key(), upload_id).await?;
            let parts = asset.parts();
            parts.iter().filter(|part| has_arrived(**part, &stored)).map(|part| part.size_bytes).sum()
        } else {
            asset.received_bytes
        };
        let size_bytes = asset.size_bytes;
        if received_bytes < size_bytes {
            return Err(AssetError::UploadIncomplete { received_bytes, size_bytes });
        }
        Ok(())
    }

    async fn note_received(&self, asset: &Asset) -> Result<(), AssetError> {
        let (organization_id, asset_id) = (asset.organization_id, asset.asset_id);
        let received_bytes = asset.received_bytes;
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    Ok(repo::set_received(tx, organization_id, asset_id, received_bytes).await?)
                })
            })
            .await
    }

    /// Returns how much of its quota the organisation uses.
    pub(crate) async fn usage(&self, caller: &Caller) -> Result<Usage, AssetError> {
        let (organization_id, quota) = (caller.organization_id, self.quota);
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move { Ok(usage(tx, organization_id, quota).await?) })
            })
            .await
    }
}

async fn usage(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    quota: QuotaSettings,
) -> Result<Usage, sqlx::Error> {
    let (used_bytes, count) = repo::used(tx, organization_id).await?;
    Ok(Usage { used_bytes, quota_bytes: quota.bytes, count, quota_assets: quota.assets })
}

/// Tells whether a part has arrived as it should be.
pub(super) fn has_arrived(part: Part, stored: &[StoredPart]) -> bool {
    stored.iter().any(|stored| stored.number == part.number && stored.size_bytes == part.size_bytes)
}
