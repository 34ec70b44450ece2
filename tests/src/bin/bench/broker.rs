//! lapin and nothing else: what the broker takes and gives without a database.
//!
//! Owns an exchange and a quorum queue of its own, of the kind that the services use.

use anyhow::{Context, ensure};
use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind};
use std::time::Instant;

/// As the relay has it.
const PUBLISH_BATCH: usize = 500;
/// As the consumers have them.
const PREFETCH: u16 = 500;
const ACK_BATCH: usize = 200;

/// A message as the relay would publish it, made before the clock runs.
pub(crate) struct Message {
    pub(crate) body: Vec<u8>,
    pub(crate) properties: BasicProperties,
}

/// A connection with an exchange and a queue of its own.
pub(crate) struct Bare {
    connection: Connection,
    channel: Channel,
    exchange: ShortString,
    queue: ShortString,
    routing_key: ShortString,
}

impl Bare {
    /// Connects, and declares what is published to and consumed from.
    pub(crate) async fn open(url: &str, prefix: &str, routing_key: &str) -> anyhow::Result<Self> {
        let connection = Connection::connect(url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let (exchange, queue, routing_key): (ShortString, ShortString, ShortString) =
            (format!("{prefix}bench").into(), format!("{prefix}bench").into(), routing_key.into());
        let none = FieldTable::default();
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        channel.exchange_declare(exchange.clone(), ExchangeKind::Topic, durable, none.clone()).await?;
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let mut quorum = FieldTable::default();
        quorum.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        channel.queue_declare(queue.clone(), durable, quorum).await?;
        let bind = QueueBindOptions::default();
        channel.queue_bind(queue.clone(), exchange.clone(), routing_key.clone(), bind, none).await?;
        Ok(Self { connection, channel, exchange, queue, routing_key })
    }

    /// Publishes persistently, mandatorily and confirmed, a batch in flight at a time; returns the messages a second.
    pub(crate) async fn publish(&self, messages: &[Message]) -> anyhow::Result<f64> {
        let begin = Instant::now();
        for batch in messages.chunks(PUBLISH_BATCH) {
            let mut confirms = Vec::with_capacity(batch.len());
            for message in batch {
                let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
                let (exchange, key) = (self.exchange.clone(), self.routing_key.clone());
                let properties = message.properties.clone();
                let publish = self.channel.basic_publish(exchange, key, mandatory, &message.body, properties);
                confirms.push(publish.await?);
            }
            for confirm in confirms {
                ensure!(
                    matches!(confirm.await?, Confirmation::Ack(None)),
                    "the broker did not take a message"
                );
            }
        }
        Ok(per_second(messages.len(), begin))
    }

    /// Takes and acknowledges so many messages; returns the messages a second.
    pub(crate) async fn consume(&self, count: usize) -> anyhow::Result<f64> {
        self.channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        let options = BasicConsumeOptions::default();
        let begin = Instant::now();
        let mut deliveries =
            self.channel.basic_consume(self.queue.clone(), "".into(), options, FieldTable::default()).await?;
        for taken in 1..=count {
            let delivery = deliveries.next().await.context("the broker ended the consumer")??;
            if taken % ACK_BATCH == 0 || taken == count {
                let multiple = BasicAckOptions { multiple: true };
                self.channel.basic_ack(delivery.delivery_tag, multiple).await?;
            }
        }
        let rate = per_second(count, begin);
        // RabbitMQ 3.10 fails where the queue goes before its consumer.
        self.channel.basic_cancel(deliveries.tag(), BasicCancelOptions::default()).await?;
        Ok(rate)
    }

    /// Throws away what waits in a queue of the services.
    pub(crate) async fn purge(&self, queue: &str) -> anyhow::Result<()> {
        self.channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await?;
        Ok(())
    }

    /// Removes exchange and queue, and says good-bye.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        self.channel.queue_delete(self.queue, QueueDeleteOptions::default()).await?;
        self.channel.exchange_delete(self.exchange, ExchangeDeleteOptions::default()).await?;
        Ok(self.connection.close(200, "OK".into()).await?)
    }
}

fn per_second(count: usize, begin: Instant) -> f64 {
    u32::try_from(count).map_or(f64::NAN, f64::from) / begin.elapsed().as_secs_f64()
}
