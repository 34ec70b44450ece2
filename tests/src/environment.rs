//! Where everything is that a journey talks to.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::Context;

use crate::wire::Wire;

/// Addresses of a running system.
#[derive(Clone, Debug)]
pub struct Environment {
    /// identity's business port.
    pub identity: String,
    /// spaces' business port.
    pub spaces: String,
    /// assets' business port.
    pub assets: String,
    /// notifications' business port.
    pub notifications: String,
    /// crm-sync's business port.
    pub crm_sync: String,
    /// The API gateway.
    pub gateway: String,
    /// How the services are called.
    pub wire: Wire,
    /// The sandbox: mailbox and controls.
    pub sandbox: String,
    /// The Salesforce look-alike.
    pub salesforce: String,
    /// The Dataverse look-alike.
    pub dataverse: String,
    /// The SAP C4C look-alike.
    pub c4c: String,
    /// The SAP Sales Cloud V2 look-alike.
    pub sales_cloud: String,
    /// The operator's token.
    pub operator_token_file: PathBuf,
}

impl Environment {
    /// Reads the variables that `cargo xtask up` sets for the demo.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> anyhow::Result<Self> {
        let variables: HashMap<String, String> = variables.into_iter().collect();
        let get = |name: &str| {
            variables
                .get(name)
                .cloned()
                .with_context(|| format!("{name} is missing: start this through `cargo xtask demo`"))
        };
        Ok(Self {
            identity: get("DEMO_IDENTITY")?,
            spaces: get("DEMO_SPACES")?,
            assets: get("DEMO_ASSETS")?,
            notifications: get("DEMO_NOTIFICATIONS")?,
            crm_sync: get("DEMO_CRM_SYNC")?,
            gateway: get("DEMO_GATEWAY")?,
            wire: Wire::Direct,
            sandbox: get("DEMO_SANDBOX_HTTP")?,
            salesforce: get("DEMO_SALESFORCE")?,
            dataverse: get("DEMO_DATAVERSE")?,
            c4c: get("DEMO_C4C")?,
            sales_cloud: get("DEMO_SALES_CLOUD")?,
            operator_token_file: get("DEMO_OPERATOR_TOKEN_FILE")?.into(),
        })
    }

    /// Returns the same system, called over another wire.
    #[must_use]
    pub fn over(&self, wire: Wire) -> Self {
        Self { wire, ..self.clone() }
    }

    /// Returns the operator's token as it is now.
    pub fn operator_token(&self) -> anyhow::Result<String> {
        let file = &self.operator_token_file;
        std::fs::read_to_string(file)
            .map(|token| token.trim().to_owned())
            .with_context(|| format!("no operator's token at {}", file.display()))
    }
}
