//! Purging what was deleted thirty days ago.

use service_kit::clock::Clock;
use sharedspaces_proto::spaces::events::v1::LogoPlaced;
use sharedspaces_proto::spaces::v1 as pb;

use super::room::Room;
use crate::activity::ActivityKind;
use crate::item::NewItem;
use crate::jobs::purge_deleted_spaces::purge_all;

const DUE: &str =
    "state = 'DELETED', state_before_delete = 'ACTIVE', delete_time = now() - interval '30 days',
                   purge_time = now()";

async fn filled() -> Room {
    let room = Room::open().await;
    room.append(ActivityKind::SpaceCreated, Some((&room.owner, "Olga")), "", testkit::clock().now()).await;
    for url in [None, Some("https://a.example/".to_owned())] {
        let new = NewItem {
            space_id: room.space_id,
            folder_id: None,
            title: "t".to_owned(),
            description: String::new(),
            url,
        };
        let _added: pb::AddItemResponse = room.items().add(&Room::call(&room.owner), new).await.unwrap();
    }
    room
}

async fn purge(room: &Room) -> u64 {
    purge_all(&room.database.database, &testkit::ids()).await.unwrap()
}

/// Counts the rows of every table that knows the space, but for its address, which stays taken.
async fn rows(room: &Room) -> i64 {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.columns
          WHERE table_schema = 'public' AND column_name = 'space_id' AND table_name <> 'space_addresses'",
    )
    .fetch_all(&room.superuser)
    .await
    .unwrap();
    assert!(tables.len() >= 4, "{tables:?}");
    let mut rows = 0;
    for table in tables {
        let sql = format!("SELECT count(*) FROM {table} WHERE space_id = $1");
        let found: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(room.space_id)
            .fetch_one(&room.superuser)
            .await
            .unwrap();
        rows += found;
    }
    rows
}

#[tokio::test]
async fn a_space_whose_time_has_come_is_purged_with_all_its_rows_and_its_address_stays_taken() {
    let room = filled().await;
    room.set(DUE).await;
    assert_eq!(purge(&room).await, 1);
    assert_eq!(rows(&room).await, 0);
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM space_addresses WHERE space_id = $1")
        .bind(room.space_id)
        .fetch_one(&room.superuser)
        .await
        .unwrap();
    assert_eq!(kept, 1);
    let [placed] = room.outbox::<LogoPlaced>().await.try_into().unwrap();
    assert_eq!((placed.place_id, placed.logo_id), (room.space_id.to_string(), String::new()));
    assert_eq!(purge(&room).await, 0);
}

#[tokio::test]
async fn a_space_that_is_not_due_or_was_taken_back_stays() {
    let room = filled().await;
    let before = rows(&room).await;
    assert_eq!(purge(&room).await, 0);
    room.set(DUE).await;
    room.set("purge_time = now() + interval '1 minute'").await;
    assert_eq!(purge(&room).await, 0);
    room.set("state = 'ACTIVE', state_before_delete = NULL, delete_time = NULL, purge_time = NULL").await;
    assert_eq!(purge(&room).await, 0);
    assert_eq!(rows(&room).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_at_once_purge_a_space_once() {
    let room = filled().await;
    room.set(DUE).await;
    let (one, two) = tokio::join!(purge(&room), purge(&room));
    assert_eq!(one + two, 1);
    assert_eq!(room.outbox::<LogoPlaced>().await.len(), 1);
}

#[tokio::test]
async fn the_service_itself_sees_no_due_space_of_any_organisation_but_by_the_function() {
    let room = filled().await;
    room.set(DUE).await;
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM spaces")
        .fetch_one(room.database.database.pool())
        .await
        .unwrap();
    assert_eq!(seen, 0);
    let listed: i64 = sqlx::query_scalar("SELECT count(*) FROM list_spaces_to_purge()")
        .fetch_one(room.database.database.pool())
        .await
        .unwrap();
    assert_eq!(listed, 1);
}

#[tokio::test]
async fn a_space_that_cannot_be_purged_stays_whole_and_keeps_none_of_the_others() {
    let room = filled().await;
    room.set(DUE).await;
    let second = testkit::ids().next();
    room.lay_space(&room.owner, second, "Second").await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "CREATE TABLE hooks (organization_id uuid, space_id uuid, FOREIGN KEY (organization_id, space_id) REFERENCES spaces);
         INSERT INTO hooks SELECT organization_id, space_id FROM spaces WHERE space_id = '{}';
         UPDATE spaces SET {DUE}",
        room.space_id
    )))
    .execute(&room.superuser)
    .await
    .unwrap();
    let before = rows(&room).await;
    assert_eq!(purge(&room).await, 1);
    assert_eq!(rows(&room).await, before);
    sqlx::query("DROP TABLE hooks").execute(&room.superuser).await.unwrap();
    assert_eq!(purge(&room).await, 1);
    assert_eq!(rows(&room).await, 0);
}
