//! The world the tests stand in: a database of their own, an organisation Acme with its admin, and short ways to call.

use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use service_kit::caller::{Caller, CallerKind, Principal};
use service_kit::clock::SharedClock;
use service_kit::ids::Ids;
use sharedspaces_proto::identity::v1 as pb;
use sharedspaces_proto::identity::v1::account_service_server::AccountService;
use sharedspaces_proto::identity::v1::consent_service_server::ConsentService;
use sharedspaces_proto::identity::v1::invitation_service_server::InvitationService;
use sharedspaces_proto::identity::v1::organization_service_server::OrganizationService;
use sharedspaces_proto::identity::v1::sign_in_service_server::SignInService;
use sharedspaces_proto::{MethodRule, find_method_rule};
use sqlx::PgPool;
use testkit::{ManualClock, TestDatabase};
use tonic::transport::server::TcpConnectInfo;
use tonic::{Code, Request, Status};
use uuid::Uuid;

use crate::grpc::{AccountGrpc, ConsentGrpc, InvitationGrpc, OrganizationGrpc, SignInGrpc};
use crate::{Foundation, Identity, MIGRATOR, Settings};

pub(crate) const ISSUER: &str = "identity-of-tests";
pub(crate) const PASSWORD: &str = "plum-Kettle-orbit-77";
pub(crate) const ADMIN_ADDRESS: &str = "ada@acme.example";

pub(crate) type Answer<T> = Result<T, Status>;

pub(crate) struct World {
    pub(crate) test: TestDatabase,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ids: Ids,
    pub(crate) identity: Identity,
    /// Sees every organisation's rows.
    pub(crate) all: PgPool,
}

pub(crate) fn settings(key: u8) -> Settings {
    Settings {
        web_base_url: "https://share.example/".parse().unwrap(),
        key_encryption_key: STANDARD.encode([key; 32]).into(),
        link_key: STANDARD.encode([9; 32]).into(),
        trusted_proxies: 0,
        public_calls_per_second: NonZeroU32::MAX,
        key_rotation_days: 30,
    }
}

pub(crate) fn operator() -> Principal {
    Principal::Service("operator".to_owned())
}

pub(crate) fn person(organization_id: &str, user_id: &str, kind: CallerKind, session_id: Uuid) -> Principal {
    Principal::Person(Caller {
        organization_id: organization_id.parse::<Uuid>().unwrap().into(),
        user_id: user_id.parse::<Uuid>().unwrap().into(),
        kind,
        session_id,
        consent_notice_version: i32::from(kind == CallerKind::Guest),
    })
}

/// A request as it leaves the access layer.
pub(crate) fn request<T>(method: &str, principal: &Principal, message: T) -> Request<T> {
    let rule: &'static MethodRule = find_method_rule(&format!("/sharedspaces.identity.v1.{method}")).unwrap();
    let mut request = Request::new(message);
    request.extensions_mut().insert(rule);
    request.extensions_mut().insert(principal.clone());
    request
}

/// Where calls come from unless a test says otherwise.
pub(crate) const NOWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// A request that came over a connection from an address.
pub(crate) fn called_from<T>(from: Ipv4Addr, mut request: Request<T>) -> Request<T> {
    let remote_addr = Some((from, 50_000).into());
    request.extensions_mut().insert(TcpConnectInfo { local_addr: None, remote_addr });
    request
}

pub(crate) fn keyed<T>(mut request: Request<T>, key: &str) -> Request<T> {
    request.metadata_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

pub(crate) fn admin_of(slug: &str) -> pb::NewMember {
    pb::NewMember {
        email_address: format!("ada@{slug}.example"),
        display_name: "Ada Admin".to_owned(),
        locale: String::new(),
        password: PASSWORD.to_owned(),
    }
}

pub(crate) fn new_organization(slug: &str) -> pb::CreateOrganizationRequest {
    pb::CreateOrganizationRequest {
        slug: slug.to_owned(),
        display_name: format!("{slug} Inc."),
        plan: pb::Plan::Ultimate.into(),
        locale: "en".to_owned(),
        admin: Some(admin_of(slug)),
        base_url: String::new(),
    }
}

/// An organisation with its admin.
#[derive(Clone)]
pub(crate) struct Tenant {
    pub(crate) id: String,
    pub(crate) admin_id: String,
}

impl Tenant {
    pub(crate) fn admin(&self) -> Principal {
        person(&self.id, &self.admin_id, CallerKind::Admin, Uuid::nil())
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let test = TestDatabase::create("identity", &[&messaging::MIGRATOR, &MIGRATOR]).await;
        service_kit::jwt::install_provider();
        let clock = testkit::clock();
        let shared: SharedClock = clock.clone();
        let ids = Ids::new(Arc::clone(&shared));
        let identity = Self::identity(&test, shared, ids.clone(), settings(1)).await.unwrap();
        let all = test.superuser_pool();
        Self { test, clock, ids, identity, all }
    }

    pub(crate) async fn identity(
        test: &TestDatabase,
        clock: SharedClock,
        ids: Ids,
        settings: Settings,
    ) -> anyhow::Result<Identity> {
        let database = test.database.clone();
        Identity::assemble(Foundation { database, clock, ids, settings, issuer: ISSUER.to_owned() }).await
    }

    pub(crate) fn organization_grpc(&self) -> OrganizationGrpc {
        let Identity { organizations, people, mac, .. } = self.identity.clone();
        OrganizationGrpc { organizations, people, mac }
    }

    pub(crate) async fn found(
        &self,
        new: pb::CreateOrganizationRequest,
    ) -> Answer<pb::CreateOrganizationResponse> {
        let request = request("OrganizationService/CreateOrganization", &operator(), new);
        Ok(self.organization_grpc().create_organization(request).await?.into_inner())
    }

    pub(crate) async fn tenant(&self, slug: &str) -> Tenant {
        let founded = self.found(new_organization(slug)).await.unwrap();
        Tenant { id: founded.organization.unwrap().organization_id, admin_id: founded.admin.unwrap().user_id }
    }

    pub(crate) async fn create_member(&self, by: &Tenant, new: pb::NewMember) -> Answer<pb::Member> {
        let message = pb::CreateMemberRequest { member: Some(new), role: 0 };
        let request = request("OrganizationService/CreateMember", &by.admin(), message);
        Ok(self.organization_grpc().create_member(request).await?.into_inner().member.unwrap())
    }

    pub(crate) async fn resolve(&self, wanted: pb::ResolveAddressesRequest) -> Answer<Vec<pb::Person>> {
        let spaces = Principal::Service("spaces".to_owned());
        let request = request("OrganizationService/ResolveAddresses", &spaces, wanted);
        Ok(self.organization_grpc().resolve_addresses(request).await?.into_inner().people)
    }

    pub(crate) async fn guest(&self, of: &Tenant, address: &str) -> pb::Person {
        let wanted = pb::ResolveAddressesRequest {
            organization_id: of.id.clone(),
            email_addresses: vec![address.to_owned()],
            user_ids: Vec::new(),
            create_missing_guests: true,
            guest_names: Vec::new(),
        };
        self.resolve(wanted).await.unwrap().remove(0)
    }

    pub(crate) async fn profile(&self, who: &Principal) -> Answer<pb::Person> {
        let request = request("AccountService/GetProfile", who, pb::GetProfileRequest {});
        Ok(self.account_grpc().get_profile(request).await?.into_inner().person.unwrap())
    }

    pub(crate) fn sign_in_grpc(&self) -> SignInGrpc {
        let Identity { sessions, links, gate, .. } = self.identity.clone();
        SignInGrpc { sessions, links, gate }
    }

    pub(crate) fn account_grpc(&self) -> AccountGrpc {
        let Identity { people, credentials, links, gate, mac, .. } = self.identity.clone();
        AccountGrpc { people, credentials, links, gate, mac }
    }

    /// The same world seen by another replica, or after a restart: another process on the same database.
    pub(crate) async fn replica(&self) -> Identity {
        let clock: SharedClock = self.clock.clone();
        Self::identity(&self.test, clock, self.ids.clone(), settings(1)).await.unwrap()
    }

    pub(crate) async fn sign_in(
        &self,
        (organization, address, password): (&str, &str, &str),
    ) -> Answer<pb::SignInWithPasswordResponse> {
        self.sign_in_from(NOWHERE, (organization, address, password)).await
    }

    pub(crate) async fn sign_in_from(
        &self,
        from: Ipv4Addr,
        (organization, address, password): (&str, &str, &str),
    ) -> Answer<pb::SignInWithPasswordResponse> {
        let message = pb::SignInWithPasswordRequest {
            organization: organization.to_owned(),
            email_address: address.to_owned(),
            password: password.to_owned(),
            device: None,
        };
        let request =
            called_from(from, request("SignInService/SignInWithPassword", &Principal::Anyone, message));
        Ok(self.sign_in_grpc().sign_in_with_password(request).await?.into_inner())
    }

    pub(crate) async fn signed_in(&self) -> pb::Tokens {
        self.sign_in(("acme", ADMIN_ADDRESS, PASSWORD)).await.unwrap().tokens.unwrap()
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> Answer<pb::Tokens> {
        let message = pb::RefreshSessionRequest { refresh_token: refresh_token.to_owned() };
        let request = request("SignInService/RefreshSession", &Principal::Anyone, message);
        Ok(self.sign_in_grpc().refresh_session(request).await?.into_inner().tokens.unwrap())
    }

    pub(crate) async fn sign_out(&self, who: &Principal) -> Answer<pb::SignOutResponse> {
        let request = request("SignInService/SignOut", who, pb::SignOutRequest::default());
        Ok(self.sign_in_grpc().sign_out(request).await?.into_inner())
    }

    pub(crate) fn invitation_grpc(&self) -> InvitationGrpc {
        let Identity { invitations, links, .. } = self.identity.clone();
        InvitationGrpc { invitations, links, gate: self.identity.gate.clone() }
    }

    pub(crate) async fn issue(
        &self,
        wanted: pb::IssueInvitationRequest,
    ) -> Answer<pb::IssueInvitationResponse> {
        let notifications = Principal::Service("notifications".to_owned());
        let request = request("InvitationService/IssueInvitation", &notifications, wanted);
        Ok(self.invitation_grpc().issue_invitation(request).await?.into_inner())
    }

    pub(crate) async fn open(&self, token: &str, locale: &str) -> Answer<pb::GetInvitationResponse> {
        let message = pb::GetInvitationRequest { token: token.to_owned(), locale: locale.to_owned() };
        let request = request("InvitationService/GetInvitation", &Principal::Anyone, message);
        Ok(self.invitation_grpc().get_invitation(request).await?.into_inner())
    }

    pub(crate) async fn accept(
        &self,
        message: pb::AcceptInvitationRequest,
    ) -> Answer<pb::AcceptInvitationResponse> {
        self.accept_from(NOWHERE, message).await
    }

    pub(crate) async fn accept_from(
        &self,
        from: Ipv4Addr,
        message: pb::AcceptInvitationRequest,
    ) -> Answer<pb::AcceptInvitationResponse> {
        let request = request("InvitationService/AcceptInvitation", &Principal::Anyone, message);
        let request = called_from(from, request);
        Ok(self.invitation_grpc().accept_invitation(request).await?.into_inner())
    }

    pub(crate) fn consent_grpc(&self) -> ConsentGrpc {
        ConsentGrpc { consents: self.identity.consents.clone(), gate: self.identity.gate.clone() }
    }

    /// Brings a guest in by an invitation, which takes their consent.
    pub(crate) async fn enter(&self, of: &Tenant, address: &str) -> (pb::Person, pb::Tokens) {
        let guest = self.guest(of, address).await;
        let invitation = pb::IssueInvitationRequest {
            organization_id: of.id.clone(),
            invitation_id: self.ids.next::<Uuid>().to_string(),
            space_id: Uuid::from_u128(2).to_string(),
            user_id: guest.user_id.clone(),
            inviter_user_id: of.admin_id.clone(),
        };
        let url = self.issue(invitation).await.unwrap().url;
        let token = url.split_once('#').unwrap().1.to_owned();
        let notice = self.open(&token, "").await.unwrap().privacy_notice.unwrap();
        let acceptance = pb::AcceptInvitationRequest {
            token,
            privacy_notice_id: notice.privacy_notice_id,
            consent_given: true,
            ..pb::AcceptInvitationRequest::default()
        };
        (guest, self.accept(acceptance).await.unwrap().tokens.unwrap())
    }

    /// The events of a kind, the oldest first: whom they are about, in which version.
    pub(crate) async fn events<E: messaging::Event>(&self) -> Vec<(Uuid, i64, E)> {
        let rows: Vec<(Uuid, i64, Vec<u8>)> = sqlx::query_as(
            "SELECT aggregate_id, aggregate_version, body FROM outbox WHERE routing_key = $1 ORDER BY id",
        )
        .bind(E::ROUTING_KEY)
        .fetch_all(&self.all)
        .await
        .unwrap();
        rows.into_iter()
            .map(|(id, version, body)| (id, version, E::decode(body.as_slice()).unwrap()))
            .collect()
    }

    pub(crate) async fn notice(&self, slug: &str, locale: &str) -> Answer<pb::PrivacyNotice> {
        let message =
            pb::GetPrivacyNoticeRequest { organization: slug.to_owned(), locale: locale.to_owned() };
        let request = request("ConsentService/GetPrivacyNotice", &Principal::Anyone, message);
        Ok(self.consent_grpc().get_privacy_notice(request).await?.into_inner().privacy_notice.unwrap())
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        let query = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        sqlx::query_scalar(query).fetch_one(&self.all).await.unwrap()
    }

    /// Waits until a call waits for a row that the test holds.
    pub(crate) async fn until_somebody_waits(&self) {
        testkit::eventually("somebody waits for a row", async || {
            self.count("pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
                .await
                > 0
        })
        .await;
    }

    pub(crate) async fn sql(&self, statement: &'static str) {
        sqlx::query(statement).execute(&self.all).await.unwrap();
    }
}

/// Tells whether a refusal has a code and a reason.
#[track_caller]
pub(crate) fn assert_refused<T: std::fmt::Debug>(answer: Answer<T>, code: Code, reason: &str) -> Status {
    let status = answer.expect_err("should be refused");
    assert_eq!(status.code(), code, "{status:?}");
    let details = String::from_utf8_lossy(status.details()).into_owned();
    assert!(details.contains(reason), "{reason} is not in {details:?}");
    status
}

/// Tells whether a refusal names a field.
#[track_caller]
pub(crate) fn assert_names<T: std::fmt::Debug>(answer: Answer<T>, field: &str) {
    let status = assert_refused(answer, Code::InvalidArgument, "INVALID_FIELD");
    assert!(status.message().contains(&format!("{field}: ")), "{field} is not in {:?}", status.message());
}

/// Everything of a refusal that goes over the wire.
pub(crate) fn bytes(status: &Status) -> (Code, String, Vec<u8>) {
    (status.code(), status.message().to_owned(), status.details().to_vec())
}
