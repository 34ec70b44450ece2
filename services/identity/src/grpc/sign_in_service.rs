//! `SignInService`.
//!
//! Nothing that answers with a token keeps its reply under an idempotency key.

use service_kit::caller::{Call, Caller};
use sharedspaces_proto::identity::v1 as pb;
use tonic::{Request, Response, Status};

use super::admit;
use super::convert::{ListSessions, SessionToRevoke};
use crate::client::Gate;
use crate::session::{Sessions, SessionsToCheck, SignIn, Start};
use crate::sign_in_link::{CodeRedemption, LinkRedemption, LinkWanted, SignInLinks};

/// Answers `SignInService`.
pub(crate) struct SignInGrpc {
    pub(crate) sessions: Sessions,
    pub(crate) links: SignInLinks,
    pub(crate) gate: Gate,
}

#[tonic::async_trait]
impl pb::sign_in_service_server::SignInService for SignInGrpc {
    async fn start_sign_in(
        &self,
        request: Request<pb::StartSignInRequest>,
    ) -> Result<Response<pb::StartSignInResponse>, Status> {
        let client = admit(&self.gate, &request)?;
        let start = Start::try_from(request.into_inner())?;
        let options = self.sessions.start(&client, start).await?;
        Ok(Response::new(options.into()))
    }

    async fn sign_in_with_password(
        &self,
        request: Request<pb::SignInWithPasswordRequest>,
    ) -> Result<Response<pb::SignInWithPasswordResponse>, Status> {
        let client = admit(&self.gate, &request)?;
        let sign_in = SignIn::try_from(request.into_inner())?;
        let signed_in = self.sessions.sign_in(&client, sign_in).await?;
        Ok(Response::new(signed_in.into()))
    }

    async fn request_sign_in_link(
        &self,
        request: Request<pb::RequestSignInLinkRequest>,
    ) -> Result<Response<pb::RequestSignInLinkResponse>, Status> {
        let client = admit(&self.gate, &request)?;
        let wanted = LinkWanted::try_from(request.into_inner())?;
        let requested = self.links.request(&client, wanted).await?;
        Ok(Response::new(requested.into()))
    }

    async fn redeem_sign_in_link(
        &self,
        request: Request<pb::RedeemSignInLinkRequest>,
    ) -> Result<Response<pb::RedeemSignInLinkResponse>, Status> {
        let client = admit(&self.gate, &request)?;
        let redemption = LinkRedemption::try_from(request.into_inner())?;
        let redeemed = self.links.redeem_link(&client, redemption).await?;
        Ok(Response::new(redeemed.into()))
    }

    async fn redeem_sign_in_code(
        &self,
        request: Request<pb::RedeemSignInCodeRequest>,
    ) -> Result<Response<pb::RedeemSignInCodeResponse>, Status> {
        let client = admit(&self.gate, &request)?;
        let redemption = CodeRedemption::try_from(request.into_inner())?;
        let redeemed = self.links.redeem_code(&client, redemption).await?;
        Ok(Response::new(redeemed.into()))
    }

    async fn refresh_session(
        &self,
        request: Request<pb::RefreshSessionRequest>,
    ) -> Result<Response<pb::RefreshSessionResponse>, Status> {
        admit(&self.gate, &request)?;
        let tokens = self.sessions.refresh(&request.into_inner().refresh_token).await?;
        Ok(Response::new(pb::RefreshSessionResponse { tokens: Some(tokens.into()) }))
    }

    async fn sign_out(
        &self,
        request: Request<pb::SignOutRequest>,
    ) -> Result<Response<pb::SignOutResponse>, Status> {
        let call = Call::of(&request)?;
        let everywhere = request.into_inner().everywhere;
        let response: pb::SignOutResponse = self.sessions.sign_out(&call, everywhere).await?;
        Ok(Response::new(response))
    }

    async fn list_sessions(
        &self,
        request: Request<pb::ListSessionsRequest>,
    ) -> Result<Response<pb::ListSessionsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let ListSessions(page) = request.into_inner().try_into()?;
        let sessions = self.sessions.list(&caller, page).await?;
        Ok(Response::new(sessions.into()))
    }

    async fn revoke_session(
        &self,
        request: Request<pb::RevokeSessionRequest>,
    ) -> Result<Response<pb::RevokeSessionResponse>, Status> {
        let call = Call::of(&request)?;
        let SessionToRevoke(id) = request.into_inner().try_into()?;
        let response: pb::RevokeSessionResponse = self.sessions.revoke(&call, id).await?;
        Ok(Response::new(response))
    }

    async fn check_sessions(
        &self,
        request: Request<pb::CheckSessionsRequest>,
    ) -> Result<Response<pb::CheckSessionsResponse>, Status> {
        let sessions = SessionsToCheck::try_from(request.into_inner())?;
        let alive = self.sessions.check(sessions).await?;
        Ok(Response::new(alive.into()))
    }
}
