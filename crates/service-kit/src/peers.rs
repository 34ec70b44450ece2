//! Calls to other services.
//!
//! Owns the channels, over mutual TLS where that is set, and what every outbound call carries: this service's own
//! token, the trace, and a deadline that is what is left of the inbound one, at most five seconds. Must not retry: only
//! the caller knows what is safe.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use url::Url;

use crate::config::{PeersConfig, ServiceAuthConfig};
use crate::grpc::{Callee, Observed, remaining};
use crate::telemetry::propagation;
use crate::tls::{Connector, Tls};
use crate::verify::WatchedFile;

const MAX_DEADLINE: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const READ_TOKEN_EVERY: Duration = Duration::from_secs(10);

/// What a client of another service is built over.
pub type PeerChannel = Observed<InterceptedService<Channel, PeerInterceptor>>;

/// Makes channels to the other services. A channel connects when it is first used, and again when it was cut.
#[derive(Clone)]
pub struct Peers {
    config: PeersConfig,
    token: Arc<Mutex<OwnToken>>,
    tls: Option<Tls>,
}

/// A peer this service calls has no address.
#[derive(Debug, thiserror::Error)]
#[error("setting peers.{0} is missing: the address of that service's business port, such as http://{0}:8080")]
pub struct PeerMissing(&'static str);

/// A peer's address and the connections of this service are not of one kind.
#[derive(Debug, thiserror::Error)]
#[error("setting peers.{name} must begin with {expected}://, which goes with grpc.tls")]
pub struct PeerScheme {
    name: &'static str,
    expected: &'static str,
}

impl Peers {
    /// Returns channels to `config`'s addresses that carry the token in `auth`'s file.
    pub fn new(config: PeersConfig, auth: &ServiceAuthConfig) -> Self {
        let token = OwnToken { file: WatchedFile::new(auth.token_file.clone()), header: None, looked: None };
        Self { config, token: Arc::new(Mutex::new(token)), tls: None }
    }

    /// Returns the same peers, called over mutual TLS where there is one.
    #[must_use]
    pub fn over(self, tls: Option<Tls>) -> Self {
        Self { tls, ..self }
    }

    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Returns the channel to identity.
    pub fn identity(&self) -> anyhow::Result<PeerChannel> {
        self.channel("identity", self.config.identity.as_ref())
    }

    /// Returns the channel to spaces.
    pub fn spaces(&self) -> anyhow::Result<PeerChannel> {
        self.channel("spaces", self.config.spaces.as_ref())
    }

    /// Returns the channel to assets.
    pub fn assets(&self) -> anyhow::Result<PeerChannel> {
        self.channel("assets", self.config.assets.as_ref())
    }

    /// Returns the channel to crm-sync.
    pub fn crm_sync(&self) -> anyhow::Result<PeerChannel> {
        self.channel("crm_sync", self.config.crm_sync.as_ref())
    }

    fn channel(&self, name: &'static str, url: Option<&Url>) -> anyhow::Result<PeerChannel> {
        let url = url.ok_or(PeerMissing(name))?;
        let expected = if self.tls.is_some() { "https" } else { "http" };
        if url.scheme() != expected {
            return Err(PeerScheme { name, expected }.into());
        }
        let endpoint = endpoint(url, self.tls.is_some())?
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(MAX_DEADLINE)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(20));
        let channel = match &self.tls {
            None => endpoint.connect_lazy(),
            Some(tls) => endpoint.connect_with_connector_lazy(Connector::new(tls.clone())),
        };
        let channel = InterceptedService::new(channel, PeerInterceptor { token: Arc::clone(&self.token) });
        // The keys of settings have underscores, the names of services dashes.
        let service = if name == "crm_sync" { "crm-sync" } else { name };
        Ok(Observed::new(channel, Callee::new(service, url)))
    }
}

/// The endpoint of what is called over TLS is told of `http`, or it would want to shake hands as well; calls say `https`.
fn endpoint(url: &Url, is_encrypted: bool) -> anyhow::Result<Endpoint> {
    if !is_encrypted {
        return Ok(Endpoint::from_shared(url.to_string())?);
    }
    let host = url.host_str().context("the address of a peer has no host")?;
    let port = url.port_or_known_default().context("the address of a peer has no port")?;
    Ok(Endpoint::from_shared(format!("http://{host}:{port}"))?.origin(url.as_str().parse()?))
}

struct OwnToken {
    file: WatchedFile,
    header: Option<MetadataValue<tonic::metadata::Ascii>>,
    looked: Option<Instant>,
}

impl OwnToken {
    fn header(&mut self) -> Option<MetadataValue<tonic::metadata::Ascii>> {
        if self.looked.is_none_or(|looked| looked.elapsed() > READ_TOKEN_EVERY) {
            self.looked = Some(Instant::now());
            if let Some(token) = self.file.read_if_changed() {
                self.header =
                    format!("Bearer {}", token.trim()).parse().ok().map(|mut value: MetadataValue<_>| {
                        value.set_sensitive(true);
                        value
                    });
            }
        }
        self.header.clone()
    }
}

/// Puts token, trace and deadline on each call.
#[derive(Clone)]
pub struct PeerInterceptor {
    token: Arc<Mutex<OwnToken>>,
}

impl Interceptor for PeerInterceptor {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let header = self.token.lock().unwrap_or_else(PoisonError::into_inner).header();
        let header = header.ok_or_else(|| Status::unavailable("this service has no token of its own"))?;
        request.metadata_mut().insert("authorization", header);
        propagation::inject(request.metadata_mut());
        request.set_timeout(remaining().unwrap_or(MAX_DEADLINE).min(MAX_DEADLINE));
        Ok(request)
    }
}
