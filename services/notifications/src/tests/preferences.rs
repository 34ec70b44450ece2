//! Quiet hours: setting them, and when they end.

use chrono::{DateTime, Utc};
use prost_types::FieldMask;
use service_kit::caller::{Caller, CallerKind, Principal};
use service_kit::clock::{Clock, SystemClock};
use service_kit::error::CommonError;
use sharedspaces_proto::find_method_rule;
use sharedspaces_proto::identity::v1::Person;
use sharedspaces_proto::notifications::v1 as pb;
use sharedspaces_proto::notifications::v1::preference_service_server::PreferenceService;
use tonic::{Code, Request, Response, Status};

use super::world::{World, user_id};
use crate::delivery::State;
use crate::grpc::PreferenceGrpc;
use crate::preference::{AllPreferences, not_before};

fn request_of<T>(caller: &Caller, method: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let path = format!("/sharedspaces.notifications.v1.PreferenceService/{method}");
    request.extensions_mut().insert(find_method_rule(&path).unwrap());
    request.extensions_mut().insert(Principal::Person(caller.clone()));
    request
}

fn service(world: &World) -> PreferenceGrpc {
    PreferenceGrpc { preferences: AllPreferences::new(world.db().clone()) }
}

async fn set(
    world: &World,
    caller: &Caller,
    paths: &[&str],
    hours: Option<(&str, &str)>,
) -> Result<Option<pb::QuietHours>, Status> {
    let quiet_hours =
        hours.map(|(start, end)| pb::QuietHours { start: start.to_owned(), end: end.to_owned() });
    let request = pb::UpdatePreferencesRequest {
        update_mask: Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }),
        preferences: Some(pb::Preferences { quiet_hours }),
    };
    let request = request_of(caller, "UpdatePreferences", request);
    let answer = service(world).update_preferences(request).await.map(Response::into_inner)?;
    Ok(answer.preferences.unwrap().quiet_hours)
}

async fn get(world: &World, caller: &Caller) -> Option<(String, String)> {
    let request = request_of(caller, "GetPreferences", pb::GetPreferencesRequest {});
    let answer = service(world).get_preferences(request).await.unwrap().into_inner();
    answer.preferences.unwrap().quiet_hours.map(|hours| (hours.start, hours.end))
}

fn caller_of(world: &World, person: &Person) -> Caller {
    Caller { user_id: user_id(person), ..world.admin.clone() }
}

/// Returns when a mail may go that would at `at`, as text; `-` for then.
async fn end(world: &World, caller: &Caller, at: &str, zone: &'static str) -> String {
    let (organization, user) = (caller.organization_id, caller.user_id);
    let at: DateTime<Utc> = at.parse().unwrap();
    let end = world
        .db()
        .read(organization, move |tx| {
            Box::pin(async move { Ok::<_, CommonError>(not_before(tx, organization, user, at, zone).await?) })
        })
        .await
        .unwrap();
    end.map_or("-".to_owned(), |end| end.format("%Y-%m-%dT%H:%MZ").to_string())
}

#[tokio::test]
async fn there_are_no_quiet_hours_until_somebody_sets_theirs_and_after_they_take_them_away() {
    let world = World::new().await;
    let person = world.person("Cleo", "cleo@acme.test", "en");
    let caller = caller_of(&world, &person);
    assert_eq!(get(&world, &caller).await, None);
    let answer = set(&world, &caller, &["quiet_hours"], Some(("22:00", "07:30"))).await.unwrap();
    assert_eq!(answer.map(|hours| (hours.start, hours.end)), get(&world, &caller).await);
    set(&world, &caller, &["quiet_hours"], Some(("21:00", "06:00"))).await.unwrap();
    assert_eq!(get(&world, &caller).await, Some(("21:00".to_owned(), "06:00".to_owned())));

    // Neither a colleague nor whoever has the same id elsewhere.
    let colleague = Caller { user_id: testkit::ids().next(), ..caller.clone() };
    let elsewhere = Caller { user_id: caller.user_id, ..testkit::caller(CallerKind::Guest) };
    for other in [&colleague, &elsewhere] {
        assert_eq!(get(&world, other).await, None);
        set(&world, other, &["quiet_hours"], None).await.unwrap();
    }
    assert!(get(&world, &caller).await.is_some());
    assert_eq!(set(&world, &caller, &["quiet_hours"], None).await.unwrap(), None);
    assert_eq!(get(&world, &caller).await, None);
}

#[tokio::test]
async fn bad_quiet_hours_name_their_field_and_change_nothing() {
    let world = World::new().await;
    let caller = world.admin.clone();
    set(&world, &caller, &["quiet_hours"], Some(("22:00", "07:30"))).await.unwrap();
    for (paths, hours, field) in [
        (&[][..], Some(("20:00", "06:00")), "update_mask"),
        (&["quiet_hours", "colour"], Some(("20:00", "06:00")), "update_mask"),
        (&["quiet_hours"], Some(("24:00", "06:00")), "preferences.quiet_hours.start"),
        (&["quiet_hours"], Some(("20:00", "6:00")), "preferences.quiet_hours.end"),
        (&["quiet_hours"], Some(("20:00", "20:00")), "preferences.quiet_hours.end"),
    ] {
        let status = set(&world, &caller, paths, hours).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(field), "{}", status.message());
    }
    assert_eq!(get(&world, &caller).await, Some(("22:00".to_owned(), "07:30".to_owned())));
}

#[tokio::test]
async fn quiet_hours_end_by_the_clock_where_the_person_is_in_either_order() {
    let world = World::new().await;
    let caller = world.admin.clone();
    let zurich = "Europe/Zurich";
    assert_eq!(end(&world, &caller, "2026-07-01T02:00:00Z", zurich).await, "-", "none are set");

    set(&world, &caller, &["quiet_hours"], Some(("22:00", "07:00"))).await.unwrap();
    for (at, expected) in [
        ("2026-07-01T19:59:59Z", "-"),
        ("2026-07-01T20:00:00Z", "2026-07-02T05:00Z"),
        ("2026-07-01T21:59:59Z", "2026-07-02T05:00Z"),
        ("2026-07-01T22:00:00Z", "2026-07-02T05:00Z"),
        ("2026-07-02T04:59:59Z", "2026-07-02T05:00Z"),
        ("2026-07-02T05:00:00Z", "-"),
    ] {
        assert_eq!(end(&world, &caller, at, zurich).await, expected, "{at}");
    }
    // No zone, and one that does not exist, are UTC.
    for zone in ["", "Mars/Olympus", "'; DROP TABLE preferences"] {
        assert_eq!(end(&world, &caller, "2026-07-01T22:00:00Z", zone).await, "2026-07-02T07:00Z");
        assert_eq!(end(&world, &caller, "2026-07-01T21:59:59Z", zone).await, "-");
    }

    set(&world, &caller, &["quiet_hours"], Some(("12:00", "14:30"))).await.unwrap();
    for (at, expected) in [
        ("2026-01-01T10:59:59Z", "-"),
        ("2026-01-01T11:00:00Z", "2026-01-01T13:30Z"),
        ("2026-01-01T13:29:59Z", "2026-01-01T13:30Z"),
        ("2026-01-01T13:30:00Z", "-"),
        ("2026-01-01T23:00:00Z", "-"),
    ] {
        assert_eq!(end(&world, &caller, at, zurich).await, expected, "{at}");
    }
}

#[tokio::test]
async fn quiet_hours_hold_where_clocks_are_put_forward_and_back() {
    let world = World::new().await;
    let caller = world.admin.clone();
    let zurich = "Europe/Zurich";
    set(&world, &caller, &["quiet_hours"], Some(("22:00", "07:00"))).await.unwrap();
    // The night of 29 March has 23 hours, that of 25 October 25.
    assert_eq!(end(&world, &caller, "2026-03-28T21:30:00Z", zurich).await, "2026-03-29T05:00Z");
    assert_eq!(end(&world, &caller, "2026-10-24T20:30:00Z", zurich).await, "2026-10-25T06:00Z");
    assert_eq!(end(&world, &caller, "2026-10-25T01:30:00Z", zurich).await, "2026-10-25T06:00Z");

    // An end that no clock shows, and one that clocks show twice.
    set(&world, &caller, &["quiet_hours"], Some(("01:00", "02:30"))).await.unwrap();
    assert_eq!(end(&world, &caller, "2026-03-29T00:30:00Z", zurich).await, "2026-03-29T01:30Z");
    assert_eq!(end(&world, &caller, "2026-10-25T00:10:00Z", zurich).await, "2026-10-25T01:30Z");
    assert_eq!(end(&world, &caller, "2026-10-25T01:10:00Z", zurich).await, "2026-10-25T01:30Z");
    assert_eq!(end(&world, &caller, "2026-10-25T01:30:00Z", zurich).await, "-");
}

#[tokio::test]
async fn a_muteable_mail_that_is_due_within_quiet_hours_waits_for_their_end_and_loses_no_try() {
    let world = World::new().await;
    let person =
        Person { time_zone: "Europe/Zurich".to_owned(), ..world.person("Cleo", "c@acme.test", "en") };
    world.identity.knows(person.clone());
    let caller = caller_of(&world, &person);
    // Whatever the clock shows there, it is far from both ends.
    let (start, finish): (String, String) = sqlx::query_as(
        "SELECT to_char(here - interval '6 hours', 'HH24:MI'), to_char(here + interval '6 hours', 'HH24:MI')
           FROM (SELECT now() AT TIME ZONE 'Europe/Zurich' AS here) AS clock",
    )
    .fetch_one(world.db().pool())
    .await
    .unwrap();
    set(&world, &caller, &["quiet_hours"], Some((start.as_str(), finish.as_str()))).await.unwrap();
    let id = world.plan_new_joiner(&person, None).await;
    world.run(id, 1).await.unwrap();
    let waiting = world.delivery(id).await;
    assert_eq!((waiting.state, waiting.attempts), (State::Pending, 0));
    assert!(waiting.due_time.unwrap() > SystemClock.now() && waiting.reason.contains("quiet hours"));
    assert!(world.taken().is_empty());
}
