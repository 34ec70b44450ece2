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
}
