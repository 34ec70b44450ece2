//! From the outbox to the broker.

use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueBindOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Confirmation};
use messaging::outbox::{self, NewEvent};
use messaging::{Event, topology};
use sharedspaces_proto::identity::events::v1::OrganizationCreated;
use testkit::eventually;
use uuid::Uuid;

use crate::support::{Proxy, World, append, append_of, member_created, note, organization_created};

#[tokio::test]
async fn a_rolled_back_change_publishes_nothing() {
    let mut world = World::new().await;
    let mut tx = world.identity.database.pool().begin().await.unwrap();
    append(&mut tx, &organization_created()).await;
    tx.rollback().await.unwrap();
    world.start_identity();
    world.append_organization().await;
    world.eventually_published().await;
    assert_eq!(world.messages_in("spaces.from-identity").await, 1);
    world.close().await;
}

#[tokio::test]
async fn a_transaction_that_commits_late_loses_nothing() {
    let mut world = World::new().await;
    world.start_identity();
    let mut late = world.identity.database.pool().begin().await.unwrap();
    append(&mut late, &organization_created()).await;
    world.append_organization().await;
    world.eventually_published().await;
    late.commit().await.unwrap();
    world.eventually_published().await;
    assert_eq!(world.messages_in("spaces.from-identity").await, 2);
    world.close().await;
}

#[tokio::test]
async fn an_event_without_a_queue_stays_and_holds_nobody_back() {
    let mut world = World::new().await;
    let key = OrganizationCreated::ROUTING_KEY;
    let exchange = topology::exchange(&world.broker.prefix);
    world.start_identity();
    world.append_organization().await;
    world.eventually_published().await;
    for subscription in topology::SUBSCRIPTIONS.iter().filter(|s| s.producer == "identity") {
        let queue = topology::queue(&world.broker.prefix, subscription);
        world
            .channel
            .queue_unbind(queue.into(), exchange.as_str().into(), key.into(), FieldTable::default())
            .await
            .unwrap();
    }
    let mut tx = world.identity.database.pool().begin().await.unwrap();
    for n in 0..60 {
        if n % 6 == 5 {
            append(&mut tx, &organization_created()).await;
        } else {
            append(&mut tx, &member_created()).await;
        }
    }
    tx.commit().await.unwrap();
    eventually("exactly those without a queue are refused", async || {
        let (refused, others): (i64, i64) = sqlx::query_as(
            "SELECT count(*) FILTER (WHERE routing_key = $1 AND refusals > 0),
                    count(*) FILTER (WHERE routing_key <> $1 OR refusals = 0)
               FROM outbox WHERE publish_time IS NULL",
        )
        .bind(key)
        .fetch_one(world.identity.database.pool())
        .await
        .unwrap();
        (refused, others) == (10, 0)
    })
    .await;
    topology::declare_all(&world.channel, &world.broker.prefix).await.unwrap();
    world.eventually_published().await;
    assert_eq!(world.messages_in("spaces.from-identity").await, 61, "none twice, none lost");
    world.close().await;
}

#[tokio::test]
async fn one_relay_leads_and_another_takes_over() {
    let mut world = World::new().await;
    let leaders = async |world: &World| -> i64 {
        sqlx::query_scalar(
            "SELECT count(*) FROM pg_locks
              WHERE locktype = 'advisory' AND granted AND database =
                    (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        .fetch_one(world.identity.database.pool())
        .await
        .unwrap()
    };
    let first = world.start_identity();
    eventually("one leads", async || leaders(&world).await == 1).await;
    world.start_identity();
    for _ in 0..50 {
        world.append_organization().await;
    }
    world.eventually_published().await;
    assert_eq!(leaders(&world).await, 1);
    assert_eq!(world.messages_in("spaces.from-identity").await, 50);
    first.cancel();
    world.append_organization().await;
    world.eventually_published().await;
    eventually("the other leads", async || leaders(&world).await == 1).await;
    world.append_organization().await;
    world.eventually_published().await;
    assert_eq!(world.messages_in("spaces.from-identity").await, 52);
    world.close().await;
}

#[tokio::test]
async fn a_leader_that_loses_its_connection_leads_no_more() {
    let mut world = World::new().await;
    world.start_identity();
    world.append_organization().await;
    world.eventually_published().await;
    let killed: bool = sqlx::query_scalar(
        "SELECT pg_terminate_backend(pid) FROM pg_locks
          WHERE locktype = 'advisory' AND granted AND database =
                (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    .fetch_one(&world.identity.superuser_pool())
    .await
    .unwrap();
    assert!(killed);
    world.append_organization().await;
    world.eventually_published().await;
    assert_eq!(world.messages_in("spaces.from-identity").await, 2);
    world.close().await;
}

#[tokio::test]
async fn what_follows_a_refused_event_of_its_aggregate_waits_for_it() {
    let mut world = World::new().await;
    let key = OrganizationCreated::ROUTING_KEY;
    let exchange = topology::exchange(&world.broker.prefix);
    world.start_identity();
    world.append_organization().await;
    world.eventually_published().await;
    let of_identity = || topology::SUBSCRIPTIONS.iter().filter(|s| s.producer == "identity");
    let mut unbound = Vec::new();
    for subscription in of_identity().filter(|s| s.events.iter().any(|event| event.routing_key == key)) {
        let queue = topology::queue(&world.broker.prefix, subscription);
        let (name, exchange) = (queue.as_str().into(), exchange.as_str().into());
        world.channel.queue_unbind(name, exchange, key.into(), FieldTable::default()).await.unwrap();
        unbound.push(queue);
    }
    let aggregate: Uuid = testkit::ids().next();
    let pool = world.identity.database.pool().clone();
    let mut tx = pool.begin().await.unwrap();
    let refused = append_of(&mut tx, &organization_created(), aggregate).await;
    tx.commit().await.unwrap();
    eventually("the event is refused", async || -> bool {
        let refusals = sqlx::query_scalar("SELECT refusals > 0 FROM outbox WHERE event_id = $1");
        refusals.bind(refused).fetch_one(&pool).await.unwrap()
    })
    .await;

    let mut tx = pool.begin().await.unwrap();
    let follower = append_of(&mut tx, &member_created(), aggregate).await;
    append(&mut tx, &member_created()).await;
    tx.commit().await.unwrap();
    // The youngest is of another aggregate and goes: what is older and waits has been passed over.
    let waiting: Vec<Uuid> = eventually("another aggregate's event is published", async || {
        let waiting =
            sqlx::query_scalar("SELECT event_id FROM outbox WHERE publish_time IS NULL ORDER BY id");
        let waiting: Vec<Uuid> = waiting.fetch_all(&pool).await.unwrap();
        (waiting.len() <= 2).then_some(waiting)
    })
    .await;
    assert_eq!(waiting, [refused, follower]);

    for queue in unbound {
        let (name, exchange) = (queue.as_str().into(), exchange.as_str().into());
        let options = QueueBindOptions::default();
        world.channel.queue_bind(name, exchange, key.into(), options, FieldTable::default()).await.unwrap();
    }
    world.eventually_published().await;
    let order: Vec<Uuid> =
        sqlx::query_scalar("SELECT event_id FROM outbox WHERE aggregate_id = $1 ORDER BY publish_time")
            .bind(aggregate)
            .fetch_all(&pool)
            .await
            .unwrap();
    assert_eq!(order, [refused, follower]);
    world.close().await;
}

#[tokio::test]
async fn what_is_published_carries_what_consumers_need() {
    let mut world = World::new().await;
    world.start_identity();
    let id = world.append_organization().await;
    world.eventually_published().await;
    let queue = topology::queue(&world.broker.prefix, &topology::SUBSCRIPTIONS[0]);
    let options = BasicConsumeOptions::default();
    let consume = world.channel.basic_consume(queue.into(), "".into(), options, FieldTable::default());
    let got = consume.await.unwrap().next().await.unwrap().unwrap();
    let properties = &got.properties;
    assert_eq!(got.routing_key.as_str(), "identity.organization.created.v1");
    assert_eq!(properties.message_id().as_ref().unwrap().as_str(), id.to_string());
    assert_eq!(
        properties.kind().as_ref().unwrap().as_str(),
        "sharedspaces.identity.events.v1.OrganizationCreated"
    );
    assert_eq!(properties.content_type().as_ref().unwrap().as_str(), "application/x-protobuf");
    assert_eq!(*properties.delivery_mode(), Some(2));
    assert!(properties.timestamp().is_some());
    let headers = properties.headers().as_ref().unwrap();
    for name in ["organisation_id", "aggregate_id", "aggregate_version"] {
        assert!(headers.contains_key(name), "{name}");
    }
    world.close().await;
}

#[tokio::test]
async fn append_refuses_an_event_that_says_it_belongs_to_another_organisation() {
    let identity = crate::support::database("identity").await;
    let mut connection = identity.database.pool().acquire().await.unwrap();
    let id = || testkit::ids().next::<Uuid>();
    let new = NewEvent {
        event_id: id(),
        organization_id: id().into(),
        aggregate_id: id(),
        aggregate_version: 1,
        event: &organization_created(),
    };
    let refused = outbox::append(&mut connection, new).await.unwrap_err();
    assert!(refused.to_string().contains("OrganizationCreated"), "{refused}");
}

/// Pins what the relay's reading of confirmations rests on.
#[tokio::test]
async fn the_broker_returns_what_it_cannot_route_with_its_message_id() {
    let world = World::new().await;
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let exchange = topology::exchange(&world.broker.prefix);
    let properties = BasicProperties::default().with_message_id("m".into());
    let confirm = world
        .channel
        .basic_publish(exchange.into(), "nowhere".into(), options, b"", properties)
        .await
        .unwrap();
    let Confirmation::Ack(Some(returned)) = confirm.await.unwrap() else { panic!("not returned") };
    assert_eq!(returned.delivery.properties.message_id().as_ref().unwrap().as_str(), "m");
    world.close().await;
}

#[tokio::test]
async fn a_connection_that_is_cut_is_built_again_and_nothing_is_lost() {
    let mut world = World::new().await;
    let proxy = Proxy::start(&testkit::amqp_url()).await;
    world.broker.url = proxy.url.clone().into();
    world.start_identity();
    world.start_spaces(note);
    let mut appended = Vec::new();
    for round in 1..=4 {
        for _ in 0..25 {
            appended.push(world.append_organization().await);
        }
        if round < 4 {
            world.eventually_applied(appended.len() - 20).await;
            proxy.cut();
        }
    }
    let mut applied = world.eventually_applied(100).await;
    world.eventually_published().await;
    world.eventually_no_jobs().await;
    applied.sort();
    appended.sort();
    assert_eq!(applied, appended);
    world.close().await;
}
