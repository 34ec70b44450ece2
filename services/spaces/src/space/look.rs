//! Logos in the header of a space: which, and how they are shown.

use service_kit::caller::Call;
use service_kit::db::Reply;
use service_kit::error::CommonError;
use service_kit::ids::{OrganizationId, SpaceId};
use sharedspaces_proto::assets::v1 as assets;
use tonic::Code;
use uuid::Uuid;

use super::{
    CustomerLogo, LogoDisplayChange, LogoFormat, Shown, SpaceError, Spaces, changing, events, note, repo,
    show,
};
use crate::activity::ActivityKind;
use crate::permission::{Permission, Viewer};

impl Spaces {
    /// Shows an uploaded logo in the header.
    pub(crate) async fn set_logo<R: Reply<Shown>>(
        &self,
        call: &Call,
        space_id: SpaceId,
        logo_id: Uuid,
    ) -> Result<R, SpaceError> {
        let caller = call.caller()?;
        if let Some(reply) = self.database.replay(call, caller.organization_id).await? {
            return Ok(reply);
        }
        self.get(caller, space_id).await?.view.require(Permission::Edit)?;
        let logo = self.describe_logo(caller.organization_id, space_id, logo_id).await?;
        self.place_logo(call, space_id, Some(logo)).await
    }

    /// Takes the logo out of the header.
    pub(crate) async fn remove_logo<R: Reply<Shown>>(
        &self,
        call: &Call,
        space_id: SpaceId,
    ) -> Result<R, SpaceError> {
        self.place_logo(call, space_id, None).await
    }

    /// Changes how the logos are shown.
    pub(crate) async fn update_logo_display<R: Reply<Shown>>(
        &self,
        call: &Call,
        space_id: SpaceId,
        change: LogoDisplayChange,
    ) -> Result<R, SpaceError> {
        let viewer = Viewer::from(call.caller()?);
        let (now, ids) = (self.clock.now(), self.ids.clone());
        self.database
            .write(call, viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let mut view = changing(tx, &viewer, space_id, Permission::Edit).await?;
                    if view.space.show_logos_as(change, now)? {
                        repo::update(tx, &view.space).await?;
                        note(tx, &ids, &mut view, ActivityKind::LookChanged, None, now).await?;
                    }
                    show(tx, view).await
                })
            })
            .await
    }

    async fn place_logo<R: Reply<Shown>>(
        &self,
        call: &Call,
        space_id: SpaceId,
        logo: Option<CustomerLogo>,
    ) -> Result<R, SpaceError> {
        let viewer = Viewer::from(call.caller()?);
        let (now, ids) = (self.clock.now(), self.ids.clone());
        self.database
            .write(call, viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let mut view = changing(tx, &viewer, space_id, Permission::Edit).await?;
                    if view.space.show_logo(logo, now) {
                        repo::update(tx, &view.space).await?;
                        events::logo_placed(tx, ids.next(), &view.space).await?;
                        let kind =
                            if logo.is_some() { ActivityKind::LogoSet } else { ActivityKind::LogoRemoved };
                        note(tx, &ids, &mut view, kind, None, now).await?;
                    }
                    show(tx, view).await
                })
            })
            .await
    }

    async fn describe_logo(
        &self,
        organization_id: OrganizationId,
        space_id: SpaceId,
        logo_id: Uuid,
    ) -> Result<CustomerLogo, SpaceError> {
        let request = assets::DescribeLogoRequest {
            organization_id: organization_id.to_string(),
            space_id: space_id.to_string(),
            logo_id: logo_id.to_string(),
        };
        match self.logos.clone().describe_logo(request).await {
            Ok(answer) => {
                let logo = answer.into_inner().logo.unwrap_or_default();
                let format = format_of(&logo);
                Ok(CustomerLogo { logo_id, width_px: logo.width_px, height_px: logo.height_px, format })
            }
            Err(status) if status.code() == Code::NotFound => Err(SpaceError::LogoNotFound),
            Err(status) => Err(CommonError::Peer(Box::new(status)).into()),
        }
    }
}

fn format_of(logo: &assets::Logo) -> Option<LogoFormat> {
    match logo.format() {
        assets::ImageFormat::Png => Some(LogoFormat::Png),
        assets::ImageFormat::Jpeg => Some(LogoFormat::Jpeg),
        assets::ImageFormat::Webp => Some(LogoFormat::Webp),
        assets::ImageFormat::Unspecified => None,
    }
}
