//! Giving the organisation's own logo to whoever writes its mails.

use service_kit::ids::OrganizationId;

use super::{LogoError, Logos, Rendition, View, places};
use crate::image::MailPicture;

impl Logos {
    /// Returns the organisation's own logo as mails show it; nothing where there is none.
    pub(crate) async fn fetch_own(
        &self,
        organization_id: OrganizationId,
    ) -> Result<Option<MailPicture>, LogoError> {
        let own = self
            .database
            .read(organization_id, move |tx| {
                Box::pin(async move { Ok::<_, LogoError>(places::find_own(tx, organization_id).await?) })
            })
            .await?;
        let Some(logo_id) = own else { return Ok(None) };
        // Replaced and collected meanwhile: the next one asked for is the new one.
        let Some(known) = self.known(organization_id, &[logo_id]).await?.pop() else { return Ok(None) };
        let small = View { rendition: Rendition::Gallery, is_transparent: false };
        // One whose sizes are still to be made is read in full.
        let view = known.show_best(small).map_or(View::FULL, |shown| shown.view);
        let image = self.store.get(&view.object_key(organization_id, logo_id)).await?;
        Ok(Some(self.converter.for_mail(image).await?))
    }
}
