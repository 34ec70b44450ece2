//! A server of the kit with a played service behind it, and a client that writes its own HTTP/2.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use service_kit::caller::{Caller, CallerKind};
use service_kit::client::Gate;
use service_kit::config::{
    BrokerConfig, Config, DatabaseConfig, GrpcConfig, ListenConfig, PeersConfig, ShutdownConfig,
    TelemetryConfig,
};
use service_kit::grpc::{Listener, UNARY_LIMIT_BYTES, serve};
use service_kit::lifecycle::Stop;
use service_kit::tls::Tls;
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::space_service_client::SpaceServiceClient;
use sharedspaces_proto::spaces::v1::space_service_server::{SpaceService, SpaceServiceServer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tonic::service::Routes;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::forge::Forge;

pub(super) const GET_SPACE: &str = "/sharedspaces.spaces.v1.SpaceService/GetSpace";

/// What the handlers share with the test.
#[derive(Default)]
pub(super) struct Stage {
    /// How many handlers are waiting.
    pub(super) waiting: AtomicUsize,
    /// Lets waiting handlers go on.
    pub(super) go_on: Notify,
}

/// Plays SpaceService: GetSpace does as its `space_id` says.
struct Played(Arc<Stage>);

/// The service with the methods that are played; the generated trait wants all of them.
macro_rules! plays {
    (besides $($method:ident($request:ident) -> $response:ident,)*) => {
        #[tonic::async_trait]
        impl SpaceService for Played {
            async fn create_space(
                &self,
                request: Request<pb::CreateSpaceRequest>,
            ) -> Result<Response<pb::CreateSpaceResponse>, Status> {
                let title = request.get_ref().title.len().to_string();
                let space = pb::Space { title, ..Default::default() };
                Ok(Response::new(pb::CreateSpaceResponse { space: Some(space) }))
            }

            async fn get_space(
                &self,
                request: Request<pb::GetSpaceRequest>,
            ) -> Result<Response<pb::GetSpaceResponse>, Status> {
                let caller = Caller::of(&request)?;
                match request.get_ref().space_id.as_str() {
                    "wait" => {
                        self.0.waiting.fetch_add(1, Ordering::SeqCst);
                        self.0.go_on.notified().await;
                    }
                    "panic" => panic!("as asked"),
                    _ => {}
                }
                let network = Gate::new(0, NonZeroU32::MIN).client(&request).network;
                let space = pb::Space {
                    owner_user_id: caller.user_id.to_string(),
                    url: network,
                    ..Default::default()
                };
                Ok(Response::new(pb::GetSpaceResponse { space: Some(space) }))
            }

            async fn update_space(
                &self,
                _: Request<pb::UpdateSpaceRequest>,
            ) -> Result<Response<pb::UpdateSpaceResponse>, Status> {
                // How long the caller still waits, as the kit tells a handler.
                let left = service_kit::grpc::remaining().unwrap_or_default();
                let space = pb::Space { title: left.as_millis().to_string(), ..Default::default() };
                Ok(Response::new(pb::UpdateSpaceResponse { space: Some(space) }))
            }

            async fn check_access(
                &self,
                _: Request<pb::CheckAccessRequest>,
            ) -> Result<Response<pb::CheckAccessResponse>, Status> {
                Ok(Response::new(pb::CheckAccessResponse::default()))
            }

            $(async fn $method(
                &self,
                _: Request<pb::$request>,
            ) -> Result<Response<pb::$response>, Status> {
                Err(Status::unimplemented("not played"))
            })*
        }
    };
}

plays! {
    besides
    list_spaces(ListSpacesRequest) -> ListSpacesResponse,
    set_customer_logo(SetCustomerLogoRequest) -> SetCustomerLogoResponse,
    remove_customer_logo(RemoveCustomerLogoRequest) -> RemoveCustomerLogoResponse,
    update_logo_display(UpdateLogoDisplayRequest) -> UpdateLogoDisplayResponse,
    preview_space(PreviewSpaceRequest) -> PreviewSpaceResponse,
    describe_duplication(DescribeDuplicationRequest) -> DescribeDuplicationResponse,
    duplicate_space(DuplicateSpaceRequest) -> DuplicateSpaceResponse,
    archive_space(ArchiveSpaceRequest) -> ArchiveSpaceResponse,
    reactivate_space(ReactivateSpaceRequest) -> ReactivateSpaceResponse,
    delete_space(DeleteSpaceRequest) -> DeleteSpaceResponse,
    transfer_ownership(TransferOwnershipRequest) -> TransferOwnershipResponse,
    get_share_link(GetShareLinkRequest) -> GetShareLinkResponse,
    explain_permissions(ExplainPermissionsRequest) -> ExplainPermissionsResponse,
    describe_space(DescribeSpaceRequest) -> DescribeSpaceResponse,
    check_logo_access(CheckLogoAccessRequest) -> CheckLogoAccessResponse,
}

/// A server on a port of its own, as `run` starts it.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) stage: Arc<Stage>,
    pub(super) stop: Stop,
    pub(super) forge: Forge,
    pub(super) serving: JoinHandle<anyhow::Result<()>>,
}

impl Server {
    pub(super) async fn start(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_over(None, change).await
    }

    /// Starts it over mutual TLS, where there is one.
    pub(super) async fn start_over(tls: Option<Tls>, change: impl FnOnce(&mut Config)) -> Self {
        let forge = Forge::generate();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut config = config(address);
        change(&mut config);
        let stage = Arc::<Stage>::default();
        let played =
            SpaceServiceServer::new(Played(Arc::clone(&stage))).max_decoding_message_size(UNARY_LIMIT_BYTES);
        let routes = Routes::default().add_service(played);
        let (verifier, stop) = (forge.verifier(), Stop::default());
        let (stopping, listener) = (stop.clone(), Listener::new(listener, tls));
        let serving =
            tokio::spawn(
                async move { serve(listener, routes, &config, verifier, crate::ids(), &stopping).await },
            );
        Self { address, stage, stop, forge, serving }
    }

    pub(super) async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    pub(super) async fn client(&self) -> SpaceServiceClient<Channel> {
        SpaceServiceClient::new(self.channel().await)
    }

    /// A member's header.
    pub(super) fn bearer(&self) -> String {
        let claims = crate::TestKeys::claims(&crate::caller(CallerKind::Member));
        format!("Bearer {}", self.forge.person(&claims))
    }

    /// A member's request.
    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.bearer().parse().unwrap());
        request
    }

    pub(super) fn get(&self, space_id: &str) -> Request<pb::GetSpaceRequest> {
        self.request(pb::GetSpaceRequest { space_id: space_id.to_owned() })
    }

    /// Waits until so many handlers are waiting.
    pub(super) async fn waiting(&self, handlers: usize) {
        crate::eventually("handlers that wait", async || {
            self.stage.waiting.load(Ordering::SeqCst) == handlers
        })
        .await;
    }
}

fn config(address: SocketAddr) -> Config {
    let (auth, service_auth) = Forge::auth();
    let nowhere: SocketAddr = "127.0.0.1:0".parse().unwrap();
    Config {
        database: DatabaseConfig {
            url: "postgres://nowhere".to_owned().into(),
            migration_url: None,
            max_connections: 1,
        },
        broker: BrokerConfig { url: "amqp://nowhere".to_owned().into(), prefix: String::new() },
        grpc: GrpcConfig { listen: address, max_in_flight: 64, max_connection_age_seconds: 300, tls: None },
        health: ListenConfig { listen: nowhere },
        auth,
        service_auth,
        peers: PeersConfig::default(),
        telemetry: TelemetryConfig::default(),
        shutdown: ShutdownConfig::default(),
        development: false,
    }
}

/// One connection whose headers the test writes itself.
#[derive(Clone)]
pub(super) struct Wire(hyper::client::conn::http2::SendRequest<Full<Bytes>>, SocketAddr);

/// What came back, whether the status was in the headers or in the trailers.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) http_status: u16,
    pub(super) grpc_status: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) details: Option<tonic::metadata::MetadataMap>,
}

impl Wire {
    pub(super) async fn to(address: SocketAddr) -> Self {
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream);
        let (sender, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        Self(sender, address)
    }

    /// Calls a method of `message` with these headers beside those that gRPC needs.
    pub(super) async fn call(
        &self,
        path: &str,
        message: &impl Message,
        headers: &[(&str, &str)],
    ) -> hyper::Result<Answer> {
        let content = message.encode_to_vec();
        let mut framed = vec![0];
        framed.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
        framed.extend(content);
        let mut request = http::Request::post(format!("http://{}{path}", self.1))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(framed))).unwrap();
        let response = self.0.clone().send_request(request).await?;
        let (head, body) = response.into_parts();
        let trailers = body.collect().await?.trailers().cloned();
        let find = |name: &str| {
            let found = head.headers.get(name).or_else(|| trailers.as_ref()?.get(name));
            found.map(|value| value.to_str().unwrap().to_owned())
        };
        Ok(Answer {
            http_status: head.status.as_u16(),
            grpc_status: find("grpc-status"),
            request_id: find("x-request-id"),
            details: head
                .headers
                .contains_key("grpc-status-details-bin")
                .then(|| tonic::metadata::MetadataMap::from_headers(head.headers.clone())),
        })
    }
}

/// How long a test allows what must come soon.
pub(super) const SOON: Duration = Duration::from_secs(8);
