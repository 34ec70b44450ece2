//! What a connection is, and what is asked of one.

use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use url::Url;
use uuid::Uuid;

use crate::connectors::{Access, AccessForm, CrmError, Finding, Provider, SignInKind};
use crate::organization::LoggingMode;

service_kit::typed_id! {
    /// A connection to one CRM.
    ConnectionId
}

service_kit::text_enum! {
    /// Whether a connection works.
    pub(crate) enum ConnectionState {
        /// Works as far as is known.
        Connected = "CONNECTED",
        /// The CRM took its consent back, or refuses our credentials.
        ReconnectNeeded = "RECONNECT_NEEDED",
        /// An admin ended it.
        Disconnected = "DISCONNECTED",
    }
}

/// A connection, without its secrets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Connection {
    pub(crate) connection_id: ConnectionId,
    pub(crate) provider: Provider,
    pub(crate) sign_in: SignInKind,
    pub(crate) display_name: String,
    pub(crate) instance_url: Url,
    pub(crate) state: ConnectionState,
    /// Why it has to be connected again; empty otherwise.
    pub(crate) reason: String,
    /// Until when nothing is sent.
    pub(crate) paused_until: Option<DateTime<Utc>>,
    pub(crate) create_time: DateTime<Utc>,
}

/// What is needed to call a connection's CRM, opened.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) connection_id: ConnectionId,
    pub(crate) provider: Provider,
    pub(crate) access: Access,
    pub(crate) instance_url: Url,
    pub(crate) state: ConnectionState,
    pub(crate) reason: String,
    pub(crate) access_token: SecretString,
    pub(crate) refresh_token: Option<SecretString>,
    /// Counts the access tokens there have been.
    pub(crate) token_version: i64,
    /// The access token ends within minutes, or has ended.
    pub(crate) is_ending: bool,
    /// How long nobody calls the CRM, and why.
    pub(crate) pause: Option<Pause>,
}

/// A time in which nobody calls a connection's CRM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Pause {
    /// How much of it is left.
    pub(crate) left: Duration,
    /// Why, in words.
    pub(crate) reason: String,
}

impl From<Pause> for CrmError {
    fn from(pause: Pause) -> Self {
        Self::Deferred { after: pause.left, message: pause.reason }
    }
}

/// The sealed columns of a connection; an empty one holds nothing.
#[derive(Clone, Debug)]
pub(crate) struct SealedSecrets {
    pub(crate) access_token: Vec<u8>,
    pub(crate) refresh_token: Vec<u8>,
}

/// A connection to begin.
#[derive(Clone, Debug)]
pub(crate) struct NewConnection {
    pub(crate) provider: Provider,
    pub(crate) display_name: String,
    /// Nothing: the connector's first.
    pub(crate) sign_in: Option<SignInKind>,
    /// As it was given, but for the way to sign in; the connector checks it.
    pub(crate) form: AccessForm,
    /// The connection to connect again.
    pub(crate) connection_id: Option<ConnectionId>,
}

/// A connection that was begun.
#[derive(Clone, Debug)]
pub(crate) enum StartedConnection {
    /// The admin's browser goes there.
    Flow(Url),
    /// There was nothing to allow.
    Connected(Box<Connection>),
}

/// What was begun and waits for the browser to come back, or for the end of the same call.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) flow_id: Uuid,
    pub(crate) provider: Provider,
    pub(crate) display_name: String,
    pub(crate) access: Access,
    pub(crate) connection_id: Option<ConnectionId>,
}

/// What the browser came back with.
#[derive(Clone, Debug)]
pub(crate) struct FinishedFlow {
    pub(crate) code: SecretString,
    pub(crate) state: SecretString,
}

/// Which connections are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListConnections {
    pub(crate) with_disconnected: bool,
}

/// Connections, and whether logs are written.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) connections: Vec<Connection>,
    pub(crate) logging_mode: LoggingMode,
}

/// What a test found, the worst first, and the connection after it.
#[derive(Clone, Debug)]
pub(crate) struct Tested {
    pub(crate) findings: Vec<Finding>,
    pub(crate) connection: Connection,
}
