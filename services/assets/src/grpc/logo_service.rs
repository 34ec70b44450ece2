//! `LogoService`.

use futures_util::StreamExt;
use service_kit::caller::{Call, Caller};
use sharedspaces_proto::assets::v1 as pb;
use sharedspaces_proto::assets::v1::logo_service_server::LogoService;
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming};

use super::convert::{self, LogoQuery, logo_id_of};
use crate::logo::{LogoError, Logos, PACE};

/// `LogoService` over the use cases.
pub(crate) struct LogoGrpc {
    pub(crate) logos: Logos,
}

#[tonic::async_trait]
impl LogoService for LogoGrpc {
    async fn upload_logo(
        &self,
        request: Request<Streaming<pb::UploadLogoRequest>>,
    ) -> Result<Response<pb::UploadLogoResponse>, Status> {
        let call = Call::of_stream(&request)?;
        let mut messages = request.into_inner();
        let first = timeout(PACE.idle, messages.next()).await.map_err(|_| LogoError::TooSlow)?;
        let new = convert::header(first)?;
        let response: pb::UploadLogoResponse =
            self.logos.upload(&call, new, messages.map(convert::chunk)).await?;
        Ok(Response::new(response))
    }

    async fn get_logo(
        &self,
        request: Request<pb::GetLogoRequest>,
    ) -> Result<Response<pb::GetLogoResponse>, Status> {
        let caller = Caller::of(&request)?;
        let logo_id = logo_id_of(&request.into_inner())?;
        let logo = self.logos.get(&caller, logo_id).await?;
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
}
