//! Who still gets a mail when it is due, and what is known of one that may have arrived.

use std::time::Duration;

use messaging::jobs::JobError;
use serde_json::json;
use service_kit::clock::{Clock, SystemClock};
use sharedspaces_proto::identity::v1::Person;
use sharedspaces_proto::spaces::events::v1::ParticipantInvited;
use sharedspaces_proto::spaces::v1::{MuteableMail, ParticipantKind};
use tonic::Status;

use super::world::{World, guest_invited, user_id};
use crate::delivery::{DeliveryId, Leave, MailKind, Sendable, State};
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
async fn an_invited_guest_is_not_asked_about_because_they_have_not_come_in() {
    let world = World::new().await;
    let inviter = world.person("Ines", "ines@acme.test", "en");
    let guest = world.person("Gil", "gil@globex.test", "en");
    let id = world.invited(guest_invited(&inviter, &guest, "Big deal", ""), &guest).await;
    world.spaces.shuts_out(&guest.user_id);
    world.run(id, 1).await.unwrap();
    assert!(world.spaces.checked().is_empty());
    assert_eq!(world.taken().len(), 1);
}

#[tokio::test]
async fn a_mail_that_may_have_arrived_before_its_recipient_was_shut_out_says_so() {
    let world = World::new().await;
    let (colleague, id) = invited_colleague(&world).await;
    let sendable = Sendable {
        delivery_id: id,
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
        Smtp::try_new(config).unwrap().with_deadlines(Duration::from_secs(20), Duration::from_secs(20))
    })
    .await;
    world.fault(json!({"phase": "after_data", "stall_seconds": 5, "times": 4})).await;
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
