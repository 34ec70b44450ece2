//! `SignInService`.

use service_kit::caller::Call;
use sharedspaces_proto::identity::v1 as pb;
use tonic::{Request, Response, Status};

use crate::session::{Sessions, SignIn};

/// Answers `SignInService`.
pub(crate) struct SignInGrpc {
    pub(crate) sessions: Sessions,
}

#[tonic::async_trait]
impl pb::sign_in_service_server::SignInService for SignInGrpc {
    async fn sign_in_with_password(
        &self,
        request: Request<pb::SignInWithPasswordRequest>,
    ) -> Result<Response<pb::SignInWithPasswordResponse>, Status> {
        let sign_in = SignIn::try_from(request.into_inner())?;
        let signed_in = self.sessions.sign_in(sign_in).await?;
        Ok(Response::new(signed_in.into()))
    }

    async fn refresh_session(
        &self,
        request: Request<pb::RefreshSessionRequest>,
    ) -> Result<Response<pb::RefreshSessionResponse>, Status> {
        let tokens = self.sessions.refresh(&request.into_inner().refresh_token).await?;
        Ok(Response::new(pb::RefreshSessionResponse { tokens: Some(tokens.into()) }))
    }

    async fn sign_out(
        &self,
        request: Request<pb::SignOutRequest>,
    ) -> Result<Response<pb::SignOutResponse>, Status> {
        let call = Call::of(&request)?;
        let response: pb::SignOutResponse = self.sessions.sign_out(&call).await?;
        Ok(Response::new(response))
    }

    async fn start_sign_in(
        &self,
        _request: Request<pb::StartSignInRequest>,
    ) -> Result<Response<pb::StartSignInResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn request_sign_in_link(
        &self,
        _request: Request<pb::RequestSignInLinkRequest>,
    ) -> Result<Response<pb::RequestSignInLinkResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn redeem_sign_in_link(
        &self,
        _request: Request<pb::RedeemSignInLinkRequest>,
    ) -> Result<Response<pb::RedeemSignInLinkResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn redeem_sign_in_code(
        &self,
        _request: Request<pb::RedeemSignInCodeRequest>,
    ) -> Result<Response<pb::RedeemSignInCodeResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn list_sessions(
        &self,
        _request: Request<pb::ListSessionsRequest>,
    ) -> Result<Response<pb::ListSessionsResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }

    async fn revoke_session(
        &self,
        _request: Request<pb::RevokeSessionRequest>,
    ) -> Result<Response<pb::RevokeSessionResponse>, Status> {
        Err(Status::unimplemented("SKELETON"))
    }
}
