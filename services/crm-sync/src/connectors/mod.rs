//! The CRMs, each behind the same few calls.
//!
//! Owns what all connectors have in common: the neutral words for a log, a session and a refusal, and the trait
//! [`CrmConnector`]. A connector speaks HTTP and nothing else: it must not touch the database, and must not retry,
//! because only its caller knows what is safe. One folder per CRM; a new CRM adds a [`Provider`] and a folder.

mod hosts;
mod http;
pub(crate) mod salesforce;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::connection::ConnectionId;
use crate::log::LogId;
pub(crate) use hosts::{HostRefused, Hosts};

service_kit::text_enum! {
    /// Which CRM.
    pub(crate) enum Provider {
        /// Salesforce.
        Salesforce = "SALESFORCE",
    }
}

service_kit::text_enum! {
    /// Which kind of record a log goes to.
    pub(crate) enum RecordType {
        /// An Account.
        Account = "ACCOUNT",
        /// An Opportunity.
        Opportunity = "OPPORTUNITY",
    }
}

/// What is logged of a space, as it was when the log was asked for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Snapshot {
    /// The space's title.
    pub(crate) title: String,
    /// The space's whole address.
    pub(crate) url: String,
    /// The welcome text.
    pub(crate) description: String,
    /// When the space was created.
    pub(crate) create_time: DateTime<Utc>,
}

/// One log to write: the same id again is the same record.
#[derive(Clone, Debug)]
pub(crate) struct LogEntry {
    /// The record's key in the CRM.
    pub(crate) log_id: LogId,
    /// What is logged.
    pub(crate) snapshot: Snapshot,
    /// Which kind of record it goes to.
    pub(crate) record_type: RecordType,
    /// That record's id, as it was given.
    pub(crate) record_id: String,
}

/// What a connector calls a CRM with.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The connection it belongs to.
    pub(crate) connection_id: ConnectionId,
    /// Where the API is; checked.
    pub(crate) instance_url: Url,
    /// The access token.
    pub(crate) access_token: SecretString,
}

/// What the CRM answers a code or a refresh token with.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    /// Where the API is; checked.
    pub(crate) instance_url: Url,
    /// The CRM's own id of its tenant.
    pub(crate) crm_organization_id: String,
    /// The access token.
    pub(crate) access_token: SecretString,
    /// The refresh token, where the CRM gave one: always for a code, for a refresh only where it rotates them.
    pub(crate) refresh_token: Option<SecretString>,
}

/// A record of a CRM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct CrmRecord {
    /// The CRM's own id.
    pub(crate) record_id: String,
    /// The record's name.
    pub(crate) display_name: String,
}

/// Why a call to a CRM failed, told by what to do about it. Messages are for people, and hold no secret.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum CrmError {
    /// Away, or busy: try again.
    #[error("{message}")]
    Retry {
        /// How long the CRM asks to wait.
        after: Option<Duration>,
        /// What happened.
        message: String,
    },
    /// The access token is not taken any more: refresh it, once.
    #[error("the CRM wants a new access token")]
    Reauthenticate,
    /// The consent is gone: an admin has to connect anew.
    #[error("{message}")]
    Reconnect {
        /// What happened.
        message: String,
    },
    /// A quota is used up: nothing works for a long while.
    #[error("{message}")]
    Deferred {
        /// How long to leave the CRM alone.
        after: Duration,
        /// What happened.
        message: String,
    },
    /// Refused for good.
    #[error("{message}")]
    Permanent {
        /// What is refused, and what to do about it.
        message: String,
    },
}

impl CrmError {
    pub(crate) fn retry(message: impl Into<String>) -> Self {
        Self::Retry { after: None, message: message.into() }
    }

    pub(crate) fn permanent(message: impl Into<String>) -> Self {
        Self::Permanent { message: message.into() }
    }
}

/// One CRM. Every call has a deadline and answers with what to do next; none repeats anything by itself.
pub(crate) trait CrmConnector: Send + Sync + 'static {
    /// Checks that an address is the CRM's sign-in.
    fn check_login_url(&self, login_url: &str) -> Result<Url, HostRefused>;

    /// Returns where the admin's browser goes to allow access (RFC 6749 with PKCE S256, RFC 7636).
    fn authorization_url(&self, login_url: &Url, state: &str, challenge: &str) -> Url;

    /// Exchanges the code that the browser brought back.
    fn exchange<'a>(
        &'a self,
        login_url: &'a Url,
        code: &'a str,
        verifier: &'a SecretString,
    ) -> BoxFuture<'a, Result<Grant, CrmError>>;

    /// Gets a new access token. The caller makes sure that only one call per connection is under way.
    fn refresh<'a>(
        &'a self,
        login_url: &'a Url,
        refresh_token: &'a SecretString,
    ) -> BoxFuture<'a, Result<Grant, CrmError>>;

    /// Checks that logs can be written exactly once; the refusal tells an admin what is missing.
    fn check_setup<'a>(&'a self, session: &'a Session) -> BoxFuture<'a, Result<(), CrmError>>;

    /// Finds at most 10 Accounts whose name contains `query`.
    fn search_accounts<'a>(
        &'a self,
        session: &'a Session,
        query: &'a str,
    ) -> BoxFuture<'a, Result<Vec<CrmRecord>, CrmError>>;

    /// Writes a log and returns the record's id. Writing the same log again changes no other record.
    fn write_log<'a>(
        &'a self,
        session: &'a Session,
        entry: &'a LogEntry,
    ) -> BoxFuture<'a, Result<String, CrmError>>;

    /// Returns what opens a written log in the CRM.
    fn record_url(&self, instance_url: &Url, record_id: &str) -> String;
}

/// The connector of each CRM.
#[derive(Clone)]
pub(crate) struct Connectors {
    salesforce: Arc<dyn CrmConnector>,
}

impl Connectors {
    pub(crate) fn new(salesforce: Arc<dyn CrmConnector>) -> Self {
        Self { salesforce }
    }

    /// Returns the connector of a CRM.
    pub(crate) fn of(&self, provider: Provider) -> &dyn CrmConnector {
        match provider {
            Provider::Salesforce => self.salesforce.as_ref(),
        }
    }
}
