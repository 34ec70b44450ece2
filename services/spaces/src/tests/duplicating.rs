//! Duplicating a space.

use std::collections::BTreeMap;
use std::time::Instant;

use chrono::{DateTime, Utc};
use service_kit::caller::{Caller, CallerKind};
use service_kit::locale::Locale;
use sharedspaces_proto::spaces::events::v1::{AssetPlaced, LogoPlaced, SpaceCreated};
use sharedspaces_proto::spaces::v1 as pb;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::room::Room;
use crate::duplication::Part;
use crate::space::SpaceError;

async fn duplicate(room: &Room, who: &Caller, locale: Option<Locale>) -> Result<pb::Space, SpaceError> {
    let made: pb::DuplicateSpaceResponse =
        room.duplications().duplicate(&Room::call(who), room.space_id, locale).await?;
    Ok(made.space.unwrap())
}

fn id_of(space: &pb::Space) -> Uuid {
    space.space_id.parse().unwrap()
}

/// Lays an item into the room's space; `folder` is the number of another.
async fn lay(room: &Room, n: u128, folder: Option<u128>, kind: &str, origin: &str, position: i32) {
    let is_file = kind == "FILE";
    let adder = if origin == "INTERNAL" { &room.owner } else { &room.guest };
    sqlx::query(
        "INSERT INTO items (organization_id, item_id, space_id, folder_id, kind, position, title, description, url,
                            asset_id, origin, adder_user_id, adder_display_name, version, create_time, update_time,
                            file_name, content_type, size_bytes)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'canary-adder', 7, '2001-01-01', '2001-01-01',
                 $13, $14, $15)",
    )
    .bind(room.owner.organization_id)
    .bind(Uuid::from_u128(n))
    .bind(room.space_id)
    .bind(folder.map(Uuid::from_u128))
    .bind(kind)
    .bind(position)
    .bind(format!("canary-title-{n}"))
    .bind(format!("canary-description-{n}"))
    .bind((kind == "LINK").then(|| format!("https://canary.example/{n}")))
    .bind(is_file.then(|| Uuid::from_u128(1_000 + n)))
    .bind(origin)
    .bind(adder.user_id)
    .bind(is_file.then(|| format!("canary-{n}.pdf")))
    .bind(is_file.then_some("application/canary"))
    .bind(is_file.then_some(4_711_i64))
    .execute(&room.superuser)
    .await
    .unwrap();
}

/// Puts something that is recognised into every column of the space, and rows into every table beside it.
async fn seed(room: &Room) {
    let theme_id: Uuid = testkit::ids().next();
    sqlx::query(
        "INSERT INTO themes VALUES ($1, $2, 'T', 't', '#000000', '#ffffff', '#000000', '#ffffff', '#000000', '#ffffff',
                                    'SERIF', NULL, false, 1, now(), now())",
    )
    .bind(room.owner.organization_id)
    .bind(theme_id)
    .execute(&room.superuser)
    .await
    .unwrap();
    room.set(&format!(
        "title = 'canary-title', title_folded = 'canary-title', description = 'canary-description',
         allow_download = false, allow_invite = true, allow_upload = true, theme_id = '{theme_id}',
         notify_visit_summaries = false, notify_new_joiners = true, notify_comments = false,
         logo_id = '00000000-0000-0000-0000-000000000007', logo_width_px = 30, logo_height_px = 20,
         logo_format = 'PNG', logo_format_of = '00000000-0000-0000-0000-000000000007',
         transparent_background = true, customer_logo_height_px = 111,
         organization_logo_height_px = 222, version = 77, create_time = '2001-01-01', update_time = '2001-01-02',
         last_activity_time = '2001-01-03', archive_time = '2001-01-04'"
    ))
    .await;
    lay(room, 1, None, "FOLDER", "INTERNAL", 0).await;
    lay(room, 2, None, "FOLDER", "EXTERNAL", 1).await;
    lay(room, 3, Some(1), "LINK", "INTERNAL", 0).await;
    lay(room, 4, Some(1), "LINK", "EXTERNAL", 1).await;
    lay(room, 5, Some(2), "LINK", "INTERNAL", 0).await;
    lay(room, 6, Some(1), "FILE", "INTERNAL", 2).await;
    lay(room, 7, None, "FILE", "EXTERNAL", 2).await;
    sqlx::query(
        "INSERT INTO comments (organization_id, comment_id, space_id, item_id, author_user_id, author_display_name,
                               text, mentioned_user_ids, version, create_time, update_time)
         SELECT organization_id, gen_random_uuid(), space_id, item_id, adder_user_id, 'Olga', 'canary-comment', '{}',
                1, now(), now()
           FROM items",
    )
    .execute(&room.superuser)
    .await
    .unwrap();
    sqlx::query("UPDATE comments SET text = '', delete_time = now() WHERE item_id = $1")
        .bind(Uuid::from_u128(1))
        .execute(&room.superuser)
        .await
        .unwrap();
    sqlx::query(
        "INSERT INTO access_requests (organization_id, access_request_id, space_id, email_address, display_name,
                                      message, is_verified, state, request_time, lapse_time, version, create_time)
         SELECT organization_id, space_id, space_id, 'canary@buyer.example', 'canary', '', false, 'REQUESTED', now(),
                now(), 1, now() FROM spaces",
    )
    .execute(&room.superuser)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO invitation_mails (organization_id, mail_id, space_id, invitation_id, kind, sender_user_id,
                                       recipient_user_id)
         SELECT organization_id, space_id, space_id, space_id, 'INVITATION', owner_user_id, owner_user_id FROM spaces",
    )
    .execute(&room.superuser)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO visits (organization_id, visit_id, space_id, user_id, start_time, last_time)
         SELECT organization_id, space_id, space_id, $1, now(), now() FROM spaces",
    )
    .bind(room.guest.user_id)
    .execute(&room.superuser)
    .await
    .unwrap();
    let now: DateTime<Utc> = "2001-01-01T00:00:00Z".parse().unwrap();
    room.append(crate::activity::ActivityKind::CrmLogged, Some((&room.owner, "Olga")), "canary-record", now)
        .await;
    room.append(crate::activity::ActivityKind::ItemAdded, Some((&room.guest, "Gina")), "canary-item", now)
        .await;
}

/// What becomes of a column of `spaces` or `items` in a copy. A column that is not decided on here fails the test.
fn is_copied(table: &str, column: &str) -> Option<bool> {
    let copied: &[&str] = match table {
        "spaces" => &[
            "organization_id",
            "description",
            "allow_download",
            "allow_invite",
            "allow_upload",
            "theme_id",
            "notify_visit_summaries",
            "notify_new_joiners",
            "notify_comments",
            "logo_id",
            "logo_width_px",
            "logo_height_px",
            "logo_format",
            "logo_format_of",
            "transparent_background",
            "customer_logo_height_px",
            "organization_logo_height_px",
        ],
        "items" => &[
            "organization_id",
            "kind",
            "title",
            "description",
            "url",
            "origin",
            "asset_id",
            "file_name",
            "content_type",
            "size_bytes",
        ],
        _ => &[],
    };
    let fresh: &[&str] = match table {
        "spaces" => &[
            "space_id",
            "title",
            "title_folded",
            "address",
            "owner_user_id",
            "version",
            "create_time",
            "update_time",
            "last_activity_time",
            "archive_time",
        ],
        "items" => &[
            "item_id",
            "space_id",
            "adder_user_id",
            "adder_display_name",
            "version",
            "create_time",
            "update_time",
        ],
        _ => &[],
    };
    // Of a deleted space, which cannot be duplicated; and places, which are told by the tree below.
    let neither = ["state", "state_before_delete", "delete_time", "purge_time", "folder_id", "position"];
    match (copied.contains(&column), fresh.contains(&column), neither.contains(&column)) {
        (true, false, false) => Some(true),
        (false, true, false) => Some(false),
        (false, false, true) => None,
        _ => panic!("{table}.{column}: decide whether a copy of a space has it, see R5.2 and R5.3"),
    }
}

async fn columns(room: &Room, table: &str) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT column_name::text FROM information_schema.columns
          WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position",
    )
    .bind(table)
    .fetch_all(&room.superuser)
    .await
    .unwrap()
}

/// Reads a row as texts by column.
async fn row(room: &Room, table: &str, condition: &str) -> BTreeMap<String, Option<String>> {
    let sql = format!("SELECT row_to_json(r)::text FROM (SELECT * FROM {table} WHERE {condition}) r");
    let row: String = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&room.superuser).await.unwrap();
    let row: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&row).unwrap();
    row.into_iter().map(|(column, value)| (column, (!value.is_null()).then(|| value.to_string()))).collect()
}

/// Compares pairs of a row and its copy; each column that is copied was seeded in one of them.
async fn compare(room: &Room, table: &str, pairs: &[(String, String)]) {
    let mut rows = Vec::new();
    for (source, copy) in pairs {
        rows.push((row(room, table, source).await, row(room, table, copy).await));
    }
    for column in columns(room, table).await {
        let decided = is_copied(table, &column);
        if decided == Some(true) {
            let seeded = rows.iter().any(|(source, _)| source[&column].is_some());
            assert!(seeded, "{table}.{column} was not seeded");
        }
        for (source, copy) in &rows {
            match decided {
                Some(true) => assert_eq!(copy[&column], source[&column], "{table}.{column}"),
                Some(false) => assert_ne!(copy[&column], source[&column], "{table}.{column}"),
                None => {}
            }
        }
    }
}

#[tokio::test]
async fn a_copy_has_what_the_list_names_and_nothing_else() {
    let room = Room::open().await;
    seed(&room).await;
    let copy = duplicate(&room, &room.colleague, None).await.unwrap();
    let (old, new) = (room.space_id, id_of(&copy));
    compare(&room, "spaces", &[(format!("space_id = '{old}'"), format!("space_id = '{new}'"))]).await;
    let pair = |n: u32| {
        let of = |space: &str| format!("space_id = '{space}' AND title = 'canary-title-{n}'");
        (of(&old.to_string()), of(&new.to_string()))
    };
    compare(&room, "items", &[pair(1), pair(3), pair(6)]).await;

    // Every other table that knows spaces has nothing of the new one, but its owner and its address.
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.columns
          WHERE table_schema = 'public' AND column_name = 'space_id' ORDER BY 1",
    )
    .fetch_all(&room.superuser)
    .await
    .unwrap();
    for table in tables {
        let sql = format!("SELECT count(*) FROM {table} WHERE space_id = $1");
        let count = |space: Uuid| {
            sqlx::query_scalar(AssertSqlSafe(sql.clone())).bind(space).fetch_one(&room.superuser)
        };
        let (before, after): (i64, i64) = (count(old.uuid()).await.unwrap(), count(new).await.unwrap());
        assert!(before > 0, "{table} was not seeded: what of it is copied is not known");
        let expected = match table.as_str() {
            "spaces" | "participants" | "space_addresses" => 1,
            "items" => 4,
            _ => 0,
        };
        assert_eq!(after, expected, "{table}");
    }
    let owner = row(&room, "participants", &format!("space_id = '{new}'")).await;
    assert_eq!(owner["user_id"], Some(format!("\"{}\"", room.colleague.user_id)));
    assert_eq!(owner["kind"], Some("\"OWNER\"".to_owned()));

    let tree: Vec<(String, Option<String>, i32)> = sqlx::query_as(
        "SELECT i.title, f.title, i.position FROM items i
           LEFT JOIN items f ON f.item_id = i.folder_id AND f.space_id = i.space_id
          WHERE i.space_id = $1 ORDER BY i.title",
    )
    .bind(new)
    .fetch_all(&room.superuser)
    .await
    .unwrap();
    let tree: Vec<_> =
        tree.iter().map(|(title, folder, at)| (title.as_str(), folder.as_deref(), *at)).collect();
    assert_eq!(
        tree,
        [
            ("canary-title-1", None, 0),
            ("canary-title-3", Some("canary-title-1"), 0),
            ("canary-title-5", None, 1),
            ("canary-title-6", Some("canary-title-1"), 1),
        ],
        "what lay in a guest's folder moves up"
    );
}

#[tokio::test]
async fn the_copy_is_the_callers_own_new_and_told_to_the_others() {
    let room = Room::open().await;
    seed(&room).await;
    let copy = duplicate(&room, &room.colleague, Some(Locale::French)).await.unwrap();
    assert_eq!(copy.title, "Copie canary-title");
    assert_eq!((copy.owner_user_id, copy.etag), (room.colleague.user_id.to_string(), "1".to_owned()));
    assert_eq!(copy.address.len(), 19, "a random address: {}", copy.address);
    assert!(copy.url.ends_with(&copy.address));
    let [created] = room.outbox::<SpaceCreated>().await.try_into().unwrap();
    let told = created.space.unwrap();
    assert_eq!((told.space_id, told.title), (copy.space_id.clone(), copy.title));
    assert_eq!((told.description.as_str(), created.crm_target), ("canary-description", None));
    let [placed] = room.outbox::<LogoPlaced>().await.try_into().unwrap();
    let [file] = room.outbox::<AssetPlaced>().await.try_into().unwrap();
    assert_eq!((file.space_id, file.asset_id), (copy.space_id.clone(), Uuid::from_u128(1_006).to_string()));
    let shows: Uuid = sqlx::query_scalar("SELECT asset_id FROM items WHERE item_id = $1")
        .bind(file.place_id.parse::<Uuid>().unwrap())
        .fetch_one(&room.superuser)
        .await
        .unwrap();
    assert_eq!(shows, Uuid::from_u128(1_006), "the place is the copy's item, not the source's");
    assert_eq!((placed.place_id, placed.logo_id), (copy.space_id, Uuid::from_u128(7).to_string()));
    let again = duplicate(&room, &room.colleague, Some(Locale::German)).await.unwrap();
    assert_eq!(again.title, "Kopie canary-title");
    assert_ne!(again.address, copy.address);
}

#[tokio::test]
async fn only_internal_participants_duplicate_and_only_a_space_in_use() {
    let room = Room::open().await;
    seed(&room).await;
    let describe = |who: Caller| {
        let duplications = room.duplications();
        async move { duplications.describe(&who, room.space_id, None).await }
    };
    let admin = testkit::caller_of(room.owner.organization_id, CallerKind::Admin);
    for outsider in [&room.guest, &admin] {
        let refused = duplicate(&room, outsider, None).await;
        assert!(matches!(refused, Err(SpaceError::InternalParticipantsOnly)), "{refused:?}");
        let refused = describe(outsider.clone()).await;
        assert!(matches!(refused, Err(SpaceError::InternalParticipantsOnly)));
    }
    let foreign = testkit::caller(CallerKind::Member);
    for nobody in [&room.stranger, &foreign] {
        assert!(matches!(duplicate(&room, nobody, None).await, Err(SpaceError::NotFound)));
        assert!(matches!(describe(nobody.clone()).await, Err(SpaceError::NotFound)));
    }
    room.set("state = 'ARCHIVED', archive_time = now()").await;
    assert!(matches!(duplicate(&room, &room.owner, None).await, Err(SpaceError::Archived)));
    assert!(matches!(describe(room.owner.clone()).await, Err(SpaceError::Archived)));
    room.set("state = 'DELETED', state_before_delete = 'ACTIVE', delete_time = now(), purge_time = now()")
        .await;
    assert!(matches!(duplicate(&room, &room.owner, None).await, Err(SpaceError::NotFound)));
    let spaces: i64 =
        sqlx::query_scalar("SELECT count(*) FROM spaces").fetch_one(&room.superuser).await.unwrap();
    assert_eq!(spaces, 1);
}

#[tokio::test]
async fn a_description_names_every_part_and_how_many_there_are() {
    let room = Room::open().await;
    seed(&room).await;
    room.know_person(&room.owner, "Olga", "de").await;
    let description = room.duplications().describe(&room.owner, room.space_id, None).await.unwrap();
    let described = pb::DescribeDuplicationResponse::from(description);
    assert_eq!(described.title, "Kopie canary-title");
    let parts: BTreeMap<_, _> =
        described.parts.iter().map(|part| (part.part(), (part.is_copied, part.count))).collect();
    assert_eq!(described.parts.len(), Part::ALL.len());
    for number in 1..=14 {
        let part = pb::SpacePart::try_from(number).unwrap();
        assert!(parts.contains_key(&part), "{part:?}");
    }
    assert!(pb::SpacePart::try_from(15).is_err(), "a new part: describe it");
    assert_eq!(parts[&pb::SpacePart::Logo], (true, 1));
    assert_eq!(parts[&pb::SpacePart::InternalContent], (true, 4));
    assert_eq!(parts[&pb::SpacePart::ExternalContent], (false, 3));
    assert_eq!(parts[&pb::SpacePart::Participants], (false, 3));
    assert_eq!(parts[&pb::SpacePart::Comments], (false, 6), "a deleted one is none");
    assert_eq!(parts[&pb::SpacePart::Crm], (false, 1));
    assert_eq!(parts[&pb::SpacePart::Timeline], (false, 2));
    assert_eq!(parts[&pb::SpacePart::Title], (true, 0));
    assert_eq!(parts[&pb::SpacePart::Address], (false, 0));
}

#[tokio::test]
#[expect(
    clippy::print_stdout,
    reason = "the time is for people to look at; a busy machine must not fail the test"
)]
async fn five_hundred_items_are_copied_in_order_by_one_statement() {
    let room = Room::open().await;
    sqlx::query(
        "INSERT INTO items (organization_id, item_id, space_id, kind, position, title, description, url, origin,
                            adder_user_id, adder_display_name, version, create_time, update_time)
         SELECT $1, gen_random_uuid(), $2, 'LINK', n, n::text, repeat('d', 500), 'https://a.example/', 'INTERNAL', $3,
                '', 1, now(), now()
           FROM generate_series(0, 499) n",
    )
    .bind(room.owner.organization_id)
    .bind(room.space_id)
    .bind(room.owner.user_id)
    .execute(&room.superuser)
    .await
    .unwrap();
    sqlx::raw_sql(
        "CREATE TABLE statements (id integer);
         GRANT INSERT ON statements TO PUBLIC;
         CREATE FUNCTION note_statement() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN INSERT INTO statements VALUES (1); RETURN NULL; END $$;
         CREATE TRIGGER note AFTER INSERT ON items FOR EACH STATEMENT EXECUTE FUNCTION note_statement()",
    )
    .execute(&room.superuser)
    .await
    .unwrap();
    let start = Instant::now();
    let copy = duplicate(&room, &room.owner, None).await.unwrap();
    println!("500 items duplicated in {:?}", start.elapsed());
    let statements: i64 =
        sqlx::query_scalar("SELECT count(*) FROM statements").fetch_one(&room.superuser).await.unwrap();
    assert_eq!(statements, 1);
    let titles: Vec<String> =
        sqlx::query_scalar("SELECT title FROM items WHERE space_id = $1 ORDER BY position")
            .bind(id_of(&copy))
            .fetch_all(&room.superuser)
            .await
            .unwrap();
    let expected: Vec<String> = (0..500).map(|n: i32| n.to_string()).collect();
    assert_eq!(titles, expected);
}
