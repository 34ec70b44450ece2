//! Salesforce: a log is a closed Task, written by upsert on an external id, so that repeating it is harmless
//! (REST API guide, "Upsert a record using an external ID").
//!
//! Owns the order of the calls; [`auth`] speaks OAuth, [`wire`] the REST API, [`mapping`] makes a Task of a log,
//! [`soql`] writes literals, [`error`] tells what a refusal means.

mod auth;
mod error;
mod mapping;
mod soql;
mod wire;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use reqwest::Client;
use secrecy::SecretString;
use url::Url;

use self::error::Refusal;
use super::{CrmConnector, CrmError, CrmRecord, Grant, HostRefused, Hosts, LogEntry, Session, http};
use crate::config::SalesforceConfig;
use crate::connection::ConnectionId;

const LOGIN_HOSTS: &[&str] = &["login.salesforce.com", "test.salesforce.com"];
const MY_DOMAIN: &[&str] = &[".my.salesforce.com"];
/// How long a connection's closed status is believed; admins rename them rarely.
const STATUS_KEPT: Duration = Duration::from_secs(600);
/// More connections than this and the kept statuses are read anew.
const STATUSES_KEPT: usize = 10_000;

/// The connector to Salesforce.
pub(crate) struct Salesforce {
    http: Client,
    hosts: Hosts,
    config: SalesforceConfig,
    closed_statuses: Mutex<HashMap<ConnectionId, (Instant, String)>>,
}

impl Salesforce {
    /// Returns the connector of an app. Errors where no HTTP client can be made.
    pub(crate) fn try_new(config: SalesforceConfig) -> anyhow::Result<Self> {
        let hosts = Hosts::new(LOGIN_HOSTS, MY_DOMAIN, &config.allowed_hosts);
        let http = http::client(hosts.clone())?;
        Ok(Self { http, hosts, config, closed_statuses: Mutex::default() })
    }

    fn statuses(&self) -> MutexGuard<'_, HashMap<ConnectionId, (Instant, String)>> {
        self.closed_statuses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the org's own name for "closed": every org may rename it.
    async fn closed_status(&self, session: &Session) -> Result<String, CrmError> {
        if let Some((read, status)) = self.statuses().get(&session.connection_id)
            && read.elapsed() < STATUS_KEPT
        {
            return Ok(status.clone());
        }
        let status = self.read_closed_status(session).await?;
        let mut statuses = self.statuses();
        if statuses.len() >= STATUSES_KEPT {
            statuses.clear();
        }
        statuses.insert(session.connection_id, (Instant::now(), status.clone()));
        Ok(status)
    }

    async fn write(&self, session: &Session, entry: &LogEntry) -> Result<String, CrmError> {
        let status = self.closed_status(session).await?;
        let task = mapping::task(entry, &status)?;
        match self.upsert_task(session, entry.log_id, &task).await? {
            Ok(Some(id)) => Ok(id),
            // An answer without an id, or somebody else's write of the same log: the record is there.
            Ok(None) | Err(Refusal::AlreadyDone) => self.read_task_id(session, entry.log_id).await,
            Err(Refusal::StaleStatus) => {
                self.statuses().remove(&session.connection_id);
                Err(CrmError::retry("Salesforce has renamed the status of closed tasks; it is read anew."))
            }
            Err(refusal) => Err(refusal.into()),
        }
    }
}

impl CrmConnector for Salesforce {
    fn check_login_url(&self, login_url: &str) -> Result<Url, HostRefused> {
        self.hosts.check(login_url)
    }

    fn authorization_url(&self, login_url: &Url, state: &str, challenge: &str) -> Url {
        auth::authorization_url(&self.config, login_url, state, challenge)
    }

    fn exchange<'a>(
        &'a self,
        login_url: &'a Url,
        code: &'a str,
        verifier: &'a SecretString,
    ) -> BoxFuture<'a, Result<Grant, CrmError>> {
        Box::pin(self.exchange_code(login_url, code, verifier))
    }

    fn refresh<'a>(
        &'a self,
        login_url: &'a Url,
        refresh_token: &'a SecretString,
    ) -> BoxFuture<'a, Result<Grant, CrmError>> {
        Box::pin(self.refresh_token(login_url, refresh_token))
    }

    fn check_setup<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, Result<(), CrmError>> {
        Box::pin(self.check_external_id_field(session))
    }

    fn search_accounts<'a>(
        &'a self,
        session: &'a Session,
        query: &'a str,
    ) -> BoxFuture<'a, Result<Vec<CrmRecord>, CrmError>> {
        Box::pin(self.find_accounts(session, query))
    }

    fn write_log<'a>(
        &'a self,
        session: &'a Session,
        entry: &'a LogEntry,
    ) -> BoxFuture<'a, Result<String, CrmError>> {
        Box::pin(self.write(session, entry))
    }

    fn record_url(&self, instance_url: &Url, record_id: &str) -> String {
        mapping::record_url(instance_url, record_id)
    }
}
