//! Calls of any method with any bytes, as no client of ours would make them.

use std::collections::BTreeMap;

use journeys::api::channel;
use journeys::world::World;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, ClientTlsConfig};
use tonic::{Request, Status};
use xtask::workspace::SERVICES;

/// Messages as they are on the wire.
#[derive(Clone, Copy)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put_slice(buffer, &item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut item = vec![0; bytes::Buf::remaining(buffer)];
        bytes::Buf::copy_to_slice(buffer, &mut item);
        Ok(Some(item))
    }
}

/// The business ports of all services.
pub(crate) struct Raw(BTreeMap<&'static str, Channel>);

impl Raw {
    pub(crate) fn of(world: &World) -> Self {
        let of = |service| format!("http://{}", world.addresses.service(service).unwrap().grpc);
        Self(SERVICES.into_iter().map(|service| (service, channel(&of(service)).unwrap())).collect())
    }

    /// The same ports, over TLS.
    pub(crate) fn over(world: &World, tls: &ClientTlsConfig) -> Self {
        let of = |service| {
            let address = &world.addresses.service(service).unwrap().grpc;
            let endpoint = Channel::from_shared(format!("https://{address}")).unwrap();
            endpoint.tls_config(tls.clone()).unwrap().connect_lazy()
        };
        Self(SERVICES.into_iter().map(|service| (service, of(service))).collect())
    }

    /// Calls a method at the service that its path names.
    pub(crate) async fn call(
        &self,
        path: &'static str,
        message: Vec<u8>,
        authorization: Option<AsciiMetadataValue>,
    ) -> Result<Vec<u8>, Status> {
        let service = path.trim_start_matches("/sharedspaces.").split('.').next().unwrap();
        let service = if service == "crmsync" { "crm-sync" } else { service };
        let mut request = Request::new(message);
        if let Some(authorization) = authorization {
            request.metadata_mut().insert("authorization", authorization);
        }
        self.send(service, path, request).await
    }

    /// Calls any path at a service.
    pub(crate) async fn send(
        &self,
        service: &str,
        path: &'static str,
        request: Request<Vec<u8>>,
    ) -> Result<Vec<u8>, Status> {
        let mut client = Grpc::new(self.0.get(service).unwrap().clone());
        client.ready().await.map_err(|error| Status::unknown(error.to_string()))?;
        let path = http::uri::PathAndQuery::from_static(path);
        client.unary(request, path, Bytes).await.map(tonic::Response::into_inner)
    }
}

/// Returns the header of a token.
pub(crate) fn bearer(token: &str) -> AsciiMetadataValue {
    format!("Bearer {token}").parse().unwrap()
}
