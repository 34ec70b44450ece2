//! Settings.
//!
//! Owns the sections that every service has, and how they are read: defaults, then the file named by
//! `<SERVICE>_CONFIG`, then the environment (`SPACES__DATABASE__URL`); a key that ends in `_FILE` is read from the
//! file it names. A bad setting is told with its key and what was expected. Must not read anything else.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format, Toml};
use secrecy::SecretString;
use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer};
use url::Url;

pub use self::tls::TlsConfig;

mod tls;

/// A minute, which is what most collectors expect.
const METRIC_INTERVAL: NonZeroU16 = NonZeroU16::MIN.saturating_add(59);

/// The sections that every service has. Each service adds its own beside them.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    /// The service's own database.
    pub database: DatabaseConfig,
    /// The broker.
    pub broker: BrokerConfig,
    /// The business port.
    pub grpc: GrpcConfig,
    /// The second port: health, and what identity publishes.
    pub health: ListenConfig,
    /// How access tokens of people are verified.
    pub auth: AuthConfig,
    /// How tokens of services are verified, and where this service's own is.
    pub service_auth: ServiceAuthConfig,
    /// Where the other services are.
    #[serde(default)]
    pub peers: PeersConfig,
    /// Traces, metrics and logs.
    #[serde(default)]
    pub telemetry: TelemetryConfig,
    /// How long stopping may take.
    #[serde(default)]
    pub shutdown: ShutdownConfig,
    /// Offers reflection. Never on in production.
    #[serde(default)]
    pub development: bool,
}

/// The service's own database.
#[derive(Clone, Debug, Deserialize)]
pub struct DatabaseConfig {
    /// Address with the role that owns nothing: `serve` and `work` use it.
    #[serde(deserialize_with = "secret")]
    pub url: SecretString,
    /// Address with the role that owns the tables: only `migrate` uses it.
    #[serde(default, deserialize_with = "optional_secret")]
    pub migration_url: Option<SecretString>,
    /// Most connections at once.
    #[serde(default = "max_connections")]
    pub max_connections: u32,
}

/// The broker.
#[derive(Clone, Debug, Deserialize)]
pub struct BrokerConfig {
    /// AMQP address.
    #[serde(deserialize_with = "secret")]
    pub url: SecretString,
    /// Put before the names of exchange and queues, so that tests share a broker.
    #[serde(default)]
    pub prefix: String,
}

/// The business port.
#[derive(Clone, Debug, Deserialize)]
pub struct GrpcConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Most calls at once; more are shed with RESOURCE_EXHAUSTED.
    #[serde(default = "max_in_flight")]
    pub max_in_flight: usize,
    /// After how long a client is asked to make another connection, in seconds, so that new replicas get calls.
    #[serde(default = "max_connection_age_seconds")]
    pub max_connection_age_seconds: u64,
    /// Mutual TLS, for this port and for the calls this service makes. Absent: neither is encrypted.
    #[serde(default, deserialize_with = "tls::read")]
    pub tls: Option<TlsConfig>,
}

/// A port.
#[derive(Clone, Debug, Deserialize)]
pub struct ListenConfig {
    /// Where to listen.
    pub listen: SocketAddr,
}

/// How access tokens of people are verified.
#[derive(Clone, Debug, Deserialize)]
pub struct AuthConfig {
    /// The `iss` that tokens must have.
    pub issuer: String,
    /// Where identity publishes its keys.
    pub jwks_url: Url,
}

/// How tokens of services are verified, and where this service's own is.
#[derive(Clone, Debug, Deserialize)]
pub struct ServiceAuthConfig {
    /// The `iss` that tokens must have: the cluster's.
    pub issuer: String,
    /// The cluster's keys (JWKS), as a file that is read again when it changes.
    pub jwks_file: PathBuf,
    /// This service's own projected token, as a file that is read again when it changes.
    pub token_file: PathBuf,
    /// The namespace whose service accounts are trusted.
    #[serde(default = "namespace")]
    pub namespace: String,
}

/// Where the other services are. A service needs only those it calls.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct PeersConfig {
    /// identity's business port.
    pub identity: Option<Url>,
    /// spaces' business port.
    pub spaces: Option<Url>,
    /// assets' business port.
    pub assets: Option<Url>,
    /// crm-sync's business port.
    pub crm_sync: Option<Url>,
}

/// Traces, metrics and logs.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct TelemetryConfig {
    /// Where to send all three by OTLP over gRPC. Absent: nowhere; logs go to standard output all the same.
    pub otlp_endpoint: Option<Url>,
    /// How logs look on standard output.
    pub log_format: LogFormat,
    /// Which logs, as tracing's directives.
    pub log_filter: String,
    /// Which share of traces that begin here is kept, 0 to 1.
    pub sample_ratio: f64,
    /// How often metrics are sent, in seconds, and what they tell of the database is looked at.
    pub metric_interval_seconds: NonZeroU16,
}

impl TelemetryConfig {
    /// Returns how often metrics are sent.
    pub fn metric_interval(&self) -> Duration {
        Duration::from_secs(self.metric_interval_seconds.get().into())
    }
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            log_format: LogFormat::Json,
            log_filter: "info".to_owned(),
            sample_ratio: 1.0,
            metric_interval_seconds: METRIC_INTERVAL,
        }
    }
}

/// How logs look on standard output.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For reading while developing.
    Text,
}

/// How long stopping may take.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct ShutdownConfig {
    /// How long calls are still answered after the signal, in milliseconds, while readiness says that none should come;
    /// 0 where whoever sends the signal has waited before, as Kubernetes' `preStop` does.
    pub linger_ms: u64,
    /// How long calls in flight may take to end, in milliseconds; a unary call takes no longer than 10 seconds.
    pub drain_ms: u64,
}

impl ShutdownConfig {
    /// Returns how long calls are still answered after the signal.
    pub fn linger(&self) -> Duration {
        Duration::from_millis(self.linger_ms)
    }

    /// Returns how long calls in flight may take to end.
    pub fn drain(&self) -> Duration {
        Duration::from_millis(self.drain_ms)
    }
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self { linger_ms: 0, drain_ms: 10_000 }
    }
}

/// Reads a secret; what is not text is refused without being printed, which serde's own message would do.
pub fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    deserializer.deserialize_any(SecretVisitor)
}

/// Reads a secret that may be absent; see [`secret`].
pub fn optional_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    secret(deserializer).map(Some)
}

struct SecretVisitor;

impl SecretVisitor {
    fn refuse<E: de::Error>() -> E {
        E::custom("a secret must be text: put one that is made of digits or brackets in quotes, or in a file")
    }
}

impl<'de> de::Visitor<'de> for SecretVisitor {
    type Value = SecretString;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a secret")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<SecretString, E> {
        Ok(SecretString::from(value))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<SecretString, E> {
        Err(Self::refuse())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<SecretString, E> {
        Err(Self::refuse())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<SecretString, E> {
        Err(Self::refuse())
    }

    fn visit_i128<E: de::Error>(self, _: i128) -> Result<SecretString, E> {
        Err(Self::refuse())
    }

    fn visit_u128<E: de::Error>(self, _: u128) -> Result<SecretString, E> {
        Err(Self::refuse())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<SecretString, E> {
        Err(Self::refuse())
    }
}

fn max_connections() -> u32 {
    16
}

fn max_in_flight() -> usize {
    512
}

fn max_connection_age_seconds() -> u64 {
    300
}

fn namespace() -> String {
    "sharedspaces".to_owned()
}

/// Returns the prefix of a service's settings: `crm-sync` has `CRM_SYNC`.
pub fn prefix(service: &str) -> String {
    service.to_uppercase().replace('-', "_")
}

/// Reads the settings of `service`. Errors name the key, where it came from and what was expected.
#[expect(clippy::result_large_err, reason = "read once, at the start")]
pub fn load<T: DeserializeOwned>(service: &str) -> Result<T, figment::Error> {
    let prefix = prefix(service);
    let mut figment = Figment::new();
    if let Some(file) = Env::var(&format!("{prefix}_CONFIG")) {
        figment = figment.merge(Toml::file_exact(file));
    }
    let variables = Env::prefixed(&format!("{prefix}__")).split("__");
    figment = read_files(figment.merge(variables))?;
    figment.extract()
}

/// Replaces every `<key>_file` beside which there is no such setting of its own by the content of the file.
#[expect(clippy::result_large_err, reason = "read once, at the start")]
fn read_files(mut figment: Figment) -> Result<Figment, figment::Error> {
    const OWN: [&str; 5] = [
        "service_auth.jwks_file",
        "service_auth.token_file",
        "grpc.tls.certificate_file",
        "grpc.tls.key_file",
        "grpc.tls.ca_file",
    ];
    let mut keys = Vec::new();
    let all: figment::value::Dict = figment.extract()?;
    collect_file_keys("", &all, &mut keys);
    for (key, path) in keys.into_iter().filter(|(key, _)| !OWN.contains(&key.as_str())) {
        let content = std::fs::read_to_string(&path)
            .map_err(|error| figment::Error::from(format!("{path}: {error}")).with_path(&key))?;
        let target = key.trim_end_matches("_file");
        figment = figment.merge((target, content.trim_end()));
    }
    Ok(figment)
}

fn collect_file_keys(parent: &str, dict: &figment::value::Dict, keys: &mut Vec<(String, String)>) {
    for (name, value) in dict {
        let key = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
        match value {
            figment::value::Value::Dict(_, inner) => collect_file_keys(&key, inner, keys),
            figment::value::Value::String(_, path) if name.ends_with("_file") => {
                keys.push((key, path.clone()));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Settings {
        grpc: GrpcConfig,
        database: DatabaseConfig,
    }

    #[test]
    #[expect(clippy::result_large_err, reason = "the jail's own signature")]
    fn the_environment_wins_over_the_file_and_a_secret_may_be_a_file() {
        figment::Jail::expect_with(|jail| {
            jail.create_file("spaces.toml", "[grpc]\nlisten = '127.0.0.1:1'\nmax_in_flight = 7\n")?;
            jail.create_file("url", "postgres://one\n")?;
            jail.set_env("SPACES_CONFIG", "spaces.toml");
            jail.set_env("SPACES__GRPC__LISTEN", "127.0.0.1:2");
            jail.set_env("SPACES__DATABASE__URL_FILE", "url");
            let settings: Settings = load("spaces")?;
            assert_eq!(settings.grpc.listen.port(), 2);
            assert_eq!(settings.grpc.max_in_flight, 7);
            let url = secrecy::ExposeSecret::expose_secret(&settings.database.url).to_owned();
            assert_eq!(url, "postgres://one");
            Ok(())
        });
    }

    #[test]
    #[expect(clippy::result_large_err, reason = "the jail's own signature")]
    fn a_secret_of_digits_is_refused_without_being_printed_and_taken_in_quotes() {
        figment::Jail::expect_with(|jail| {
            jail.set_env("SPACES__GRPC__LISTEN", "127.0.0.1:2");
            for unquoted in ["424242424242", "4242.5", "true"] {
                jail.set_env("SPACES__DATABASE__URL", unquoted);
                let error = load::<Settings>("spaces").unwrap_err().to_string();
                assert!(error.contains("quotes") && !error.contains(unquoted), "{error}");
            }
            jail.set_env("SPACES__DATABASE__URL", "\"424242424242\"");
            assert!(load::<Settings>("spaces").is_ok());
            Ok(())
        });
    }

    #[test]
    #[expect(clippy::result_large_err, reason = "the jail's own signature")]
    fn a_bad_or_missing_setting_is_told_with_its_key() {
        figment::Jail::expect_with(|jail| {
            jail.set_env("SPACES__GRPC__LISTEN", "nowhere");
            jail.set_env("SPACES__DATABASE__URL", "postgres://one");
            let error = load::<Settings>("spaces").unwrap_err().to_string();
            assert!(error.to_lowercase().contains("grpc.listen"), "{error}");
            jail.clear_env();
            jail.set_env("SPACES__GRPC__LISTEN", "127.0.0.1:2");
            let error = load::<Settings>("spaces").unwrap_err().to_string();
            assert!(error.contains("database"), "{error}");
            Ok(())
        });
    }
}
