//! A connector with its look-alike, and what differs between CRMs as far as tests have to know.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::redirect::Policy;
use ring::digest::{SHA256, digest};
use sandbox::{Options, Sandbox};
use secrecy::SecretString;
use serde_json::{Value, json};
use service_kit::clock::SystemClock;
use url::Url;
use uuid::Uuid;

use crate::config::{DataverseConfig, SalesforceConfig, SapC4cConfig, SapSalesCloudConfig};
use crate::connectors::c4c::C4c;
use crate::connectors::dataverse::Dataverse;
use crate::connectors::sales_cloud::SalesCloud;
use crate::connectors::salesforce::Salesforce;
use crate::connectors::{
    Access, AccessForm, Credentials, CrmConnector, CrmError, CrmRef, CrmWrite, Grant, LogEntry, Proof,
    Provider, Session, SignInKind,
};

const REDIRECT_URL: &str = "http://127.0.0.1:9/crm/callback";

/// A connector and the look-alike that it talks to.
pub(super) struct Crm {
    pub(super) provider: Provider,
    pub(super) connector: Arc<dyn CrmConnector>,
    pub(super) http: reqwest::Client,
    sandbox: Sandbox,
    dir: PathBuf,
}

impl Drop for Crm {
    fn drop(&mut self) {
        // What cannot be removed is left in the temporary directory.
        let _left = std::fs::remove_dir_all(&self.dir);
    }
}

/// Ids of records that every look-alike starts with, as searches give them.
pub(super) struct Known {
    /// Contoso Ltd.
    pub(super) account: String,
    /// Contoso renewal 2027.
    pub(super) opportunity: String,
    /// Nora Field of Contoso.
    pub(super) contact: String,
    /// Lena Brook.
    pub(super) lead: String,
}

impl Crm {
    pub(super) async fn start(provider: Provider) -> Self {
        // Fails where another test has installed it.
        let _second = rustls::crypto::ring::default_provider().install_default();
        let dir = std::env::temp_dir().join(format!("crm-contract-{}", testkit::ids().next::<Uuid>()));
        let sandbox = Sandbox::start(Options::ephemeral(&dir)).await.unwrap();
        let connector = connector(provider, &sandbox);
        let http = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
        Self { provider, connector, http, sandbox, dir }
    }

    /// What the look-alike is called in scripts.
    pub(super) fn target(&self) -> &'static str {
        match self.provider {
            Provider::Salesforce => "salesforce",
            Provider::Dataverse => "dataverse",
            Provider::SapC4c => "c4c",
            Provider::SapSalesCloud => "sales_cloud",
        }
    }

    fn address(&self) -> SocketAddr {
        match self.provider {
            Provider::Salesforce => self.sandbox.salesforce_addr(),
            Provider::Dataverse => self.sandbox.dataverse_addr(),
            Provider::SapC4c => self.sandbox.c4c_addr(),
            Provider::SapSalesCloud => self.sandbox.sales_cloud_addr(),
        }
    }

    /// A right form for each way to sign in that the look-alike knows.
    pub(super) fn forms(&self) -> Vec<AccessForm> {
        let url = format!("http://{}", self.address());
        let form = |sign_in, credentials| AccessForm {
            sign_in,
            login_url: if self.provider == Provider::Salesforce { url.clone() } else { String::new() },
            instance_url: if self.provider == Provider::Salesforce { String::new() } else { url.clone() },
            credentials,
        };
        let user = |username: &str, password: &str| Credentials {
            username: username.to_owned(),
            password: SecretString::from(password),
            ..Credentials::default()
        };
        match self.provider {
            Provider::Salesforce => vec![form(SignInKind::Code, Credentials::default())],
            Provider::Dataverse => {
                let tenant = sandbox::DATAVERSE_TENANT.to_owned();
                let machine = Credentials {
                    client_id: sandbox::DATAVERSE_CLIENT_ID.to_owned(),
                    client_secret: SecretString::from(sandbox::DATAVERSE_CLIENT_SECRET),
                    tenant: tenant.clone(),
                    ..Credentials::default()
                };
                let person = Credentials { tenant, ..Credentials::default() };
                vec![form(SignInKind::ClientCredentials, machine), form(SignInKind::Code, person)]
            }
            Provider::SapC4c => vec![form(SignInKind::Basic, user(sandbox::C4C_USER, sandbox::C4C_PASSWORD))],
            Provider::SapSalesCloud => {
                let user = user(sandbox::SALES_CLOUD_USER, sandbox::SALES_CLOUD_PASSWORD);
                vec![form(SignInKind::Basic, user)]
            }
        }
    }

    pub(super) fn access(&self) -> Access {
        self.connector.check_access(self.forms().remove(0)).unwrap()
    }

    /// Signs in as the connection's admin would.
    pub(super) async fn sign_in(&self, access: &Access) -> Result<Grant, CrmError> {
        let verifier = SecretString::from("a-verifier-that-is-long-enough-to-be-one-0123456789");
        let challenge =
            URL_SAFE_NO_PAD.encode(digest(&SHA256, b"a-verifier-that-is-long-enough-to-be-one-0123456789"));
        let Some(url) = self.connector.authorization_url(access, "a-state", &challenge) else {
            return self.connector.sign_in(access, Proof::Credentials).await;
        };
        let code = self.approve(url).await;
        self.connector.sign_in(access, Proof::Code { code: &code, verifier: &verifier }).await
    }

    /// Allows access on the CRM's page; returns the code that the browser brings back.
    pub(super) async fn approve(&self, mut url: Url) -> SecretString {
        url.query_pairs_mut().append_pair("approve", "true");
        let answer = self.http.get(url).send().await.unwrap();
        let location: Url = answer.headers()["location"].to_str().unwrap().parse().unwrap();
        assert!(location.as_str().starts_with(REDIRECT_URL), "{location}");
        let part = |name: &str| location.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
        assert_eq!(part("state"), "a-state");
        SecretString::from(part("code"))
    }

    pub(super) async fn session(&self) -> Session {
        let access = self.access();
        session(&access, self.sign_in(&access).await.unwrap())
    }

    /// Finds the records that every look-alike starts with.
    pub(super) async fn known(&self, session: &Session) -> Known {
        let connector = &self.connector;
        let accounts = connector.search_accounts(session, "Contoso Ltd").await.unwrap();
        let opportunities = connector.search_opportunities(session, "Contoso renewal").await.unwrap();
        let contacts = connector.search_people(session, "Nora Field").await.unwrap();
        let leads = connector.search_people(session, "Lena Brook").await.unwrap();
        assert_eq!((accounts.len(), opportunities.len(), contacts.len(), leads.len()), (1, 1, 1, 1));
        Known {
            account: accounts[0].record_id.clone(),
            opportunity: opportunities[0].record_id.clone(),
            contact: contacts[0].record_id.clone(),
            lead: leads[0].record_id.clone(),
        }
    }

    /// Scripts a failure of the look-alike, or switches its behaviour.
    pub(super) async fn script(&self, mut script: Value) {
        script["target"] = json!(self.target());
        let url = format!("http://{}/api/faults", self.sandbox.http_addr());
        let answer = self.http.post(url).json(&script).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// Forgets what was scripted and did not happen.
    pub(super) async fn reset(&self) {
        let url = format!("http://{}/api/faults", self.sandbox.http_addr());
        assert!(self.http.delete(url).send().await.unwrap().status().is_success());
    }

    /// The records of a set of the look-alike.
    pub(super) async fn records(&self, set: &str) -> Vec<Value> {
        let url = format!("http://{}/api/{}/records", self.sandbox.http_addr(), self.target());
        let records: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        records[set].as_array().unwrap().clone()
    }

    /// The tasks of the look-alike.
    pub(super) async fn tasks(&self) -> Vec<Value> {
        match self.provider {
            Provider::Salesforce => {
                let url = format!("http://{}/api/salesforce/tasks", self.sandbox.http_addr());
                self.http.get(url).send().await.unwrap().json().await.unwrap()
            }
            Provider::SapC4c => self.records("TasksCollection").await,
            Provider::Dataverse | Provider::SapSalesCloud => self.records("tasks").await,
        }
    }

    /// How many calls of the API were made; signing in counts for none.
    pub(super) async fn calls(&self) -> u64 {
        let url = format!("http://{}/api/{}/calls", self.sandbox.http_addr(), self.target());
        let calls: Vec<Value> = self.http.get(url).send().await.unwrap().json().await.unwrap();
        let of_api =
            calls.iter().filter(|call| !call["path"].as_str().unwrap_or_default().contains("oauth2"));
        of_api.map(|call| call["count"].as_u64().unwrap()).sum()
    }

    /// Writes as the job does: all that is planned, and after a failure what is not to be found, up to `tries` times.
    pub(super) async fn write(
        &self,
        session: &Session,
        entry: &LogEntry,
        tries: u32,
    ) -> Result<Vec<CrmRef>, CrmError> {
        let writes = self.connector.plan(entry)?;
        let mut last = None;
        for attempt in 0..tries {
            match self.try_once(session, &writes, attempt > 0).await {
                Err(error @ CrmError::Retry { .. }) => last = Some(error),
                other => return other,
            }
        }
        Err(last.unwrap())
    }

    pub(super) async fn try_once(
        &self,
        session: &Session,
        writes: &[CrmWrite],
        begun: bool,
    ) -> Result<Vec<CrmRef>, CrmError> {
        let mut found: Vec<Option<CrmRef>> = vec![None; writes.len()];
        if begun && !self.connector.has_keys() {
            for (write, found) in writes.iter().zip(&mut found) {
                *found = self.connector.find_by_key(session, write).await?;
            }
        }
        let missing: Vec<CrmWrite> = writes
            .iter()
            .zip(&found)
            .filter(|(_, found)| found.is_none())
            .map(|(write, _)| write.clone())
            .collect();
        let mut written = if missing.is_empty() {
            Vec::new().into_iter()
        } else {
            self.connector.write(session, &missing).await?.into_iter()
        };
        found.into_iter().map(|found| found.map_or_else(|| written.next().unwrap(), Ok)).collect()
    }
}

/// The session that a grant begins.
pub(super) fn session(access: &Access, grant: Grant) -> Session {
    Session {
        connection_id: testkit::ids().next::<Uuid>().into(),
        instance_url: grant.instance_url,
        sign_in: access.sign_in,
        access_token: grant.access_token,
    }
}

fn connector(provider: Provider, sandbox: &Sandbox) -> Arc<dyn CrmConnector> {
    let allowed_hosts = vec!["127.0.0.1".to_owned()];
    let redirect_url: Url = REDIRECT_URL.parse().unwrap();
    match provider {
        Provider::Salesforce => {
            let config = SalesforceConfig {
                client_id: sandbox::SALESFORCE_CLIENT_ID.to_owned(),
                client_secret: SecretString::from(sandbox::SALESFORCE_CLIENT_SECRET),
                redirect_url,
                allowed_hosts,
                api_version: "v60.0".to_owned(),
                external_id_field: "SharedSpacesLogId__c".to_owned(),
            };
            Arc::new(Salesforce::try_new(config, Arc::new(SystemClock)).unwrap())
        }
        Provider::Dataverse => Arc::new(
            Dataverse::try_new(DataverseConfig {
                client_id: sandbox::DATAVERSE_CLIENT_ID.to_owned(),
                client_secret: Some(SecretString::from(sandbox::DATAVERSE_CLIENT_SECRET)),
                redirect_url: Some(redirect_url),
                login_url: Some(format!("http://{}", sandbox.dataverse_addr()).parse().unwrap()),
                allowed_hosts,
                ..DataverseConfig::default()
            })
            .unwrap(),
        ),
        Provider::SapC4c => {
            Arc::new(C4c::try_new(SapC4cConfig { allowed_hosts, ..SapC4cConfig::default() }).unwrap())
        }
        Provider::SapSalesCloud => {
            let config = SapSalesCloudConfig { allowed_hosts, ..SapSalesCloudConfig::default() };
            Arc::new(SalesCloud::try_new(config).unwrap())
        }
    }
}
