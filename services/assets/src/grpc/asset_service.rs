//! `AssetService`.

use futures_util::StreamExt;
use service_kit::caller::{Call, Caller};
use sharedspaces_proto::assets::v1 as pb;
use sharedspaces_proto::assets::v1::asset_service_server::AssetService;
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming};

use super::convert_assets::{self as convert, PreviewWanted};
use crate::asset::{AssetError, Assets, DownloadWanted, IDLE, NewAsset, Question};
use crate::content::ADDRESS_TTL;

/// `AssetService` over the use cases.
pub(crate) struct AssetGrpc {
    pub(crate) assets: Assets,
}

#[tonic::async_trait]
impl AssetService for AssetGrpc {
    async fn start_upload(
        &self,
        request: Request<pb::StartUploadRequest>,
    ) -> Result<Response<pb::StartUploadResponse>, Status> {
        let (call, caller) = (Call::of(&request)?, Caller::of(&request)?);
        let new = NewAsset::try_from(request.into_inner())?;
        let is_direct = new.is_direct;
        let mut response: pb::StartUploadResponse = self.assets.start(&call, new).await?;
        if is_direct {
            // Made anew at a repetition as well, and never kept with its key.
            let asset_id = convert::asset_id(&response.asset.unwrap_or_default().asset_id)?;
            response = self.assets.missing_parts(&caller, asset_id).await?.into();
        }
        Ok(Response::new(response))
    }

    async fn continue_upload(
        &self,
        request: Request<pb::ContinueUploadRequest>,
    ) -> Result<Response<pb::ContinueUploadResponse>, Status> {
        let caller = Caller::of(&request)?;
        let asset_id = convert::asset_id(&request.get_ref().asset_id)?;
        let missing = self.assets.missing_parts(&caller, asset_id).await?;
        Ok(Response::new(missing.into()))
    }

    async fn upload_asset(
        &self,
        request: Request<Streaming<pb::UploadAssetRequest>>,
    ) -> Result<Response<pb::UploadAssetResponse>, Status> {
        let caller = Caller::of(&request)?;
        let mut messages = request.into_inner();
        let first = timeout(IDLE, messages.next()).await.map_err(|_| AssetError::TooSlow)?;
        let begin = convert::beginning(first)?;
        let chunks = messages.map(convert::chunk);
        let asset = self.assets.receive(&caller, begin.asset_id, begin.offset_bytes, chunks).await?;
        Ok(Response::new(asset.into()))
    }

    async fn complete_upload(
        &self,
        request: Request<pb::CompleteUploadRequest>,
    ) -> Result<Response<pb::CompleteUploadResponse>, Status> {
        let call = Call::of(&request)?;
        let asset_id = convert::asset_id(&request.get_ref().asset_id)?;
        let response: pb::CompleteUploadResponse = self.assets.complete(&call, asset_id).await?;
        Ok(Response::new(response))
    }

    async fn get_asset(
        &self,
        request: Request<pb::GetAssetRequest>,
    ) -> Result<Response<pb::GetAssetResponse>, Status> {
        let caller = Caller::of(&request)?;
        let asset_id = convert::asset_id(&request.get_ref().asset_id)?;
        let asset = self.assets.get(&caller, asset_id).await?;
        Ok(Response::new(asset.into()))
    }

    async fn get_preview(
        &self,
        request: Request<pb::GetPreviewRequest>,
    ) -> Result<Response<pb::GetPreviewResponse>, Status> {
        let caller = Caller::of(&request)?;
        let wanted = PreviewWanted::try_from(request.into_inner())?;
        let preview = self.assets.get_preview(&caller, wanted.asset_id, wanted.size).await?;
        Ok(Response::new(preview.into()))
    }

    async fn delete_asset(
        &self,
        request: Request<pb::DeleteAssetRequest>,
    ) -> Result<Response<pb::DeleteAssetResponse>, Status> {
        let call = Call::of(&request)?;
        let asset_id = convert::asset_id(&request.get_ref().asset_id)?;
        let response: pb::DeleteAssetResponse = self.assets.delete(&call, asset_id).await?;
        Ok(Response::new(response))
    }

    async fn get_storage_usage(
        &self,
        request: Request<pb::GetStorageUsageRequest>,
    ) -> Result<Response<pb::GetStorageUsageResponse>, Status> {
        let usage = self.assets.usage(&Caller::of(&request)?).await?;
        Ok(Response::new(usage.into()))
    }

    async fn describe_asset(
        &self,
        request: Request<pb::DescribeAssetRequest>,
    ) -> Result<Response<pb::DescribeAssetResponse>, Status> {
        let question = Question::try_from(request.into_inner())?;
        let asset = self.assets.describe(question).await?;
        Ok(Response::new(asset.into()))
    }

    async fn issue_download(
        &self,
        request: Request<pb::IssueDownloadRequest>,
    ) -> Result<Response<pb::IssueDownloadResponse>, Status> {
        let wanted = DownloadWanted::try_from(request.into_inner())?;
        let url = self.assets.issue(wanted).await?;
        Ok(Response::new(pb::IssueDownloadResponse { url, url_ttl: ADDRESS_TTL.try_into().ok() }))
    }
}
