//! PolicyService over the use cases of the sharing policy and of themes.

use service_kit::caller::{Call, Caller};
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::policy_service_server::PolicyService;
use tonic::{Request, Response, Status};

use crate::policy::{Policies, PolicyChange};
use crate::theme::Themes;

/// PolicyService.
pub(crate) struct PolicyGrpc {
    pub(crate) policies: Policies,
    pub(crate) themes: Themes,
}

#[tonic::async_trait]
impl PolicyService for PolicyGrpc {
    async fn get_sharing_policy(
        &self,
        request: Request<pb::GetSharingPolicyRequest>,
    ) -> Result<Response<pb::GetSharingPolicyResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(self.policies.get(&caller).await?.into()))
    }

    async fn update_sharing_policy(
        &self,
        request: Request<pb::UpdateSharingPolicyRequest>,
    ) -> Result<Response<pb::UpdateSharingPolicyResponse>, Status> {
        let call = Call::of(&request)?;
        let change = PolicyChange::try_from(request.into_inner())?;
        Ok(Response::new(self.policies.update(&call, change).await?))
    }

    async fn create_theme(
        &self,
        _request: Request<pb::CreateThemeRequest>,
    ) -> Result<Response<pb::CreateThemeResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn update_theme(
        &self,
        _request: Request<pb::UpdateThemeRequest>,
    ) -> Result<Response<pb::UpdateThemeResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn delete_theme(
        &self,
        _request: Request<pb::DeleteThemeRequest>,
    ) -> Result<Response<pb::DeleteThemeResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn list_themes(
        &self,
        _request: Request<pb::ListThemesRequest>,
    ) -> Result<Response<pb::ListThemesResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }
}
