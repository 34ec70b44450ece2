//! Visits of guests.

use service_kit::caller::{Caller, CallerKind};
use service_kit::ids::SpaceId;
use service_kit::page::PageRequest;
use sharedspaces_proto::spaces::events::v1::VisitEnded;
use sharedspaces_proto::spaces::v1 as pb;
use uuid::Uuid;

use super::room::Room;
use super::world::Service;
use crate::activity::ActivityKind;
use crate::item::{NewContent, NewItem};
use crate::jobs::end_visits::end_all;
use crate::participant::State;
use crate::space::SpaceError;
use crate::visit::{Insights, Visits};

async fn link(room: &Room, title: &str) -> Uuid {
    add(room, title, NewContent::Link("https://a.example/".to_owned())).await
}

async fn add(room: &Room, title: &str, content: NewContent) -> Uuid {
    let new = NewItem {
        space_id: room.space_id,
        folder_id: None,
        title: title.to_owned(),
        description: String::new(),
        content,
    };
    let added: pb::AddItemResponse = room.items().add(&Room::call(&room.owner), new).await.unwrap();
    added.item.unwrap().item_id.parse().unwrap()
}

async fn look(room: &Room, caller: &Caller) {
    room.visits().record(caller, room.space_id).await.unwrap();
}

/// Lets time pass for what is there.
async fn minutes_pass(room: &Room, minutes: i32) {
    sqlx::query(
        "UPDATE visits SET start_time = start_time - make_interval(mins => $1),
                           last_time = last_time - make_interval(mins => $1)",
    )
    .bind(minutes)
    .execute(&room.superuser)
    .await
    .unwrap();
}

async fn end_due(room: &Room) -> u64 {
    end_all(&room.database.database, &room.visits()).await.unwrap()
}

async fn insights(room: &Room) -> Insights {
    room.visits().insights(&room.owner, room.space_id).await.unwrap()
}

async fn count(room: &Room, table: &str) -> i64 {
    sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
        .fetch_one(&room.superuser)
        .await
        .unwrap()
}

#[tokio::test]
async fn calls_within_half_an_hour_are_one_visit_and_later_ones_another() {
    let room = Room::open().await;
    look(&room, &room.guest).await;
    minutes_pass(&room, 29).await;
    look(&room, &room.guest).await;
    let one = insights(&room).await;
    assert_eq!(one.visit_count, 1);
    assert!((1_739.0..1_800.0).contains(&one.seconds), "{} s", one.seconds);
    minutes_pass(&room, 30).await;
    look(&room, &room.guest).await;
    let two = insights(&room).await;
    assert_eq!(two.visit_count, 2);
    assert_eq!(room.outbox::<VisitEnded>().await.len(), 1, "the first was told when the second began");
    let [guest] = two.guests.try_into().unwrap();
    assert_eq!((guest.user_id, guest.visit_count), (room.guest.user_id, 2));
    assert!(guest.first_visit_time < guest.last_visit_time);
    let remembered: Vec<Option<chrono::DateTime<chrono::Utc>>> =
        sqlx::query_scalar("SELECT last_visit_time FROM participants ORDER BY last_visit_time NULLS LAST")
            .fetch_all(&room.superuser)
            .await
            .unwrap();
    assert_eq!(remembered.first(), Some(&guest.last_visit_time), "{remembered:?}");
    assert!(remembered.iter().skip(1).all(Option::is_none), "only the guest visits: {remembered:?}");
}

#[tokio::test]
async fn a_visit_is_told_once_half_an_hour_after_it_was_last_heard_of() {
    let room = Room::open().await;
    let brochure = link(&room, "Brochure").await;
    look(&room, &room.guest).await;
    let _opened = room.items().open(&room.guest, room.space_id, brochure).await.unwrap();
    let _again = room.items().open(&room.guest, room.space_id, brochure).await.unwrap();
    minutes_pass(&room, 29).await;
    assert_eq!(end_due(&room).await, 0);
    assert!(room.outbox::<VisitEnded>().await.is_empty());
    minutes_pass(&room, 1).await;
    assert_eq!(end_due(&room).await, 1);
    assert_eq!(end_due(&room).await, 0);
    let [told] = room.outbox::<VisitEnded>().await.try_into().unwrap();
    assert_eq!(told.visitor.unwrap().user_id, room.guest.user_id.to_string());
    assert_eq!(told.opened_titles, ["Brochure"]);
    assert!(told.downloaded_titles.is_empty());
    let mut audience: Vec<_> = told.audience.into_iter().map(|person| person.user_id).collect();
    audience.sort();
    let mut members = [room.owner.user_id.to_string(), room.colleague.user_id.to_string()];
    members.sort();
    assert_eq!(audience, members, "members who take part, and no guest");
}

#[tokio::test]
async fn members_and_previews_leave_no_trace() {
    let room = Room::open().await;
    let brochure = link(&room, "Brochure").await;
    for member in [&room.owner, &room.colleague] {
        look(&room, member).await;
        let _opened = room.items().open(member, room.space_id, brochure).await.unwrap();
    }
    assert_eq!((count(&room, "visits").await, count(&room, "visit_items").await), (0, 0));
    let seen = insights(&room).await;
    assert_eq!((seen.visit_count, seen.guests.len(), seen.guests[0].visit_count), (0, 1, 0));
}

#[tokio::test]
async fn what_a_guest_opens_and_downloads_is_counted_and_what_is_unopened_too() {
    let room = Room::open().await;
    let (seen, unseen) = (link(&room, "Seen").await, link(&room, "Unseen").await);
    let asset = room.assets.upload(&room.owner, room.space_id, "offer.pdf");
    let file = add(&room, "Offer", NewContent::File(asset)).await;
    let _folder = add(&room, "Folder", NewContent::Folder).await;
    // Without a call before: opening is being there.
    let _opened = room.items().open(&room.guest, room.space_id, seen).await.unwrap();
    let _opened = room.items().open(&room.guest, room.space_id, seen).await.unwrap();
    let _file = room.items().download(&room.guest, room.space_id, file).await.unwrap();
    let told = insights(&room).await;
    assert_eq!(told.visit_count, 1);
    let [guest] = told.guests.try_into().unwrap();
    assert_eq!(guest.unopened_item_count, 1, "{unseen} alone; folders are not counted");
    let counted: Vec<_> =
        guest.items.iter().map(|item| (item.item_id, item.open_count, item.download_count)).collect();
    assert_eq!(counted, [(seen, 2, 0), (file, 0, 1)]);
    assert_eq!(told.items, guest.items);
}

#[tokio::test]
async fn of_each_guest_the_fifty_most_opened_items_are_told_and_visits_of_other_spaces_count_for_none() {
    let room = Room::open().await;
    let item = link(&room, "Brochure").await;
    let _opened = room.items().open(&room.guest, room.space_id, item).await.unwrap();
    let statement =
        "INSERT INTO visit_items (organization_id, visit_id, item_id, title, open_count, download_count,
                                              first_time)
                     SELECT organization_id, visit_id, gen_random_uuid(), 'Gone', 1 + n, 0, now()
                       FROM visits, generate_series(1, 50) n";
    sqlx::query(statement).execute(&room.superuser).await.unwrap();
    let told = insights(&room).await;
    let [guest] = told.guests.try_into().unwrap();
    assert_eq!((guest.items.len(), told.items.len(), guest.unopened_item_count), (50, 51, 0));
    assert_eq!(
        (guest.items[0].open_count, guest.items[49].open_count),
        (51, 2),
        "the least opened is left out"
    );
    let other: SpaceId = testkit::ids().next();
    room.lay_space(&room.owner, other, "Other").await;
    let statement = "UPDATE visits SET space_id = $1";
    sqlx::query(statement).bind(other).execute(&room.superuser).await.unwrap();
    let [guest] = insights(&room).await.guests.try_into().unwrap();
    assert_eq!((guest.items.len(), guest.unopened_item_count), (0, 1));
}

#[tokio::test]
async fn when_a_guest_last_came_is_told_to_internal_participants_alone() {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(false).await;
    let space_id = service.space(&owner, "Room").await;
    let gina = service.participant(&owner, space_id, "gina@buyer.example").await;
    let last_visit = async |who: &Caller| {
        let page = PageRequest { size: 50, after: None };
        let listed =
            service.participants.list(who, space_id, vec![State::Invited, State::Active], page).await;
        let found = listed.unwrap().items.into_iter().find(|listed| listed.person.user_id == gina.user_id);
        found.unwrap().last_visit_time
    };
    assert_eq!(last_visit(&owner).await, None);
    let visits = Visits::new(service.database.database.clone(), testkit::clock(), testkit::ids());
    visits.record(&gina, space_id).await.unwrap();
    let first = last_visit(&owner).await.unwrap();
    assert_eq!(last_visit(&gina).await, None);
    visits.record(&gina, space_id).await.unwrap();
    assert_eq!(last_visit(&owner).await, Some(first), "the visit goes on");
    service
        .sql(
            "UPDATE visits SET start_time = start_time - interval '30 minutes',
                               last_time = last_time - interval '30 minutes'",
        )
        .await;
    visits.record(&gina, space_id).await.unwrap();
    assert!(last_visit(&owner).await.unwrap() > first);
}

#[tokio::test]
async fn many_windows_of_one_guest_are_one_visit() {
    let room = Room::open().await;
    let calls = (0..16).map(|_| room.visits()).map(|visits| {
        let (guest, space_id) = (room.guest.clone(), room.space_id);
        tokio::spawn(async move { visits.record(&guest, space_id).await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap().unwrap();
    }
    assert_eq!(count(&room, "visits").await, 1);
    let visited = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM activities WHERE kind = $1")
        .bind(ActivityKind::SpaceVisited.as_str())
        .fetch_one(&room.superuser)
        .await
        .unwrap();
    assert_eq!(visited, 1);
}

#[tokio::test]
async fn insights_are_for_internal_participants_and_visits_for_who_sees_the_space() {
    let room = Room::open().await;
    let (visits, space_id) = (room.visits(), room.space_id);
    assert!(matches!(
        visits.insights(&room.guest, space_id).await,
        Err(SpaceError::InternalParticipantsOnly)
    ));
    assert!(matches!(visits.insights(&room.stranger, space_id).await, Err(SpaceError::NotFound)));
    assert!(matches!(visits.record(&room.stranger, space_id).await, Err(SpaceError::NotFound)));
    let foreign = testkit::caller(CallerKind::Guest);
    assert!(matches!(visits.record(&foreign, space_id).await, Err(SpaceError::NotFound)));
    assert_eq!(count(&room, "visits").await, 0);
}

#[tokio::test]
async fn a_visit_of_a_space_that_was_archived_meanwhile_ends_untold() {
    let room = Room::open().await;
    look(&room, &room.guest).await;
    sqlx::query("UPDATE spaces SET state = 'ARCHIVED'").execute(&room.superuser).await.unwrap();
    minutes_pass(&room, 31).await;
    assert_eq!(end_due(&room).await, 1);
    assert!(room.outbox::<VisitEnded>().await.is_empty());
}
