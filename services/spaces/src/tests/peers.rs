//! identity and assets as spaces meets them: small servers that answer what a test needs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use service_kit::caller::Caller;
use service_kit::ids::SpaceId;
use service_kit::peers::{PeerChannel, Peers};
use sharedspaces_proto::assets::v1 as assets;
use sharedspaces_proto::assets::v1::asset_service_client::AssetServiceClient;
use sharedspaces_proto::assets::v1::asset_service_server::{AssetService, AssetServiceServer};
use sharedspaces_proto::assets::v1::logo_service_client::LogoServiceClient;
use sharedspaces_proto::assets::v1::logo_service_server::{LogoService, LogoServiceServer};
use sharedspaces_proto::crmsync::v1::record_service_client::RecordServiceClient;
use sharedspaces_proto::crmsync::v1::record_service_server::RecordServiceServer;
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::identity::v1::account_service_client::AccountServiceClient;
use sharedspaces_proto::identity::v1::account_service_server::AccountServiceServer;
use sharedspaces_proto::identity::v1::organization_service_client::OrganizationServiceClient;
use sharedspaces_proto::identity::v1::organization_service_server::{
    OrganizationService, OrganizationServiceServer,
};
use tokio::net::TcpListener;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt};
use uuid::Uuid;

use super::neighbours::{PlayedAccounts, PlayedCrm};
use crate::participant::Neighbours;

/// Addresses that end so belong to members.
pub(crate) const COLLEAGUES: &str = "@acme.example";
/// A logo that is a PNG.
pub(crate) const LOGO_ID: Uuid = Uuid::from_u128(7);
/// A logo that is a JPEG.
pub(crate) const JPEG_ID: Uuid = Uuid::from_u128(8);
/// A banner of themes.
pub(crate) const BANNER_ID: Uuid = Uuid::from_u128(9);

pub(crate) struct RunningPeers {
    peers: Peers,
    pub(crate) assets: PlayedAssets,
    pub(crate) accounts: PlayedAccounts,
    pub(crate) crm: PlayedCrm,
}

impl RunningPeers {
    pub(crate) fn logos(&self) -> LogoServiceClient<PeerChannel> {
        LogoServiceClient::new(self.peers.assets().unwrap())
    }

    pub(crate) fn files(&self) -> AssetServiceClient<PeerChannel> {
        AssetServiceClient::new(self.peers.assets().unwrap())
    }

    pub(crate) fn neighbours(&self) -> Neighbours {
        Neighbours {
            directory: OrganizationServiceClient::new(self.peers.identity().unwrap()),
            accounts: AccountServiceClient::new(self.peers.identity().unwrap()),
            records: RecordServiceClient::new(self.peers.crm_sync().unwrap()),
        }
    }
}

pub(crate) async fn start() -> RunningPeers {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let assets = PlayedAssets::default();
    let (accounts, crm) = (PlayedAccounts::default(), PlayedCrm::default());
    let server = tonic::transport::Server::builder()
        .add_service(OrganizationServiceServer::new(Directory(accounts.clone())))
        .add_service(AccountServiceServer::new(accounts.clone()))
        .add_service(RecordServiceServer::new(crm.clone()))
        .add_service(AssetServiceServer::new(assets.clone()))
        .add_service(LogoServiceServer::new(Logos));
    tokio::spawn(server.serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener)));
    RunningPeers { peers: testkit::peers(address), assets, accounts, crm }
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

pub(super) use not_asked;

/// Who is behind addresses; it remembers whom it met, and their profiles, as identity does.
struct Directory(PlayedAccounts);

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
        let person = |user_id: String, address: &str| {
            let kind = match address.ends_with(COLLEAGUES) {
                true => identity::PersonKind::Member,
                false => identity::PersonKind::Guest,
            };
            let name = request.guest_names.iter().find(|name| name.email_address == address);
            let new = identity::Person {
                user_id,
                kind: kind.into(),
                email_address: address.to_owned(),
                display_name: name.map(|name| name.display_name.clone()).unwrap_or_default(),
                locale: "en".to_owned(),
                ..identity::Person::default()
            };
            self.0.meet(new)
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
        upload_profile_picture(Streaming<assets::UploadProfilePictureRequest>) -> assets::UploadProfilePictureResponse,
        remove_profile_picture(assets::RemoveProfilePictureRequest) -> assets::RemoveProfilePictureResponse,
        batch_get_profile_pictures(assets::BatchGetProfilePicturesRequest) -> assets::BatchGetProfilePicturesResponse,
        fetch_organization_logo(assets::FetchOrganizationLogoRequest) -> assets::FetchOrganizationLogoResponse,
        format_logo(assets::FormatLogoRequest) -> assets::FormatLogoResponse,
        batch_get_logos(assets::BatchGetLogosRequest) -> assets::BatchGetLogosResponse,
    }
}

/// A file as assets knows it.
struct PlayedAsset {
    organization_id: String,
    asset: assets::Asset,
    placed_in: Vec<String>,
}

#[derive(Default)]
struct Played {
    files: HashMap<String, PlayedAsset>,
    described: usize,
    issued: Vec<assets::IssueDownloadRequest>,
    is_down: bool,
    meanwhile: Option<(sqlx::PgPool, String)>,
}

/// AssetService, as far as spaces asks it.
#[derive(Clone, Default)]
pub(crate) struct PlayedAssets(Arc<Mutex<Played>>);

impl PlayedAssets {
    /// Uploads a file that is clean, and returns it.
    pub(crate) fn upload(&self, uploader: &Caller, space_id: SpaceId, file_name: &str) -> Uuid {
        let asset_id = testkit::ids().next();
        let content_type = if file_name.ends_with(".pdf") { "application/pdf" } else { "application/zip" };
        let asset = assets::Asset {
            asset_id: Uuid::to_string(&asset_id),
            space_id: space_id.to_string(),
            file_name: file_name.to_owned(),
            size_bytes: 2_147_483_648,
            content_type: content_type.to_owned(),
            state: assets::AssetState::Clean.into(),
            can_be_inline: content_type == "application/pdf",
            uploader_user_id: uploader.user_id.to_string(),
            ..assets::Asset::default()
        };
        let organization_id = uploader.organization_id.to_string();
        let file = PlayedAsset { organization_id, asset, placed_in: Vec::new() };
        self.0.lock().unwrap().files.insert(asset_id.to_string(), file);
        asset_id
    }

    pub(crate) fn set_state(&self, asset_id: Uuid, state: assets::AssetState) {
        self.0.lock().unwrap().files.get_mut(&asset_id.to_string()).unwrap().asset.state = state.into();
    }

    /// Plays that an item of a space shows the file.
    pub(crate) fn place(&self, asset_id: Uuid, space_id: SpaceId) {
        let mut played = self.0.lock().unwrap();
        played.files.get_mut(&asset_id.to_string()).unwrap().placed_in.push(space_id.to_string());
    }

    pub(crate) fn forget(&self, asset_id: Uuid) {
        self.0.lock().unwrap().files.remove(&asset_id.to_string()).unwrap();
    }

    /// Answers nothing any more.
    pub(crate) fn go_down(&self) {
        self.0.lock().unwrap().is_down = true;
    }

    /// Runs a statement while it is asked for an address, once.
    pub(crate) fn meanwhile(&self, pool: &sqlx::PgPool, sql: &str) {
        self.0.lock().unwrap().meanwhile = Some((pool.clone(), sql.to_owned()));
    }

    /// Returns for which addresses it was asked.
    pub(crate) fn issued(&self) -> Vec<assets::IssueDownloadRequest> {
        self.0.lock().unwrap().issued.clone()
    }

    /// Returns how often it was asked about a file.
    pub(crate) fn described(&self) -> usize {
        self.0.lock().unwrap().described
    }
}

impl Played {
    fn find(&self, organization_id: &str, asset_id: &str) -> Result<&PlayedAsset, Status> {
        if self.is_down {
            return Err(Status::unavailable("away"));
        }
        self.files
            .get(asset_id)
            .filter(|file| file.organization_id == organization_id)
            .filter(|file| file.asset.state() == assets::AssetState::Clean)
            .ok_or_else(|| refusal(Code::NotFound, "ASSET_NOT_FOUND"))
    }
}

fn refusal(code: Code, reason: &str) -> Status {
    Status::with_error_details(code, reason, ErrorDetails::with_error_info(reason, "assets.sharedspaces", []))
}

#[tonic::async_trait]
impl AssetService for PlayedAssets {
    async fn describe_asset(
        &self,
        request: Request<assets::DescribeAssetRequest>,
    ) -> Result<Response<assets::DescribeAssetResponse>, Status> {
        let request = request.into_inner();
        let mut played = self.0.lock().unwrap();
        played.described += 1;
        let file = played.find(&request.organization_id, &request.asset_id)?;
        let is_own =
            file.asset.space_id == request.space_id && file.asset.uploader_user_id == request.user_id;
        if !is_own && !file.placed_in.contains(&request.space_id) {
            return Err(refusal(Code::NotFound, "ASSET_NOT_FOUND"));
        }
        Ok(Response::new(assets::DescribeAssetResponse { asset: Some(file.asset.clone()) }))
    }

    async fn issue_download(
        &self,
        request: Request<assets::IssueDownloadRequest>,
    ) -> Result<Response<assets::IssueDownloadResponse>, Status> {
        let request = request.into_inner();
        let meanwhile = self.0.lock().unwrap().meanwhile.take();
        if let Some((pool, sql)) = meanwhile {
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap();
        }
        let mut played = self.0.lock().unwrap();
        let file = played.find(&request.organization_id, &request.asset_id)?;
        if request.is_inline && !file.asset.can_be_inline {
            return Err(refusal(Code::FailedPrecondition, "INLINE_NOT_ALLOWED"));
        }
        played.issued.push(request);
        let url = format!("https://content.example/content/{}", played.issued.len());
        let url_ttl = Some(prost_types::Duration { seconds: 60, nanos: 0 });
        Ok(Response::new(assets::IssueDownloadResponse { url, url_ttl }))
    }

    not_asked! {
        start_upload(assets::StartUploadRequest) -> assets::StartUploadResponse,
        continue_upload(assets::ContinueUploadRequest) -> assets::ContinueUploadResponse,
        upload_asset(Streaming<assets::UploadAssetRequest>) -> assets::UploadAssetResponse,
        complete_upload(assets::CompleteUploadRequest) -> assets::CompleteUploadResponse,
        get_asset(assets::GetAssetRequest) -> assets::GetAssetResponse,
        get_preview(assets::GetPreviewRequest) -> assets::GetPreviewResponse,
        delete_asset(assets::DeleteAssetRequest) -> assets::DeleteAssetResponse,
        get_storage_usage(assets::GetStorageUsageRequest) -> assets::GetStorageUsageResponse,
    }
}
