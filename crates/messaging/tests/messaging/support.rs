//! Two services, a database each, and a corner of the broker.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use messaging::jobs::JobError;
use messaging::outbox::{self, NewEvent};
use messaging::{Event, Messaging, Received, topology};
use secrecy::SecretString;
use service_kit::config::BrokerConfig;
use service_kit::ids::OrganizationId;
use sharedspaces_proto::crmsync::events::v1::LogWritten;
use sharedspaces_proto::identity::events::v1::{
    ConsentChanged, GuestCreated, InvitationAccepted, MemberCreated, OrganizationCreated,
    OrganizationUpdated, PersonUpdated, PrivacyNoticePublished,
};
use sharedspaces_proto::identity::v1::Organization;
use sqlx::PgConnection;
use testkit::{TestDatabase, eventually};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) type Applied<'t> = BoxFuture<'t, Result<(), JobError>>;

/// Applies an event by doing nothing.
pub(crate) fn ignore<E: Event>(_: &mut PgConnection, _: Received<E>) -> Applied<'_> {
    Box::pin(std::future::ready(Ok(())))
}

/// The producer `identity`, the consumer `spaces`, and what of them runs.
pub(crate) struct World {
    pub(crate) identity: TestDatabase,
    pub(crate) spaces: TestDatabase,
    pub(crate) broker: BrokerConfig,
    pub(crate) channel: Channel,
    running: Vec<(CancellationToken, JoinSet<()>)>,
    connection: Connection,
}

impl World {
    pub(crate) async fn new() -> Self {
        let identity = database("identity").await;
        let spaces = database("spaces").await;
        sqlx::query(
            "CREATE TABLE effects (n bigserial, event_id uuid NOT NULL, organization_id uuid NOT NULL)",
        )
        .execute(&spaces.owner_pool())
        .await
        .unwrap();
        let broker = testkit::broker_config();
        let connection =
            Connection::connect(&testkit::amqp_url(), ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        topology::declare_all(&channel, &broker.prefix).await.unwrap();
        Self { identity, spaces, broker, channel, running: Vec::new(), connection }
    }

    /// Starts the producer; returns what stops it.
    pub(crate) fn start_identity(&mut self) -> CancellationToken {
        self.start(Messaging::over("identity", self.identity.database.clone(), self.broker.clone()))
    }

    /// Starts the consumer with `created` for new organisations and nothing for the rest.
    pub(crate) fn start_spaces(
        &mut self,
        created: impl for<'t> Fn(&'t mut PgConnection, Received<OrganizationCreated>) -> Applied<'t>
        + Send
        + Sync
        + 'static,
    ) -> CancellationToken {
        let messaging = Messaging::over("spaces", self.spaces.database.clone(), self.broker.clone());
        self.start(
            messaging
                .on(created)
                .on(ignore::<MemberCreated>)
                .on(ignore::<GuestCreated>)
                .on(ignore::<InvitationAccepted>)
                .on(ignore::<OrganizationUpdated>)
                .on(ignore::<PersonUpdated>)
                .on(ignore::<ConsentChanged>)
                .on(ignore::<PrivacyNoticePublished>)
                .on(ignore::<LogWritten>),
        )
    }

    /// Ends what was started last as a crash does: whatever is under way stays where it is.
    pub(crate) async fn kill(&mut self) {
        let (_, mut tasks) = self.running.pop().expect("something runs");
        tasks.shutdown().await;
    }

    pub(crate) fn start(&mut self, messaging: Messaging) -> CancellationToken {
        let stop = CancellationToken::new();
        self.running.push((stop.clone(), messaging.start(&stop)));
        stop
    }

    /// Stops all that runs and waits for its end.
    pub(crate) async fn stop(&mut self) {
        for (stop, mut tasks) in self.running.drain(..) {
            stop.cancel();
            while tasks.join_next().await.is_some() {}
        }
    }

    /// Stops, and takes everything off the broker.
    pub(crate) async fn close(mut self) {
        self.stop().await;
        topology::delete_all(&self.channel, &self.broker.prefix).await.unwrap();
    }

    /// Appends an event of a new organisation in a transaction of its own; returns its id.
    pub(crate) async fn append_organization(&self) -> Uuid {
        let mut tx = self.identity.database.pool().begin().await.unwrap();
        let id = append(&mut tx, &organization_created()).await;
        tx.commit().await.unwrap();
        id
    }

    /// Publishes any message, as somebody else would.
    pub(crate) async fn publish(&self, properties: BasicProperties, body: &[u8]) {
        self.publish_as(OrganizationCreated::ROUTING_KEY, properties, body).await;
    }

    /// Publishes any message under a routing key.
    pub(crate) async fn publish_as(&self, key: &str, properties: BasicProperties, body: &[u8]) {
        self.publish_through(&topology::exchange(&self.broker.prefix), key, properties, body).await;
    }

    /// Publishes any message straight to a queue.
    pub(crate) async fn publish_to(&self, queue: &str, properties: BasicProperties, body: &[u8]) {
        self.publish_through("", queue, properties, body).await;
    }

    async fn publish_through(&self, exchange: &str, key: &str, properties: BasicProperties, body: &[u8]) {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let confirm =
            self.channel.basic_publish(exchange.into(), key.into(), options, body, properties).await.unwrap();
        assert_eq!(confirm.await.unwrap(), lapin::Confirmation::Ack(None));
    }

    /// Counts the messages of a queue, named without its prefix.
    pub(crate) async fn messages_in(&self, queue: &str) -> u32 {
        let name = format!("{}{queue}", self.broker.prefix);
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let queue = self.channel.queue_declare(name.into(), passive, FieldTable::default()).await.unwrap();
        queue.message_count()
    }

    /// Tells whether a queue stands. Looks through a channel of its own: a queue that is missing costs the channel.
    pub(crate) async fn has_queue(&self, queue: &str) -> bool {
        let name = format!("{}{queue}", self.broker.prefix);
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let channel = self.connection.create_channel().await.unwrap();
        channel.queue_declare(name.into(), passive, FieldTable::default()).await.is_ok()
    }

    pub(crate) async fn effects(&self) -> Vec<Uuid> {
        sqlx::query_scalar("SELECT event_id FROM effects ORDER BY n")
            .fetch_all(self.spaces.database.pool())
            .await
            .unwrap()
    }

    pub(crate) async fn eventually_applied(&self, count: usize) -> Vec<Uuid> {
        eventually("events are applied", async || {
            let effects = self.effects().await;
            (effects.len() >= count).then_some(effects)
        })
        .await
    }

    pub(crate) async fn eventually_published(&self) {
        eventually("the outbox is empty", async || self.unpublished().await == 0).await;
    }

    pub(crate) async fn unpublished(&self) -> i64 {
        messaging::backlog(self.identity.database.pool()).await.unwrap().outbox
    }

    pub(crate) async fn eventually_no_jobs(&self) {
        eventually("all jobs are done", async || {
            messaging::backlog(self.spaces.database.pool()).await.unwrap().jobs_pending == 0
        })
        .await;
    }
}

pub(crate) async fn database(service: &str) -> TestDatabase {
    TestDatabase::create(service, &[&messaging::MIGRATOR]).await
}

/// A broker that nobody listens at.
pub(crate) fn no_broker() -> BrokerConfig {
    BrokerConfig { url: SecretString::from("amqp://127.0.0.1:1"), prefix: String::new() }
}

pub(crate) fn organization_created() -> OrganizationCreated {
    let organization_id = testkit::ids().next::<Uuid>().to_string();
    OrganizationCreated { organization: Some(Organization { organization_id, ..Organization::default() }) }
}

pub(crate) fn member_created() -> MemberCreated {
    let organization_id = testkit::ids().next::<Uuid>().to_string();
    MemberCreated { organization_id, ..MemberCreated::default() }
}

/// Appends an event; its aggregate is its organisation.
pub(crate) async fn append<E: Event>(tx: &mut PgConnection, event: &E) -> Uuid {
    let organization: Uuid = event.organization_id().parse().unwrap();
    append_of(tx, event, organization).await
}

pub(crate) async fn append_of<E: Event>(tx: &mut PgConnection, event: &E, aggregate_id: Uuid) -> Uuid {
    let event_id = testkit::ids().next();
    let organization_id: OrganizationId = event.organization_id().parse::<Uuid>().unwrap().into();
    let new = NewEvent { event_id, organization_id, aggregate_id, aggregate_version: 1, event };
    outbox::append(tx, new).await.unwrap();
    event_id
}

/// Notes that an event was applied.
#[expect(clippy::needless_pass_by_value, reason = "the signature of a handler")]
pub(crate) fn note<E: Event>(tx: &mut PgConnection, received: Received<E>) -> Applied<'_> {
    Box::pin(async move {
        sqlx::query("INSERT INTO effects (event_id, organization_id) VALUES ($1, $2)")
            .bind(received.event_id)
            .bind(received.organization_id)
            .execute(tx)
            .await?;
        Ok(())
    })
}

/// The properties of a sound message.
pub(crate) fn properties(event_id: &str, organization_id: &str) -> BasicProperties {
    let text = |value: &str| AMQPValue::LongString(value.into());
    let mut headers = FieldTable::default();
    headers.insert("organisation_id".into(), text(organization_id));
    headers.insert("aggregate_id".into(), text(organization_id));
    headers.insert("aggregate_version".into(), AMQPValue::LongLongInt(1));
    BasicProperties::default()
        .with_message_id(event_id.into())
        .with_type("sharedspaces.identity.events.v1.OrganizationCreated".into())
        .with_timestamp(1_700_000_000)
        .with_headers(headers)
}

/// A flag that any number of handlers can look at.
pub(crate) type Shared<T> = Arc<std::sync::Mutex<T>>;

/// A way to the broker that can be cut.
pub(crate) struct Proxy {
    pub(crate) url: String,
    links: Shared<Vec<tokio::task::AbortHandle>>,
}

impl Proxy {
    pub(crate) async fn start(url: &str) -> Self {
        let uri: lapin::uri::AMQPUri = url.parse().unwrap();
        let upstream = format!("{}:{}", uri.authority.host, uri.authority.port);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let links: Shared<Vec<tokio::task::AbortHandle>> = Shared::default();
        let accepted = Arc::clone(&links);
        let to = upstream.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut far = TcpStream::connect(&to).await.unwrap();
                let link = tokio::spawn(async move {
                    // Ends with an error when it is cut, which is what it is for.
                    let _cut = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                });
                accepted.lock().unwrap().push(link.abort_handle());
            }
        });
        Self { url: url.replace(&upstream, &format!("127.0.0.1:{port}")), links }
    }

    /// Cuts what is connected; what connects later is let through.
    pub(crate) fn cut(&self) {
        self.links.lock().unwrap().drain(..).for_each(|link| link.abort());
    }
}
