//! Making the smaller sizes of logos that were uploaded before there were any.
//!
//! Owns one such logo at a time, from the claim to the rows. The image is read from the store, where only this service
//! writes, and goes through the same limits as an upload.

use std::time::Duration;

use service_kit::error::chain;
use service_kit::ids::OrganizationId;
use tokio::time::timeout;

use super::{LogoError, LogoId, Logos, View, can_be_transparent, described, repo};

/// How long one logo may take: well below the five minutes for which it is claimed.
const WITHIN: Duration = Duration::from_secs(120);

impl Logos {
    /// Makes what is missing, of all organisations; returns for how many logos. One that fails is logged and left to a
    /// later round. Errors: the database did not answer.
    pub(crate) async fn render_missing(&self) -> Result<usize, LogoError> {
        let mut rendered = 0;
        while let Some((organization_id, logo_id)) = repo::claim_unrendered(self.database.pool()).await? {
            match timeout(WITHIN, self.render(organization_id, logo_id)).await {
                Ok(Ok(())) => rendered += 1,
                Ok(Err(error)) => {
                    tracing::warn!(logo.id = %logo_id, error.chain = %chain(&error), "smaller sizes not made");
                }
                Err(_) => tracing::warn!(logo.id = %logo_id, "smaller sizes not made in time"),
            }
        }
        Ok(rendered)
    }

    async fn render(&self, organization_id: OrganizationId, logo_id: LogoId) -> Result<(), LogoError> {
        let logo = self.find(organization_id, logo_id).await?.logo;
        let image = self.store.get(&View::FULL.object_key(organization_id, logo_id)).await?;
        let pictures = self.converter.shrink(image).await?;
        let small = described(logo_id, &pictures)?;
        self.put_small(organization_id, logo_id, logo.format, &pictures).await?;
        let is_there = self
            .database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    let transparent = can_be_transparent(&small);
                    let is_there = repo::mark_rendered(tx, organization_id, logo_id, transparent).await?;
                    if is_there {
                        repo::insert_small(tx, organization_id, &small).await?;
                    }
                    Ok::<_, LogoError>(is_there)
                })
            })
            .await?;
        if !is_there {
            // Collected meanwhile: nothing leads to what was just stored.
            self.delete_objects(organization_id, logo_id).await?;
        }
        Ok(())
    }
}
