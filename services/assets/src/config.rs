//! The settings of assets alone.

use std::net::SocketAddr;

use secrecy::SecretString;
use serde::Deserialize;
use service_kit::config::secret;
use url::Url;

/// The settings of assets alone.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// The object store.
    pub s3: S3Settings,
    /// Where files and their previews are fetched from.
    pub content: ContentSettings,
    /// How much of it an organisation may have.
    #[serde(default)]
    pub quota: QuotaSettings,
    /// What is looked for in files.
    #[serde(default)]
    pub scan: ScanSettings,
}

/// The object store, addressed path-style: `<endpoint>/<bucket>/<key>`.
#[derive(Clone, Debug, Deserialize)]
pub struct S3Settings {
    /// Where it is, for this service.
    pub endpoint: Url,
    /// Where it is for those who fetch images and send parts of files, if elsewhere.
    pub public_endpoint: Option<Url>,
    /// Its region, which is part of every signature.
    pub region: String,
    /// The bucket, private, which must exist.
    pub bucket: String,
    /// The key id.
    #[serde(deserialize_with = "secret")]
    pub access_key: SecretString,
    /// The secret key.
    #[serde(deserialize_with = "secret")]
    pub secret_key: SecretString,
}

/// The content port.
#[derive(Clone, Debug, Deserialize)]
pub struct ContentSettings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What its addresses begin with, as people's browsers reach it: an origin that serves nothing else.
    pub base_url: Url,
    /// With which addresses are sealed: 32 bytes in base64, the same in each process.
    #[serde(deserialize_with = "secret")]
    pub key: SecretString,
}

/// How much an organisation may have.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default)]
pub struct QuotaSettings {
    /// All of its files together.
    pub bytes: i64,
    /// How many files.
    pub assets: i32,
}

impl Default for QuotaSettings {
    fn default() -> Self {
        Self { bytes: 100 * 1024 * 1024 * 1024, assets: 100_000 }
    }
}

/// What is looked for in files.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ScanSettings {
    /// `host:port` of a clamd whose `StreamMaxLength` is at least 2 GiB. Without one, nothing looks for viruses.
    pub clamd: Option<String>,
    /// Types by content that are not taken, such as `application/x-msdownload`.
    pub refused_types: Vec<String>,
}
