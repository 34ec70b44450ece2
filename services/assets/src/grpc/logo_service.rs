//! `LogoService`.

use futures_util::StreamExt;
use service_kit::caller::{Call, Caller};
use service_kit::db::Reply;
use sharedspaces_proto::assets::v1 as pb;
use sharedspaces_proto::assets::v1::logo_service_server::LogoService;
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming};

use super::convert::{self, LogoQuery, LogoWanted, LogosWanted, UploadMessage};
use crate::logo::{Logo, LogoError, Logos, PACE};

/// `LogoService` over the use cases.
pub(crate) struct LogoGrpc {
    pub(crate) logos: Logos,
}

impl LogoGrpc {
    /// Takes an upload, whatever it is for.
    async fn take<M: UploadMessage, R: Reply<Logo>>(
        &self,
        request: Request<Streaming<M>>,
    ) -> Result<Response<R>, Status> {
        let call = Call::of_stream(&request)?;
        let mut messages = request.into_inner();
        let first = timeout(PACE.idle, messages.next()).await.map_err(|_| LogoError::TooSlow)?;
        let new = convert::header(first)?;
        let response = self.logos.upload(&call, new, messages.map(convert::chunk)).await?;
        Ok(Response::new(response))
    }
}

#[tonic::async_trait]
impl LogoService for LogoGrpc {
    async fn upload_logo(
        &self,
        request: Request<Streaming<pb::UploadLogoRequest>>,
    ) -> Result<Response<pb::UploadLogoResponse>, Status> {
        self.take(request).await
    }

    async fn upload_organization_logo(
        &self,
        request: Request<Streaming<pb::UploadOrganizationLogoRequest>>,
    ) -> Result<Response<pb::UploadOrganizationLogoResponse>, Status> {
        self.take(request).await
    }

    async fn get_organization_logo(
        &self,
        request: Request<pb::GetOrganizationLogoRequest>,
    ) -> Result<Response<pb::GetOrganizationLogoResponse>, Status> {
        let caller = Caller::of(&request)?;
        let view = convert::own_view(request.get_ref())?;
        let logo = self.logos.get_own(&caller, view).await?;
        Ok(Response::new(logo.into()))
    }

    async fn remove_organization_logo(
        &self,
        request: Request<pb::RemoveOrganizationLogoRequest>,
    ) -> Result<Response<pb::RemoveOrganizationLogoResponse>, Status> {
        let call = Call::of(&request)?;
        let response: pb::RemoveOrganizationLogoResponse = self.logos.remove_own(&call).await?;
        Ok(Response::new(response))
    }

    async fn upload_theme_banner(
        &self,
        request: Request<Streaming<pb::UploadThemeBannerRequest>>,
    ) -> Result<Response<pb::UploadThemeBannerResponse>, Status> {
        self.take(request).await
    }

    async fn upload_profile_picture(
        &self,
        request: Request<Streaming<pb::UploadProfilePictureRequest>>,
    ) -> Result<Response<pb::UploadProfilePictureResponse>, Status> {
        self.take(request).await
    }

    async fn remove_profile_picture(
        &self,
        request: Request<pb::RemoveProfilePictureRequest>,
    ) -> Result<Response<pb::RemoveProfilePictureResponse>, Status> {
        let call = Call::of(&request)?;
        let response: pb::RemoveProfilePictureResponse = self.logos.remove_of_caller(&call).await?;
        Ok(Response::new(response))
    }

    async fn batch_get_profile_pictures(
        &self,
        request: Request<pb::BatchGetProfilePicturesRequest>,
    ) -> Result<Response<pb::BatchGetProfilePicturesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let user_ids = convert::people_of(request.get_ref())?;
        let pictures = self.logos.of_people(&caller, user_ids).await?;
        Ok(Response::new(pictures.into()))
    }

    async fn format_logo(
        &self,
        request: Request<pb::FormatLogoRequest>,
    ) -> Result<Response<pb::FormatLogoResponse>, Status> {
        let caller = Caller::of(&request)?;
        let (logo_id, is_transparent) = convert::format_of(request.get_ref())?;
        let formatted = self.logos.format(&caller, logo_id, is_transparent).await?;
        Ok(Response::new(formatted.into()))
    }

    async fn batch_get_logos(
        &self,
        request: Request<pb::BatchGetLogosRequest>,
    ) -> Result<Response<pb::BatchGetLogosResponse>, Status> {
        let caller = Caller::of(&request)?;
        let LogosWanted(wanted) = LogosWanted::try_from(request.into_inner())?;
        let logos = self.logos.batch_get(&caller, &wanted).await?;
        Ok(Response::new(logos.into()))
    }

    async fn get_logo(
        &self,
        request: Request<pb::GetLogoRequest>,
    ) -> Result<Response<pb::GetLogoResponse>, Status> {
        let caller = Caller::of(&request)?;
        let wanted = LogoWanted::try_from(request.into_inner())?;
        let logo = self.logos.get(&caller, wanted.logo_id, wanted.view).await?;
        Ok(Response::new(logo.into()))
    }

    async fn describe_logo(
        &self,
        request: Request<pb::DescribeLogoRequest>,
    ) -> Result<Response<pb::DescribeLogoResponse>, Status> {
        let query = LogoQuery::try_from(request.into_inner())?;
        let logo = self.logos.describe(query.organization_id, query.space_id, query.logo_id).await?;
        Ok(Response::new(logo.into()))
    }

    async fn fetch_organization_logo(
        &self,
        request: Request<pb::FetchOrganizationLogoRequest>,
    ) -> Result<Response<pb::FetchOrganizationLogoResponse>, Status> {
        let organization_id = convert::own_of(request.get_ref())?;
        let picture = self.logos.fetch_own(organization_id).await?;
        Ok(Response::new(picture.map(Into::into).unwrap_or_default()))
    }
}
