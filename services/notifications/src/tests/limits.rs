//! How many mails that can be muted go out within an hour.

use chrono::TimeDelta;
use service_kit::clock::{Clock, SystemClock};
use service_kit::ids::{OrganizationId, UserId};
use sharedspaces_proto::identity::v1::Person;

use super::world::{World, user_id};
use crate::delivery::{DeliveryId, Leave, MailKind, Sendable, State};

fn sendable(id: DeliveryId, person: &Person, kind: MailKind) -> Sendable {
    let email_address = person.email_address.clone();
    Sendable {
        delivery_id: id,
        job_id: id.uuid(),
        kind,
        recipient_user_id: Some(user_id(person)),
        email_address,
    }
}

async fn ask(world: &World, person: &Person) -> Leave {
    let id = world.plan_new_joiner(person, None).await;
    let wanted = sendable(id, person, MailKind::NewJoiner);
    world.deliveries.ask_leave(world.admin.organization_id, wanted).await.unwrap()
}

/// Makes mails that were counted `ago`, each to somebody else.
async fn counted(
    world: &World,
    organization: OrganizationId,
    recipient: Option<UserId>,
    count: i32,
    ago: TimeDelta,
) {
    sqlx::query(
        "INSERT INTO deliveries (organization_id, delivery_id, job_id, kind, recipient_user_id, mail, create_time,
                                 counted_time)
         SELECT $1, gen_random_uuid(), gen_random_uuid(), 'NEW_JOINER', coalesce($2, gen_random_uuid()), '{}', now(), $4
           FROM generate_series(1, $3)",
    )
    .bind(organization.uuid())
    .bind(recipient.map(UserId::uuid))
    .bind(count)
    .bind(SystemClock.now() - ago)
    .execute(&world.database.superuser_pool())
    .await
    .unwrap();
}

fn waits(leave: Leave) -> TimeDelta {
    match leave {
        Leave::Later(until) => until - SystemClock.now(),
        other => panic!("expected to wait, got {other:?}"),
    }
}

#[tokio::test]
async fn one_person_gets_twenty_muteable_mails_an_hour_and_the_next_one_waits() {
    let world = World::new().await;
    let [anna, bert] = ["anna@acme.test", "bert@acme.test"].map(|address| world.person("P", address, "en"));
    let organization = world.admin.organization_id;
    counted(&world, organization, Some(user_id(&anna)), 19, TimeDelta::minutes(20)).await;
    assert_eq!(ask(&world, &anna).await, Leave::Given, "the twentieth");
    let wait = waits(ask(&world, &anna).await);
    assert!((TimeDelta::minutes(39)..=TimeDelta::minutes(45)).contains(&wait), "{wait}");
    assert_eq!(ask(&world, &bert).await, Leave::Given);

    // Neither counted nor held back: what cannot be muted.
    let id = world.plan_new_joiner(&anna, None).await;
    for kind in [MailKind::GuestInvitation, MailKind::Reminder, MailKind::AccessGranted, MailKind::SignInLink]
    {
        let leave = world.deliveries.ask_leave(organization, sendable(id, &anna, kind)).await.unwrap();
        assert_eq!(leave, Leave::Given, "{kind:?}");
    }
}

#[tokio::test]
async fn what_went_out_more_than_an_hour_ago_counts_no_more() {
    let world = World::new().await;
    let anna = world.person("Anna", "anna@acme.test", "en");
    counted(&world, world.admin.organization_id, Some(user_id(&anna)), 20, TimeDelta::seconds(3_601)).await;
    assert_eq!(ask(&world, &anna).await, Leave::Given);
}

#[tokio::test]
async fn a_mail_that_is_tried_again_counts_once() {
    let world = World::new().await;
    let anna = world.person("Anna", "anna@acme.test", "en");
    counted(&world, world.admin.organization_id, Some(user_id(&anna)), 19, TimeDelta::minutes(20)).await;
    let id = world.plan_new_joiner(&anna, None).await;
    for _ in 0..3 {
        let wanted = sendable(id, &anna, MailKind::NewJoiner);
        let leave = world.deliveries.ask_leave(world.admin.organization_id, wanted).await.unwrap();
        assert_eq!(leave, Leave::Given);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organisation_sends_a_thousand_muteable_mails_an_hour_however_many_ask_at_once() {
    let world = World::new().await;
    let organization = world.admin.organization_id;
    counted(&world, organization, None, 999, TimeDelta::minutes(10)).await;
    // Those of another organisation do not count.
    counted(&world, testkit::ids().next(), None, 2_000, TimeDelta::minutes(10)).await;
    let people: Vec<Person> = (0..6).map(|at| world.person("P", &format!("p{at}@acme.test"), "en")).collect();
    let leaves = futures_util::future::join_all(people.iter().map(|person| ask(&world, person))).await;
    assert_eq!(leaves.iter().filter(|leave| **leave == Leave::Given).count(), 1, "{leaves:?}");
    for leave in leaves.into_iter().filter(|leave| *leave != Leave::Given) {
        let wait = waits(leave);
        assert!((TimeDelta::minutes(49)..=TimeDelta::minutes(55)).contains(&wait), "{wait}");
    }
}

#[tokio::test]
async fn a_mail_over_the_limit_waits_loses_no_try_and_arrives_when_there_is_room() {
    let world = World::new().await;
    let anna = world.person("Anna", "anna@acme.test", "en");
    counted(&world, world.admin.organization_id, Some(user_id(&anna)), 20, TimeDelta::minutes(20)).await;
    let id = world.plan_new_joiner(&anna, None).await;
    world.run(id, 1).await.unwrap();
    let waiting = world.delivery(id).await;
    assert_eq!((waiting.state, waiting.attempts), (State::Pending, 0));
    assert!(waiting.reason.contains("too many"), "{}", waiting.reason);
    assert!(world.spaces.checked().is_empty(), "nobody is asked about a mail for which there is no room");
    let wait = waiting.due_time.unwrap() - SystemClock.now();
    assert!((TimeDelta::minutes(39)..=TimeDelta::minutes(45)).contains(&wait), "{wait}");
    assert!(world.taken().is_empty());

    // Time passes.
    sqlx::query("UPDATE deliveries SET counted_time = counted_time - interval '1 hour', due_time = now()")
        .execute(&world.database.superuser_pool())
        .await
        .unwrap();
    world.run(id, 1).await.unwrap();
    let sent = world.delivery(id).await;
    assert_eq!((sent.state, sent.attempts, sent.reason.as_str()), (State::Sent, 1, ""));
    let raw = String::from_utf8(world.taken().remove(0).1).unwrap();
    assert!(raw.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"), "{raw}");
}

#[tokio::test]
async fn mails_that_wait_for_room_look_again_after_a_minute_at_least_and_not_all_at_once() {
    let world = World::new().await;
    let anna = world.person("Anna", "anna@acme.test", "en");
    // There is room again in half a minute.
    counted(&world, world.admin.organization_id, Some(user_id(&anna)), 20, TimeDelta::seconds(3_570)).await;
    let mut waits_of_all = std::collections::BTreeSet::new();
    for _ in 0..8 {
        let wait = waits(ask(&world, &anna).await);
        assert!((TimeDelta::seconds(58)..=TimeDelta::seconds(360)).contains(&wait), "{wait}");
        waits_of_all.insert(wait.num_seconds() / 2);
    }
    assert!(waits_of_all.len() > 2, "{waits_of_all:?}");
}
