//! Deleting what nobody needs: uploads that did not become ready within an hour, and logos that nothing has shown for
//! a day.
//!
//! Owns the order: first the mark, after which nobody finds the logo, then its objects, then its rows, so that no
//! object is left without a row that leads to it.

use service_kit::error::chain;
use service_kit::ids::OrganizationId;

use super::{LogoError, LogoId, Logos, View, repo};
use crate::storage::StoreError;

impl Logos {
    /// Deletes what is due, of all organisations; returns how many logos. One whose objects the store refuses to delete
    /// is logged and left to a later round. Errors: database or store did not answer.
    pub(crate) async fn collect(&self) -> Result<usize, LogoError> {
        let pool = self.database.pool();
        while repo::abandon_unshown(pool).await? > 0 {}
        let round = repo::begin_round(pool).await?;
        let mut deleted = 0;
        loop {
            let claimed = repo::claim_abandoned(pool, round).await?;
            if claimed.is_empty() {
                return Ok(deleted);
            }
            for (organization_id, logo_id) in claimed {
                match self.delete_objects(organization_id, logo_id).await {
                    Ok(()) => {}
                    Err(error @ StoreError::Refused(_)) => {
                        tracing::warn!(logo.id = %logo_id, error.chain = %chain(&error), "object not deleted");
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                }
                self.delete_rows(organization_id, logo_id).await?;
                deleted += 1;
            }
        }
    }

    /// Deletes all that there may be of a logo in the store, whatever the rows say: an upload that broke off has
    /// objects that no row tells of.
    pub(super) async fn delete_objects(
        &self,
        organization_id: OrganizationId,
        logo_id: LogoId,
    ) -> Result<(), StoreError> {
        for view in View::ALL {
            self.store.delete(&view.object_key(organization_id, logo_id)).await?;
        }
        Ok(())
    }

    async fn delete_rows(&self, organization_id: OrganizationId, logo_id: LogoId) -> Result<(), LogoError> {
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move { Ok(repo::delete_abandoned(tx, organization_id, logo_id).await?) })
            })
            .await
    }
}
