//! Making connections.
//!
//! Owns the handshake with a peer: its certificate must be of our authority and of the name that was called. Must not
//! fall back to a connection that is not encrypted.

use std::task::{Context, Poll};

use anyhow::{Context as _, ensure};
use futures_util::future::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::Service;

use super::{ALPN_H2, Tls};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Connects with what is on disk at that moment.
#[derive(Clone)]
pub(crate) struct Connector {
    tcp: HttpConnector,
    tls: Tls,
}

impl Connector {
    pub(crate) fn new(tls: Tls) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        Self { tcp, tls }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.tcp.call(uri.clone());
        let client = self.tls.current().client.clone();
        Box::pin(async move {
            let host = uri.host().context("the address of a peer has no host")?;
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            let name = ServerName::try_from(host).context("the address of a peer has a host of no form")?;
            let connection = TlsConnector::from(client).connect(name, connecting.await?.into_inner()).await?;
            ensure_h2(&connection)?;
            Ok(TokioIo::new(connection))
        })
    }
}

fn ensure_h2(connection: &TlsStream<TcpStream>) -> anyhow::Result<()> {
    ensure!(connection.get_ref().1.alpn_protocol() == Some(ALPN_H2), "the peer does not speak HTTP/2");
    Ok(())
}
