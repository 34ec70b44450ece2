//! The settings of crm-sync alone.
//!
//! Owns their names and defaults; the sections every service has are service-kit's.

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

/// What crm-sync needs beside the settings of every service.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// Seals the CRMs' tokens at rest: 32 bytes in base64.
    pub key_encryption_key: SecretString,
    /// The app that admins of Salesforce allow.
    pub salesforce: SalesforceConfig,
}

/// The app that admins of Salesforce allow.
#[derive(Clone, Debug, Deserialize)]
pub struct SalesforceConfig {
    /// The app's consumer key.
    pub client_id: String,
    /// The app's consumer secret.
    pub client_secret: SecretString,
    /// Where Salesforce sends the admin's browser back to; must be the app's callback address.
    pub redirect_url: Url,
    /// Hosts that are allowed beside Salesforce's own, with any scheme and address; for development.
    #[serde(default)]
    pub allowed_hosts: Vec<String>,
    /// Version of the REST API, `v60.0` or later.
    #[serde(default = "api_version")]
    pub api_version: String,
    /// The field of Activity that holds a log's id; it must be text, an external id and unique.
    #[serde(default = "external_id_field")]
    pub external_id_field: String,
}

fn api_version() -> String {
    "v60.0".to_owned()
}

fn external_id_field() -> String {
    "SharedSpacesLogId__c".to_owned()
}
