//! A space whose link strangers have: who asks for access, and identity as it is asked.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use messaging::jobs::Job;
use service_kit::caller::{Caller, CallerKind, Principal};
use service_kit::client::Gate;
use service_kit::error::CommonError;
use service_kit::mac::MacKey;
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::identity::v1::invitation_service_client::InvitationServiceClient;
use sharedspaces_proto::identity::v1::invitation_service_server::{
    InvitationService, InvitationServiceServer,
};
use sharedspaces_proto::identity::v1::organization_service_client::OrganizationServiceClient;
use sharedspaces_proto::identity::v1::organization_service_server::{
    OrganizationService, OrganizationServiceServer,
};
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::access_request_service_server::AccessRequestService;
use tokio::net::TcpListener;
use tonic::transport::server::TcpConnectInfo;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::peers::{COLLEAGUES, not_asked, user_of};
use super::room::Room;
use crate::access_request::{AccessRequests, Asked, Identity};
use crate::grpc::AccessRequestGrpc;

/// Where calls come from unless a test says otherwise.
pub(super) const NOWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// One network of its own.
pub(super) fn network(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0001 + (number << 8))
}

/// A link that identity has mailed.
#[derive(Clone)]
struct PlayedLink {
    answer: identity::RedeemRequestLinkResponse,
    use_id: Option<String>,
}

/// identity, as far as requests for access ask it. Who has an address at acme.example is a member.
#[derive(Clone, Default)]
pub(super) struct PlayedIdentity {
    links: Arc<Mutex<HashMap<String, PlayedLink>>>,
    /// What it was asked to resolve.
    pub(super) resolved: Arc<Mutex<Vec<identity::ResolveAddressesRequest>>>,
}

#[tonic::async_trait]
impl InvitationService for PlayedIdentity {
    async fn redeem_request_link(
        &self,
        request: Request<identity::RedeemRequestLinkRequest>,
    ) -> Result<Response<identity::RedeemRequestLinkResponse>, Status> {
        let request = request.into_inner();
        let mut links = self.links.lock().unwrap();
        let refused = || Status::not_found("this link is not valid; ask for a new one");
        let link = links.get_mut(&request.token).ok_or_else(refused)?;
        if link.use_id.get_or_insert(request.use_id.clone()) != &request.use_id {
            return Err(refused());
        }
        Ok(Response::new(link.answer.clone()))
    }

    not_asked! {
        get_invitation(identity::GetInvitationRequest) -> identity::GetInvitationResponse,
        accept_invitation(identity::AcceptInvitationRequest) -> identity::AcceptInvitationResponse,
        issue_invitation(identity::IssueInvitationRequest) -> identity::IssueInvitationResponse,
        issue_sign_in_link(identity::IssueSignInLinkRequest) -> identity::IssueSignInLinkResponse,
    }
}

#[tonic::async_trait]
impl OrganizationService for PlayedIdentity {
    async fn resolve_addresses(
        &self,
        request: Request<identity::ResolveAddressesRequest>,
    ) -> Result<Response<identity::ResolveAddressesResponse>, Status> {
        let request = request.into_inner();
        let person = |address: &str| {
            // The people of the room have their id in their address.
            let user_id = address.split('@').next().and_then(|local| Uuid::parse_str(local).ok());
            let name = request.guest_names.iter().find(|name| name.email_address == address);
            let kind = match address.ends_with(COLLEAGUES) {
                true => identity::PersonKind::Member,
                false => identity::PersonKind::Guest,
            };
            identity::Person {
                user_id: user_id.unwrap_or_else(|| user_of(address)).to_string(),
                kind: kind.into(),
                email_address: address.to_owned(),
                display_name: name.map(|name| name.display_name.clone()).unwrap_or_default(),
                locale: "en".to_owned(),
                is_deactivated: address.starts_with("gone@"),
                ..identity::Person::default()
            }
        };
        let asked = request.email_addresses.iter().map(|address| person(address));
        let known = request.user_ids.iter().map(|id| person(&format!("{id}{COLLEAGUES}")));
        let people = asked.chain(known).collect();
        self.resolved.lock().unwrap().push(request.clone());
        Ok(Response::new(identity::ResolveAddressesResponse { people }))
    }

    not_asked! {
        create_organization(identity::CreateOrganizationRequest) -> identity::CreateOrganizationResponse,
        get_organization(identity::GetOrganizationRequest) -> identity::GetOrganizationResponse,
        update_organization(identity::UpdateOrganizationRequest) -> identity::UpdateOrganizationResponse,
        create_member(identity::CreateMemberRequest) -> identity::CreateMemberResponse,
        update_member(identity::UpdateMemberRequest) -> identity::UpdateMemberResponse,
        deactivate_member(identity::DeactivateMemberRequest) -> identity::DeactivateMemberResponse,
        list_members(identity::ListMembersRequest) -> identity::ListMembersResponse,
        search_members(identity::SearchMembersRequest) -> identity::SearchMembersResponse,
    }
}

/// A room and its door.
pub(super) struct Door {
    pub(super) room: Room,
    pub(super) identity: PlayedIdentity,
    pub(super) requests: AccessRequests,
}

impl Door {
    /// A room of an organisation that takes proved addresses alone.
    pub(super) async fn open() -> Self {
        let room = Room::open().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let identity = PlayedIdentity::default();
        let server = tonic::transport::Server::builder()
            .add_service(OrganizationServiceServer::new(identity.clone()))
            .add_service(InvitationServiceServer::new(identity.clone()));
        tokio::spawn(server.serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener)));
        let peers = testkit::peers(address);
        let asked = Identity {
            directory: OrganizationServiceClient::new(peers.identity().unwrap()),
            links: InvitationServiceClient::new(peers.identity().unwrap()),
        };
        let mac = MacKey::try_new(&STANDARD.encode([5; 32]).into()).unwrap();
        let clock_and_ids = (testkit::clock() as _, testkit::ids());
        let requests = AccessRequests::new(room.database.database.clone(), clock_and_ids, asked, mac);
        Self { room, identity, requests }
    }

    /// A room of an organisation that takes bare addresses, too.
    pub(super) async fn guided() -> Self {
        let door = Self::open().await;
        door.sql("UPDATE organizations SET sign_in_mode = 'GUIDED'").await;
        door
    }

    pub(super) async fn sql(&self, statement: &str) {
        sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).execute(&self.room.superuser).await.unwrap();
    }

    pub(super) async fn count(&self, rows: &str) -> i64 {
        let query = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {rows}"));
        sqlx::query_scalar(query).fetch_one(&self.room.superuser).await.unwrap()
    }

    fn grpc(&self) -> AccessRequestGrpc {
        AccessRequestGrpc { access_requests: self.requests.clone(), gate: Gate::new(0, NonZeroU32::MAX) }
    }

    /// A request of the space's link by whoever has an address.
    pub(super) fn by(&self, address: &str) -> pb::RequestAccessRequest {
        pb::RequestAccessRequest {
            organization: self.room.owner.organization_id.to_string(),
            space_address: self.room.space_id.to_string(),
            email_address: address.to_owned(),
            ..pb::RequestAccessRequest::default()
        }
    }

    /// The same by a token that proves the address.
    pub(super) fn proved(&self, address: &str) -> pb::RequestAccessRequest {
        let request = self.by("");
        let token = format!("token of {address} {}", testkit::ids().next::<Uuid>());
        let answer = identity::RedeemRequestLinkResponse {
            organization_id: self.room.owner.organization_id.to_string(),
            email_address: address.to_owned(),
            space_address: request.space_address.clone(),
        };
        let link = PlayedLink { answer, use_id: None };
        self.identity.links.lock().unwrap().insert(token.clone(), link);
        pb::RequestAccessRequest { request_token: token, ..request }
    }

    /// Changes whose link a token is of.
    pub(super) fn move_link(&self, token: &str, organization_id: Option<Uuid>, space_address: &str) {
        let mut links = self.identity.links.lock().unwrap();
        let answer = &mut links.get_mut(token).unwrap().answer;
        space_address.clone_into(&mut answer.space_address);
        if let Some(organization_id) = organization_id {
            answer.organization_id = organization_id.to_string();
        }
    }

    /// Asks, and does not wait for what comes of it.
    pub(super) async fn call(
        &self,
        (who, from): (&Principal, Ipv4Addr),
        (message, key): (pb::RequestAccessRequest, Option<&str>),
    ) -> Result<pb::RequestAccessResponse, Status> {
        let mut request = of(who, "RequestAccess", message);
        let remote_addr = Some((from, 50_000).into());
        request.extensions_mut().insert(TcpConnectInfo { local_addr: None, remote_addr });
        if let Some(key) = key {
            request.metadata_mut().insert("idempotency-key", key.parse().unwrap());
        }
        Ok(self.grpc().request_access(request).await?.into_inner())
    }

    /// A stranger asks, and what comes of it is waited for.
    pub(super) async fn ask(
        &self,
        message: pb::RequestAccessRequest,
    ) -> Result<pb::RequestAccessResponse, Status> {
        self.ask_as((&Principal::Anyone, NOWHERE), message).await
    }

    pub(super) async fn ask_as(
        &self,
        (who, from): (&Principal, Ipv4Addr),
        message: pb::RequestAccessRequest,
    ) -> Result<pb::RequestAccessResponse, Status> {
        let answer = self.call((who, from), (message, None)).await?;
        self.work().await;
        Ok(answer)
    }

    /// Runs the jobs that wait, and returns what they were.
    pub(super) async fn work(&self) -> Vec<serde_json::Value> {
        let jobs: Vec<(Uuid, Uuid, serde_json::Value)> =
            sqlx::query_as("DELETE FROM jobs RETURNING id, organization_id, payload")
                .fetch_all(&self.room.superuser)
                .await
                .unwrap();
        let mut done = Vec::new();
        for (id, organization_id, payload) in jobs {
            let job = Job {
                id,
                organization_id: organization_id.into(),
                payload: payload.clone(),
                attempt: 1,
                max_attempts: 20,
                create_time: super::world::now(),
            };
            crate::jobs::take_access_requests::run(self.requests.clone(), job).await.unwrap();
            done.push(payload);
        }
        done
    }

    /// Does what a job says once more, as after a crash.
    pub(super) async fn work_again(&self, payload: &serde_json::Value) {
        let asked: Asked = serde_json::from_value(payload.clone()).unwrap();
        self.requests.take(self.room.owner.organization_id, asked).await.unwrap();
    }

    pub(super) async fn list(
        &self,
        who: &Caller,
        states: &[pb::AccessRequestState],
    ) -> Result<Vec<pb::AccessRequest>, Status> {
        Ok(self.page(who, states, (0, "")).await?.access_requests)
    }

    pub(super) async fn page(
        &self,
        who: &Caller,
        states: &[pb::AccessRequestState],
        (page_size, page_token): (i32, &str),
    ) -> Result<pb::ListAccessRequestsResponse, Status> {
        let message = pb::ListAccessRequestsRequest {
            space_id: self.room.space_id.to_string(),
            page_size,
            page_token: page_token.to_owned(),
            states: states.iter().map(|state| (*state).into()).collect(),
        };
        let request = of(&Principal::Person(who.clone()), "ListAccessRequests", message);
        Ok(self.grpc().list_access_requests(request).await?.into_inner())
    }

    /// The one request that waits.
    pub(super) async fn waiting(&self) -> pb::AccessRequest {
        let mut waiting = self.list(&self.room.owner, &[]).await.unwrap();
        assert_eq!(waiting.len(), 1);
        waiting.remove(0)
    }

    pub(super) async fn grant(
        &self,
        who: &Caller,
        access_request_id: &str,
    ) -> Result<pb::GrantAccessResponse, Status> {
        let message = pb::GrantAccessRequest {
            space_id: self.room.space_id.to_string(),
            access_request_id: access_request_id.to_owned(),
        };
        let request = of(&Principal::Person(who.clone()), "GrantAccess", message);
        Ok(self.grpc().grant_access(request).await?.into_inner())
    }

    pub(super) async fn decline(
        &self,
        who: &Caller,
        access_request_id: &str,
    ) -> Result<pb::AccessRequest, Status> {
        let message = pb::DeclineAccessRequest {
            space_id: self.room.space_id.to_string(),
            access_request_id: access_request_id.to_owned(),
        };
        let request = of(&Principal::Person(who.clone()), "DeclineAccess", message);
        Ok(self.grpc().decline_access(request).await?.into_inner().access_request.unwrap())
    }

    /// Lets what is due lapse; returns how many did.
    pub(super) async fn lapse(&self) -> Result<u64, CommonError> {
        crate::jobs::lapse_access_requests::lapse_all(&self.room.database.database).await
    }

    /// Somebody of the organisation who is known and takes no part.
    pub(super) async fn somebody(&self, kind: CallerKind, name: &str) -> Caller {
        let caller = testkit::caller_of(self.room.owner.organization_id, kind);
        self.room.know_person(&caller, name, "de").await;
        caller
    }

    /// What the timeline says to the owner, the newest first, without the space's own beginning.
    pub(super) async fn timeline(&self) -> Vec<String> {
        let page = service_kit::page::PageRequest { size: 100, after: None };
        let (owner, space_id) = (&self.room.owner, self.room.space_id);
        let page = self.room.activities().list(owner, space_id, page, None).await.unwrap();
        page.items.into_iter().map(|told| told.summary).collect()
    }
}

/// A request as the access layer hands it on.
pub(super) fn of<T>(who: &Principal, method: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(who.clone());
    let path = format!("/sharedspaces.spaces.v1.AccessRequestService/{method}");
    request.extensions_mut().insert(sharedspaces_proto::find_method_rule(&path).unwrap());
    request
}

/// The address that the room gave somebody.
pub(super) fn address_of(caller: &Caller) -> String {
    format!("{}{COLLEAGUES}", caller.user_id)
}

/// Tells whether a refusal has a code and a reason.
#[track_caller]
pub(super) fn assert_refused<T: std::fmt::Debug>(
    answer: Result<T, Status>,
    code: tonic::Code,
    reason: &str,
) -> Status {
    let status = answer.expect_err("should be refused");
    assert_eq!(status.code(), code, "{status:?}");
    let details = String::from_utf8_lossy(status.details()).into_owned();
    assert!(details.contains(reason), "{reason} is not in {details:?}");
    status
}

/// Everything of a refusal that goes over the wire.
pub(super) fn bytes(status: &Status) -> (tonic::Code, String, Vec<u8>) {
    (status.code(), status.message().to_owned(), status.details().to_vec())
}
