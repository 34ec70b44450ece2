//! The timeline.

use chrono::TimeDelta;
use messaging::Received;
use service_kit::caller::{Caller, CallerKind};
use service_kit::clock::Clock;
use service_kit::error::CommonError;
use service_kit::page::PageRequest;
use service_kit::validate::Violations;
use sharedspaces_proto::crmsync::events::v1::LogWritten;
use uuid::Uuid;

use super::room::Room;
use crate::activity::{ActivityKind, ToldActivity};
use crate::consumers::crm_sync::note_log;
use crate::locale::Locale;
use crate::space::SpaceError;

fn page<K: serde::de::DeserializeOwned>(size: i32, token: &str) -> PageRequest<K> {
    let mut check = Violations::default();
    let page = PageRequest::read(&mut check, size, token);
    check.into_result().unwrap();
    page
}

async fn all(room: &Room, caller: &Caller) -> Vec<ToldActivity> {
    room.activities().list(caller, room.space_id, page(100, ""), None).await.unwrap().items
}

fn sentences(told: &[ToldActivity]) -> Vec<&str> {
    told.iter().map(|told| told.summary.as_str()).collect()
}

#[tokio::test]
async fn the_timeline_is_paged_newest_first_and_new_activities_disturb_no_page() {
    let room = Room::open().await;
    let start = testkit::clock().now();
    for n in 0..5 {
        let title = format!("Title {n}");
        let time = start + TimeDelta::seconds(n / 2);
        room.append(ActivityKind::SpaceRenamed, Some((&room.owner, "Olga")), &title, time).await;
    }
    let first = room.activities().list(&room.owner, room.space_id, page(2, ""), None).await.unwrap();
    let newer = start + TimeDelta::seconds(60);
    room.append(ActivityKind::DescriptionChanged, Some((&room.owner, "Olga")), "", newer).await;
    let mut seen = first.items;
    let mut token = first.next_page_token;
    while !token.is_empty() {
        let next = room.activities().list(&room.owner, room.space_id, page(2, &token), None).await.unwrap();
        seen.extend(next.items);
        token = next.next_page_token;
    }
    let names: Vec<_> = seen.iter().map(|told| told.activity.object_name.as_str()).collect();
    assert_eq!(names, ["Title 4", "Title 3", "Title 2", "Title 1", "Title 0"]);
}

#[tokio::test]
async fn guests_see_what_guests_may_see_and_members_everything() {
    let room = Room::open().await;
    for kind in ActivityKind::ALL {
        room.append(kind, Some((&room.owner, "Olga")), "Something", testkit::clock().now()).await;
    }
    let kinds =
        |told: Vec<ToldActivity>| -> Vec<_> { told.into_iter().map(|told| told.activity.kind).collect() };
    for member in [&room.owner, &room.colleague] {
        assert_eq!(kinds(all(&room, member).await).len(), ActivityKind::ALL.len());
    }
    let seen = kinds(all(&room, &room.guest).await);
    for kind in ActivityKind::ALL {
        assert_eq!(seen.contains(&kind), !kind.is_internal(), "{kind:?}");
    }
    for hidden in [ActivityKind::ParticipantInvited, ActivityKind::CrmLogged, ActivityKind::SharingChanged] {
        assert!(!seen.contains(&hidden));
    }
}

#[tokio::test]
async fn who_takes_no_part_sees_no_timeline_and_a_guest_none_of_an_archived_space() {
    let room = Room::open().await;
    room.append(ActivityKind::SpaceCreated, Some((&room.owner, "Olga")), "", testkit::clock().now()).await;
    let foreign = testkit::caller(CallerKind::Admin);
    for nobody in [&room.stranger, &foreign] {
        let refused = room.activities().list(nobody, room.space_id, page(0, ""), None).await;
        assert!(matches!(refused, Err(SpaceError::NotFound)));
    }
    room.set("state = 'ARCHIVED', archive_time = now()").await;
    assert_eq!(all(&room, &room.owner).await.len(), 1);
    let refused = room.activities().list(&room.guest, room.space_id, page(0, ""), None).await;
    assert!(matches!(refused, Err(SpaceError::Archived)));
}

#[tokio::test]
async fn what_somebody_did_stays_under_the_name_they_had_when_they_leave() {
    let room = Room::open().await;
    room.append(ActivityKind::ParticipantJoined, Some((&room.guest, "Gina")), "", testkit::clock().now())
        .await;
    room.know_person(&room.guest, "Regina", "en").await;
    sqlx::query("UPDATE participants SET state = 'LEFT' WHERE user_id = $1")
        .bind(room.guest.user_id)
        .execute(&room.superuser)
        .await
        .unwrap();
    assert_eq!(sentences(&all(&room, &room.owner).await), ["Gina joined the space"]);
}

#[tokio::test]
async fn a_sentence_is_in_the_language_asked_for_else_in_the_callers_own() {
    let room = Room::open().await;
    room.append(ActivityKind::SpaceCreated, Some((&room.owner, "Olga")), "", testkit::clock().now()).await;
    room.know_person(&room.colleague, "Carl", "de").await;
    assert_eq!(sentences(&all(&room, &room.colleague).await), ["Olga hat den Space erstellt"]);
    let french =
        room.activities().list(&room.colleague, room.space_id, page(0, ""), Some(Locale::Fr)).await.unwrap();
    assert_eq!(sentences(&french.items), ["Olga a créé l’espace"]);
    room.know_person(&room.colleague, "Carl", "it").await;
    assert_eq!(sentences(&all(&room, &room.colleague).await), ["Olga created the space"]);
}

#[tokio::test]
async fn no_sentence_shows_an_address_of_somebody() {
    let room = Room::open().await;
    let address = "gina@customer.example";
    for kind in ActivityKind::ALL {
        // An item or record is named by its title; people by their names, which may be an address they typed.
        let is_person = matches!(
            kind,
            ActivityKind::ParticipantInvited
                | ActivityKind::ParticipantRevoked
                | ActivityKind::OwnershipTransferred
        );
        let object = if is_person { address } else { "Brochure" };
        room.append(kind, Some((&room.guest, address)), object, testkit::clock().now()).await;
        room.append(kind, None, object, testkit::clock().now()).await;
    }
    for locale in [Locale::En, Locale::Fr, Locale::De] {
        let told = room
            .activities()
            .list(&room.owner, room.space_id, page(100, ""), Some(locale))
            .await
            .unwrap()
            .items;
        assert_eq!(told.len(), 2 * ActivityKind::ALL.len());
        for told in told {
            let shown = format!("{} {:?}", told.summary, told.activity);
            assert!(!shown.contains('@'), "{shown}");
        }
    }
}

#[tokio::test]
async fn an_activity_moves_the_last_activity_forward_and_never_back() {
    let room = Room::open().await;
    let last = || async {
        sqlx::query_scalar::<_, chrono::DateTime<chrono::Utc>>("SELECT last_activity_time FROM spaces")
            .fetch_one(&room.superuser)
            .await
            .unwrap()
    };
    let later = testkit::clock().now() + TimeDelta::hours(1);
    room.append(ActivityKind::DescriptionChanged, None, "", later).await;
    assert_eq!(last().await, later);
    room.append(ActivityKind::DescriptionChanged, None, "", later - TimeDelta::minutes(5)).await;
    assert_eq!(last().await, later);
}

async fn tell(room: &Room, space_id: Uuid, log_id: Uuid) {
    let event = LogWritten {
        organization_id: room.owner.organization_id.to_string(),
        log_id: log_id.to_string(),
        space_id: space_id.to_string(),
        user_id: room.owner.user_id.to_string(),
        record_name: "Contoso Ltd".to_owned(),
        write_time: None,
    };
    let received = Received {
        event_id: testkit::ids().next(),
        organization_id: room.owner.organization_id,
        aggregate_id: log_id,
        aggregate_version: 1,
        event_time: testkit::clock().now(),
        event,
    };
    room.database
        .database
        .transaction(room.owner.organization_id, move |tx| {
            Box::pin(async move {
                let noted = note_log(tx, testkit::ids().next(), received).await;
                noted.map_err(|error| CommonError::Unexpected(anyhow::anyhow!("{error:?}")))
            })
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_crm_log_told_twice_is_one_activity_that_members_see() {
    let room = Room::open().await;
    let log_id: Uuid = testkit::ids().next();
    for _ in 0..2 {
        tell(&room, room.space_id.uuid(), log_id).await;
    }
    assert_eq!(sentences(&all(&room, &room.owner).await), ["Olga logged the space to “Contoso Ltd”"]);
    assert_eq!(all(&room, &room.guest).await.len(), 0);
    tell(&room, room.space_id.uuid(), testkit::ids().next()).await;
    assert_eq!(all(&room, &room.owner).await.len(), 2, "another log is another activity");
    tell(&room, testkit::ids().next(), log_id).await;
}
