//! `AccountService`.

use service_kit::caller::{Call, Caller};
use sharedspaces_proto::identity::v1 as pb;
use tonic::{Request, Response, Status};

use super::{admit, call_without_password};
use crate::client::Gate;
use crate::credential::{Change, Credentials, Reset};
use crate::mac::MacKey;
use crate::person::{GuestChange, NewPassword, People, ProfileChange};
use crate::sign_in_link::{LinkWanted, SignInLinks};

/// Answers `AccountService`.
pub(crate) struct AccountGrpc {
    pub(crate) people: People,
    pub(crate) credentials: Credentials,
    pub(crate) links: SignInLinks,
    pub(crate) gate: Gate,
    pub(crate) mac: MacKey,
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
        request: Request<pb::SetPasswordRequest>,
    ) -> Result<Response<pb::SetPasswordResponse>, Status> {
        let call = call_without_password(&request, &self.mac, |r| vec![&mut r.new_password])?;
        let new = NewPassword::try_from(request.into_inner())?;
        let response: pb::SetPasswordResponse = self.credentials.set(&call, new).await?;
        Ok(Response::new(response))
    }

    async fn change_password(
        &self,
        request: Request<pb::ChangePasswordRequest>,
    ) -> Result<Response<pb::ChangePasswordResponse>, Status> {
        let call =
            call_without_password(&request, &self.mac, |r| vec![&mut r.old_password, &mut r.new_password])?;
        let change = Change::try_from(request.into_inner())?;
        let response: pb::ChangePasswordResponse = self.credentials.change(&call, change).await?;
        Ok(Response::new(response))
    }

    async fn request_password_reset(
        &self,
        request: Request<pb::RequestPasswordResetRequest>,
    ) -> Result<Response<pb::RequestPasswordResetResponse>, Status> {
        let client = admit(&self.gate, &request)?;
        let wanted = LinkWanted::try_from(request.into_inner())?;
        let requested = self.links.request(&client, wanted).await?;
        Ok(Response::new(requested.into()))
    }

    async fn reset_password(
        &self,
        request: Request<pb::ResetPasswordRequest>,
    ) -> Result<Response<pb::ResetPasswordResponse>, Status> {
        let client = admit(&self.gate, &request)?;
        let reset = Reset::try_from(request.into_inner())?;
        let set = self.credentials.reset(&client, reset).await?;
        Ok(Response::new(set.into()))
    }

    async fn update_guest_profile(
        &self,
        request: Request<pb::UpdateGuestProfileRequest>,
    ) -> Result<Response<pb::UpdateGuestProfileResponse>, Status> {
        let call = Call::of(&request)?;
        let change = GuestChange::try_from(request.into_inner())?;
        let response: pb::UpdateGuestProfileResponse = self.people.update_guest(&call, change).await?;
        Ok(Response::new(response))
    }
}
