//! What a connection is, and what is asked of one.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use url::Url;
use uuid::Uuid;

use crate::connectors::Provider;

service_kit::typed_id! {
    /// A connection to one CRM.
    ConnectionId
}

service_kit::text_enum! {
    /// Whether a connection works.
    pub(crate) enum ConnectionState {
        /// Works as far as is known.
        Connected = "CONNECTED",
        /// The CRM took its consent back.
        ReconnectNeeded = "RECONNECT_NEEDED",
    }
}

/// A connection, without its secrets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Connection {
    pub(crate) connection_id: ConnectionId,
    pub(crate) provider: Provider,
    pub(crate) display_name: String,
    pub(crate) instance_url: Url,
    pub(crate) state: ConnectionState,
    pub(crate) create_time: DateTime<Utc>,
}

/// What is needed to call a connection's CRM, tokens still sealed.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) connection_id: ConnectionId,
    pub(crate) provider: Provider,
    pub(crate) login_url: Url,
    pub(crate) instance_url: Url,
    pub(crate) state: ConnectionState,
    pub(crate) tokens: SealedTokens,
    /// Counts the access tokens there have been.
    pub(crate) token_version: i64,
}

/// Both tokens of a connection, sealed.
#[derive(Clone, Debug)]
pub(crate) struct SealedTokens {
    pub(crate) access: Vec<u8>,
    pub(crate) refresh: Vec<u8>,
}

/// A connection to begin.
#[derive(Clone, Debug)]
pub(crate) struct NewConnection {
    pub(crate) provider: Provider,
    pub(crate) display_name: String,
    /// As it was given; the connector checks it.
    pub(crate) login_url: String,
}

/// A connection that was begun.
#[derive(Clone, Debug)]
pub(crate) struct StartedConnection {
    pub(crate) authorization_url: String,
}

/// What was begun and waits for the browser to come back.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) flow_id: Uuid,
    pub(crate) provider: Provider,
    pub(crate) display_name: String,
    pub(crate) login_url: Url,
}

/// What the browser came back with.
#[derive(Clone, Debug)]
pub(crate) struct FinishedFlow {
    pub(crate) code: SecretString,
    pub(crate) state: SecretString,
}

/// A search in a connected CRM.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    pub(crate) connection_id: ConnectionId,
    pub(crate) query: String,
}
