//! From the broker to the handler.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use lapin::options::{BasicGetOptions, QueueDeleteOptions};
use lapin::types::AMQPValue;
use messaging::jobs::JobError;
use messaging::{Event, topology};
use prost::{Message, Name};
use sharedspaces_proto::identity::events::v1::OrganizationCreated;
use testkit::eventually;
use uuid::Uuid;

use crate::support::{World, append_of, note, organization_created, properties};

#[tokio::test]
async fn an_appended_event_is_applied_once_for_its_organisation() {
    let mut world = World::new().await;
    world.start_identity();
    world.start_spaces(note);
    let event = organization_created();
    let mut tx = world.identity.database.pool().begin().await.unwrap();
    let aggregate = testkit::ids().next();
    let id = append_of(&mut tx, &event, aggregate).await;
    tx.commit().await.unwrap();
    assert_eq!(world.eventually_applied(1).await, [id]);
    world.eventually_no_jobs().await;
    world.eventually_published().await;
    let organization: Uuid = sqlx::query_scalar("SELECT organization_id FROM effects")
        .fetch_one(world.spaces.database.pool())
        .await
        .unwrap();
    assert_eq!(organization.to_string(), event.organization_id());
    world.close().await;
}

#[tokio::test]
async fn an_event_that_is_delivered_twice_is_applied_once() {
    let mut world = World::new().await;
    let event = organization_created();
    let organization = event.organization_id().to_owned();
    let id: Uuid = testkit::ids().next();
    let body = event.encode_to_vec();
    world.publish(properties(&id.to_string(), &organization), &body).await;
    world.publish(properties(&id.to_string(), &organization), &body).await;
    world.start_spaces(note);
    world.eventually_applied(1).await;
    // Again, after its job is done and gone.
    world.eventually_no_jobs().await;
    world.publish(properties(&id.to_string(), &organization), &body).await;
    let last: Uuid = testkit::ids().next();
    world.publish(properties(&last.to_string(), &organization), &body).await;
    assert_eq!(world.eventually_applied(2).await, [id, last]);
    world.close().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_parked_and_the_rest_goes_on() {
    let mut world = World::new().await;
    let event = organization_created();
    let organization = event.organization_id().to_owned();
    let body = event.encode_to_vec();
    let id = || testkit::ids().next::<Uuid>().to_string();
    let good = id();
    let other = id();
    assert_eq!(OrganizationCreated::full_name(), "sharedspaces.identity.events.v1.OrganizationCreated");
    world.publish(properties("not-a-uuid", &organization), &body).await;
    world.publish(properties(&id(), "not-a-uuid"), &body).await;
    world.publish(properties(&id(), &other), &body).await;
    world.publish(properties(&id(), &organization).with_type("sharedspaces.Unknown".into()), &body).await;
    world.publish(properties(&id(), &organization), b"\xff\xff\xff").await;
    world.publish(lapin::BasicProperties::default(), &body).await;
    world.publish(properties(&good, &organization), &body).await;
    world.start_spaces(note);
    let applied = world.eventually_applied(1).await;
    assert_eq!(applied, [good.parse::<Uuid>().unwrap()]);
    eventually("six messages are parked", async || {
        world.messages_in("spaces.from-identity.parked").await == 6
    })
    .await;
    eventually("the queue is empty", async || world.messages_in("spaces.from-identity").await == 0).await;
    world.close().await;
}

#[tokio::test]
async fn a_parked_copy_keeps_what_names_it_and_nothing_that_acts() {
    let mut world = World::new().await;
    let organization = testkit::ids().next::<Uuid>().to_string();
    let sent = properties("not-a-uuid", &organization);
    let mut headers = sent.headers().clone().unwrap();
    let copies = vec![AMQPValue::LongString("nowhere".into())];
    headers.insert("CC".into(), AMQPValue::FieldArray(copies.into()));
    let sent = sent
        .with_headers(headers)
        .with_expiration("3600000".into())
        .with_user_id("guest".into())
        .with_reply_to("nowhere".into());
    world.publish(sent, b"body").await;
    world.start_spaces(note);
    let queue = format!("{}spaces.from-identity.parked", world.broker.prefix);
    let parked = eventually("the message is parked", async || {
        let options = BasicGetOptions { no_ack: true };
        world.channel.basic_get(queue.as_str().into(), options).await.unwrap()
    })
    .await;
    let properties = &parked.delivery.properties;
    assert_eq!(parked.delivery.data, b"body");
    assert_eq!(properties.message_id().as_ref().unwrap().as_str(), "not-a-uuid");
    assert_eq!(properties.kind().as_ref().unwrap().as_str(), OrganizationCreated::full_name());
    assert_eq!(*properties.delivery_mode(), Some(2));
    assert!(properties.expiration().is_none());
    assert!(properties.user_id().is_none());
    assert!(properties.reply_to().is_none());
    let headers = properties.headers().as_ref().unwrap();
    for name in ["organisation_id", "aggregate_id", "parked_reason", "parked_routing_key"] {
        assert!(headers.contains_key(name), "{name}");
    }
    assert!(!headers.contains_key("CC"));
    world.close().await;
}

#[tokio::test]
async fn a_handler_that_fails_leaves_nothing_and_is_tried_again() {
    let mut world = World::new().await;
    let tries = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&tries);
    world.start_identity();
    world.start_spaces(move |tx, received| {
        let attempt = seen.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            note(tx, received).await?;
            assert!(attempt != 1, "a panic counts as a failure");
            if attempt == 0 {
                return Err(JobError::retry_after(anyhow::anyhow!("not yet"), std::time::Duration::ZERO));
            }
            Ok(())
        })
    });
    let id = world.append_organization().await;
    assert_eq!(world.eventually_applied(1).await, [id]);
    assert_eq!(tries.load(Ordering::SeqCst), 3);
    world.close().await;
}

#[tokio::test]
async fn a_handler_acts_for_no_other_organisation_than_the_events() {
    let mut world = World::new().await;
    world.start_identity();
    world.start_spaces(|tx, received| {
        Box::pin(async move {
            let tenant: String = sqlx::query_scalar("SELECT current_setting('app.organization_id')")
                .fetch_one(&mut *tx)
                .await?;
            if tenant != received.organization_id.to_string() {
                return Err(JobError::dead(anyhow::anyhow!("acts for another organisation")));
            }
            note(tx, received).await
        })
    });
    world.append_organization().await;
    world.append_organization().await;
    world.eventually_applied(2).await;
    world.close().await;
}

#[tokio::test]
async fn the_events_of_an_aggregate_are_applied_in_their_order() {
    let mut world = World::new().await;
    let event = organization_created();
    let aggregate: Uuid = testkit::ids().next();
    let mut ids = Vec::new();
    let mut tx = world.identity.database.pool().begin().await.unwrap();
    for _ in 0..40 {
        ids.push(append_of(&mut tx, &event, aggregate).await);
    }
    tx.commit().await.unwrap();
    world.start_identity();
    world.start_spaces(note);
    assert_eq!(world.eventually_applied(40).await, ids);
    world.close().await;
}

#[tokio::test]
async fn a_consumer_comes_back_when_its_queue_was_deleted() {
    let mut world = World::new().await;
    world.start_identity();
    world.start_spaces(note);
    world.append_organization().await;
    world.eventually_applied(1).await;
    let queue = topology::queue(&world.broker.prefix, &topology::SUBSCRIPTIONS[0]);
    world.channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
    // An event that is routed to the other queues meanwhile is past this one: wait for the queue first.
    eventually("the queue is declared again", async || world.has_queue("spaces.from-identity").await).await;
    eventually("an event is applied", async || {
        world.append_organization().await;
        world.effects().await.len() > 1
    })
    .await;
    world.close().await;
}

#[tokio::test]
async fn events_are_held_while_the_database_is_away() {
    let mut world = World::new().await;
    let owner = world.spaces.owner_pool();
    sqlx::query("ALTER TABLE inbox RENAME TO inbox_away").execute(&owner).await.unwrap();
    world.start_identity();
    world.start_spaces(note);
    let id = world.append_organization().await;
    world.eventually_published().await;
    eventually("the event is in hand", async || world.messages_in("spaces.from-identity").await == 0).await;
    sqlx::query("ALTER TABLE inbox_away RENAME TO inbox").execute(&owner).await.unwrap();
    assert_eq!(world.eventually_applied(1).await, [id]);
    world.close().await;
}
