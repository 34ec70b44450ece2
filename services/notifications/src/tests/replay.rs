//! Events that arrive over the broker in any order, and more than once.

use std::collections::BTreeMap;

use messaging::Messaging;
use sharedspaces_proto::spaces::events::v1::{AccessDeclined, AccessGranted, ParticipantReminded};
use sharedspaces_proto::spaces::v1::ParticipantKind;
use testkit::TestDatabase;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::room::{Happening, Room, Told, person, told};
use super::world::GATHERING;
use crate::consumers::{identity, spaces};

/// What happens in a space on a busy day; who is shut out is so after all else.
fn day(room: &Room) -> Vec<Told> {
    let [ann, bea, cid, gil, gus] = ["Ann", "Bea", "Cid", "Gil", "Gus"].map(|name| person(name, "en"));
    let space = Some(room.space.clone());
    let id = |n: u128| Uuid::from_u128(n).to_string();
    let mut happenings = vec![
        Happening::Invited(room.invited(&cid, &ann, ParticipantKind::Internal)),
        Happening::Invited(room.invited(&gil, &ann, ParticipantKind::External)),
        Happening::Reminded(ParticipantReminded {
            space: space.clone(),
            invitation_id: id(1),
            reminder_id: id(2),
            person: Some(gil.clone()),
            reminder: Some(ann.clone()),
        }),
        Happening::Joined(room.joined(&gil, &ann, &[&bea, &cid])),
        Happening::Joined(room.joined(&gus, &ann, &[&bea, &cid])),
        Happening::Granted(AccessGranted {
            space: space.clone(),
            access_request_id: id(3),
            invitation_id: id(4),
            person: Some(gus.clone()),
            granter: Some(ann.clone()),
        }),
        Happening::Declined(AccessDeclined {
            space,
            access_request_id: id(5),
            email_address: "eva@globex.test".to_owned(),
            ..AccessDeclined::default()
        }),
        Happening::Visited(room.visited(&gil, &[&ann, &bea])),
    ];
    for n in 0..4 {
        happenings.push(Happening::Commented(room.commented(&ann, &n.to_string(), &[&bea, &cid, &gil])));
        happenings.push(Happening::Added(room.item(&gil, &n.to_string(), &[&ann, &bea])));
        happenings.push(Happening::Requested(room.requested(
            &format!("p{n}@globex.test"),
            &ann,
            &[&ann, &bea],
        )));
    }
    happenings.push(Happening::Removed(room.removed(&gil)));
    let mut day: Vec<Told> = happenings.into_iter().map(told).collect();
    // Times of events are told to the millisecond.
    for (n, told) in day.iter_mut().enumerate() {
        let millis = told.event_time.timestamp_millis() + i64::try_from(n).unwrap() * 10;
        told.event_time = chrono::DateTime::from_timestamp_millis(millis).unwrap();
        let random = *Uuid::new_v5(&Uuid::nil(), &n.to_be_bytes()).as_bytes();
        let random: [u8; 10] = random[..10].try_into().unwrap();
        let millis = u64::try_from(millis).unwrap();
        told.event_id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    }
    day
}

fn shuffled(mut day: Vec<Told>, mut seed: usize) -> Vec<Told> {
    for at in (1..day.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        day.swap(at, (seed >> 33) % (at + 1));
    }
    day
}

/// What the first request is told by and what the others are gathered in differs with the order; who is told of what
/// does not.
fn comparable(state: &BTreeMap<String, Vec<String>>) -> String {
    format!("{state:#?}")
}

#[tokio::test]
async fn events_in_any_order_give_the_same_mails_and_notices() {
    let room = Room::new().await;
    let day = day(&room);
    for told in day.clone() {
        room.apply(told).await.unwrap();
    }
    let expected = comparable(&room.state().await);
    assert!(expected.matches("notice").count() >= 3 && expected.contains("VISIT_SUMMARY"), "{expected}");
    for seed in 1..=5 {
        let other = room.again().await;
        for told in shuffled(day.clone(), seed) {
            other.apply(told).await.unwrap();
        }
        assert_eq!(comparable(&other.state().await), expected, "seed {seed}");
    }
}

#[tokio::test]
async fn events_that_are_published_three_times_in_any_order_have_their_effect_once() {
    let room = Room::new().await;
    let day = day(&room);
    for told in day.clone() {
        room.apply(told).await.unwrap();
    }
    let expected = comparable(&room.state().await);

    let other = room.again().await;
    let broker = testkit::broker_config();
    let stop = CancellationToken::new();
    let messaging = Messaging::over("notifications", other.database.database.clone(), broker.clone());
    let consumer = identity::subscribe(spaces::subscribe(messaging, GATHERING)).start(&stop);
    let count = i64::try_from(day.len()).unwrap();
    let mut producers = Vec::new();
    for seed in 1..=3 {
        // Each with an outbox of its own, as a producer has that publishes again what it has published.
        let producer = TestDatabase::create("identity", &[&messaging::MIGRATOR]).await;
        let mut tx = producer.database.pool().begin().await.unwrap();
        for told in shuffled(day.clone(), seed) {
            other.append(&mut tx, &told).await;
        }
        tx.commit().await.unwrap();
        let relay = Messaging::over("identity", producer.database.clone(), broker.clone());
        producers.push((producer, relay.start(&stop)));
    }
    testkit::eventually_within(
        std::time::Duration::from_secs(180),
        "all is published and applied",
        async || {
            for (producer, _) in &producers {
                if !messaging::backlog(producer.database.pool()).await.unwrap().is_quiet() {
                    return false;
                }
            }
            let taken: i64 =
                sqlx::query_scalar("SELECT count(*) FROM inbox").fetch_one(&other.all).await.unwrap();
            let open: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE name LIKE 'event:%'")
                .fetch_one(&other.all)
                .await
                .unwrap();
            taken == count && open == 0
        },
    )
    .await;
    assert_eq!(comparable(&other.state().await), expected);
    stop.cancel();
    drop(consumer);
}
