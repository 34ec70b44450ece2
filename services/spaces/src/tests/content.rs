//! What a space holds.

use service_kit::caller::{Caller, CallerKind};
use service_kit::page::PageRequest;
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;
use uuid::Uuid;

use super::room::Room;
use crate::item::{ItemChange, ItemError, ItemMove, NewItem};

fn new(room: &Room, folder: Option<&pb::Item>, title: &str) -> NewItem {
    NewItem {
        space_id: room.space_id,
        folder_id: folder.map(id_of),
        title: title.to_owned(),
        description: String::new(),
        url: Some("https://a.example/".to_owned()),
    }
}

fn id_of(item: &pb::Item) -> Uuid {
    item.item_id.parse().unwrap()
}

async fn add(
    room: &Room,
    who: &Caller,
    folder: Option<&pb::Item>,
    title: &str,
) -> Result<pb::Item, ItemError> {
    let added: pb::AddItemResponse = room.items().add(&Room::call(who), new(room, folder, title)).await?;
    Ok(added.item.unwrap())
}

async fn folder(
    room: &Room,
    who: &Caller,
    parent: Option<&pb::Item>,
    title: &str,
) -> Result<pb::Item, ItemError> {
    let new = NewItem { url: None, ..new(room, parent, title) };
    let added: pb::CreateFolderResponse = room.items().add(&Room::call(who), new).await?;
    Ok(added.item.unwrap())
}

async fn relocate(
    room: &Room,
    who: &Caller,
    item: &pb::Item,
    to: Option<&pb::Item>,
    position: i32,
) -> Result<pb::Item, ItemError> {
    let wanted =
        ItemMove { space_id: room.space_id, item_id: id_of(item), folder_id: to.map(id_of), position };
    let moved: pb::MoveItemResponse = room.items().relocate(&Room::call(who), wanted).await?;
    Ok(moved.item.unwrap())
}

async fn rename(
    room: &Room,
    who: &Caller,
    item: &pb::Item,
    title: &str,
    etag: &str,
) -> Result<pb::Item, ItemError> {
    let change =
        ItemChange { title: Some(title.to_owned()), version: etag.parse().ok(), ..ItemChange::default() };
    let changed: pb::UpdateItemResponse =
        room.items().update(&Room::call(who), room.space_id, id_of(item), change).await?;
    Ok(changed.item.unwrap())
}

async fn remove(room: &Room, who: &Caller, item: &pb::Item) -> Result<(), ItemError> {
    let removed: pb::RemoveItemResponse =
        room.items().remove(&Room::call(who), room.space_id, id_of(item)).await?;
    assert_eq!(removed, pb::RemoveItemResponse {});
    Ok(())
}

async fn list(room: &Room, who: &Caller, folder: Option<&pb::Item>) -> Result<Vec<pb::Item>, ItemError> {
    let mut check = Violations::default();
    let (mut items, mut token) = (Vec::new(), String::new());
    loop {
        let page = PageRequest::read(&mut check, 2, &token);
        let page = room.items().list(who, room.space_id, folder.map(id_of), page).await?;
        items.extend(page.items.into_iter().map(pb::Item::from));
        if page.next_page_token.is_empty() {
            return Ok(items);
        }
        token = page.next_page_token;
    }
}

/// Returns the titles in a folder, once it is sure that the places have no gaps.
async fn titles(room: &Room, folder: Option<&pb::Item>) -> Vec<String> {
    let items = list(room, &room.owner, folder).await.unwrap();
    let places: Vec<_> = items.iter().map(|item| item.position).collect();
    assert_eq!(places, (0..i32::try_from(items.len()).unwrap()).collect::<Vec<_>>());
    items.into_iter().map(|item| item.title).collect()
}

async fn kinds(room: &Room) -> Vec<String> {
    sqlx::query_scalar("SELECT kind || ' ' || object_name FROM activities ORDER BY activity_id")
        .fetch_all(&room.superuser)
        .await
        .unwrap()
}

#[tokio::test]
async fn items_stand_in_their_order_with_who_added_them_and_folders_say_how_many_they_hold() {
    let room = Room::open().await;
    let shelf = folder(&room, &room.owner, None, "Shelf").await.unwrap();
    add(&room, &room.colleague, Some(&shelf), "Inside").await.unwrap();
    let theirs = add(&room, &room.guest, None, "Theirs").await.unwrap();
    let items = list(&room, &room.guest, None).await.unwrap();
    assert_eq!((items[0].item_count, items[0].adder_display_name.as_str()), (1, "Olga"));
    assert_eq!((items[0].r#type(), items[0].origin()), (pb::ItemType::Folder, pb::ItemOrigin::Internal));
    assert_eq!(items[1], theirs);
    assert_eq!((theirs.r#type(), theirs.origin()), (pb::ItemType::Link, pb::ItemOrigin::External));
    assert_eq!((theirs.adder_display_name.as_str(), theirs.url.as_str()), ("Gina", "https://a.example/"));
    assert_eq!(titles(&room, Some(&shelf)).await, ["Inside"]);
    assert_eq!(kinds(&room).await, ["ITEM_ADDED Shelf", "ITEM_ADDED Inside", "ITEM_ADDED Theirs"]);
}

#[tokio::test]
async fn places_stay_without_gaps_whatever_is_moved_and_removed() {
    let room = Room::open().await;
    let mut items = Vec::new();
    for title in ["a", "b", "c", "d"] {
        items.push(add(&room, &room.owner, None, title).await.unwrap());
    }
    let shelf = folder(&room, &room.owner, None, "shelf").await.unwrap();
    let of = |title: &str| items.iter().find(|item| item.title == title).unwrap();
    relocate(&room, &room.owner, of("a"), None, 2).await.unwrap();
    assert_eq!(titles(&room, None).await, ["b", "c", "a", "d", "shelf"]);
    relocate(&room, &room.owner, of("d"), None, 0).await.unwrap();
    assert_eq!(titles(&room, None).await, ["d", "b", "c", "a", "shelf"]);
    let end = relocate(&room, &room.owner, of("d"), None, 99).await.unwrap();
    assert_eq!(end.position, 4);
    relocate(&room, &room.owner, of("b"), Some(&shelf), 0).await.unwrap();
    relocate(&room, &room.owner, of("c"), Some(&shelf), 0).await.unwrap();
    assert_eq!(titles(&room, None).await, ["a", "shelf", "d"]);
    assert_eq!(titles(&room, Some(&shelf)).await, ["c", "b"]);
    let noted = kinds(&room).await.len();
    let stays = relocate(&room, &room.owner, of("c"), Some(&shelf), 0).await.unwrap();
    assert_eq!((stays.etag.as_str(), kinds(&room).await.len()), ("2", noted), "where it is: nothing changes");
    remove(&room, &room.owner, of("a")).await.unwrap();
    assert_eq!(titles(&room, None).await, ["shelf", "d"]);
    remove(&room, &room.owner, &shelf).await.unwrap();
    assert_eq!(titles(&room, None).await, ["d"]);
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM items").fetch_one(&room.superuser).await.unwrap();
    assert_eq!(left, 1, "a folder goes with all that is in it");
    assert_eq!(kinds(&room).await.last().unwrap(), "ITEM_REMOVED shelf");
}

#[tokio::test(flavor = "multi_thread")]
async fn places_stay_without_gaps_when_many_add_and_move_at_once() {
    let room = Room::open().await;
    let first = add(&room, &room.owner, None, "first").await.unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..24 {
        let (items, who) = (room.items(), [&room.owner, &room.colleague, &room.guest][n % 3].clone());
        let new = new(&room, None, &format!("{n}"));
        let wanted = ItemMove {
            space_id: room.space_id,
            item_id: id_of(&first),
            folder_id: None,
            position: i32::try_from(n).unwrap(),
        };
        calls.spawn(async move {
            if n % 4 == 1 {
                let moved: Result<pb::MoveItemResponse, _> = items.relocate(&Room::call(&who), wanted).await;
                assert!(matches!(moved, Ok(_) | Err(ItemError::InternalParticipantsOnly)), "{moved:?}");
            } else {
                let _added: pb::AddItemResponse = items.add(&Room::call(&who), new).await.unwrap();
            }
        });
    }
    calls.join_all().await;
    assert_eq!(titles(&room, None).await.len(), 19);
}

#[tokio::test]
async fn folders_lie_at_most_five_deep_and_never_in_themselves() {
    let room = Room::open().await;
    let mut deepest = folder(&room, &room.owner, None, "1").await.unwrap();
    let top = deepest.clone();
    for level in 2..=5 {
        deepest = folder(&room, &room.owner, Some(&deepest), &level.to_string()).await.unwrap();
    }
    let refused = folder(&room, &room.owner, Some(&deepest), "6").await;
    assert!(matches!(refused, Err(ItemError::TooDeep)));
    let link = add(&room, &room.owner, Some(&deepest), "link").await.unwrap();
    let refused = relocate(&room, &room.owner, &top, Some(&deepest), 0).await;
    assert!(matches!(refused, Err(ItemError::IntoItself)));
    let refused = relocate(&room, &room.owner, &top, Some(&top), 0).await;
    assert!(matches!(refused, Err(ItemError::IntoItself)));
    let other = folder(&room, &room.owner, None, "other").await.unwrap();
    assert!(matches!(relocate(&room, &room.owner, &top, Some(&other), 0).await, Err(ItemError::TooDeep)));
    assert!(matches!(
        add(&room, &room.owner, Some(&link), "in a link").await,
        Err(ItemError::FolderNotFound)
    ));
    assert!(matches!(list(&room, &room.owner, Some(&link)).await, Err(ItemError::FolderNotFound)));
}

#[tokio::test]
async fn a_space_takes_its_thousandth_item_and_not_the_next() {
    let room = Room::open().await;
    sqlx::query(
        "INSERT INTO items (organization_id, item_id, space_id, kind, position, title, description, url, origin,
                            adder_user_id, adder_display_name, version, create_time, update_time)
         SELECT $1, gen_random_uuid(), $2, 'LINK', n, 't', '', 'https://a.example/', 'INTERNAL', $3, '', 1, now(), now()
           FROM generate_series(0, 998) n",
    )
    .bind(room.owner.organization_id)
    .bind(room.space_id)
    .bind(room.owner.user_id)
    .execute(&room.superuser)
    .await
    .unwrap();
    let last = add(&room, &room.owner, None, "1000").await.unwrap();
    assert_eq!(last.position, 999);
    assert!(matches!(add(&room, &room.owner, None, "1001").await, Err(ItemError::TooMany)));
    assert!(matches!(folder(&room, &room.owner, None, "1001").await, Err(ItemError::TooMany)));
    remove(&room, &room.owner, &last).await.unwrap();
    folder(&room, &room.owner, None, "1000").await.unwrap();
}

#[tokio::test]
async fn a_guest_adds_where_uploading_is_allowed_and_changes_only_their_own() {
    let room = Room::open().await;
    let another = testkit::caller_of(room.owner.organization_id, CallerKind::Guest);
    room.know_person(&another, "Gus", "en").await;
    room.lay_participant(room.space_id, &another, "EXTERNAL").await;
    let ours = add(&room, &room.owner, None, "Ours").await.unwrap();
    let own = add(&room, &room.guest, None, "Own").await.unwrap();
    let foreign = add(&room, &another, None, "Foreign").await.unwrap();
    for item in [&ours, &foreign] {
        let refused = rename(&room, &room.guest, item, "Mine", "").await;
        assert!(matches!(refused, Err(ItemError::OwnItemsOnly)));
        assert!(matches!(remove(&room, &room.guest, item).await, Err(ItemError::OwnItemsOnly)));
    }
    let refused = folder(&room, &room.guest, None, "Shelf").await;
    assert!(matches!(refused, Err(ItemError::InternalParticipantsOnly)));
    let refused = relocate(&room, &room.guest, &own, None, 0).await;
    assert!(matches!(refused, Err(ItemError::InternalParticipantsOnly)));
    assert_eq!(rename(&room, &room.guest, &own, "Renamed", "").await.unwrap().title, "Renamed");
    room.set("allow_upload = false").await;
    let refused = add(&room, &room.guest, None, "More").await;
    assert!(matches!(refused, Err(ItemError::UploadingNotAllowed)));
    remove(&room, &room.guest, &own).await.expect("what they added they may take out");
    rename(&room, &room.colleague, &foreign, "Moderated", "").await.unwrap();
    add(&room, &room.colleague, None, "Colleague's").await.unwrap();
    assert_eq!(titles(&room, None).await, ["Ours", "Moderated", "Colleague's"]);
}

#[tokio::test]
async fn the_organisations_policy_takes_uploading_away_at_the_next_call() {
    let room = Room::open().await;
    add(&room, &room.guest, None, "Before").await.unwrap();
    sqlx::query("INSERT INTO sharing_policies VALUES ($1, true, true, false, 1, now())")
        .bind(room.owner.organization_id)
        .execute(&room.superuser)
        .await
        .unwrap();
    let refused = add(&room, &room.guest, None, "After").await;
    assert!(matches!(refused, Err(ItemError::UploadingNotAllowed)));
}

#[tokio::test]
async fn who_takes_no_part_finds_no_space_and_nothing_of_another_space_is_found_in_this() {
    let room = Room::open().await;
    let item = add(&room, &room.owner, None, "Secret").await.unwrap();
    let admin = testkit::caller_of(room.owner.organization_id, CallerKind::Admin);
    let foreign = testkit::caller(CallerKind::Member);
    for nobody in [&room.stranger, &foreign] {
        assert!(matches!(list(&room, nobody, None).await, Err(ItemError::SpaceNotFound)));
        assert!(matches!(add(&room, nobody, None, "x").await, Err(ItemError::SpaceNotFound)));
        assert!(matches!(rename(&room, nobody, &item, "x", "").await, Err(ItemError::SpaceNotFound)));
        assert!(matches!(remove(&room, nobody, &item).await, Err(ItemError::SpaceNotFound)));
    }
    assert_eq!(list(&room, &admin, None).await.unwrap().len(), 1, "admins see all of the organisation's");
    let refused = add(&room, &admin, None, "x").await;
    assert!(matches!(refused, Err(ItemError::UploadingNotAllowed)), "and take no part by that");
    let refused = remove(&room, &admin, &item).await;
    assert!(matches!(refused, Err(ItemError::InternalParticipantsOnly)));
    let mut other = Room::open().await;
    let theirs = folder(&other, &other.owner, None, "Theirs").await.unwrap();
    assert!(matches!(add(&room, &room.owner, Some(&theirs), "x").await, Err(ItemError::FolderNotFound)));
    assert!(matches!(
        relocate(&room, &room.owner, &item, Some(&theirs), 0).await,
        Err(ItemError::FolderNotFound)
    ));
    other.space_id = testkit::ids().next();
    other.lay_space(&other.owner, other.space_id, "Second").await;
    other.lay_participant(other.space_id, &other.owner, "OWNER").await;
    assert!(matches!(add(&other, &other.owner, Some(&theirs), "x").await, Err(ItemError::FolderNotFound)));
    assert!(matches!(remove(&other, &other.owner, &theirs).await, Err(ItemError::NotFound)));
}

#[tokio::test]
async fn an_archived_space_is_read_by_members_changed_by_nobody_and_shut_to_guests() {
    let room = Room::open().await;
    let item = add(&room, &room.guest, None, "Old").await.unwrap();
    room.set("state = 'ARCHIVED', archive_time = now()").await;
    assert_eq!(titles(&room, None).await, ["Old"]);
    for who in [&room.owner, &room.colleague, &room.guest] {
        assert!(matches!(add(&room, who, None, "New").await, Err(ItemError::SpaceArchived)));
        assert!(matches!(folder(&room, who, None, "New").await, Err(ItemError::SpaceArchived)));
        assert!(matches!(rename(&room, who, &item, "New", "").await, Err(ItemError::SpaceArchived)));
        assert!(matches!(relocate(&room, who, &item, None, 0).await, Err(ItemError::SpaceArchived)));
        assert!(matches!(remove(&room, who, &item).await, Err(ItemError::SpaceArchived)));
    }
    assert!(matches!(list(&room, &room.guest, None).await, Err(ItemError::SpaceArchived)));
}

#[tokio::test]
async fn a_guest_without_consent_sees_no_content() {
    let room = Room::open().await;
    let guest = Caller { consent_notice_version: 0, ..room.guest.clone() };
    sqlx::query("UPDATE people SET consent_notice_version = 0").execute(&room.superuser).await.unwrap();
    assert!(matches!(list(&room, &guest, None).await, Err(ItemError::ConsentRequired)));
    assert!(matches!(add(&room, &guest, None, "x").await, Err(ItemError::ConsentRequired)));
}

#[tokio::test]
async fn two_editors_of_an_item_lose_nothing_silently() {
    let room = Room::open().await;
    let item = add(&room, &room.owner, None, "Before").await.unwrap();
    rename(&room, &room.owner, &item, "First", &item.etag).await.unwrap();
    let refused = rename(&room, &room.colleague, &item, "Second", &item.etag).await;
    assert!(matches!(refused, Err(ItemError::Changed)));
    assert_eq!(titles(&room, None).await, ["First"]);
}

#[test]
fn titles_descriptions_and_masks_are_taken_within_their_limits_and_refused_beyond() {
    let request = |title: usize, description: usize| pb::AddItemRequest {
        space_id: Uuid::nil().to_string(),
        title: "t".repeat(title),
        description: "d".repeat(description),
        url: "https://a.example".to_owned(),
        ..pb::AddItemRequest::default()
    };
    assert!(NewItem::try_from(request(255, 5_000)).is_ok());
    for (title, description) in [(0, 0), (256, 0), (1, 5_001)] {
        assert!(NewItem::try_from(request(title, description)).is_err(), "{title} {description}");
    }
    let to = |position: i32| pb::MoveItemRequest {
        space_id: Uuid::nil().to_string(),
        item_id: Uuid::nil().to_string(),
        folder_id: String::new(),
        position,
    };
    assert!(ItemMove::try_from(to(0)).is_ok());
    assert!(ItemMove::try_from(to(-1)).is_err());
}
