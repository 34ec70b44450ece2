//! identity and assets as spaces meets them: small servers that answer what a test needs.

use service_kit::peers::{PeerChannel, Peers};
use sharedspaces_proto::assets::v1 as assets;
use sharedspaces_proto::assets::v1::logo_service_client::LogoServiceClient;
use sharedspaces_proto::assets::v1::logo_service_server::{LogoService, LogoServiceServer};
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::identity::v1::organization_service_client::OrganizationServiceClient;
use sharedspaces_proto::identity::v1::organization_service_server::{
    OrganizationService, OrganizationServiceServer,
};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

/// Addresses that end so belong to members.
pub(crate) const COLLEAGUES: &str = "@acme.example";
/// The one logo there is.
pub(crate) const LOGO_ID: Uuid = Uuid::from_u128(7);

pub(crate) struct RunningPeers(Peers);

impl RunningPeers {
    pub(crate) fn logos(&self) -> LogoServiceClient<PeerChannel> {
        LogoServiceClient::new(self.0.assets().unwrap())
    }

    pub(crate) fn directory(&self) -> OrganizationServiceClient<PeerChannel> {
        OrganizationServiceClient::new(self.0.identity().unwrap())
    }
}

pub(crate) async fn start() -> RunningPeers {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tonic::transport::Server::builder()
        .add_service(OrganizationServiceServer::new(Directory))
        .add_service(LogoServiceServer::new(Logos));
    tokio::spawn(server.serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener)));
    RunningPeers(testkit::peers(address))
}

struct Directory;

/// The same address always has the same user.
pub(crate) fn user_of(address: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, address.as_bytes())
}

#[tonic::async_trait]
impl OrganizationService for Directory {
    async fn resolve_addresses(
        &self,
        request: Request<identity::ResolveAddressesRequest>,
    ) -> Result<Response<identity::ResolveAddressesResponse>, Status> {
        let request = request.into_inner();
        let person = |user_id: String, address: &str| identity::Person {
            user_id,
            kind: if address.ends_with(COLLEAGUES) {
                identity::PersonKind::Member.into()
            } else {
                identity::PersonKind::Guest.into()
            },
            email_address: address.to_owned(),
            display_name: String::new(),
            locale: "en".to_owned(),
        };
        let invited =
            request.email_addresses.iter().map(|address| person(user_of(address).to_string(), address));
        let inviters = request.user_ids.iter().map(|id| person(id.clone(), "inviter@acme.example"));
        Ok(Response::new(identity::ResolveAddressesResponse { people: invited.chain(inviters).collect() }))
    }

    async fn create_organization(
        &self,
        _: Request<identity::CreateOrganizationRequest>,
    ) -> Result<Response<identity::CreateOrganizationResponse>, Status> {
        Err(Status::unimplemented("not asked by spaces"))
    }

    async fn get_organization(
        &self,
        _: Request<identity::GetOrganizationRequest>,
    ) -> Result<Response<identity::GetOrganizationResponse>, Status> {
        Err(Status::unimplemented("not asked by spaces"))
    }

    async fn create_member(
        &self,
        _: Request<identity::CreateMemberRequest>,
    ) -> Result<Response<identity::CreateMemberResponse>, Status> {
        Err(Status::unimplemented("not asked by spaces"))
    }

    async fn list_members(
        &self,
        _: Request<identity::ListMembersRequest>,
    ) -> Result<Response<identity::ListMembersResponse>, Status> {
        Err(Status::unimplemented("not asked by spaces"))
    }
}

struct Logos;

#[tonic::async_trait]
impl LogoService for Logos {
    async fn describe_logo(
        &self,
        request: Request<assets::DescribeLogoRequest>,
    ) -> Result<Response<assets::DescribeLogoResponse>, Status> {
        let request = request.into_inner();
        if request.logo_id != LOGO_ID.to_string() {
            return Err(Status::not_found("no such logo"));
        }
        let logo = assets::Logo { width_px: 30, height_px: 20, ..assets::Logo::default() };
        Ok(Response::new(assets::DescribeLogoResponse { logo: Some(logo) }))
    }

    async fn upload_logo(
        &self,
        _: Request<Streaming<assets::UploadLogoRequest>>,
    ) -> Result<Response<assets::UploadLogoResponse>, Status> {
        Err(Status::unimplemented("not asked by spaces"))
    }

    async fn get_logo(
        &self,
        _: Request<assets::GetLogoRequest>,
    ) -> Result<Response<assets::GetLogoResponse>, Status> {
        Err(Status::unimplemented("not asked by spaces"))
    }
}
