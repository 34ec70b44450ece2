//! Files among the items: adding, opening, downloading, and what assets is told.

use service_kit::caller::{Caller, CallerKind};
use service_kit::error::CommonError;
use service_kit::page::PageRequest;
use service_kit::validate::Violations;
use sharedspaces_proto::assets::v1::AssetState;
use sharedspaces_proto::spaces::events::v1::AssetPlaced;
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::content_service_server::ContentService;
use tonic::Request;
use uuid::Uuid;

use super::room::Room;
use crate::grpc::ContentGrpc;
use crate::item::{ItemAddress, ItemError, ItemMove, NewContent, NewItem};

fn new(room: &Room, folder: Option<&pb::Item>, content: NewContent) -> NewItem {
    NewItem {
        space_id: room.space_id,
        folder_id: folder.map(id_of),
        title: "Offer".to_owned(),
        description: String::new(),
        content,
    }
}

fn id_of(item: &pb::Item) -> Uuid {
    item.item_id.parse().unwrap()
}

async fn add(
    room: &Room,
    who: &Caller,
    folder: Option<&pb::Item>,
    content: NewContent,
) -> Result<pb::Item, ItemError> {
    let added: pb::AddItemResponse = room.items().add(&Room::call(who), new(room, folder, content)).await?;
    Ok(added.item.unwrap())
}

/// Uploads a file and makes it an item.
async fn add_file(room: &Room, who: &Caller, folder: Option<&pb::Item>, name: &str) -> pb::Item {
    let asset_id = room.assets.upload(who, room.space_id, name);
    add(room, who, folder, NewContent::File(asset_id)).await.unwrap()
}

async fn remove(room: &Room, who: &Caller, item: &pb::Item) -> Result<(), ItemError> {
    let removed: Result<pb::RemoveItemResponse, _> =
        room.items().remove(&Room::call(who), room.space_id, id_of(item)).await;
    removed.map(|_| ())
}

async fn open(room: &Room, who: &Caller, item: &pb::Item) -> Result<ItemAddress, ItemError> {
    room.items().open(who, room.space_id, id_of(item)).await
}

async fn download(room: &Room, who: &Caller, item: &pb::Item) -> Result<ItemAddress, ItemError> {
    room.items().download(who, room.space_id, id_of(item)).await
}

/// Returns the sentences of the timeline that somebody sees, the oldest first.
async fn told(room: &Room, who: &Caller) -> Vec<String> {
    let page = PageRequest::read(&mut Violations::default(), 100, "");
    let told = room.activities().list(who, room.space_id, page, None).await.unwrap();
    told.items.into_iter().rev().map(|told| told.summary).collect()
}

async fn count(room: &Room, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&room.superuser).await.unwrap()
}

#[tokio::test]
async fn an_uploaded_file_becomes_an_item_and_assets_is_told_where_it_stands() {
    let room = Room::open().await;
    let asset_id = room.assets.upload(&room.guest, room.space_id, "offer.pdf");
    let item = add(&room, &room.guest, None, NewContent::File(asset_id)).await.unwrap();
    assert_eq!((item.r#type(), item.origin()), (pb::ItemType::File, pb::ItemOrigin::External));
    assert_eq!((item.asset_id.as_str(), item.url.as_str()), (asset_id.to_string().as_str(), ""));
    assert_eq!((item.file_name.as_str(), item.content_type.as_str()), ("offer.pdf", "application/pdf"));
    assert_eq!((item.size_bytes, item.title.as_str()), (2_147_483_648, "Offer"));
    let page = PageRequest::read(&mut Violations::default(), 0, "");
    let listed = room.items().list(&room.owner, room.space_id, None, page).await.unwrap();
    let listed: Vec<_> = listed.items.into_iter().map(pb::Item::from).collect();
    assert_eq!(listed, std::slice::from_ref(&item));
    let [placed] = room.outbox::<AssetPlaced>().await.try_into().unwrap();
    assert_eq!(placed.organization_id, room.owner.organization_id.to_string());
    assert_eq!((placed.place_id, placed.space_id), (item.item_id, room.space_id.to_string()));
    assert_eq!(placed.asset_id, asset_id.to_string());
    add(&room, &room.owner, None, NewContent::Link("https://a.example/".to_owned())).await.unwrap();
    room.check_places().await;
}

#[tokio::test]
async fn a_file_that_is_not_ready_foreign_or_of_another_space_is_not_found() {
    let room = Room::open().await;
    let refused = |asset_id: Uuid| {
        let room = &room;
        async move {
            let refused = add(room, &room.owner, None, NewContent::File(asset_id)).await;
            assert!(matches!(refused, Err(ItemError::AssetNotFound)), "{refused:?}");
        }
    };
    let own = room.assets.upload(&room.owner, room.space_id, "a.pdf");
    for state in [AssetState::Uploading, AssetState::Scanning, AssetState::Refused] {
        room.assets.set_state(own, state);
        refused(own).await;
    }
    let foreign = testkit::caller(CallerKind::Member);
    refused(Uuid::from_u128(1)).await;
    refused(room.assets.upload(&room.colleague, room.space_id, "a.pdf")).await;
    refused(room.assets.upload(&room.owner, testkit::ids().next(), "a.pdf")).await;
    refused(room.assets.upload(&foreign, room.space_id, "a.pdf")).await;
    assert_eq!((count(&room, "items").await, count(&room, "outbox").await), (0, 0));
    assert!(told(&room, &room.owner).await.is_empty());

    let placed = room.assets.upload(&room.colleague, testkit::ids().next(), "a.pdf");
    room.assets.place(placed, room.space_id);
    add(&room, &room.owner, None, NewContent::File(placed)).await.expect("an item of the space shows it");
    room.assets.set_state(own, AssetState::Clean);
    add(&room, &room.owner, None, NewContent::File(own)).await.unwrap();
    room.assets.go_down();
    let refused = add(&room, &room.owner, None, NewContent::File(own)).await;
    assert!(matches!(refused, Err(ItemError::Common(CommonError::Peer(_)))), "{refused:?}");
    assert_eq!(count(&room, "items").await, 2);
    room.check_places().await;
}

#[test]
fn an_item_is_a_link_or_a_file_and_both_fields_are_named_where_it_is_both_or_neither() {
    let request = |url: &str, asset_id: &str| {
        NewItem::try_from(pb::AddItemRequest {
            space_id: Uuid::nil().to_string(),
            title: "t".to_owned(),
            url: url.to_owned(),
            asset_id: asset_id.to_owned(),
            ..pb::AddItemRequest::default()
        })
    };
    let asset_id = Uuid::from_u128(7);
    assert_eq!(request("", &asset_id.to_string()).unwrap().content, NewContent::File(asset_id));
    let link = request("https://a.example", "").unwrap().content;
    assert_eq!(link, NewContent::Link("https://a.example/".to_owned()));
    for (url, asset_id) in [("", ""), ("https://a.example", &asset_id.to_string())] {
        let refused = request(url, asset_id).unwrap_err();
        let fields: Vec<_> = refused.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["url", "asset_id"]);
    }
    assert!(request("", "../a").unwrap_err().to_string().starts_with("asset_id: "));
    assert!(request("nonsense", "").unwrap_err().to_string().starts_with("url: "));
}

#[tokio::test]
async fn uploading_off_bites_at_the_next_file_before_assets_is_asked_and_guests_take_out_their_own() {
    let room = Room::open().await;
    let own = add_file(&room, &room.guest, None, "own.pdf").await;
    let ours = add_file(&room, &room.owner, None, "ours.pdf").await;
    let next = room.assets.upload(&room.guest, room.space_id, "next.pdf");
    let asked = room.assets.described();
    room.set("allow_upload = false").await;
    let refused = add(&room, &room.guest, None, NewContent::File(next)).await;
    assert!(matches!(refused, Err(ItemError::UploadingNotAllowed)));
    for nobody in [&room.stranger, &testkit::caller(CallerKind::Admin)] {
        let refused = add(&room, nobody, None, NewContent::File(next)).await;
        assert!(matches!(refused, Err(ItemError::SpaceNotFound)));
    }
    assert_eq!(room.assets.described(), asked);
    assert!(matches!(remove(&room, &room.guest, &ours).await, Err(ItemError::OwnItemsOnly)));
    remove(&room, &room.guest, &own).await.unwrap();
    let gone = room.outbox::<AssetPlaced>().await.pop().unwrap();
    assert_eq!((gone.place_id, gone.asset_id.as_str()), (own.item_id, ""));
    room.check_places().await;
    room.set("state = 'ARCHIVED', archive_time = now()").await;
    let refused = add(&room, &room.owner, None, NewContent::File(next)).await;
    assert!(matches!(refused, Err(ItemError::SpaceArchived)));
}

#[tokio::test]
async fn assets_is_told_of_every_file_in_a_folder_that_goes_however_often_it_was_changed() {
    let room = Room::open().await;
    let folder = |parent: Option<pb::Item>| {
        let room = &room;
        async move { add(room, &room.owner, parent.as_ref(), NewContent::Folder).await.unwrap() }
    };
    let top = folder(None).await;
    let inner = folder(Some(top.clone())).await;
    add_file(&room, &room.owner, Some(&top), "1.pdf").await;
    let deep = add_file(&room, &room.guest, Some(&inner), "2.pdf").await;
    let stays = add_file(&room, &room.owner, None, "3.pdf").await;
    for (to, position) in [(Some(id_of(&top)), 0), (Some(id_of(&top)), 1), (Some(id_of(&inner)), 0)] {
        let wanted = ItemMove { space_id: room.space_id, item_id: id_of(&deep), folder_id: to, position };
        let _moved: pb::MoveItemResponse =
            room.items().relocate(&Room::call(&room.owner), wanted).await.unwrap();
    }
    room.check_places().await;
    remove(&room, &room.colleague, &top).await.unwrap();
    room.check_places().await;
    assert_eq!(room.outbox::<AssetPlaced>().await.len(), 5, "three came, two went");
    assert_eq!(count(&room, "items").await, 1);
    remove(&room, &room.owner, &stays).await.unwrap();
    room.check_places().await;
}

#[tokio::test]
async fn a_retried_add_is_one_item_also_when_the_file_is_gone_meanwhile() {
    let room = Room::open().await;
    let grpc = ContentGrpc { items: room.items() };
    let asset_id = room.assets.upload(&room.owner, room.space_id, "a.pdf");
    let request = || {
        let mut request = Request::new(pb::AddItemRequest {
            space_id: room.space_id.to_string(),
            title: "t".to_owned(),
            asset_id: asset_id.to_string(),
            ..pb::AddItemRequest::default()
        });
        request.metadata_mut().insert("idempotency-key", "key-1".parse().unwrap());
        request.extensions_mut().insert(service_kit::caller::Principal::Person(room.owner.clone()));
        let path = "/sharedspaces.spaces.v1.ContentService/AddItem";
        request.extensions_mut().insert(sharedspaces_proto::find_method_rule(path).unwrap());
        request
    };
    let first = grpc.add_item(request()).await.unwrap().into_inner();
    room.assets.forget(asset_id);
    assert_eq!(grpc.add_item(request()).await.unwrap().into_inner(), first);
    assert_eq!(count(&room, "items").await, 1);
    assert_eq!(count(&room, "outbox").await, 2, "where the file stands, and that it was added");
}

#[tokio::test]
async fn opening_gives_an_address_and_only_members_see_who_opened_what() {
    let room = Room::open().await;
    let link =
        add(&room, &room.owner, None, NewContent::Link("https://a.example/b".to_owned())).await.unwrap();
    let file = add_file(&room, &room.owner, None, "a.pdf").await;
    let zip = add_file(&room, &room.owner, None, "a.zip").await;
    let folder = add(&room, &room.owner, None, NewContent::Folder).await.unwrap();
    room.set("allow_download = false").await;
    let before = told(&room, &room.owner).await.len();

    let address = open(&room, &room.guest, &link).await.unwrap();
    assert_eq!(address, ItemAddress { url: "https://a.example/b".to_owned(), ttl: None });
    assert!(room.assets.issued().is_empty());
    let address = open(&room, &room.guest, &file).await.unwrap();
    assert_eq!(address.url, "https://content.example/content/1");
    assert_eq!(address.ttl.unwrap().seconds, 60);
    let [asked] = room.assets.issued().try_into().unwrap();
    assert_eq!((asked.asset_id, asked.is_inline), (file.asset_id.clone(), true));
    assert_eq!((asked.space_id, asked.user_id), (room.space_id.to_string(), room.guest.user_id.to_string()));
    assert_eq!((asked.consent_notice_version, asked.is_admin), (1, false));
    let admin = testkit::caller_of(room.owner.organization_id, CallerKind::Admin);
    open(&room, &admin, &file).await.unwrap();
    assert!(room.assets.issued().last().unwrap().is_admin);

    assert!(matches!(open(&room, &room.guest, &zip).await, Err(ItemError::InlineNotAllowed)));
    assert!(matches!(open(&room, &room.guest, &folder).await, Err(ItemError::NotAFile)));
    assert!(matches!(open(&room, &room.stranger, &file).await, Err(ItemError::SpaceNotFound)));
    let nothing = pb::Item { item_id: Uuid::nil().to_string(), ..file.clone() };
    assert!(matches!(open(&room, &room.guest, &nothing).await, Err(ItemError::NotFound)));
    room.assets.forget(file.asset_id.parse().unwrap());
    assert!(matches!(open(&room, &room.guest, &file).await, Err(ItemError::NotFound)));
    room.assets.go_down();
    let refused = open(&room, &room.guest, &zip).await;
    assert!(matches!(refused, Err(ItemError::Common(CommonError::Peer(_)))));

    let seen = told(&room, &room.owner).await;
    assert_eq!(
        seen[before..],
        ["Gina visited the space", "Gina opened “Offer”", "Gina opened “Offer”", "Somebody opened “Offer”"]
    );
    assert_eq!(told(&room, &room.guest).await.len(), before, "who looked at what is not for guests");
}

#[tokio::test]
async fn downloading_is_for_who_may_at_that_moment_and_each_is_noted() {
    let room = Room::open().await;
    let file = add_file(&room, &room.owner, None, "a.zip").await;
    let link =
        add(&room, &room.owner, None, NewContent::Link("https://a.example/".to_owned())).await.unwrap();
    let folder = add(&room, &room.owner, None, NewContent::Folder).await.unwrap();
    let before = told(&room, &room.owner).await.len();
    let address = download(&room, &room.guest, &file).await.unwrap();
    assert_eq!(
        (address.url.as_str(), address.ttl.unwrap().seconds),
        ("https://content.example/content/1", 60)
    );
    assert!(!room.assets.issued()[0].is_inline);
    for no_file in [&link, &folder] {
        assert!(matches!(download(&room, &room.guest, no_file).await, Err(ItemError::NotAFile)));
    }
    let refused = |who: Caller| {
        let (room, file) = (&room, &file);
        async move { download(room, &who, file).await.unwrap_err() }
    };
    room.set("allow_download = false").await;
    assert!(matches!(refused(room.guest.clone()).await, ItemError::DownloadingNotAllowed));
    download(&room, &room.colleague, &file).await.unwrap();
    room.set("allow_download = true").await;
    sqlx::query("INSERT INTO sharing_policies VALUES ($1, false, true, true, 1, now())")
        .bind(room.owner.organization_id)
        .execute(&room.superuser)
        .await
        .unwrap();
    assert!(matches!(refused(room.guest.clone()).await, ItemError::DownloadingNotAllowed));
    let admin = testkit::caller_of(room.owner.organization_id, CallerKind::Admin);
    assert!(matches!(refused(admin).await, ItemError::DownloadingNotAllowed));
    assert!(matches!(refused(room.stranger.clone()).await, ItemError::SpaceNotFound));
    room.set("state = 'ARCHIVED', archive_time = now()").await;
    assert!(matches!(refused(room.guest.clone()).await, ItemError::SpaceArchived));
    download(&room, &room.owner, &file).await.expect("members read on");
    room.set("state = 'ACTIVE', archive_time = NULL").await;
    sqlx::query("UPDATE people SET consent_notice_version = 0").execute(&room.superuser).await.unwrap();
    let without = Caller { consent_notice_version: 0, ..room.guest.clone() };
    assert!(matches!(refused(without.clone()).await, ItemError::ConsentRequired));
    assert!(matches!(open(&room, &without, &file).await, Err(ItemError::ConsentRequired)));
    assert_eq!(room.assets.issued().len(), 3, "who is refused is refused before assets is asked");
    let seen = told(&room, &room.owner).await;
    assert_eq!(
        seen[before..],
        [
            "Gina visited the space",
            "Gina downloaded “Offer”",
            "Carl downloaded “Offer”",
            "Olga downloaded “Offer”"
        ]
    );
}

#[tokio::test]
async fn who_loses_the_right_while_assets_is_asked_gets_no_address() {
    let room = Room::open().await;
    let file = add_file(&room, &room.owner, None, "a.pdf").await;
    let before = told(&room, &room.owner).await;
    room.assets.meanwhile(&room.superuser, "UPDATE spaces SET allow_download = false");
    let refused = download(&room, &room.guest, &file).await;
    assert!(matches!(refused, Err(ItemError::DownloadingNotAllowed)));
    room.assets
        .meanwhile(&room.superuser, "UPDATE participants SET state = 'REVOKED' WHERE kind = 'EXTERNAL'");
    assert!(matches!(open(&room, &room.guest, &file).await, Err(ItemError::SpaceNotFound)));
    room.assets.meanwhile(&room.superuser, "DELETE FROM items");
    assert!(matches!(open(&room, &room.owner, &file).await, Err(ItemError::NotFound)));
    assert_eq!(room.assets.issued().len(), 3);
    assert_eq!(told(&room, &room.owner).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_removed_while_files_are_added_to_it_leaves_none_behind() {
    let room = Room::open().await;
    let shelf = add(&room, &room.owner, None, NewContent::Folder).await.unwrap();
    let other = add(&room, &room.owner, None, NewContent::Folder).await.unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..24 {
        let (items, who) = (room.items(), [&room.owner, &room.guest][n % 2].clone());
        let asset_id = room.assets.upload(&who, room.space_id, "a.pdf");
        let file = new(&room, Some(&shelf), NewContent::File(asset_id));
        let (space_id, shelf_id) = (room.space_id, id_of(&shelf));
        let wanted = ItemMove { space_id, item_id: id_of(&other), folder_id: Some(shelf_id), position: 0 };
        calls.spawn(async move {
            let call = Room::call(&who);
            let refused = match n {
                6 | 18 => items.relocate::<pb::MoveItemResponse>(&call, wanted).await.err(),
                _ => items.add::<pb::AddItemResponse>(&call, file).await.err(),
            };
            let known = matches!(refused, None | Some(ItemError::FolderNotFound | ItemError::NotFound));
            assert!(known, "{refused:?}");
        });
    }
    testkit::eventually("a file lies in the folder", async || {
        let sql = "SELECT EXISTS (SELECT FROM items WHERE kind = 'FILE')";
        sqlx::query_scalar::<_, bool>(sql).fetch_one(&room.superuser).await.unwrap()
    })
    .await;
    remove(&room, &room.owner, &shelf).await.unwrap();
    calls.join_all().await;
    let in_no_folder: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM items i WHERE folder_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM items f WHERE f.item_id = i.folder_id)",
    )
    .fetch_one(&room.superuser)
    .await
    .unwrap();
    assert_eq!(in_no_folder, 0);
    let late = room.assets.upload(&room.owner, room.space_id, "late.pdf");
    let late = add(&room, &room.owner, Some(&shelf), NewContent::File(late)).await;
    assert!(matches!(late, Err(ItemError::FolderNotFound)));
    assert!(room.outbox::<AssetPlaced>().await.len() >= 2, "one came at least, and went");
    let files: i64 = sqlx::query_scalar("SELECT count(*) FROM items WHERE kind = 'FILE'")
        .fetch_one(&room.superuser)
        .await
        .unwrap();
    assert_eq!(files, 0, "what was added before went with the folder, the rest was refused");
    room.check_places().await;
}

#[tokio::test]
async fn the_thousandth_item_may_be_a_file_and_the_next_may_not() {
    let room = Room::open().await;
    sqlx::query(
        "INSERT INTO items (organization_id, item_id, space_id, kind, position, title, description, origin,
                            adder_user_id, adder_display_name, version, create_time, update_time, asset_id, file_name,
                            content_type, size_bytes)
         SELECT $1, gen_random_uuid(), $2, 'FILE', n, 't', '', 'INTERNAL', $3, '', 1, now(), now(), $2, 'a', 'a/a', 1
           FROM generate_series(0, 998) n",
    )
    .bind(room.owner.organization_id)
    .bind(room.space_id)
    .bind(room.owner.user_id)
    .execute(&room.superuser)
    .await
    .unwrap();
    let last = add_file(&room, &room.owner, None, "1000.pdf").await;
    assert_eq!(last.position, 999);
    let asset_id = room.assets.upload(&room.owner, room.space_id, "1001.pdf");
    let refused = add(&room, &room.owner, None, NewContent::File(asset_id)).await;
    assert!(matches!(refused, Err(ItemError::TooMany)));
    assert_eq!(room.outbox::<AssetPlaced>().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_moves_of_files_at_once_leave_no_gap_and_lose_neither() {
    let room = Room::open().await;
    let shelf = add(&room, &room.owner, None, NewContent::Folder).await.unwrap();
    let (one, two) = (
        add_file(&room, &room.owner, None, "1.pdf").await,
        add_file(&room, &room.owner, None, "2.pdf").await,
    );
    let shelve = |item: &pb::Item, who: &Caller| {
        let (items, call) = (room.items(), Room::call(who));
        let folder_id = Some(id_of(&shelf));
        let wanted = ItemMove { space_id: room.space_id, item_id: id_of(item), folder_id, position: 0 };
        async move { items.relocate::<pb::MoveItemResponse>(&call, wanted).await.unwrap() }
    };
    tokio::join!(shelve(&one, &room.owner), shelve(&two, &room.colleague));
    let places: Vec<i32> =
        sqlx::query_scalar("SELECT position FROM items WHERE folder_id = $1 ORDER BY position")
            .bind(id_of(&shelf))
            .fetch_all(&room.superuser)
            .await
            .unwrap();
    assert_eq!(places, [0, 1]);
    room.check_places().await;
}
