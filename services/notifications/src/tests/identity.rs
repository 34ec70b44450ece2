//! identity as far as mails need it, played in this process.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use sharedspaces_proto::identity::v1 as pb;
use sharedspaces_proto::identity::v1::invitation_service_server::{
    InvitationService, InvitationServiceServer,
};
use sharedspaces_proto::identity::v1::organization_service_server::{
    OrganizationService, OrganizationServiceServer,
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};
use uuid::Uuid;

#[derive(Clone, Default)]
pub(super) struct PlayedIdentity {
    people: Arc<Mutex<HashMap<String, pb::Person>>>,
    links: Arc<Mutex<HashMap<String, pb::IssueSignInLinkResponse>>>,
    links_asked_for: Arc<Mutex<usize>>,
    failure: Arc<Mutex<Option<Status>>>,
}

impl PlayedIdentity {
    pub(super) async fn start() -> (Self, SocketAddr) {
        let identity = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::builder()
            .add_service(InvitationServiceServer::new(identity.clone()))
            .add_service(OrganizationServiceServer::new(identity.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        (identity, address)
    }

    pub(super) fn knows(&self, person: pb::Person) {
        self.people.lock().unwrap().insert(person.user_id.clone(), person);
    }

    pub(super) fn fails_with(&self, failure: Option<Status>) {
        *self.failure.lock().unwrap() = failure;
    }

    /// Has a link to issue; any other is not due.
    pub(super) fn has_link(&self, sign_in_link_id: Uuid, link: pb::IssueSignInLinkResponse) {
        self.links.lock().unwrap().insert(sign_in_link_id.to_string(), link);
    }

    /// Returns how often a link was asked for.
    pub(super) fn links_asked_for(&self) -> usize {
        *self.links_asked_for.lock().unwrap()
    }

    fn find(&self, user_id: &str) -> Result<Option<pb::Person>, Status> {
        match self.failure.lock().unwrap().clone() {
            Some(status) => Err(status),
            None => Ok(self.people.lock().unwrap().get(user_id).cloned()),
        }
    }
}

/// What identity answers where it has a reason.
pub(super) fn refusal(reason: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason, "identity.sharedspaces", []);
    Status::with_error_details(Code::FailedPrecondition, "played", details)
}

pub(super) fn link_of(invitation_id: &str) -> String {
    format!("https://app.acme.test/invitation#t.{invitation_id}.secret")
}

#[tonic::async_trait]
impl InvitationService for PlayedIdentity {
    async fn get_invitation(
        &self,
        _: Request<pb::GetInvitationRequest>,
    ) -> Result<Response<pb::GetInvitationResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn accept_invitation(
        &self,
        _: Request<pb::AcceptInvitationRequest>,
    ) -> Result<Response<pb::AcceptInvitationResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn redeem_request_link(
        &self,
        _: Request<pb::RedeemRequestLinkRequest>,
    ) -> Result<Response<pb::RedeemRequestLinkResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn issue_invitation(
        &self,
        request: Request<pb::IssueInvitationRequest>,
    ) -> Result<Response<pb::IssueInvitationResponse>, Status> {
        let request = request.into_inner();
        let person = self.find(&request.user_id)?.ok_or_else(|| refusal("PERSON_NOT_FOUND"))?;
        Ok(Response::new(pb::IssueInvitationResponse {
            url: link_of(&request.invitation_id),
            email_address: person.email_address,
            locale: person.locale,
            organization_display_name: "Acme".to_owned(),
        }))
    }

    async fn issue_sign_in_link(
        &self,
        request: Request<pb::IssueSignInLinkRequest>,
    ) -> Result<Response<pb::IssueSignInLinkResponse>, Status> {
        *self.links_asked_for.lock().unwrap() += 1;
        if let Some(status) = self.failure.lock().unwrap().clone() {
            return Err(status);
        }
        let link = self.links.lock().unwrap().get(&request.into_inner().sign_in_link_id).cloned();
        Ok(Response::new(link.unwrap_or_default()))
    }
}

#[tonic::async_trait]
impl OrganizationService for PlayedIdentity {
    async fn create_organization(
        &self,
        _: Request<pb::CreateOrganizationRequest>,
    ) -> Result<Response<pb::CreateOrganizationResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn get_organization(
        &self,
        _: Request<pb::GetOrganizationRequest>,
    ) -> Result<Response<pb::GetOrganizationResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn create_member(
        &self,
        _: Request<pb::CreateMemberRequest>,
    ) -> Result<Response<pb::CreateMemberResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn list_members(
        &self,
        _: Request<pb::ListMembersRequest>,
    ) -> Result<Response<pb::ListMembersResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn update_organization(
        &self,
        _: Request<pb::UpdateOrganizationRequest>,
    ) -> Result<Response<pb::UpdateOrganizationResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn update_member(
        &self,
        _: Request<pb::UpdateMemberRequest>,
    ) -> Result<Response<pb::UpdateMemberResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn deactivate_member(
        &self,
        _: Request<pb::DeactivateMemberRequest>,
    ) -> Result<Response<pb::DeactivateMemberResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn search_members(
        &self,
        _: Request<pb::SearchMembersRequest>,
    ) -> Result<Response<pb::SearchMembersResponse>, Status> {
        Err(Status::unimplemented("not played"))
    }

    async fn resolve_addresses(
        &self,
        request: Request<pb::ResolveAddressesRequest>,
    ) -> Result<Response<pb::ResolveAddressesResponse>, Status> {
        let mut people = Vec::new();
        for user_id in request.into_inner().user_ids {
            people.extend(self.find(&user_id)?);
        }
        Ok(Response::new(pb::ResolveAddressesResponse { people }))
    }
}
