//! `AccountService`.

use service_kit::caller::{Call, Caller};
use sharedspaces_proto::identity::v1 as pb;
use tonic::{Request, Response, Status};

use crate::person::{People, ProfileChange};

/// Answers `AccountService`.
pub(crate) struct AccountGrpc {
    pub(crate) people: People,
}

#[tonic::async_trait]
impl pb::account_service_server::AccountService for AccountGrpc {
    async fn get_profile(
        &self,
        request: Request<pb::GetProfileRequest>,
    ) -> Result<Response<pb::GetProfileResponse>, Status> {
        let caller = Caller::of(&request)?;
        let profile = self.people.profile(&caller).await?;
        Ok(Response::new(profile.into()))
    }

    async fn update_profile(
        &self,
        request: Request<pb::UpdateProfileRequest>,
    ) -> Result<Response<pb::UpdateProfileResponse>, Status> {
        let call = Call::of(&request)?;
        let change = ProfileChange::try_from(request.into_inner())?;
        let response: pb::UpdateProfileResponse = self.people.update_profile(&call, change).await?;
        Ok(Response::new(response))
    }

    async fn set_password(
        &self,
        _request: Request<pb::SetPasswordRequest>,
    ) -> Result<Response<pb::SetPasswordResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn change_password(
        &self,
        _request: Request<pb::ChangePasswordRequest>,
    ) -> Result<Response<pb::ChangePasswordResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn request_password_reset(
        &self,
        _request: Request<pb::RequestPasswordResetRequest>,
    ) -> Result<Response<pb::RequestPasswordResetResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn reset_password(
        &self,
        _request: Request<pb::ResetPasswordRequest>,
    ) -> Result<Response<pb::ResetPasswordResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }
}
