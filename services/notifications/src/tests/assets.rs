//! assets as far as mails need it, played in this process.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sharedspaces_proto::assets::v1 as pb;
use sharedspaces_proto::assets::v1::logo_service_server::{LogoService, LogoServiceServer};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

/// A PNG of 4 by 2 pixels.
pub(super) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n a logo as far as mails look at it";

#[derive(Clone, Default)]
pub(super) struct PlayedAssets {
    answer: Arc<Mutex<Answer>>,
    asked: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone, Default)]
struct Answer {
    logo: pb::FetchOrganizationLogoResponse,
    failure: Option<Status>,
    is_silent: bool,
}

impl PlayedAssets {
    pub(super) async fn start() -> (Self, SocketAddr) {
        let assets = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::builder()
            .add_service(LogoServiceServer::new(assets.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        (assets, address)
    }

    /// Has a logo of 320 by 80 pixels.
    pub(super) fn has_logo(&self, image: &[u8], content_type: &str) {
        self.answer.lock().unwrap().logo = pb::FetchOrganizationLogoResponse {
            image: image.to_vec().into(),
            content_type: content_type.to_owned(),
            width_px: 320,
            height_px: 80,
        };
    }

    pub(super) fn fails_with(&self, failure: Status) {
        self.answer.lock().unwrap().failure = Some(failure);
    }

    /// Takes calls and never answers.
    pub(super) fn falls_silent(&self) {
        self.answer.lock().unwrap().is_silent = true;
    }

    /// Returns whose logos were asked for.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn not_played<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("not played"))
}

#[tonic::async_trait]
impl LogoService for PlayedAssets {
    async fn fetch_organization_logo(
        &self,
        request: Request<pb::FetchOrganizationLogoRequest>,
    ) -> Result<Response<pb::FetchOrganizationLogoResponse>, Status> {
        self.asked.lock().unwrap().push(request.into_inner().organization_id);
        let answer = self.answer.lock().unwrap().clone();
        if answer.is_silent {
            tokio::time::sleep(Duration::from_secs(600)).await;
        }
        answer.failure.map_or(Ok(Response::new(answer.logo)), Err)
    }

    async fn upload_logo(
        &self,
        _: Request<Streaming<pb::UploadLogoRequest>>,
    ) -> Result<Response<pb::UploadLogoResponse>, Status> {
        not_played()
    }

    async fn upload_organization_logo(
        &self,
        _: Request<Streaming<pb::UploadOrganizationLogoRequest>>,
    ) -> Result<Response<pb::UploadOrganizationLogoResponse>, Status> {
        not_played()
    }

    async fn get_organization_logo(
        &self,
        _: Request<pb::GetOrganizationLogoRequest>,
    ) -> Result<Response<pb::GetOrganizationLogoResponse>, Status> {
        not_played()
    }

    async fn remove_organization_logo(
        &self,
        _: Request<pb::RemoveOrganizationLogoRequest>,
    ) -> Result<Response<pb::RemoveOrganizationLogoResponse>, Status> {
        not_played()
    }

    async fn upload_theme_banner(
        &self,
        _: Request<Streaming<pb::UploadThemeBannerRequest>>,
    ) -> Result<Response<pb::UploadThemeBannerResponse>, Status> {
        not_played()
    }

    async fn upload_profile_picture(
        &self,
        _: Request<Streaming<pb::UploadProfilePictureRequest>>,
    ) -> Result<Response<pb::UploadProfilePictureResponse>, Status> {
        not_played()
    }

    async fn remove_profile_picture(
        &self,
        _: Request<pb::RemoveProfilePictureRequest>,
    ) -> Result<Response<pb::RemoveProfilePictureResponse>, Status> {
        not_played()
    }

    async fn batch_get_profile_pictures(
        &self,
        _: Request<pb::BatchGetProfilePicturesRequest>,
    ) -> Result<Response<pb::BatchGetProfilePicturesResponse>, Status> {
        not_played()
    }

    async fn format_logo(
        &self,
        _: Request<pb::FormatLogoRequest>,
    ) -> Result<Response<pb::FormatLogoResponse>, Status> {
        not_played()
    }

    async fn batch_get_logos(
        &self,
        _: Request<pb::BatchGetLogosRequest>,
    ) -> Result<Response<pb::BatchGetLogosResponse>, Status> {
        not_played()
    }

    async fn get_logo(
        &self,
        _: Request<pb::GetLogoRequest>,
    ) -> Result<Response<pb::GetLogoResponse>, Status> {
        not_played()
    }

    async fn describe_logo(
        &self,
        _: Request<pb::DescribeLogoRequest>,
    ) -> Result<Response<pb::DescribeLogoResponse>, Status> {
        not_played()
    }
}
