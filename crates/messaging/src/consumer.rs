//! Taking events from a queue.
//!
//! Owns the consumer: collect what is there, write inbox and jobs in one transaction, commit, acknowledge. What cannot
//! be read goes to the parked queue, into which [`parked`](crate::parked) looks again. While the database is away the
//! batch is held, not given back: giving back would count as a delivery at some brokers and lose the message in the
//! end. Must not apply events.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Confirmation, Consumer as Deliveries};
use opentelemetry::KeyValue;
use service_kit::db::Database;
use service_kit::telemetry::names;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use crate::connection::{Broker, OPEN_WITHIN, Pause, Session};
use crate::failpoint;
use crate::inbox::{self, Incoming};
use crate::metrics::{self, METRICS};
use crate::parked::Look;
use crate::runner::Handlers;
use crate::topology::{self, Subscription};

const PREFETCH: u16 = 500;
const BATCH: usize = 200;
const CONFIRM_WITHIN: Duration = Duration::from_secs(5);
const CANCEL_WITHIN: Duration = Duration::from_secs(2);
const STORE_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_secs(1);
const RETRY_STORE_EVERY: Duration = Duration::from_secs(1);
const PERSISTENT: u8 = 2;
/// Headers by which a sender has the broker route a message to further queues.
const CARBON_COPIES: [&str; 2] = ["CC", "BCC"];

/// Takes the events that one service hears of another.
pub(crate) struct Consumer {
    pub(crate) database: Database,
    pub(crate) broker: Arc<Broker>,
    pub(crate) handlers: Arc<Handlers>,
    pub(crate) subscription: &'static Subscription,
}

impl Consumer {
    /// Consumes until told to stop; the batch in hand is finished.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        let mut pause = Pause::new();
        self.broker.note(self.subscription.queue, false).await;
        // There from the start, so that the first one shows as a rise.
        METRICS.redelivered.add(0, &self.own());
        METRICS.parked.add(0, &self.own());
        while !stop.is_cancelled() {
            let Err(error) = self.session(stop, &mut pause).await else { return };
            let queue = self.subscription.queue;
            tracing::warn!(queue.name = queue, error.chain = %format!("{error:#}"), "consumer interrupted");
            self.broker.note(queue, false).await;
            pause.wait(stop).await;
        }
    }

    async fn session(&self, stop: &CancellationToken, pause: &mut Pause) -> anyhow::Result<()> {
        let session = self.broker.open(self.subscription.queue).await?;
        let channel = &session.channel;
        let queue = topology::queue(self.broker.prefix(), self.subscription);
        let begin = async {
            channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
            let options = BasicConsumeOptions::default();
            channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await
        };
        let mut deliveries =
            timeout(OPEN_WITHIN, begin).await.context("the broker did not answer in time")??;
        pause.reset();
        let mut look = Look::new();
        loop {
            self.look_again(&session, &mut look, stop).await?;
            let first = tokio::select! {
                () = stop.cancelled() => break,
                first = deliveries.next() => first.context("the broker ended the consumer")??,
                () = tokio::time::sleep(LOOK_EVERY) => {
                    session.ensure_open()?;
                    continue;
                }
            };
            let batch = collect(first, &mut deliveries)?;
            if !self.take(&session, batch, stop).await? {
                break;
            }
        }
        let cancel = channel.basic_cancel(deliveries.tag(), BasicCancelOptions::default());
        // Closing ends the consumer as well; cancelling first lets another take over without a wait.
        let _closed_anyway = timeout(CANCEL_WITHIN, cancel).await;
        session.close().await;
        Ok(())
    }

    /// Stores a batch and acknowledges it. False: told to stop before it could be stored; it is delivered again.
    async fn take(
        &self,
        session: &Session,
        batch: Vec<Delivery>,
        stop: &CancellationToken,
    ) -> anyhow::Result<bool> {
        let Some(last_tag) = batch.last().map(|delivery| delivery.delivery_tag) else { return Ok(true) };
        self.measure(&batch);
        let mut incoming = Vec::with_capacity(batch.len());
        for delivery in &batch {
            match inbox::read(delivery, &self.handlers, self.subscription.producer) {
                Ok(event) => incoming.push(event),
                Err(reason) => self.park(session, delivery, reason).await?,
            }
        }
        let incoming = Arc::new(incoming);
        if !incoming.is_empty() {
            let refused = loop {
                match self.store(&incoming).await {
                    Ok(refused) => break refused,
                    Err(error) => {
                        tracing::warn!(error.chain = %format!("{error:#}"), "events cannot be stored, holding them");
                    }
                }
                tokio::select! {
                    () = stop.cancelled() => return Ok(false),
                    () = tokio::time::sleep(RETRY_STORE_EVERY) => session.ensure_open()?,
                }
            };
            for delivery in batch.iter().filter(|delivery| is_among(&refused, delivery)) {
                self.park(session, delivery, "unknown type, as of too many that wait").await?;
            }
            self.tell_of_unknown(&incoming);
        }
        failpoint("inbox.after_commit_before_ack");
        self.acknowledge(session, last_tag, &incoming).await?;
        Ok(true)
    }

    async fn acknowledge(&self, session: &Session, tag: u64, incoming: &[Incoming]) -> lapin::Result<()> {
        let queue = self.subscription.queue;
        let traceparents = incoming.iter().filter_map(|event| event.traceparent.as_deref());
        let span = metrics::settle_span(queue, incoming.len(), traceparents);
        let started = Instant::now();
        let acknowledged = session.channel.basic_ack(tag, BasicAckOptions { multiple: true });
        let acknowledged = acknowledged.instrument(span.clone()).await;
        let error = acknowledged.is_err().then_some("broker");
        if let Some(error) = error {
            metrics::mark_failed(&span, error);
        }
        metrics::measure_operation(queue, (metrics::ACK, "settle"), started.elapsed(), error);
        acknowledged
    }

    fn own(&self) -> [KeyValue; 1] {
        [KeyValue::new(names::CONSUMER, self.subscription.queue)]
    }

    /// Stores a batch in a task of its own: giving up waiting must not leave a transaction open (sqlx#4393). What is
    /// stored after that is folded with the next try.
    pub(crate) async fn store(&self, incoming: &Arc<Vec<Incoming>>) -> anyhow::Result<HashSet<Uuid>> {
        let (pool, incoming) = (self.database.pool().clone(), Arc::clone(incoming));
        let (consumer, handlers) = (self.subscription.consumer, Arc::clone(&self.handlers));
        let store = tokio::spawn(async move { inbox::store(&pool, consumer, &handlers, &incoming).await });
        timeout(STORE_WITHIN, store).await.context("the database did not answer in time")??
    }

    fn tell_of_unknown(&self, incoming: &[Incoming]) {
        let unknown = incoming.iter().filter(|event| !event.is_known).count();
        if unknown > 0 {
            let queue = self.subscription.queue;
            tracing::warn!(queue.name = queue, events.count = unknown, "events wait for a later release");
        }
    }

    /// Puts a message that cannot be read where a person can look at it. Counts only when the broker has it.
    async fn park(&self, session: &Session, delivery: &Delivery, reason: &'static str) -> anyhow::Result<()> {
        self.publish_parked(session, &delivery.data, parked_properties(delivery, reason)).await?;
        tracing::error!(queue.name = self.subscription.queue, parked.reason = reason, "message parked");
        METRICS.parked.add(1, &self.own());
        Ok(())
    }

    /// Publishes to the end of the parked queue; an error unless the broker has it.
    pub(crate) async fn publish_parked(
        &self,
        session: &Session,
        body: &[u8],
        properties: BasicProperties,
    ) -> anyhow::Result<()> {
        let queue = topology::parked_queue(self.broker.prefix(), self.subscription);
        let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let publish = async {
            let confirm =
                session.channel.basic_publish("".into(), queue.into(), mandatory, body, properties).await?;
            confirm.await
        };
        match timeout(CONFIRM_WITHIN, publish).await {
            Ok(Ok(Confirmation::Ack(None))) => Ok(()),
            Ok(Ok(_)) => bail!("the parked queue did not take a message"),
            Ok(Err(error)) => Err(anyhow!(error).context("a message could not be parked")),
            Err(_) => bail!("the broker did not confirm a parked message in time"),
        }
    }

    fn measure(&self, batch: &[Delivery]) {
        let count = |n: usize| u64::try_from(n).unwrap_or_default();
        let queue = self.subscription.queue;
        let attributes = metrics::message_attributes(queue, metrics::RECEIVE, None);
        METRICS.consumed.add(count(batch.len()), &attributes);
        let again = batch.iter().filter(|delivery| delivery.redelivered).count();
        if again > 0 {
            METRICS.redelivered.add(count(again), &self.own());
        }
    }
}

/// Returns the properties of a parked copy: what tells a person which message it was, and no more. The sender's other
/// properties would act again: an expiration would delete the copy, a `user_id` that is not ours would have it refused,
/// and carbon copies would be routed into queues once more.
fn parked_properties(delivery: &Delivery, reason: &'static str) -> BasicProperties {
    let sent = &delivery.properties;
    let mut headers = sent.headers().as_ref().map(|headers| headers.inner().clone()).unwrap_or_default();
    headers.retain(|name, _| !CARBON_COPIES.contains(&name.as_str()));
    let text = |value: &str| AMQPValue::LongString(value.into());
    headers.insert("parked_reason".into(), text(reason));
    headers.insert("parked_routing_key".into(), text(delivery.routing_key.as_str()));
    let mut properties =
        BasicProperties::default().with_headers(headers.into()).with_delivery_mode(PERSISTENT);
    if let Some(id) = sent.message_id() {
        properties = properties.with_message_id(id.clone());
    }
    if let Some(time) = sent.timestamp() {
        properties = properties.with_timestamp(*time);
    }
    if let Some(kind) = sent.kind() {
        properties = properties.with_type(kind.clone());
    }
    properties
}

/// Tells whether a message's event is one of these.
fn is_among(events: &HashSet<Uuid>, delivery: &Delivery) -> bool {
    let id = delivery.properties.message_id().as_ref().and_then(|id| Uuid::parse_str(id.as_str()).ok());
    id.is_some_and(|id| events.contains(&id))
}

/// Collects what has arrived already, up to a batch; waits for nothing.
fn collect(first: Delivery, deliveries: &mut Deliveries) -> lapin::Result<Vec<Delivery>> {
    let mut batch = vec![first];
    while batch.len() < BATCH {
        match deliveries.next().now_or_never() {
            Some(Some(delivery)) => batch.push(delivery?),
            // The end of the consumer shows again at the next wait.
            Some(None) | None => break,
        }
    }
    Ok(batch)
}
