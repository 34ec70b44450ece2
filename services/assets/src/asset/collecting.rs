//! Deleting what nobody needs: uploads that did not go on for a day, files that no item has shown for a day, refusals
//! after 30 days, and what somebody gave up.
//!
//! Owns the order: first the mark, after which nobody finds the file, then what the store has of it, then its row, so
//! that nothing is left in the store without a row that leads to it.

use service_kit::error::chain;
use service_kit::ids::OrganizationId;

use super::entity::object_key;
use super::{AssetError, AssetId, Assets, PreviewSize, repo};
use crate::storage::StoreError;

/// Crash point: the store has nothing of the file any more, its row is still there.
pub(crate) const AFTER_OBJECTS_BEFORE_ROW: &str = "assets.after_objects_before_row";

impl Assets {
    /// Deletes what is due, of all organisations; returns how many files. One whose objects the store refuses to delete
    /// is logged and left to a later round. Errors: database or store did not answer.
    pub(crate) async fn collect(&self) -> Result<usize, AssetError> {
        let pool = self.database.pool();
        while repo::abandon_due(pool).await? > 0 {}
        let round = repo::begin_round(pool).await?;
        let mut deleted = 0;
        loop {
            let claimed = repo::claim_abandoned(pool, round).await?;
            if claimed.is_empty() {
                return Ok(deleted);
            }
            for repo::Abandoned { organization_id, asset_id, upload_id } in claimed {
                match self.delete_objects(organization_id, asset_id, upload_id.as_deref()).await {
                    Ok(()) => {}
                    Err(error @ StoreError::Refused(_)) => {
                        tracing::warn!(asset.id = %asset_id, error.chain = %chain(&error), "object not deleted");
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                }
                messaging::failpoint(AFTER_OBJECTS_BEFORE_ROW);
                self.delete_row(organization_id, asset_id).await?;
                deleted += 1;
            }
        }
    }

    /// Deletes all that there may be of a file in the store, whatever the rows say. The upload goes first: after that
    /// nothing can become an object any more.
    pub(super) async fn delete_objects(
        &self,
        organization_id: OrganizationId,
        asset_id: AssetId,
        upload_id: Option<&str>,
    ) -> Result<(), StoreError> {
        let key = object_key(organization_id, asset_id);
        match upload_id {
            Some(upload_id) => self.store.abort_upload(&key, upload_id).await?,
            // Ended long ago, or begun by a process that stopped before it could note so.
            None => self.store.abort_uploads(&key).await?,
        }
        for size in PreviewSize::ALL {
            self.store.delete(&size.object_key(organization_id, asset_id)).await?;
        }
        self.store.delete(&key).await
    }

    async fn delete_row(&self, organization_id: OrganizationId, asset_id: AssetId) -> Result<(), AssetError> {
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move { Ok(repo::delete_abandoned(tx, organization_id, asset_id).await?) })
            })
            .await
    }
}
