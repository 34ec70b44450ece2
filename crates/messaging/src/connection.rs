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
use tokio::runtime::Handle;
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
///
/// It is closed also where it is merely dropped: lapin closes a connection with the last of its channels, and a consumer
/// whose beginning was given up keeps its channel for good. At the broker it would stay the one active consumer of its
/// queue, and hold whatever comes.
pub(crate) struct Session {
    /// Nothing once it is being closed.
    connection: Option<Connection>,
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
            let session = Session { connection: Some(connection), channel };
            session.channel.confirm_select(ConfirmSelectOptions::default()).await?;
            topology::declare_all(&session.channel, self.prefix()).await?;
            Ok::<_, lapin::Error>(session)
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
        let is_connected = self.connection.as_ref().is_some_and(|connection| connection.status().connected());
        if is_connected && self.channel.status().connected() {
            return Ok(());
        }
        bail!("the connection to the broker was lost")
    }

    /// Says good-bye, for at most two seconds. What was not acknowledged is delivered again.
    pub(crate) async fn close(mut self) {
        if let Some(connection) = self.connection.take() {
            close(connection).await;
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let (Some(connection), Ok(runtime)) = (self.connection.take(), Handle::try_current()) {
            runtime.spawn(close(connection));
        }
    }
}

async fn close(connection: Connection) {
    // One that does not answer is given up; the broker hears no heart-beat of it any more.
    let _given_up = timeout(CLOSE_WITHIN, connection.close(200, "OK".into())).await;
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use lapin::options::{BasicConsumeOptions, QueueDeclareOptions};
    use lapin::types::FieldTable;
    use testkit::eventually;

    use super::*;

    #[tokio::test]
    async fn a_consumer_whose_beginning_is_given_up_does_not_stay_at_the_broker() {
        let broker = Broker::new(testkit::broker_config(), "spaces", None);
        let queue = topology::queue(broker.prefix(), &topology::SUBSCRIPTIONS[0]);
        let looking = broker.open("looking").await.unwrap();
        let consumers = async || {
            let is_there = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let queue = looking.channel.queue_declare(queue.as_str().into(), is_there, FieldTable::default());
            queue.await.unwrap().consumer_count()
        };
        let session = broker.open("given up").await.unwrap();
        let options = BasicConsumeOptions::default();
        // Polled once: what asks for it is on its way, and nobody waits for the answer.
        let begun =
            session.channel.basic_consume(queue.as_str().into(), "".into(), options, FieldTable::default());
        assert!(begun.now_or_never().is_none());
        eventually("the broker has the consumer", async || consumers().await == 1).await;
        drop(session);
        eventually("the consumer is gone", async || consumers().await == 0).await;
        topology::delete_all(&looking.channel, broker.prefix()).await.unwrap();
        looking.close().await;
    }
}
