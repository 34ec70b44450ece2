//! `InvitationService`.
//!
//! None keeps its reply under an idempotency key: each holds a token in clear. Repeating `GetInvitation`, `IssueInvitation`
//! and `IssueSignInLink` gives the same answer by itself, and an invitation is accepted once.

use sharedspaces_proto::identity::v1 as pb;
use tonic::{Request, Response, Status};

use super::{admit, origin};
use crate::client::Gate;
use crate::invitation::{Acceptance, Invitation, Invitations, Opening};
use crate::sign_in_link::{LinkKey, RequestLinkUse, SignInLinks};

/// Answers `InvitationService`.
pub(crate) struct InvitationGrpc {
    pub(crate) invitations: Invitations,
    pub(crate) links: SignInLinks,
    pub(crate) gate: Gate,
}

#[tonic::async_trait]
impl pb::invitation_service_server::InvitationService for InvitationGrpc {
    async fn get_invitation(
        &self,
        request: Request<pb::GetInvitationRequest>,
    ) -> Result<Response<pb::GetInvitationResponse>, Status> {
        admit(&self.gate, &request)?;
        let opening = Opening::try_from(request.into_inner())?;
        let page = self.invitations.open(opening).await?;
        Ok(Response::new(page.into()))
    }

    async fn accept_invitation(
        &self,
        request: Request<pb::AcceptInvitationRequest>,
    ) -> Result<Response<pb::AcceptInvitationResponse>, Status> {
        let client = admit(&self.gate, &request)?;
        let origin = origin(&self.gate, &request);
        let acceptance = Acceptance { origin, ..request.into_inner().try_into()? };
        let accepted = self.invitations.accept(&client, acceptance).await?;
        Ok(Response::new(accepted.into()))
    }

    async fn issue_invitation(
        &self,
        request: Request<pb::IssueInvitationRequest>,
    ) -> Result<Response<pb::IssueInvitationResponse>, Status> {
        let invitation = Invitation::try_from(request.into_inner())?;
        let link = self.invitations.issue(invitation).await?;
        Ok(Response::new(link.into()))
    }

    async fn issue_sign_in_link(
        &self,
        request: Request<pb::IssueSignInLinkRequest>,
    ) -> Result<Response<pb::IssueSignInLinkResponse>, Status> {
        let key = LinkKey::try_from(request.into_inner())?;
        let printed = self.links.print(key).await?;
        Ok(Response::new(printed.into()))
    }

    async fn redeem_request_link(
        &self,
        request: Request<pb::RedeemRequestLinkRequest>,
    ) -> Result<Response<pb::RedeemRequestLinkResponse>, Status> {
        let redemption = RequestLinkUse::try_from(request.into_inner())?;
        let proved = self.links.redeem_request(redemption).await?;
        Ok(Response::new(proved.into()))
    }
}
