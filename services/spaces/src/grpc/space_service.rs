//! SpaceService over the use cases of spaces.

use service_kit::caller::{Call, Caller};
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::space_service_server::SpaceService;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::convert::{SpaceUpdate, check_access_response, space_id};
use crate::space::{NewSpace, Spaces};

/// SpaceService.
pub(crate) struct SpaceGrpc {
    pub(crate) spaces: Spaces,
}

#[tonic::async_trait]
impl SpaceService for SpaceGrpc {
    async fn create_space(
        &self,
        request: Request<pb::CreateSpaceRequest>,
    ) -> Result<Response<pb::CreateSpaceResponse>, Status> {
        let call = Call::of(&request)?;
        let new = NewSpace::try_from(request.into_inner())?;
        Ok(Response::new(self.spaces.create(&call, new).await?))
    }

    async fn get_space(
        &self,
        request: Request<pb::GetSpaceRequest>,
    ) -> Result<Response<pb::GetSpaceResponse>, Status> {
        let caller = Caller::of(&request)?;
        let space_id = space_id(&request.into_inner().space_id)?;
        Ok(Response::new(self.spaces.get(&caller, space_id).await?.into()))
    }

    async fn update_space(
        &self,
        request: Request<pb::UpdateSpaceRequest>,
    ) -> Result<Response<pb::UpdateSpaceResponse>, Status> {
        let call = Call::of(&request)?;
        let update = SpaceUpdate::try_from(request.into_inner())?;
        Ok(Response::new(self.spaces.update(&call, update.space_id, update.change).await?))
    }

    async fn set_customer_logo(
        &self,
        request: Request<pb::SetCustomerLogoRequest>,
    ) -> Result<Response<pb::SetCustomerLogoResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let logo_id: Uuid = check.id("logo_id", &request.logo_id);
        check.into_result()?;
        Ok(Response::new(self.spaces.set_logo(&call, space_id, logo_id).await?))
    }

    async fn check_access(
        &self,
        request: Request<pb::CheckAccessRequest>,
    ) -> Result<Response<pb::CheckAccessResponse>, Status> {
        let request = request.into_inner();
        let mut check = Violations::default();
        let organization_id = check.id("organization_id", &request.organization_id);
        let space_id = check.id("space_id", &request.space_id);
        let user_id = check.id("user_id", &request.user_id);
        check.into_result()?;
        let permissions = self.spaces.check_access(organization_id, user_id, space_id).await?;
        Ok(Response::new(check_access_response(permissions)))
    }

    async fn list_spaces(
        &self,
        _request: Request<pb::ListSpacesRequest>,
    ) -> Result<Response<pb::ListSpacesResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn remove_customer_logo(
        &self,
        _request: Request<pb::RemoveCustomerLogoRequest>,
    ) -> Result<Response<pb::RemoveCustomerLogoResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn update_logo_display(
        &self,
        _request: Request<pb::UpdateLogoDisplayRequest>,
    ) -> Result<Response<pb::UpdateLogoDisplayResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn preview_space(
        &self,
        _request: Request<pb::PreviewSpaceRequest>,
    ) -> Result<Response<pb::PreviewSpaceResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn describe_duplication(
        &self,
        _request: Request<pb::DescribeDuplicationRequest>,
    ) -> Result<Response<pb::DescribeDuplicationResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn duplicate_space(
        &self,
        _request: Request<pb::DuplicateSpaceRequest>,
    ) -> Result<Response<pb::DuplicateSpaceResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn archive_space(
        &self,
        _request: Request<pb::ArchiveSpaceRequest>,
    ) -> Result<Response<pb::ArchiveSpaceResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn reactivate_space(
        &self,
        _request: Request<pb::ReactivateSpaceRequest>,
    ) -> Result<Response<pb::ReactivateSpaceResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn delete_space(
        &self,
        _request: Request<pb::DeleteSpaceRequest>,
    ) -> Result<Response<pb::DeleteSpaceResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn transfer_ownership(
        &self,
        _request: Request<pb::TransferOwnershipRequest>,
    ) -> Result<Response<pb::TransferOwnershipResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn get_share_link(
        &self,
        _request: Request<pb::GetShareLinkRequest>,
    ) -> Result<Response<pb::GetShareLinkResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn explain_permissions(
        &self,
        _request: Request<pb::ExplainPermissionsRequest>,
    ) -> Result<Response<pb::ExplainPermissionsResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn check_logo_access(
        &self,
        _request: Request<pb::CheckLogoAccessRequest>,
    ) -> Result<Response<pb::CheckLogoAccessResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }
}
