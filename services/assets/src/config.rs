//! The settings of assets alone.

use secrecy::SecretString;
use serde::Deserialize;
use service_kit::config::secret;
use url::Url;

/// The settings of assets alone.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// The object store.
    pub s3: S3Settings,
}

/// The object store, addressed path-style: `<endpoint>/<bucket>/<key>`.
#[derive(Clone, Debug, Deserialize)]
pub struct S3Settings {
    /// Where it is, for this service.
    pub endpoint: Url,
    /// Where it is for those who fetch images, if elsewhere.
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
