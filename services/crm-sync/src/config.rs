//! The settings of crm-sync alone.
//!
//! Owns their names and defaults; the sections every service has are service-kit's.

mod crm;

use anyhow::ensure;
use secrecy::SecretString;
use serde::Deserialize;
use service_kit::config::secret;
use url::Url;

pub use crm::{DataverseConfig, SapC4cConfig, SapSalesCloudConfig};

/// What crm-sync needs beside the settings of every service.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// Seals the CRMs' tokens at rest: 32 bytes in base64.
    #[serde(deserialize_with = "secret")]
    pub key_encryption_key: SecretString,
    /// Keys that older data keys may still be wrapped with, each 32 bytes in base64; they open and never seal. Empty once
    /// `crm-sync rotate-keys` has wrapped every data key anew.
    #[serde(default)]
    pub old_key_encryption_keys: Vec<OldKey>,
    /// The app that admins of Salesforce allow.
    pub salesforce: SalesforceConfig,
    /// Dataverse (Dynamics 365).
    #[serde(default)]
    pub dataverse: DataverseConfig,
    /// SAP Sales Cloud V1 (C4C).
    #[serde(default)]
    pub sap_c4c: SapC4cConfig,
    /// SAP Sales Cloud V2.
    #[serde(default)]
    pub sap_sales_cloud: SapSalesCloudConfig,
}

/// A key that was the key-encryption key before.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct OldKey(
    /// 32 bytes in base64.
    #[serde(deserialize_with = "secret")]
    pub SecretString,
);

/// The app that admins of Salesforce allow.
#[derive(Clone, Debug, Deserialize)]
pub struct SalesforceConfig {
    /// The app's consumer key.
    pub client_id: String,
    /// The app's consumer secret.
    #[serde(deserialize_with = "secret")]
    pub client_secret: SecretString,
    /// Where Salesforce sends the admin's browser back to; must be the app's callback address.
    pub redirect_url: Url,
    /// Hosts that are allowed beside Salesforce's own, with any scheme and address. In development only; a service that
    /// is not set to `development` does not start with any.
    #[serde(default)]
    pub allowed_hosts: Vec<String>,
    /// Version of the REST API, `v60.0` or later.
    #[serde(default = "api_version")]
    pub api_version: String,
    /// The field of Activity that holds a log's id; it must be text, an external id and unique.
    #[serde(default = "external_id_field")]
    pub external_id_field: String,
}

impl Settings {
    /// Refuses settings that are for development alone, unless the service is set to it.
    pub(crate) fn check(&self, development: bool) -> anyhow::Result<()> {
        for (name, hosts) in [
            ("salesforce", &self.salesforce.allowed_hosts),
            ("dataverse", &self.dataverse.allowed_hosts),
            ("sap_c4c", &self.sap_c4c.allowed_hosts),
            ("sap_sales_cloud", &self.sap_sales_cloud.allowed_hosts),
        ] {
            ensure!(
                development || hosts.is_empty(),
                "setting {name}.allowed_hosts must be empty unless development is true: it lifts https and the rule \
                 that addresses are public"
            );
        }
        Ok(())
    }
}

fn api_version() -> String {
    "v60.0".to_owned()
}

fn external_id_field() -> String {
    "SharedSpacesLogId__c".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_beside_salesforces_own_are_refused_outside_development() {
        let settings = |allowed_hosts: &[&str]| Settings {
            key_encryption_key: SecretString::from("key"),
            old_key_encryption_keys: Vec::new(),
            dataverse: DataverseConfig::default(),
            sap_c4c: SapC4cConfig::default(),
            sap_sales_cloud: SapSalesCloudConfig::default(),
            salesforce: SalesforceConfig {
                client_id: "id".to_owned(),
                client_secret: SecretString::from("secret"),
                redirect_url: "https://spaces.example/crm/callback".parse().unwrap(),
                allowed_hosts: allowed_hosts.iter().map(|host| (*host).to_owned()).collect(),
                api_version: api_version(),
                external_id_field: external_id_field(),
            },
        };
        assert!(settings(&[]).check(false).is_ok());
        assert!(settings(&["127.0.0.1"]).check(true).is_ok());
        let refused = settings(&["127.0.0.1"]).check(false).unwrap_err().to_string();
        assert!(refused.contains("salesforce.allowed_hosts"), "{refused}");
    }
}
