//! Connections to the broker.
//!
//! Owns opening one with its topology, and whether the broker counts as up. Each worker has a connection of its own
//! and, on any error, throws it away and opens another: lapin's own recovery is off, because a channel that was
//! recovered behind a worker's back would hide what was lost. Must not publish or consume.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use lapin::options::ConfirmSelectOptions;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties};
use secrecy::ExposeSecret;
use service_kit::config::BrokerConfig;
use service_kit::health::HealthBoard;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::topology;

pub(crate) const OPEN_WITHIN: Duration = Duration::from_secs(10);
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
const HEARTBEAT_SECONDS: u16 = 10;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The broker, and how this process's connections to it are.
#[derive(Debug)]
pub(crate) struct Broker {
    config: BrokerConfig,
    service: String,
    board: Option<HealthBoard>,
    links: Mutex<BTreeMap<&'static str, bool>>,
}

/// An open connection with one channel, on which publishing is confirmed. The topology stands.
pub(crate) struct Session {
    connection: Connection,
    pub(crate) channel: Channel,
}

impl Broker {
    pub(crate) fn new(config: BrokerConfig, service: &str, board: Option<HealthBoard>) -> Arc<Self> {
        Arc::new(Self { config, service: service.to_owned(), board, links: Mutex::default() })
    }

    /// Returns what stands before every name.
    pub(crate) fn prefix(&self) -> &str {
        &self.config.prefix
    }

    /// Opens a connection, declares everything, and notes the link as up.
    pub(crate) async fn open(&self, link: &'static str) -> anyhow::Result<Session> {
        let mut uri: AMQPUri = (self.config.url.expose_secret().parse())
            .map_err(|_| anyhow!("setting broker.url is not an AMQP address"))?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
        let name = format!("{} {link}", self.service);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let open = async {
            let connection = Connection::connect_uri(uri, properties).await?;
            let channel = connection.create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            topology::declare_all(&channel, self.prefix()).await?;
            Ok::<_, lapin::Error>(Session { connection, channel })
        };
        let session = timeout(OPEN_WITHIN, open)
            .await
            .context("the broker did not answer in time")?
            .context("the broker refused the connection or the topology")?;
        self.note(link, true).await;
        Ok(session)
    }

    /// Notes how a link is. The broker counts as up while all links are.
    pub(crate) async fn note(&self, link: &'static str, up: bool) {
        // Held over the board's change, so that two notes reach it in their order.
        let mut links = self.links.lock().await;
        links.insert(link, up);
        if let Some(board) = &self.board {
            board.set("broker", links.values().all(|up| *up)).await;
        }
    }
}

impl Session {
    /// Errors where the connection or its channel is gone.
    pub(crate) fn ensure_open(&self) -> anyhow::Result<()> {
        if self.connection.status().connected() && self.channel.status().connected() {
            return Ok(());
        }
        bail!("the connection to the broker was lost")
    }

    /// Says good-bye, for at most two seconds. What was not acknowledged is delivered again.
    pub(crate) async fn close(self) {
        // A connection that cannot be closed is dropped, which the broker sees as well.
        let _dropped = timeout(CLOSE_WITHIN, self.connection.close(200, "OK".into())).await;
    }
}

/// The pause before the next try: 0.2 s, doubled up to 5 s, from the start again after a try that went well.
#[derive(Debug)]
pub(crate) struct Pause(Duration);

impl Pause {
    pub(crate) fn new() -> Self {
        Self(FIRST_PAUSE)
    }

    /// Starts over.
    pub(crate) fn reset(&mut self) {
        self.0 = FIRST_PAUSE;
    }

    /// Waits, or returns at once when told to stop.
    pub(crate) async fn wait(&mut self, stop: &CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(self.0) => {}
        }
        self.0 = (self.0 * 2).min(LONGEST_PAUSE);
    }
}
