//! Asking for access: `RequestAccess`, and what comes of it.

use std::time::{Duration, Instant};

use service_kit::caller::{CallerKind, Principal};
use sharedspaces_proto::spaces::events::v1::{AccessGranted, AccessRequested};
use sharedspaces_proto::spaces::v1 as pb;
use tonic::Code;
use tonic_types::StatusExt;
use uuid::Uuid;

use super::door::*;

const SAM: &str = "sam@stranger.example";

fn saying(display_name: &str, message: &str, request: pb::RequestAccessRequest) -> pb::RequestAccessRequest {
    pb::RequestAccessRequest { display_name: display_name.to_owned(), message: message.to_owned(), ..request }
}

#[tokio::test]
async fn who_proved_an_address_waits_for_an_answer_and_the_owner_and_colleagues_are_told() {
    let door = Door::open().await;
    let request = saying("Sam \u{1f6d2}", "Please\r\nlet me in", door.proved(SAM));
    assert_eq!(door.ask(request).await.unwrap(), pb::RequestAccessResponse {});
    let waiting = door.waiting().await;
    assert_eq!((waiting.email_address.as_str(), waiting.is_verified), (SAM, true));
    assert_eq!(
        (waiting.display_name.as_str(), waiting.message.as_str()),
        ("Sam \u{1f6d2}", "Please\nlet me in")
    );
    assert_eq!(waiting.state(), pb::AccessRequestState::Requested);
    let (asked, lapses) = (waiting.request_time.unwrap(), waiting.lapse_time.unwrap());
    assert_eq!(lapses.seconds - asked.seconds, 30 * 24 * 60 * 60);
    let told = door.room.outbox::<AccessRequested>().await;
    let [told] = told.as_slice() else { panic!("told {} times", told.len()) };
    assert_eq!(told.access_request_id, waiting.access_request_id);
    assert_eq!((told.email_address.as_str(), told.message.as_str()), (SAM, "Please\nlet me in"));
    let owner = door.room.owner.user_id.to_string();
    assert_eq!(told.owner.as_ref().unwrap().user_id, owner);
    let mut audience: Vec<_> = told.internal_audience.iter().map(|person| person.user_id.clone()).collect();
    audience.sort();
    let mut internal = vec![owner, door.room.colleague.user_id.to_string()];
    internal.sort();
    assert_eq!(audience, internal, "no guest, nobody who takes no part");
    assert_eq!(door.timeline().await, ["The system noted that Sam \u{1f6d2} asks for access"]);
    assert_eq!(door.count("participants").await, 3, "nobody is in by asking");
}

#[tokio::test]
async fn a_token_says_which_organisation_and_space_it_is_of() {
    let door = Door::open().await;
    let request = door.proved(SAM);
    let alone = pb::RequestAccessRequest {
        request_token: request.request_token,
        ..pb::RequestAccessRequest::default()
    };
    door.ask(alone).await.unwrap();
    assert_eq!(door.waiting().await.email_address, SAM);
}

#[tokio::test]
async fn a_bare_address_is_taken_where_the_organisation_guides_and_refused_where_it_verifies_first() {
    let door = Door::open().await;
    assert_refused(door.ask(door.by(SAM)).await, Code::FailedPrecondition, "ADDRESS_NOT_VERIFIED");
    assert_eq!(door.count("access_requests").await, 0);
    door.sql("UPDATE organizations SET sign_in_mode = 'GUIDED'").await;
    door.ask(door.by("Sam@Stranger.example")).await.unwrap();
    let waiting = door.waiting().await;
    assert_eq!((waiting.email_address.as_str(), waiting.is_verified), (SAM, false));
    door.ask(door.proved(SAM)).await.unwrap();
    assert!(door.waiting().await.is_verified, "folded, and proved by now");
}

#[tokio::test]
async fn who_signed_in_asks_with_their_own_address_whatever_else_they_say() {
    let door = Door::open().await;
    let mia = door.somebody(CallerKind::Member, "Mia").await;
    let request =
        pb::RequestAccessRequest { email_address: SAM.to_owned(), ..door.proved("eve@evil.example") };
    door.ask_as((&Principal::Person(mia.clone()), NOWHERE), request).await.unwrap();
    let waiting = door.waiting().await;
    assert_eq!((waiting.email_address, waiting.is_verified), (address_of(&mia), true));
    assert_eq!(waiting.display_name, "Mia");
    let elsewhere = testkit::caller(CallerKind::Member);
    let other = door.ask_as((&Principal::Person(elsewhere), NOWHERE), door.by("")).await;
    assert!(
        assert_refused(other, Code::InvalidArgument, "INVALID_FIELD").message().contains("organization: ")
    );
}

#[tokio::test]
async fn repeated_requests_fold_into_one_and_the_owner_is_told_once_in_24_hours() {
    let door = Door::open().await;
    door.ask(saying("Sam", "first", door.proved(SAM))).await.unwrap();
    door.sql(
        "UPDATE access_requests SET request_time = now() - interval '2 days', told_time = now() - interval '23 hours',
                                    lapse_time = now() + interval '1 day'",
    )
    .await;
    let before = door.waiting().await;
    door.ask(saying("", "second", door.proved(SAM))).await.unwrap();
    let after = door.waiting().await;
    assert_eq!(after.access_request_id, before.access_request_id);
    assert_eq!((after.display_name.as_str(), after.message.as_str()), ("Sam", "second"));
    assert!(after.request_time.unwrap().seconds > before.request_time.unwrap().seconds + 86_400);
    assert!(after.lapse_time.unwrap().seconds > before.lapse_time.unwrap().seconds + 28 * 86_400);
    assert_eq!(door.room.outbox::<AccessRequested>().await.len(), 1);
    door.sql("UPDATE access_requests SET told_time = now() - interval '24 hours 1 second'").await;
    door.ask(door.proved(SAM)).await.unwrap();
    assert_eq!(door.room.outbox::<AccessRequested>().await.len(), 2);
    assert_eq!(door.timeline().await.len(), 1, "one request, one line");
}

#[tokio::test]
async fn who_did_not_prove_an_address_does_not_overwrite_what_its_owner_said() {
    let door = Door::guided().await;
    door.ask(saying("Mallory", "lies", door.by(SAM))).await.unwrap();
    door.ask(saying("Sam", "the truth", door.proved(SAM))).await.unwrap();
    door.ask(saying("Mallory", "more lies", door.by(SAM))).await.unwrap();
    let waiting = door.waiting().await;
    assert_eq!((waiting.display_name.as_str(), waiting.message.as_str()), ("Sam", "the truth"));
    assert!(waiting.is_verified);
}

#[tokio::test]
async fn a_flood_of_500_requests_makes_50_that_wait_and_tells_of_each_once() {
    let door = Door::guided().await;
    for n in 0..500 {
        let request = door.by(&format!("p{}@flood.example", n % 60));
        let answer = door.ask_as((&Principal::Anyone, network(n)), request).await;
        assert_eq!(answer.unwrap(), pb::RequestAccessResponse {}, "whatever becomes of it");
    }
    assert_eq!(door.count("access_requests").await, 50);
    let told = door.room.outbox::<AccessRequested>().await;
    let mut ids: Vec<_> = told.iter().map(|event| event.access_request_id.clone()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((told.len(), ids.len()), (50, 50));
    // Who waits already is folded, full or not; and a place that becomes free is given away.
    door.ask(saying("", "again", door.by("p0@flood.example"))).await.unwrap();
    assert_eq!(door.count("access_requests WHERE message = 'again'").await, 1);
    door.sql("UPDATE access_requests SET lapse_time = now() WHERE email_address = 'p0@flood.example'").await;
    assert_eq!(door.lapse().await.unwrap(), 1);
    door.ask(door.by("new@flood.example")).await.unwrap();
    assert_eq!(door.count("access_requests WHERE email_address = 'new@flood.example'").await, 1);
}

#[tokio::test]
async fn after_a_refusal_asking_is_swallowed_for_seven_days_but_for_who_proves_an_address_that_nobody_had() {
    let door = Door::guided().await;
    door.ask(door.by(SAM)).await.unwrap();
    door.decline(&door.room.owner, &door.waiting().await.access_request_id).await.unwrap();
    door.ask(door.by(SAM)).await.unwrap();
    assert_eq!(door.count("access_requests").await, 1, "swallowed");
    door.ask(door.proved(SAM)).await.unwrap();
    door.decline(&door.room.owner, &door.waiting().await.access_request_id).await.unwrap();
    door.ask(door.proved(SAM)).await.unwrap();
    assert_eq!(door.count("access_requests").await, 2, "swallowed, proved or not");
    door.sql("UPDATE access_requests SET answer_time = now() - interval '6 days 23 hours'").await;
    door.ask(door.proved(SAM)).await.unwrap();
    assert_eq!(door.count("access_requests").await, 2);
    door.sql("UPDATE access_requests SET answer_time = now() - interval '7 days 1 second'").await;
    door.ask(door.proved(SAM)).await.unwrap();
    assert_eq!(door.count("access_requests").await, 3);
    assert_eq!(door.waiting().await.email_address, SAM);
}

#[tokio::test]
async fn who_takes_part_already_is_told_so_once_a_day_and_nobody_else_is() {
    let door = Door::guided().await;
    let gina = &door.room.guest;
    for _ in 0..2 {
        door.ask(door.by(&address_of(gina))).await.unwrap();
        door.ask(door.proved(&address_of(gina))).await.unwrap();
        door.ask_as((&Principal::Person(gina.clone()), NOWHERE), door.by("")).await.unwrap();
    }
    let told = door.room.outbox::<AccessGranted>().await;
    let [told] = told.as_slice() else { panic!("told {} times", told.len()) };
    assert_eq!(told.person.as_ref().unwrap().user_id, gina.user_id.to_string());
    assert_eq!((told.invitation_id.as_str(), &told.granter), ("", &None));
    assert_eq!(door.count("access_requests").await, 0);
    assert!(door.room.outbox::<AccessRequested>().await.is_empty() && door.timeline().await.is_empty());
    door.sql("UPDATE budgets SET window_end = now()").await;
    door.ask(door.proved(&address_of(gina))).await.unwrap();
    assert_eq!(door.room.outbox::<AccessGranted>().await.len(), 2);
}

#[tokio::test]
async fn who_was_shut_out_or_left_asks_like_anybody() {
    let door = Door::open().await;
    let gina = &door.room.guest;
    for (n, state) in ["REVOKED", "LEFT"].iter().enumerate() {
        door.sql(&format!("UPDATE participants SET state = '{state}' WHERE kind = 'EXTERNAL'")).await;
        door.ask_as((&Principal::Person(gina.clone()), NOWHERE), door.by("")).await.unwrap();
        assert_eq!(door.waiting().await.email_address, address_of(gina));
        assert_eq!(door.count("access_requests").await, i64::try_from(n).unwrap() + 1);
        door.sql("UPDATE access_requests SET lapse_time = now()").await;
        door.lapse().await.unwrap();
    }
    assert!(door.room.outbox::<AccessGranted>().await.is_empty());
}

#[tokio::test]
async fn nothing_comes_of_asking_a_space_that_is_archived_deleted_or_unknown_or_without_a_way_in() {
    let door = Door::open().await;
    door.sql("UPDATE people SET is_deactivated = true WHERE display_name = 'Sven'").await;
    let sven = address_of(&door.room.stranger);
    door.ask(door.proved(&sven)).await.unwrap();
    let unknown = pb::RequestAccessRequest { space_address: "no-such-space".to_owned(), ..door.proved(SAM) };
    door.move_link(&unknown.request_token, None, "no-such-space");
    door.ask(unknown).await.unwrap();
    door.room.set("state = 'ARCHIVED'").await;
    door.ask(door.proved(SAM)).await.unwrap();
    door.room
        .set("state = 'DELETED', state_before_delete = 'ACTIVE', delete_time = now(), purge_time = now()")
        .await;
    door.ask(door.proved(SAM)).await.unwrap();
    assert_eq!((door.count("access_requests").await, door.count("outbox").await), (0, 0));
}

/// What asking leaves behind, by table.
async fn rows(door: &Door) -> Vec<i64> {
    let mut rows = Vec::new();
    for table in ["jobs", "budgets", "access_requests", "outbox", "activities", "idempotency_keys"] {
        rows.push(door.count(table).await);
    }
    rows
}

#[tokio::test]
async fn asking_answers_and_writes_the_same_whatever_the_space_and_whoever_asks() {
    let door = Door::guided().await;
    door.ask(door.by("first@stranger.example")).await.unwrap();
    let request = door.waiting().await;
    door.decline(&door.room.owner, &request.access_request_id).await.unwrap();
    let unknown = pb::RequestAccessRequest { space_address: "no-such-space".to_owned(), ..door.by(SAM) };
    let long = pb::RequestAccessRequest { space_address: "x".repeat(63), ..door.by(SAM) };
    let guest = door.by(&address_of(&door.room.guest));
    let mut written = Vec::new();
    for message in [door.by(SAM), unknown, long, guest, door.by("first@stranger.example")] {
        let before = rows(&door).await;
        let answer = door.call((&Principal::Anyone, NOWHERE), (message, None)).await.unwrap();
        assert_eq!(answer, pb::RequestAccessResponse {});
        let after = rows(&door).await;
        written.push(after.iter().zip(before).map(|(after, before)| after - before).collect::<Vec<_>>());
    }
    written.dedup();
    assert_eq!(written, [[1, 0, 0, 0, 0, 0]], "one job, and nothing else");
}

/// The largest distance between the distributions of two samples of one size (Kolmogorov and Smirnov).
fn distance(mut one: Vec<Duration>, mut other: Vec<Duration>) -> f64 {
    one.sort();
    other.sort();
    let below = |sample: &[Duration], value| sample.partition_point(|sampled| *sampled <= value) as f64;
    let at = one.iter().chain(&other).copied().collect::<Vec<_>>();
    let size = one.len() as f64;
    at.into_iter().map(|value| (below(&one, value) - below(&other, value)).abs() / size).fold(0.0, f64::max)
}

#[tokio::test]
async fn asking_takes_as_long_for_a_space_that_exists_as_for_one_that_does_not() {
    const SAMPLES: u32 = 300;
    let door = Door::guided().await;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for n in 0..SAMPLES + 20 {
        let there = door.by(SAM);
        let not_there = pb::RequestAccessRequest { space_address: Uuid::max().to_string(), ..there.clone() };
        let mut took = [Duration::ZERO; 2];
        // Which comes first changes, so that neither always meets what the other left.
        for turn in [n % 2, (n + 1) % 2] {
            let message = if turn == 0 { there.clone() } else { not_there.clone() };
            let start = Instant::now();
            door.call((&Principal::Anyone, network(n)), (message, None)).await.unwrap();
            took[usize::try_from(turn).unwrap()] = start.elapsed();
        }
        // The first ones warm up connections and plans.
        if n >= 20 {
            known.push(took[0]);
            unknown.push(took[1]);
        }
        if n % 50 == 0 {
            door.sql("TRUNCATE jobs").await;
        }
    }
    let distance = distance(known, unknown);
    // Two samples of one distribution are further apart once in a million times: sqrt(-ln(5e-7) / 300).
    assert!(distance < 0.2199, "{distance}");
}

#[tokio::test]
async fn a_token_of_another_organisation_or_space_or_of_another_use_is_refused_like_a_forged_one() {
    let door = Door::open().await;
    let mut refused = Vec::new();
    let foreign = door.proved(SAM);
    door.move_link(&foreign.request_token, Some(Uuid::max()), &foreign.space_address);
    refused.push(foreign);
    let of_another_space = door.proved(SAM);
    door.move_link(&of_another_space.request_token, None, "another-space");
    refused.push(of_another_space);
    let used = saying("Sam", "once", door.proved(SAM));
    door.ask(used.clone()).await.unwrap();
    door.ask(used.clone()).await.unwrap();
    refused.push(saying("Mallory", "twice", used));
    for forged in ["nonsense", &"x".repeat(10_000)] {
        refused.push(pb::RequestAccessRequest { request_token: forged.to_owned(), ..door.by("") });
    }
    let mut refusals = Vec::new();
    for message in refused {
        let answer = door.ask(message).await;
        refusals.push(bytes(&assert_refused(answer, Code::NotFound, "REQUEST_LINK_REFUSED")));
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1);
    let waiting = door.waiting().await;
    assert_eq!((waiting.display_name.as_str(), waiting.message.as_str()), ("Sam", "once"));
}

#[tokio::test]
async fn what_is_asked_is_taken_within_its_limits_and_named_beyond() {
    let door = Door::guided().await;
    let with = |field: &str, value: &str| {
        let mut message = door.by(SAM);
        let place = match field {
            "organization" => &mut message.organization,
            "space_address" => &mut message.space_address,
            "email_address" => &mut message.email_address,
            "display_name" => &mut message.display_name,
            _ => &mut message.message,
        };
        value.clone_into(place);
        message
    };
    for (field, good) in [("display_name", "é".repeat(255)), ("message", "é".repeat(1_000))] {
        door.ask(with(field, &good)).await.unwrap();
    }
    let waiting = door.waiting().await;
    assert_eq!((waiting.display_name.chars().count(), waiting.message.chars().count()), (255, 1_000));
    for (field, bad) in [
        ("display_name", "é".repeat(256).as_str()),
        ("display_name", "a\r\nBcc: eve@evil.example"),
        ("display_name", "a\u{202e}b"),
        ("message", &"é".repeat(1_001)),
        ("message", "bell\u{7}"),
        ("message", "nul\0"),
        ("message", "a\u{2028}b"),
        ("email_address", "nonsense"),
        ("email_address", "a@b.example\r\nX: y"),
        ("email_address", ""),
        ("space_address", ""),
        ("space_address", &"x".repeat(64)),
        ("space_address", "a\0b"),
        ("organization", &"x".repeat(64)),
        ("organization", "a\0b"),
    ] {
        let status = assert_refused(door.ask(with(field, bad)).await, Code::InvalidArgument, "INVALID_FIELD");
        assert!(status.message().contains(&format!("{field}: ")), "{field} is not in {:?}", status.message());
    }
    for unknown in ["", "no-such-organisation"] {
        let answer = door.ask(with("organization", unknown)).await;
        assert_refused(answer, Code::NotFound, "ORGANIZATION_NOT_FOUND");
    }
    assert_eq!(door.waiting().await, waiting, "nothing has changed");
}

#[tokio::test]
async fn one_network_asks_thirty_times_in_a_quarter_of_an_hour_whatever_the_space_and_others_go_on() {
    let door = Door::guided().await;
    for n in 0..30 {
        let space_address = format!("space-{n}");
        let message = pb::RequestAccessRequest { space_address, ..door.by(SAM) };
        door.call((&Principal::Anyone, NOWHERE), (message, None)).await.unwrap();
    }
    let spent = door.call((&Principal::Anyone, NOWHERE), (door.by(SAM), None)).await;
    let status = assert_refused(spent, Code::ResourceExhausted, "TOO_MANY_ATTEMPTS");
    let wait = status.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert!(wait > Duration::from_secs(800) && wait <= Duration::from_secs(900), "{wait:?}");
    assert!(door.call((&Principal::Anyone, network(1)), (door.by(SAM), None)).await.is_ok());
    door.sql("UPDATE budgets SET window_end = now()").await;
    assert!(door.call((&Principal::Anyone, NOWHERE), (door.by(SAM), None)).await.is_ok());
}

#[tokio::test]
async fn guessing_at_organisations_and_tokens_spends_the_networks_budget_too() {
    let door = Door::open().await;
    for n in 0..100 {
        let organization = format!("no-such-{n}");
        let message = pb::RequestAccessRequest { organization, ..door.by(SAM) };
        assert_refused(door.ask(message).await, Code::NotFound, "ORGANIZATION_NOT_FOUND");
    }
    let guess =
        pb::RequestAccessRequest { request_token: "guess".to_owned(), ..pb::RequestAccessRequest::default() };
    assert_refused(door.ask(guess.clone()).await, Code::ResourceExhausted, "TOO_MANY_ATTEMPTS");
    for _ in 0..30 {
        let answer = door.ask_as((&Principal::Anyone, network(1)), guess.clone()).await;
        assert_refused(answer, Code::NotFound, "REQUEST_LINK_REFUSED");
    }
    let spent = door.ask_as((&Principal::Anyone, network(1)), guess).await;
    assert_refused(spent, Code::ResourceExhausted, "TOO_MANY_ATTEMPTS");
}

#[tokio::test]
async fn all_strangers_together_ask_one_organisation_a_thousand_times_an_hour() {
    let door = Door::guided().await;
    door.call((&Principal::Anyone, network(0)), (door.by(SAM), None)).await.unwrap();
    // As if 998 others had asked; each further one is of a network of its own.
    door.sql("UPDATE budgets SET count = 999").await;
    door.call((&Principal::Anyone, network(1)), (door.by(SAM), None)).await.unwrap();
    let spent = door.call((&Principal::Anyone, network(2)), (door.by(SAM), None)).await;
    assert_refused(spent, Code::ResourceExhausted, "TOO_MANY_ATTEMPTS");
    // Who signed in is counted by themselves.
    let mia = Principal::Person(door.somebody(CallerKind::Member, "Mia").await);
    for _ in 0..30 {
        door.call((&mia, network(3)), (door.by(""), None)).await.unwrap();
    }
    let spent = door.call((&mia, network(4)), (door.by(""), None)).await;
    assert_refused(spent, Code::ResourceExhausted, "TOO_MANY_ATTEMPTS");
}

#[tokio::test]
async fn no_counter_and_no_job_holds_a_network_or_a_token() {
    let door = Door::open().await;
    let request = door.proved(SAM);
    let token = request.request_token.clone();
    door.call((&Principal::Anyone, NOWHERE), (request, None)).await.unwrap();
    let text: String = sqlx::query_scalar(
        "SELECT coalesce(string_agg(j::text, ' '), '') || coalesce((SELECT string_agg(b::text, ' ') FROM budgets b), '')
           FROM jobs j",
    )
    .fetch_one(&door.room.superuser)
    .await
    .unwrap();
    assert!(!text.contains(&token) && !text.contains("192.0.2"), "{text}");
}

#[tokio::test]
async fn the_same_call_again_under_its_key_asks_once_and_a_job_done_twice_folds() {
    let door = Door::guided().await;
    for _ in 0..2 {
        door.call((&Principal::Anyone, NOWHERE), (door.by(SAM), Some("key-1"))).await.unwrap();
    }
    let other = door.call((&Principal::Anyone, NOWHERE), (door.by("eve@evil.example"), Some("key-1"))).await;
    assert_refused(other, Code::InvalidArgument, "IDEMPOTENCY_KEY_REUSED");
    let done = door.work().await;
    assert_eq!(done.len(), 1);
    door.work_again(&done[0]).await;
    door.waiting().await;
    assert_eq!(door.room.outbox::<AccessRequested>().await.len(), 1);
    assert_eq!(door.timeline().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_ask_at_once_each_address_waits_once_and_no_more_than_fifty_do() {
    let door = std::sync::Arc::new(Door::guided().await);
    for n in 0..120 {
        let request = door.by(&format!("p{}@flood.example", n % 60));
        door.call((&Principal::Anyone, network(n)), (request, None)).await.unwrap();
    }
    let payloads: Vec<serde_json::Value> = sqlx::query_scalar("DELETE FROM jobs RETURNING payload")
        .fetch_all(&door.room.superuser)
        .await
        .unwrap();
    let mut work = tokio::task::JoinSet::new();
    for chunk in payloads.chunks(15).map(<[_]>::to_vec) {
        let door = door.clone();
        work.spawn(async move {
            for payload in chunk {
                door.work_again(&payload).await;
            }
        });
    }
    work.join_all().await;
    assert_eq!(door.count("access_requests").await, 50);
    assert_eq!(door.room.outbox::<AccessRequested>().await.len(), 50);
}
