//! The ways a client app's calls take: straight to a service, or through the gateway in each of its three forms.
//!
//! Owns carrying one and the same gRPC call over any of them, so that one journey is made on all. Methods for services
//! alone, which the gateway does not know, always go straight; so the operator can found an organisation on any way.

mod rest;
mod web;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body_util::BodyExt as _;
use sharedspaces_proto::{Access, find_method_rule};
use tonic::body::Body;
use tonic::codegen::StdError;
use tonic::transport::{Channel, Endpoint};
use tower::{Service, ServiceExt as _};

pub use rest::http_status;

/// How calls are made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wire {
    /// gRPC, straight to each service.
    Direct,
    /// gRPC through the gateway.
    Grpc,
    /// gRPC-Web through the gateway, as browsers call.
    GrpcWeb,
    /// REST and JSON through the gateway. What takes a stream goes as gRPC.
    Rest,
}

impl Wire {
    /// The ways through the gateway.
    pub const THROUGH: [Self; 3] = [Self::Grpc, Self::GrpcWeb, Self::Rest];
}

/// A connection to a service; a clone shares it.
#[derive(Clone, Debug)]
pub struct Line {
    direct: Channel,
    through: Through,
}

#[derive(Clone, Debug)]
enum Through {
    Nothing,
    Grpc(Channel),
    Web(web::Web),
    Rest(Arc<rest::Rest>, Channel),
}

impl Line {
    /// Returns a line to a service that connects when first used.
    pub fn new(service: &str, wire: Wire, gateway: &str) -> anyhow::Result<Self> {
        let through = match wire {
            Wire::Direct => Through::Nothing,
            Wire::Grpc => Through::Grpc(channel(gateway)?),
            Wire::GrpcWeb => Through::Web(web::Web::new(gateway)?),
            Wire::Rest => Through::Rest(Arc::new(rest::Rest::new(gateway)?), channel(gateway)?),
        };
        Ok(Self { direct: channel(service)?, through })
    }

    async fn send(self, request: Request<Body>) -> Result<Response<Body>, StdError> {
        let path = request.uri().path().to_owned();
        if find_method_rule(&path).is_some_and(|rule| rule.access == Access::Service) {
            return pass(self.direct, request).await;
        }
        match self.through {
            Through::Nothing => pass(self.direct, request).await,
            Through::Grpc(channel) => pass(channel, request).await,
            Through::Web(web) => web.send(request).await,
            Through::Rest(rest, channel) => match rest.method(&path) {
                Some(method) => rest.send(method, request).await,
                None => pass(channel, request).await,
            },
        }
    }
}

impl From<Channel> for Line {
    /// A line that goes straight, over a connection of the caller's own making.
    fn from(direct: Channel) -> Self {
        Self { direct, through: Through::Nothing }
    }
}

impl Service<Request<Body>> for Line {
    type Response = Response<Body>;
    type Error = StdError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, StdError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        // Each call waits for its own connection.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

/// Returns a channel that connects when first used.
pub fn channel(address: &str) -> anyhow::Result<Channel> {
    Ok(Endpoint::from_shared(address.to_owned())?.tcp_nodelay(true).connect_lazy())
}

async fn pass(mut channel: Channel, request: Request<Body>) -> Result<Response<Body>, StdError> {
    Ok(channel.ready().await?.call(request).await?)
}

/// Headers that belong to one connection or one form, and not to the call.
const OF_THE_FORM: [&str; 6] =
    ["accept-encoding", "content-type", "grpc-accept-encoding", "grpc-encoding", "te", "user-agent"];

/// Takes a call apart: its path, what the caller says beside the message, and its messages with their frames.
async fn take_apart(request: Request<Body>) -> Result<(String, http::HeaderMap, bytes::Bytes), StdError> {
    let (parts, body) = request.into_parts();
    let mut headers = parts.headers;
    for name in OF_THE_FORM {
        headers.remove(name);
    }
    Ok((parts.uri.path().to_owned(), headers, body.collect().await?.to_bytes()))
}

/// Puts a message into a frame of gRPC's.
fn frame(message: &[u8]) -> Result<bytes::Bytes, StdError> {
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len())?.to_be_bytes());
    frame.extend_from_slice(message);
    Ok(frame.into())
}
