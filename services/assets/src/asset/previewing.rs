//! Making previews of files that are images or PDF.
//!
//! Owns which files have one. The image, or the picture of a PDF's first page, goes through the same limits as a logo, and
//! only what was made of its pixels is kept; one that does not pass has no preview, which is no fault.

use anyhow::anyhow;
use service_kit::error::CommonError;
use service_kit::ids::OrganizationId;

use super::{Asset, AssetError, AssetId, Assets, Preview, PreviewSize, State, repo};
use crate::image::PreviewPicture;
use crate::logo::LogoError;
use crate::pdf;

/// The job that makes previews.
pub(crate) const MAKE_PREVIEWS: &str = "make_previews";
/// Crash point: the pictures are stored, no row says so.
pub(crate) const AFTER_PUT_BEFORE_PREVIEW: &str = "assets.after_put_before_preview";

/// Largest image of which previews are made, in bytes, inclusive: it is held in memory.
const MAX_BYTES: i64 = 20 * 1024 * 1024;

const PDF: &str = "application/pdf";

/// Tells whether previews are made of a file.
pub(super) fn can_have_preview(content_type: &str, size_bytes: i64) -> bool {
    match content_type {
        "image/png" | "image/jpeg" | "image/webp" => size_bytes <= MAX_BYTES,
        PDF => size_bytes <= pdf::MAX_BYTES,
        _ => false,
    }
}

impl Assets {
    /// Makes the previews of a file, if that is still to be done. Errors: something it needs is away or busy; trying
    /// again may help.
    pub(crate) async fn make_previews(
        &self,
        organization_id: OrganizationId,
        asset_id: AssetId,
    ) -> anyhow::Result<()> {
        let asset = match self.find(organization_id, asset_id).await {
            Ok(asset) if asset.state == State::Clean && !asset.has_preview => asset,
            Ok(_) | Err(AssetError::NotFound) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let Some(image) = self.picture_of(&asset).await? else {
            tracing::info!(asset.id = %asset_id, "no page can be rendered");
            return Ok(());
        };
        let pictures = match self.converter.preview(image).await {
            Ok(pictures) => pictures,
            Err(LogoError::Busy) => return Err(anyhow!("too many images are being converted")),
            Err(error) => {
                tracing::info!(asset.id = %asset_id, error.chain = %error, "no preview can be made");
                return Ok(());
            }
        };
        for picture in &pictures {
            let key = picture.size.object_key(organization_id, asset_id);
            self.store.put(&key, &picture.content, picture.content_type).await?;
        }
        messaging::failpoint(AFTER_PUT_BEFORE_PREVIEW);
        self.keep_previews(&asset, pictures).await?;
        Ok(())
    }

    /// Returns a file that is a picture, or the picture of its first page.
    async fn picture_of(&self, asset: &Asset) -> anyhow::Result<Option<Vec<u8>>> {
        let key = asset.object_key();
        if asset.content_type == PDF {
            let content = self.store.open(&key, None).await?;
            return self.pages.first_page(content).await;
        }
        Ok(Some(self.store.get(&key).await?))
    }

    async fn keep_previews(&self, asset: &Asset, pictures: Vec<PreviewPicture>) -> Result<(), AssetError> {
        let (organization_id, asset_id) = (asset.organization_id, asset.asset_id);
        let previews = pictures.iter().map(described).collect::<Result<Vec<_>, _>>()?;
        let is_there = self
            .database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    let found = repo::lock(tx, organization_id, asset_id).await?;
                    let is_there = found.is_some_and(|asset| asset.state == State::Clean);
                    if is_there {
                        for preview in &previews {
                            repo::insert_preview(tx, organization_id, asset_id, preview).await?;
                        }
                    }
                    Ok::<_, AssetError>(is_there)
                })
            })
            .await?;
        if !is_there {
            // Given up meanwhile: nothing may lead to what was just stored.
            for size in PreviewSize::ALL {
                self.store.delete(&size.object_key(organization_id, asset_id)).await?;
            }
        }
        Ok(())
    }
}

/// Returns what is to be noted of a preview; the limits on images keep each number far below the database's.
fn described(picture: &PreviewPicture) -> Result<Preview, CommonError> {
    let unfit = |_| CommonError::Unexpected(anyhow!("the size of a preview does not fit"));
    Ok(Preview {
        size: picture.size,
        content_type: picture.content_type.to_owned(),
        width_px: i32::try_from(picture.width_px).map_err(unfit)?,
        height_px: i32::try_from(picture.height_px).map_err(unfit)?,
        size_bytes: i64::try_from(picture.content.len()).map_err(unfit)?,
    })
}
