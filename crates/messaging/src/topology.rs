//! Exchange, queues and bindings.
//!
//! Owns the one table of who consumes what. Every process declares all of it, so that no event is routed past a
//! consumer that has not started yet. A queue has one active consumer at a time, which keeps the order of a producer's
//! events; the others of the same service stand by.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};
use sharedspaces_proto::crmsync::events::v1::LogWritten;
use sharedspaces_proto::identity::events::v1::{
    ConsentChanged, GuestCreated, InvitationAccepted, MemberCreated, OrganizationCreated,
    OrganizationUpdated, PersonUpdated, PrivacyNoticePublished, SecurityNoticed, SignInLinkRequested,
};
use sharedspaces_proto::spaces::events::v1::{
    AccessDeclined, AccessGranted, AccessRequested, AssetPlaced, CommentAdded, InvitationsSent, ItemAdded,
    LogoPlaced, ParticipantInvited, ParticipantJoined, ParticipantReminded, ParticipantRemoved, SpaceCreated,
    VisitEnded,
};

use crate::events::Event;

/// The topic exchange of all events, before the prefix.
pub const EXCHANGE: &str = "sharedspaces.events";

/// Retries are counted in the job table, never by the broker: RabbitMQ 4 drops a message after 20 deliveries unless
/// told otherwise, and 3.10 does not know "never".
const DELIVERY_LIMIT: i32 = 1_000_000;

/// An event as the broker knows it.
#[derive(Clone, Copy, Debug)]
pub struct EventKind {
    /// `<service>.<aggregate>.<past-tense>.v1`.
    pub routing_key: &'static str,
    package: &'static str,
    name: &'static str,
}

impl EventKind {
    const fn of<E: Event>() -> Self {
        Self { routing_key: E::ROUTING_KEY, package: E::PACKAGE, name: E::NAME }
    }

    /// Returns the full name of the message, which is the AMQP property `type`.
    pub fn type_name(&self) -> String {
        format!("{}.{}", self.package, self.name)
    }
}

/// What one service hears of another.
#[derive(Clone, Copy, Debug)]
pub struct Subscription {
    /// The queue, before the prefix.
    pub queue: &'static str,
    /// The service that listens.
    pub consumer: &'static str,
    /// The service that publishes.
    pub producer: &'static str,
    /// What it listens to.
    pub events: &'static [EventKind],
}

/// Everything that anybody consumes.
pub static SUBSCRIPTIONS: &[Subscription] = &[
    Subscription {
        queue: "spaces.from-identity",
        consumer: "spaces",
        producer: "identity",
        events: &[
            EventKind::of::<OrganizationCreated>(),
            EventKind::of::<MemberCreated>(),
            EventKind::of::<GuestCreated>(),
            EventKind::of::<InvitationAccepted>(),
            EventKind::of::<OrganizationUpdated>(),
            EventKind::of::<PersonUpdated>(),
            EventKind::of::<ConsentChanged>(),
            EventKind::of::<PrivacyNoticePublished>(),
        ],
    },
    Subscription {
        queue: "spaces.from-crm-sync",
        consumer: "spaces",
        producer: "crm-sync",
        events: &[EventKind::of::<LogWritten>()],
    },
    Subscription {
        queue: "crm-sync.from-identity",
        consumer: "crm-sync",
        producer: "identity",
        events: &[EventKind::of::<OrganizationCreated>(), EventKind::of::<OrganizationUpdated>()],
    },
    Subscription {
        queue: "crm-sync.from-spaces",
        consumer: "crm-sync",
        producer: "spaces",
        events: &[EventKind::of::<SpaceCreated>(), EventKind::of::<InvitationsSent>()],
    },
    Subscription {
        queue: "notifications.from-spaces",
        consumer: "notifications",
        producer: "spaces",
        events: &[
            EventKind::of::<ParticipantInvited>(),
            EventKind::of::<ParticipantJoined>(),
            EventKind::of::<ParticipantReminded>(),
            EventKind::of::<ParticipantRemoved>(),
            EventKind::of::<AccessRequested>(),
            EventKind::of::<AccessGranted>(),
            EventKind::of::<AccessDeclined>(),
            EventKind::of::<CommentAdded>(),
            EventKind::of::<ItemAdded>(),
            EventKind::of::<VisitEnded>(),
        ],
    },
    Subscription {
        queue: "notifications.from-identity",
        consumer: "notifications",
        producer: "identity",
        events: &[
            EventKind::of::<SignInLinkRequested>(),
            EventKind::of::<SecurityNoticed>(),
            EventKind::of::<OrganizationCreated>(),
            EventKind::of::<OrganizationUpdated>(),
        ],
    },
    Subscription {
        queue: "assets.from-spaces",
        consumer: "assets",
        producer: "spaces",
        events: &[EventKind::of::<LogoPlaced>(), EventKind::of::<AssetPlaced>()],
    },
];

/// Returns the exchange's name under a prefix.
pub fn exchange(prefix: &str) -> String {
    format!("{prefix}{EXCHANGE}")
}

/// Returns the name of a queue under a prefix.
pub fn queue(prefix: &str, subscription: &Subscription) -> String {
    format!("{prefix}{}", subscription.queue)
}

/// Returns the name of the queue that keeps what could not be decoded.
pub fn parked_queue(prefix: &str, subscription: &Subscription) -> String {
    format!("{prefix}{}.parked", subscription.queue)
}

/// Declares everything. Repeating it changes nothing.
pub async fn declare_all(channel: &Channel, prefix: &str) -> lapin::Result<()> {
    let exchange = exchange(prefix);
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel
        .exchange_declare(exchange.as_str().into(), ExchangeKind::Topic, durable, FieldTable::default())
        .await?;
    for subscription in SUBSCRIPTIONS {
        let queue = queue(prefix, subscription);
        declare_queue(channel, &queue, true).await?;
        declare_queue(channel, &parked_queue(prefix, subscription), false).await?;
        for event in subscription.events {
            channel
                .queue_bind(
                    queue.as_str().into(),
                    exchange.as_str().into(),
                    event.routing_key.into(),
                    QueueBindOptions::default(),
                    FieldTable::default(),
                )
                .await?;
        }
    }
    Ok(())
}

/// Deletes everything under a prefix, with what is in it; for tests, which share a broker.
pub async fn delete_all(channel: &Channel, prefix: &str) -> lapin::Result<()> {
    for subscription in SUBSCRIPTIONS {
        for queue in [queue(prefix, subscription), parked_queue(prefix, subscription)] {
            channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await?;
        }
    }
    channel.exchange_delete(exchange(prefix).into(), lapin::options::ExchangeDeleteOptions::default()).await
}

async fn declare_queue(channel: &Channel, name: &str, is_consumed: bool) -> lapin::Result<()> {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    if is_consumed {
        arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERY_LIMIT));
    }
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(name.into(), durable, arguments).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_named_after_its_consumer_and_producer_and_binds_only_the_producers_events() {
        for subscription in SUBSCRIPTIONS {
            let name = format!("{}.from-{}", subscription.consumer, subscription.producer);
            assert_eq!(subscription.queue, name);
            assert!(!subscription.events.is_empty());
            for event in subscription.events {
                assert!(event.routing_key.starts_with(&format!("{}.", subscription.producer)));
                let package = format!("sharedspaces.{}.events.v1.", subscription.producer.replace('-', ""));
                assert!(event.type_name().starts_with(&package), "{}", event.type_name());
            }
        }
    }
}
