//! Settings, read as every binary reads them: `WEB__LISTEN` and so on.
//!
//! Owns which there are. Must not read anything else.

use std::net::SocketAddr;

use secrecy::SecretString;
use serde::Deserialize;
use service_kit::config::{ListenConfig, ShutdownConfig, TelemetryConfig, optional_secret, secret};
use url::Url;

/// What the web client is started with.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The addresses that people open it at, such as `https://rooms.example`: unsafe requests come from one of them.
    pub origins: Vec<Url>,
    /// Where files and logos are fetched from; pages may show pictures from there.
    pub content_origins: Vec<Url>,
    /// Seals the cookies: 32 bytes in base64, the same for every replica.
    #[serde(deserialize_with = "secret")]
    pub key: SecretString,
    /// The key before or after it, while the key is changed: opened, and not sealed with.
    #[serde(default, deserialize_with = "optional_secret")]
    pub other_key: Option<SecretString>,
    /// Where the API is: the gateway for all of them, or each service.
    pub api: ApiConfig,
    /// How many proxies before this write `x-forwarded-for`; what came through fewer is not believed.
    #[serde(default)]
    pub trusted_proxies: usize,
    /// The second port, which says whether requests should be sent here; none: nobody asks.
    #[serde(default)]
    pub health: Option<ListenConfig>,
    /// How long stopping may take.
    #[serde(default)]
    pub shutdown: ShutdownConfig,
    /// Traces, metrics and logs.
    #[serde(default)]
    pub telemetry: TelemetryConfig,
}

/// Where the API is.
#[derive(Clone, Debug, Deserialize)]
pub struct ApiConfig {
    /// identity
    pub identity: Url,
    /// spaces
    pub spaces: Url,
    /// assets
    pub assets: Url,
    /// notifications
    pub notifications: Url,
    /// crm-sync
    pub crm_sync: Url,
}
