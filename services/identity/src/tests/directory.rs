//! `SearchMembers`.

use std::time::Instant;

use service_kit::caller::{CallerKind, Principal};
use service_kit::error::CommonError;
use service_kit::ids::OrganizationId;
use sharedspaces_proto::identity::v1 as pb;
use sharedspaces_proto::identity::v1::account_service_server::AccountService;
use sharedspaces_proto::identity::v1::organization_service_server::OrganizationService;
use uuid::Uuid;

use super::world::*;

async fn add(world: &World, to: &Tenant, address: &str, name: &str) -> String {
    let new = pb::NewMember {
        email_address: address.to_owned(),
        display_name: name.to_owned(),
        ..pb::NewMember::default()
    };
    world.create_member(to, new).await.unwrap().user_id
}

async fn answer(world: &World, who: &Principal, query: &str, page_size: i32) -> Answer<Vec<pb::Member>> {
    let message = pb::SearchMembersRequest { query: query.to_owned(), page_size };
    let request = request("OrganizationService/SearchMembers", who, message);
    Ok(world.organization_grpc().search_members(request).await?.into_inner().members)
}

async fn search(world: &World, of: &Tenant, query: &str) -> Vec<String> {
    let members = answer(world, &of.admin(), query, 0).await.unwrap();
    members.into_iter().map(|member| member.display_name).collect()
}

#[tokio::test]
async fn members_are_found_by_the_beginning_of_any_word_of_name_or_address_whatever_accents_and_case() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    add(&world, &acme, "jean-luc.o-neill@acme.example", "Jean-Luc O’Neill").await;
    add(&world, &acme, "zm@acme.example", "Zoë Müller").await;
    add(&world, &acme, "strasse@acme.example", "Ødegård Straße").await;
    for (query, expected) in [
        ("jean", "Jean-Luc O’Neill"),
        ("LUC", "Jean-Luc O’Neill"),
        ("neill", "Jean-Luc O’Neill"),
        ("o'neill jean", "Jean-Luc O’Neill"),
        ("jean-luc.o-neill@acme.ex", "Jean-Luc O’Neill"),
        ("zoe mul", "Zoë Müller"),
        ("ZOË", "Zoë Müller"),
        ("mu\u{308}ller", "Zoë Müller"),
        ("zm@", "Zoë Müller"),
        ("odegard strass", "Ødegård Straße"),
        ("STRASSE", "Ødegård Straße"),
    ] {
        assert_eq!(search(&world, &acme, query).await, [expected], "{query:?}");
    }
    for nobody in ["ean", "zoe neill", "%", "_", "\\", "x", "'; --", "\u{10ffff}"] {
        assert!(search(&world, &acme, nobody).await.is_empty(), "{nobody:?}");
    }
}

#[tokio::test]
async fn whole_words_come_before_beginnings_names_before_addresses_then_by_name() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    for (address, name) in [
        ("p1@acme.example", "Annabel"),
        ("p2@acme.example", "Zed Ann"),
        ("anna@acme.example", "Bob"),
        ("ann@acme.example", "Carl"),
        ("p3@acme.example", "Ann Abel"),
        ("p4@acme.example", "anne"),
    ] {
        add(&world, &acme, address, name).await;
    }
    let found = search(&world, &acme, "ann").await;
    assert_eq!(found, ["Ann Abel", "Zed Ann", "Carl", "Annabel", "anne", "Bob"]);
}

#[tokio::test]
async fn a_search_shows_neither_guests_nor_the_deactivated_nor_members_of_others() {
    let world = World::new().await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    add(&world, &acme, "quinn@acme.example", "Quinn").await;
    add(&world, &globex, "quinn@globex.example", "Quinn of Globex").await;
    world.guest(&acme, "quinn.guest@outside.example").await;
    assert_eq!(search(&world, &acme, "quinn").await, ["Quinn"]);
    world.sql("UPDATE people SET deactivate_time = now() WHERE display_name = 'Quinn'").await;
    assert!(search(&world, &acme, "quinn").await.is_empty());
    assert_eq!(search(&world, &globex, "quinn").await, ["Quinn of Globex"]);
}

#[tokio::test]
async fn whoever_changes_their_name_is_found_by_the_new_one_only() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let id = add(&world, &acme, "q@acme.example", "Quinn Old").await;
    let message = pb::UpdateProfileRequest {
        update_mask: Some(prost_types::FieldMask { paths: vec!["display_name".to_owned()] }),
        display_name: "Quinn Néw".to_owned(),
        ..pb::UpdateProfileRequest::default()
    };
    let quinn = person(&acme.id, &id, CallerKind::Member, Uuid::nil());
    let request = request("AccountService/UpdateProfile", &quinn, message);
    world.account_grpc().update_profile(request).await.unwrap();
    assert!(search(&world, &acme, "old").await.is_empty());
    assert_eq!(search(&world, &acme, "new q").await, ["Quinn Néw"]);
}

#[tokio::test]
async fn a_query_and_a_page_are_taken_up_to_their_limits_and_refused_beyond() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    for at in 0..12 {
        add(&world, &acme, &format!("w{at}@acme.example"), &format!("Walter {at:02}")).await;
    }
    assert_eq!(search(&world, &acme, "walter").await.len(), 10);
    let admin = acme.admin();
    for (size, expected) in [(1, 1), (10, 10)] {
        assert_eq!(answer(&world, &admin, "walter", size).await.unwrap().len(), expected);
    }
    for bad in [-1, 11] {
        assert_names(answer(&world, &admin, "walter", bad).await, "page_size");
    }
    assert!(answer(&world, &admin, &"w".repeat(254), 0).await.unwrap().is_empty());
    assert!(answer(&world, &admin, &"a ".repeat(127), 0).await.is_ok());
    for bad in [String::new(), "  ".to_owned(), "w".repeat(255), "a\0b".to_owned()] {
        assert_names(answer(&world, &admin, &bad, 0).await, "query");
    }
    assert!(answer(&world, &admin, "--", 0).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_search_among_100_000_members_reads_a_range_of_the_index_and_is_quick() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    sqlx::query(
        "INSERT INTO people (organization_id, user_id, kind, role, email_address, display_name, locale, create_time)
         SELECT $1, gen_random_uuid(), 'MEMBER', 'MEMBER', 'm' || n || '@acme.example',
                'First' || md5(n::text) || ' Last' || n, 'en', now()
           FROM generate_series(1, 100000) AS n",
    )
    .bind(acme.id.parse::<Uuid>().unwrap())
    .execute(&world.all)
    .await
    .unwrap();
    world
        .sql(
            "INSERT INTO member_words (organization_id, word, user_id, is_name)
             SELECT DISTINCT ON (organization_id, word, user_id) organization_id, word, user_id, true
               FROM people, regexp_split_to_table(lower(display_name || ' ' || email_address), '[^[:alnum:]]+') AS word
              WHERE kind = 'MEMBER' AND word <> ''
             ON CONFLICT DO NOTHING",
        )
        .await;
    world.sql("ANALYZE people").await;
    world.sql("ANALYZE member_words").await;
    search(&world, &acme, "last12345").await;

    for (query, expected) in [
        ("last12345", 1),
        ("first nobody", 0),
        ("last1234 acme", 10),
        ("first last99999 acme example", 1),
        ("first", 10),
        ("a", 10),
    ] {
        let start = Instant::now();
        assert_eq!(search(&world, &acme, query).await.len(), expected, "{query}");
        let took = start.elapsed();
        // On a machine that does much else; the plans below are what keeps it fast.
        assert!(took.as_millis() < 5_000, "{query} took {took:?}");
    }
    for (query, word) in [
        ("/// Finds members by one word", "last1234"),
        ("/// Finds members by one word", "a"),
        ("/// Finds members who have a way in and", "last1234"),
    ] {
        let plan = explain(&world, &acme, (query, word)).await;
        assert!(plan.contains("Index") && plan.contains("member_words_"), "{plan}");
        assert!(!plan.contains("Seq Scan on member_words"), "{plan}");
        assert!(!plan.contains("Seq Scan on people"), "{plan}");
    }
}

/// The plan of a query of the repository, found by the line that describes it.
async fn explain(world: &World, of: &Tenant, (described, word): (&str, &'static str)) -> String {
    let source = include_str!("../person/changes.rs");
    let (_, query) = source.split_once(described).unwrap();
    let is_of_one_word = described.contains("one word");
    let query = query.split("r#\"").nth(1).unwrap().split("\"#").next().unwrap();
    // The column names of the macro are no SQL.
    let mut plain = String::from("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ");
    for (at, part) in query.split('"').enumerate() {
        let alias = part.split([':', '!']).next().unwrap();
        let quoted = format!("\"{alias}\"");
        plain.push_str(if at % 2 == 0 { part } else { &quoted });
    }
    let id: OrganizationId = of.id.parse::<Uuid>().unwrap().into();
    let lines = world.test.database.read(id, move |tx| {
        Box::pin(async move {
            let (query, end) =
                (sqlx::query_scalar(sqlx::AssertSqlSafe(plain)), format!("{word}{}", char::MAX));
            let query = query.bind(id.uuid());
            let query = if is_of_one_word {
                query.bind(word).bind(end).bind(10_i64).bind(1_000_i64)
            } else {
                query.bind(vec![word.to_owned()]).bind(vec![end]).bind(10_i64)
            };
            Ok::<Vec<String>, CommonError>(query.fetch_all(tx).await?)
        })
    });
    lines.await.unwrap().join("\n")
}
