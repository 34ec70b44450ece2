//! identity and assets as spaces meets them: small servers that answer what a test needs.

use futures_util::future::BoxFuture;
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
/// A logo that is a PNG.
pub(crate) const LOGO_ID: Uuid = Uuid::from_u128(7);
/// A logo that is a JPEG.
pub(crate) const JPEG_ID: Uuid = Uuid::from_u128(8);
/// A banner of themes.
pub(crate) const BANNER_ID: Uuid = Uuid::from_u128(9);

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

/// Methods of a peer that spaces never calls, as the trait's macro would have written them.
macro_rules! not_asked {
    ($($method:ident($request:ty) -> $response:ty,)+) => {
        $(
            fn $method<'a, 'b>(
                &'a self,
                _: Request<$request>,
            ) -> BoxFuture<'b, Result<Response<$response>, Status>>
            where
                'a: 'b,
                Self: 'b,
            {
                Box::pin(async { Err(Status::unimplemented("not asked by spaces")) })
            }
        )+
    };
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
            ..identity::Person::default()
        };
        let invited =
            request.email_addresses.iter().map(|address| person(user_of(address).to_string(), address));
        let inviters = request.user_ids.iter().map(|id| person(id.clone(), "inviter@acme.example"));
        Ok(Response::new(identity::ResolveAddressesResponse { people: invited.chain(inviters).collect() }))
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

struct Logos;

#[tonic::async_trait]
impl LogoService for Logos {
    async fn describe_logo(
        &self,
        request: Request<assets::DescribeLogoRequest>,
    ) -> Result<Response<assets::DescribeLogoResponse>, Status> {
        let request = request.into_inner();
        let (format, kind) = match Uuid::parse_str(&request.logo_id) {
            Ok(LOGO_ID) => (assets::ImageFormat::Png, assets::LogoKind::Customer),
            Ok(JPEG_ID) => (assets::ImageFormat::Jpeg, assets::LogoKind::Customer),
            Ok(BANNER_ID) if request.space_id.is_empty() => {
                (assets::ImageFormat::Png, assets::LogoKind::Banner)
            }
            _ => return Err(Status::not_found("no such logo")),
        };
        let (format, kind) = (format.into(), kind.into());
        let logo = assets::Logo { width_px: 30, height_px: 20, format, kind, ..assets::Logo::default() };
        Ok(Response::new(assets::DescribeLogoResponse { logo: Some(logo) }))
    }

    not_asked! {
        upload_logo(Streaming<assets::UploadLogoRequest>) -> assets::UploadLogoResponse,
        get_logo(assets::GetLogoRequest) -> assets::GetLogoResponse,
        upload_organization_logo(Streaming<assets::UploadOrganizationLogoRequest>)
            -> assets::UploadOrganizationLogoResponse,
        get_organization_logo(assets::GetOrganizationLogoRequest) -> assets::GetOrganizationLogoResponse,
        remove_organization_logo(assets::RemoveOrganizationLogoRequest)
            -> assets::RemoveOrganizationLogoResponse,
        upload_theme_banner(Streaming<assets::UploadThemeBannerRequest>) -> assets::UploadThemeBannerResponse,
        format_logo(assets::FormatLogoRequest) -> assets::FormatLogoResponse,
        batch_get_logos(assets::BatchGetLogosRequest) -> assets::BatchGetLogosResponse,
    }
}
