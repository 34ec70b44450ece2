//! Checking files that have arrived.
//!
//! Owns the way from all parts to CLEAN or REFUSED, each step of which may be done again after a crash. The object is
//! read once; size, SHA-256, type and viruses are told from the same bytes. What cannot be checked stays unseen.

use anyhow::Context;
use futures_util::StreamExt;
use messaging::jobs::{NewJob, enqueue};
use ring::digest::{Context as Digest, SHA256};
use serde_json::json;
use service_kit::ids::OrganizationId;

use super::previewing::{MAKE_PREVIEWS, can_have_preview};
use super::starting::has_arrived;
use super::{Asset, AssetError, AssetId, Assets, Refusal, State, repo};
use crate::scan::{Sniffer, Verdict};

/// The job that checks a file.
pub(crate) const CHECK_ASSET: &str = "check_asset";
/// Crash point: the parts are one object, which is still to be checked.
pub(crate) const AFTER_END_BEFORE_CHECK: &str = "assets.after_end_before_check";
/// Crash point: it is known that the file is refused, the object is still there.
pub(crate) const AFTER_REFUSAL_BEFORE_DELETE: &str = "assets.after_refusal_before_delete";

const PREVIEW_ATTEMPTS: i32 = 20;

/// What a check comes to.
enum Outcome {
    Clean(&'static str),
    Refused(Refusal),
}

impl Assets {
    /// Checks a file, if that is still to be done. Errors: something it needs is away; trying again may help.
    pub(crate) async fn check(
        &self,
        organization_id: OrganizationId,
        asset_id: AssetId,
    ) -> anyhow::Result<()> {
        let asset = match self.find(organization_id, asset_id).await {
            Ok(asset) if asset.state == State::Scanning => asset,
            Ok(_) | Err(AssetError::NotFound) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let outcome = match asset.refusal {
            Some(refusal) => Outcome::Refused(refusal),
            None => self.examine(&asset).await?,
        };
        match outcome {
            Outcome::Clean(content_type) => self.pass(&asset, content_type).await?,
            Outcome::Refused(refusal) => self.refuse(&asset, refusal).await?,
        }
        Ok(())
    }

    /// Makes the parts one object, and looks into it.
    async fn examine(&self, asset: &Asset) -> anyhow::Result<Outcome> {
        let key = asset.object_key();
        if let Some(upload_id) = &asset.upload_id {
            let stored = self.store.list_parts(&key, upload_id).await?;
            // Where not: a try before this one has done it, or the look at the object's size will tell.
            if asset.parts().into_iter().all(|part| has_arrived(part, &stored)) {
                self.store.end_upload(&key, upload_id, stored).await?;
            }
        }
        messaging::failpoint(AFTER_END_BEFORE_CHECK);
        if self.store.size_of(&key).await? != Some(asset.size_bytes) {
            return Ok(Outcome::Refused(Refusal::Size));
        }
        let mut content = self.store.open(&key, None).await?;
        let (mut digest, mut sniffer) = (Digest::new(&SHA256), Sniffer::default());
        let mut scan = self.scanner.begin().await.context("the scan could not begin")?;
        while let Some(piece) = content.next().await {
            let piece = piece?;
            digest.update(&piece);
            sniffer.feed(&piece);
            scan.feed(&piece).await.context("the scan broke off")?;
        }
        let verdict = scan.verdict().await.context("the scan has no verdict")?;
        let sniffed = sniffer.finish(&asset.file_name);
        Ok(if digest.finish().as_ref() != asset.sha256 {
            Outcome::Refused(Refusal::Checksum)
        } else if sniffed.is_any_of(&self.refused_types) {
            Outcome::Refused(Refusal::Type)
        } else if sniffed.contradicts_name() {
            Outcome::Refused(Refusal::TypeMismatch)
        } else if verdict == Verdict::Found {
            Outcome::Refused(Refusal::Virus)
        } else {
            Outcome::Clean(sniffed.content_type())
        })
    }

    /// Lets a file be seen, and has its previews made.
    async fn pass(&self, asset: &Asset, content_type: &'static str) -> Result<(), AssetError> {
        let (organization_id, asset_id) = (asset.organization_id, asset.asset_id);
        let has_previews = can_have_preview(content_type, asset.size_bytes);
        let job_id = self.ids.next();
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    // One that was given up meanwhile is collected, with its object.
                    let is_there = repo::mark_clean(tx, organization_id, asset_id, content_type).await?;
                    if is_there && has_previews {
                        let job = NewJob {
                            id: job_id,
                            name: MAKE_PREVIEWS,
                            organization_id,
                            queue_key: None,
                            payload: json!({ "asset_id": asset_id }),
                            max_attempts: PREVIEW_ATTEMPTS,
                        };
                        enqueue(tx, job).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Deletes what a refused file has in the store, and says so.
    async fn refuse(&self, asset: &Asset, refusal: Refusal) -> Result<(), AssetError> {
        let (organization_id, asset_id) = (asset.organization_id, asset.asset_id);
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    Ok::<_, AssetError>(repo::set_refusal(tx, organization_id, asset_id, refusal).await?)
                })
            })
            .await?;
        messaging::failpoint(AFTER_REFUSAL_BEFORE_DELETE);
        self.delete_objects(organization_id, asset_id, asset.upload_id.as_deref()).await?;
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move { Ok(repo::mark_refused(tx, organization_id, asset_id).await?) })
            })
            .await
    }
}
