//! SpaceService over the use cases of spaces.

use service_kit::caller::{Call, Caller};
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::space_service_server::SpaceService;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::convert::{DisplayUpdate, SpaceUpdate, space_id};
use super::convert_access::{
    AccessQuestion, LogoQuestion, check_access_response, check_logo_access_response,
    explain_permissions_response,
};
use super::convert_duplication::Duplication;
use super::convert_list::{SpaceList, list_spaces_response};
use crate::duplication::Duplications;
use crate::space::{NewSpace, Spaces, Step};

/// SpaceService.
pub(crate) struct SpaceGrpc {
    pub(crate) spaces: Spaces,
    pub(crate) duplications: Duplications,
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
        let question = AccessQuestion::try_from(request.into_inner())?;
        let permissions = self.spaces.check_access(question.viewer, question.space_id).await?;
        Ok(Response::new(check_access_response(permissions)))
    }

    async fn list_spaces(
        &self,
        request: Request<pb::ListSpacesRequest>,
    ) -> Result<Response<pb::ListSpacesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let list = SpaceList::read(request.get_ref(), caller.user_id)?;
        let page = self.spaces.list(&caller, list.query, list.page).await?;
        Ok(Response::new(list_spaces_response(page)))
    }

    async fn remove_customer_logo(
        &self,
        request: Request<pb::RemoveCustomerLogoRequest>,
    ) -> Result<Response<pb::RemoveCustomerLogoResponse>, Status> {
        let call = Call::of(&request)?;
        let space_id = space_id(&request.into_inner().space_id)?;
        Ok(Response::new(self.spaces.remove_logo(&call, space_id).await?))
    }

    async fn update_logo_display(
        &self,
        request: Request<pb::UpdateLogoDisplayRequest>,
    ) -> Result<Response<pb::UpdateLogoDisplayResponse>, Status> {
        let call = Call::of(&request)?;
        let update = DisplayUpdate::try_from(request.into_inner())?;
        Ok(Response::new(self.spaces.update_logo_display(&call, update.space_id, update.change).await?))
    }

    async fn preview_space(
        &self,
        request: Request<pb::PreviewSpaceRequest>,
    ) -> Result<Response<pb::PreviewSpaceResponse>, Status> {
        let caller = Caller::of(&request)?;
        let space_id = space_id(&request.into_inner().space_id)?;
        Ok(Response::new(self.spaces.preview(&caller, space_id).await?.into()))
    }

    async fn describe_duplication(
        &self,
        request: Request<pb::DescribeDuplicationRequest>,
    ) -> Result<Response<pb::DescribeDuplicationResponse>, Status> {
        let caller = Caller::of(&request)?;
        let Duplication { space_id, locale } = Duplication::try_from(request.into_inner())?;
        Ok(Response::new(self.duplications.describe(&caller, space_id, locale).await?.into()))
    }

    async fn duplicate_space(
        &self,
        request: Request<pb::DuplicateSpaceRequest>,
    ) -> Result<Response<pb::DuplicateSpaceResponse>, Status> {
        let call = Call::of(&request)?;
        let Duplication { space_id, locale } = Duplication::try_from(request.into_inner())?;
        Ok(Response::new(self.duplications.duplicate(&call, space_id, locale).await?))
    }

    async fn archive_space(
        &self,
        request: Request<pb::ArchiveSpaceRequest>,
    ) -> Result<Response<pb::ArchiveSpaceResponse>, Status> {
        let call = Call::of(&request)?;
        let space_id = space_id(&request.into_inner().space_id)?;
        Ok(Response::new(self.spaces.step(&call, space_id, Step::Archive).await?))
    }

    async fn reactivate_space(
        &self,
        request: Request<pb::ReactivateSpaceRequest>,
    ) -> Result<Response<pb::ReactivateSpaceResponse>, Status> {
        let call = Call::of(&request)?;
        let space_id = space_id(&request.into_inner().space_id)?;
        Ok(Response::new(self.spaces.step(&call, space_id, Step::Reactivate).await?))
    }

    async fn delete_space(
        &self,
        request: Request<pb::DeleteSpaceRequest>,
    ) -> Result<Response<pb::DeleteSpaceResponse>, Status> {
        let call = Call::of(&request)?;
        let space_id = space_id(&request.into_inner().space_id)?;
        Ok(Response::new(self.spaces.step(&call, space_id, Step::Delete).await?))
    }

    async fn transfer_ownership(
        &self,
        request: Request<pb::TransferOwnershipRequest>,
    ) -> Result<Response<pb::TransferOwnershipResponse>, Status> {
        let call = Call::of(&request)?;
        let request = request.into_inner();
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let user_id = check.id("user_id", &request.user_id);
        check.into_result()?;
        Ok(Response::new(self.spaces.transfer(&call, space_id, user_id).await?))
    }

    async fn get_share_link(
        &self,
        request: Request<pb::GetShareLinkRequest>,
    ) -> Result<Response<pb::GetShareLinkResponse>, Status> {
        let caller = Caller::of(&request)?;
        let space_id = space_id(&request.into_inner().space_id)?;
        let url = self.spaces.share_link(&caller, space_id).await?;
        Ok(Response::new(pb::GetShareLinkResponse { url }))
    }

    async fn explain_permissions(
        &self,
        request: Request<pb::ExplainPermissionsRequest>,
    ) -> Result<Response<pb::ExplainPermissionsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let request = request.into_inner();
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let user_id = (!request.user_id.is_empty()).then(|| check.id("user_id", &request.user_id));
        check.into_result()?;
        let explanations = self.spaces.explain(&caller, space_id, user_id).await?;
        Ok(Response::new(explain_permissions_response(explanations)))
    }

    async fn check_logo_access(
        &self,
        request: Request<pb::CheckLogoAccessRequest>,
    ) -> Result<Response<pb::CheckLogoAccessResponse>, Status> {
        let question = LogoQuestion::try_from(request.into_inner())?;
        let logo_ids = self.spaces.check_logo_access(question.viewer, question.logo_ids).await?;
        Ok(Response::new(check_logo_access_response(&logo_ids)))
    }

    async fn describe_space(
        &self,
        request: Request<pb::DescribeSpaceRequest>,
    ) -> Result<Response<pb::DescribeSpaceResponse>, Status> {
        let request = request.into_inner();
        let mut check = Violations::default();
        let organization_id = check.id("organization_id", &request.organization_id);
        let space_id = check.id("space_id", &request.space_id);
        check.into_result()?;
        Ok(Response::new(self.spaces.describe(organization_id, space_id).await?.into()))
    }
}
