//! Who still gets a mail when it is due, and what is known of one that may have arrived.

use std::time::Duration;

use messaging::jobs::JobError;
use serde_json::json;
use service_kit::clock::{Clock, SystemClock};
use sharedspaces_proto::identity::v1::Person;
use sharedspaces_proto::spaces::events::v1::{ParticipantInvited, ParticipantRemoved};
use sharedspaces_proto::spaces::v1::{MuteableMail, ParticipantKind};
use tonic::Status;
use uuid::Uuid;

use super::world::{World, guest_invited, user_id};
use crate::consumers::spaces::participant_removed;
use crate::delivery::{
    DeliveryId, GrantedInvitation, Leave, Mail, MailKind, NewDelivery, Outcome, Sendable, Space, State, Told,
};
use crate::mail::Smtp;

async fn invited_colleague(world: &World) -> (Person, DeliveryId) {
    let inviter = world.person("Ines", "ines@acme.test", "en");
    let colleague = world.person("Cleo", "cleo@acme.test", "en");
    let event = ParticipantInvited {
        kind: ParticipantKind::Internal.into(),
        ..guest_invited(&inviter, &colleague, "Big deal", "")
    };
    let id = world.invited(event, &colleague).await;
    (colleague, id)
}

async fn set_free(world: &World, id: DeliveryId) {
    sqlx::query("UPDATE deliveries SET due_time = NULL WHERE delivery_id = $1")
        .bind(id.uuid())
        .execute(&world.database.superuser_pool())
        .await
        .unwrap();
}

#[tokio::test]
async fn whoever_was_shut_out_since_gets_nothing() {
    let world = World::new().await;
    let (colleague, id) = invited_colleague(&world).await;
    world.spaces.shuts_out(&colleague.user_id);
    world.run(id, 1).await.unwrap();
    let delivery = world.delivery(id).await;
    assert_eq!((delivery.state, delivery.attempts), (State::NotDue, 1));
    assert!(delivery.reason.contains("does not take part"), "{}", delivery.reason);
    assert!(world.taken().is_empty());

    let joiner = world.plan_new_joiner(&colleague, None).await;
    world.run(joiner, 1).await.unwrap();
    assert_eq!(world.delivery(joiner).await.state, State::NotDue);
    let kinds: Vec<i32> = world.spaces.checked().into_iter().map(|asked| asked.mail).collect();
    assert_eq!(kinds, [MuteableMail::Unspecified, MuteableMail::NewJoiners].map(i32::from));
}

#[tokio::test]
async fn a_mail_waits_while_spaces_cannot_say_who_gets_it() {
    let world = World::new().await;
    let (_, id) = invited_colleague(&world).await;
    for (attempt, status) in [(1, Status::unavailable("played")), (2, Status::not_found("played"))] {
        world.spaces.fails_with(Some(status));
        assert!(matches!(world.run(id, attempt).await, Err(JobError::Retry { .. })));
        let waiting = world.delivery(id).await;
        assert_eq!((waiting.state, waiting.attempts), (State::Pending, attempt));
        assert!(
            waiting.reason.contains("spaces") && !waiting.reason.contains("played"),
            "{}",
            waiting.reason
        );
    }
    assert!(world.taken().is_empty());
    world.spaces.fails_with(None);
    world.run(id, 3).await.unwrap();
    assert_eq!(world.taken().len(), 1);
}

#[tokio::test]
async fn whoever_was_invited_reminded_or_let_in_by_a_link_gets_nothing_once_they_were_shut_out() {
    let world = World::new().await;
    let guest = world.person("Gil", "gil@globex.test", "en");
    world.spaces.shuts_out(&guest.user_id);
    let inviter = (testkit::ids().next(), "Ines".to_owned(), "Gil".to_owned());
    let (invitation_id, (inviter_user_id, inviter, recipient)) = (testkit::ids().next(), inviter);
    let space = Space {
        space_id: testkit::ids().next::<Uuid>().into(),
        title: "Big deal".to_owned(),
        url: "https://app.acme.test/acme/big-deal".to_owned(),
        colors: None,
    };
    for mail in [
        Mail::GuestInvitation {
            space: space.clone(),
            invitation_id,
            inviter_user_id,
            inviter: inviter.clone(),
            recipient: recipient.clone(),
            note: String::new(),
        },
        Mail::Reminder {
            space: space.clone(),
            invitation_id,
            inviter_user_id,
            inviter: inviter.clone(),
            recipient: recipient.clone(),
        },
        Mail::AccessGranted {
            space: space.clone(),
            invitation: Some(GrantedInvitation { invitation_id, granter_user_id: inviter_user_id }),
            granter: inviter.clone(),
            recipient: recipient.clone(),
        },
    ] {
        let new = NewDelivery {
            delivery_id: DeliveryId::of(testkit::ids().next(), user_id(&guest)),
            organization_id: world.admin.organization_id,
            event_time: SystemClock.now(),
            recipient_user_id: Some(user_id(&guest)),
            due_time: None,
            mail,
        };
        let id = new.delivery_id;
        world.deliveries.plan(new).await.unwrap();
        world.run(id, 1).await.unwrap();
        let delivery = world.delivery(id).await;
        assert_eq!(delivery.state, State::NotDue, "{:?}", delivery.kind);
        let asked = world.spaces.checked().pop().unwrap();
        assert_eq!(
            (asked.mail(), asked.user_ids.clone()),
            (MuteableMail::Unspecified, vec![guest.user_id.clone()])
        );
    }
    assert_eq!(world.spaces.checked().len(), 3);
    assert!(world.taken().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_that_is_withdrawn_between_being_taken_up_and_handed_over_is_not_sent() {
    let world = World::new().await;
    let person = world.person("Cleo", "cleo@acme.test", "en");
    let id = world.plan_new_joiner(&person, None).await;
    let space_id = world.delivery(id).await.space_id.unwrap();
    let pool = world.database.superuser_pool();
    // Whoever counts mails holds up the leave for this one.
    let mut counting = pool.begin().await.unwrap();
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(format!("mails of {}", world.admin.organization_id))
        .execute(&mut *counting)
        .await
        .unwrap();
    let withdrawn = async {
        testkit::eventually("the try asks for leave", async || {
            let waiting: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database
                  WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()",
            )
            .fetch_one(&pool)
            .await
            .unwrap();
            waiting > 0
        })
        .await;
        let event = ParticipantRemoved {
            space_id: space_id.to_string(),
            user_id: person.user_id.clone(),
            ..ParticipantRemoved::default()
        };
        world
            .apply(testkit::ids().next(), event, |tx, event| Box::pin(participant_removed(tx, event)))
            .await
            .unwrap();
        counting.commit().await.unwrap();
    };
    let (tried, ()) = tokio::join!(world.run(id, 1), withdrawn);
    tried.unwrap();
    let delivery = world.delivery(id).await;
    assert_eq!((delivery.state, delivery.attempts), (State::NotDue, 0));
    assert!(world.taken().is_empty());

    // Nor does what a try comes to make it sent that was never handed over.
    let (organization_id, sent) = (world.admin.organization_id, Outcome::Sent(SystemClock.now()));
    world.deliveries.record(organization_id, id, Told::default(), sent).await.unwrap();
    assert_eq!(world.delivery(id).await.state, State::NotDue);
}

#[tokio::test]
async fn a_mail_that_another_job_sends_by_now_gets_no_leave() {
    let world = World::new().await;
    let (colleague, id) = invited_colleague(&world).await;
    let sendable = Sendable {
        delivery_id: id,
        job_id: testkit::ids().next(),
        kind: MailKind::ColleagueInvitation,
        recipient_user_id: Some(user_id(&colleague)),
        email_address: colleague.email_address.clone(),
    };
    let ask = |sendable| world.deliveries.ask_leave(world.admin.organization_id, sendable);
    assert_eq!(ask(sendable.clone()).await.unwrap(), Leave::Gone);
    assert_eq!(ask(Sendable { job_id: id.uuid(), ..sendable }).await.unwrap(), Leave::Given);
}

#[tokio::test]
async fn a_mail_that_may_have_arrived_before_its_recipient_was_shut_out_says_so() {
    let world = World::new().await;
    let (colleague, id) = invited_colleague(&world).await;
    let sendable = Sendable {
        delivery_id: id,
        job_id: id.uuid(),
        kind: MailKind::ColleagueInvitation,
        recipient_user_id: Some(user_id(&colleague)),
        email_address: colleague.email_address.clone(),
    };
    // What is left when the process ends while the mail server is talked to.
    let leave = world.deliveries.ask_leave(world.admin.organization_id, sendable).await.unwrap();
    assert_eq!(leave, Leave::Given);
    world.spaces.shuts_out(&colleague.user_id);
    world.run(id, 2).await.unwrap();
    let delivery = world.delivery(id).await;
    assert_eq!(delivery.state, State::Sent);
    assert!(delivery.reason.contains("may have sent it") && delivery.sent_time.is_some());
    assert!(world.taken().is_empty());
}

#[tokio::test]
async fn only_a_connection_that_ended_with_the_content_under_way_leaves_a_doubt() {
    for (fault, state) in [
        (json!({"phase": "rcpt", "reply": "451 later"}), State::NotDue),
        (json!({"phase": "data", "reply": "451 later"}), State::NotDue),
        (json!({"phase": "after_data", "reply": "451 later"}), State::NotDue),
        (json!({"phase": "rcpt", "drop": true}), State::NotDue),
        (json!({"phase": "after_data", "drop": true}), State::Sent),
    ] {
        let world = World::new().await;
        let (colleague, id) = invited_colleague(&world).await;
        world.fault(fault.clone()).await;
        assert!(world.run(id, 1).await.is_err(), "{fault}");
        world.spaces.shuts_out(&colleague.user_id);
        world.run(id, 2).await.unwrap();
        assert_eq!(world.delivery(id).await.state, state, "{fault}");
    }
}

#[tokio::test]
async fn a_mail_that_is_not_due_waits_in_a_job_of_its_own_and_loses_no_try() {
    let world = World::new().await;
    let person = world.person("Cleo", "cleo@acme.test", "en");
    let due = SystemClock.now() + chrono::TimeDelta::hours(1);
    let id = world.plan_new_joiner(&person, Some(due)).await;
    let wait = |name: &'static str| {
        let pool = world.db().pool().clone();
        async move {
            let waits: Vec<f64> = sqlx::query_scalar(
                "SELECT extract(epoch FROM run_after - now())::float8 FROM jobs WHERE name = $1 ORDER BY run_after",
            )
            .bind(name)
            .fetch_all(&pool)
            .await
            .unwrap();
            waits
        }
    };
    let planned = wait("send_space_mail").await;
    assert!(planned.len() == 1 && (3_500.0..=3_600.0).contains(&planned[0]), "{planned:?}");

    world.run(id, 1).await.unwrap();
    let delivery = world.delivery(id).await;
    assert_eq!((delivery.state, delivery.attempts), (State::Pending, 0));
    let waiting = wait("send_space_mail").await;
    assert!(
        waiting.len() == 2 && waiting[1] > 3_500.0,
        "the job that ran is done, another waits: {waiting:?}"
    );
    assert!(world.spaces.checked().is_empty());

    set_free(&world, id).await;
    world.run_other_job(id).await.unwrap();
    assert!(world.spaces.checked().is_empty(), "a job that was replaced does nothing");
}

#[tokio::test]
async fn a_mail_for_which_no_connection_is_free_lets_others_past_and_loses_no_try() {
    let world = World::with(|config| {
        Smtp::try_new(config).unwrap().with_deadlines(Duration::from_secs(60), Duration::from_secs(60))
    })
    .await;
    world.fault(json!({"phase": "after_data", "stall_seconds": 15, "times": 4})).await;
    let inviter = world.person("Ines", "ines@acme.test", "en");
    let mut ids = Vec::new();
    for at in 0..5 {
        let guest = world.person("Gil", &format!("gil{at}@globex.test"), "en");
        ids.push(world.invited(guest_invited(&inviter, &guest, "Big deal", ""), &guest).await);
    }
    let last = ids.pop().unwrap();
    let held = async {
        let results = futures_util::future::join_all(ids.iter().map(|id| world.run(*id, 1))).await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    };
    let late = async {
        testkit::eventually("four mails are being handed over", async || {
            let begun: i64 =
                sqlx::query_scalar("SELECT count(*) FROM deliveries WHERE handover_time IS NOT NULL")
                    .fetch_one(&world.database.superuser_pool())
                    .await
                    .unwrap();
            begun == 4
        })
        .await;
        world.run(last, 1).await.unwrap();
        let waiting = world.delivery(last).await;
        assert_eq!((waiting.state, waiting.attempts), (State::Pending, 0));
        assert!(waiting.due_time.is_some() && waiting.reason.contains("in use"), "{}", waiting.reason);
    };
    tokio::join!(held, late);
    assert_eq!(world.taken().len(), 4, "all four connections were used at once");
    set_free(&world, last).await;
    world.run(last, 1).await.unwrap();
    assert_eq!(world.taken().len(), 5);
}
