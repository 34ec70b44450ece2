//! Tenant isolation by the database alone: what a query reaches that names no organisation.

use std::collections::BTreeMap;

use journeys::visit::{Journey, png, unique};
use journeys::world::World;
use sharedspaces_proto::identity::v1::Plan;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row};
use uuid::Uuid;
use xtask::workspace::SERVICES;

use crate::gates::exempt;
use crate::{Organization, found, start};

/// The tables of a service that hold rows of organisations.
pub(crate) async fn tenant_tables(service: &str, pool: &PgPool) -> Vec<String> {
    let exempt = exempt(service);
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id'
          WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace ORDER BY 1",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    tables.into_iter().filter(|table| !exempt.iter().any(|(name, _)| name == table)).collect()
}

/// Counts the rows of a table by organisation, as the connection's role sees them.
async fn rows(connection: &mut PgConnection, table: &str) -> BTreeMap<Uuid, i64> {
    let sql = format!("SELECT organization_id, count(*) FROM {table} GROUP BY 1");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Runs a statement for an organisation (or none) and takes it back; returns how many rows it touched.
async fn touched(pool: &PgPool, organization: Option<&str>, sql: &str) -> Result<u64, sqlx::Error> {
    let mut tx = pool.begin().await?;
    set(&mut tx, organization).await?;
    let done =
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut *tx).await.map(|done| done.rows_affected());
    tx.rollback().await?;
    done
}

async fn set(connection: &mut PgConnection, organization: Option<&str>) -> Result<(), sqlx::Error> {
    if let Some(organization) = organization {
        sqlx::query("SELECT set_config('app.organization_id', $1, true)")
            .bind(organization)
            .execute(connection)
            .await?;
    }
    Ok(())
}

async fn seen(pool: &PgPool, organization: Option<&str>, table: &str) -> BTreeMap<Uuid, i64> {
    let mut tx = pool.begin().await.unwrap();
    set(&mut tx, organization).await.unwrap();
    let rows = rows(&mut tx, table).await;
    tx.rollback().await.unwrap();
    rows
}

fn was_denied(result: &Result<u64, sqlx::Error>) -> bool {
    let code = result.as_ref().err().and_then(sqlx::Error::as_database_error).and_then(DatabaseError::code);
    // insufficient_privilege: by the table's rights, or by its policy
    code.is_some_and(|code| code == "42501")
}

/// One guest's first visit, so that most tables have rows.
async fn visit(journey: &Journey, organization: &Organization) {
    let Organization { admin, member, accounts, .. } = organization;
    let (connection, account) = journey.find_account(admin, member).await.unwrap();
    let target = Some((&connection, &account));
    let space = journey.create_space(member, "Isolated", "", target).await.unwrap();
    journey.show_logo(member, &space.space_id, &png(64, 32).unwrap()).await.unwrap();
    let file = journey.upload(member, &space.space_id, "a.png", png(64, 32).unwrap(), false).await.unwrap();
    let item = journey.add_file(member, &space.space_id, "", "A file", &file.asset_id).await.unwrap();
    journey.comment(member, &space.space_id, &item.item_id, "A word", &[]).await.unwrap();
    let guest = format!("g{}@buyer.example", unique());
    journey.invite(member, &space.space_id, &[&guest, &accounts.members[1]], "").await.unwrap();
    let token = journey.invitation_token(&guest, "").await.unwrap();
    journey.enter(&token, "Gus").await.unwrap();
    journey.logged(member, &space.space_id).await.unwrap();
}

async fn organization_ids(world: &World) -> Vec<Uuid> {
    let pool = PgPool::connect(&world.superuser_url("identity").unwrap()).await.unwrap();
    sqlx::query_scalar("SELECT organization_id FROM organizations ORDER BY 1").fetch_all(&pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_without_a_filter_reaches_the_rows_of_its_own_organization_only() {
    let world = start(World::start).await;
    let journey = Journey::new(&world.environment().unwrap()).unwrap();
    for _tenant in ["acme", "globex"] {
        let organization = found(&journey, "en", Plan::Ultimate).await;
        visit(&journey, &organization).await;
    }
    world.quiesce().await.unwrap();
    let [acme, globex] = organization_ids(&world).await.try_into().unwrap();
    let mut filled = BTreeMap::new();
    for service in SERVICES {
        let superuser = PgPool::connect(&world.superuser_url(service).unwrap()).await.unwrap();
        let url = &world.addresses.service(service).unwrap().database_url;
        let app = PgPoolOptions::new().max_connections(1).connect(url).await.unwrap();
        let tables = tenant_tables(service, &superuser).await;
        assert!(!tables.is_empty(), "{service}");
        for table in &tables {
            let what = format!("{service}.{table}");
            let all = rows(&mut superuser.acquire().await.unwrap(), table).await;
            if all.len() == 2 {
                filled.entry(service).or_insert_with(Vec::new).push(table.clone());
            }
            nothing_is_seen_without_an_organization(&app, table, &what).await;
            for (own, other) in [(acme, globex), (globex, acme)] {
                let own_rows: BTreeMap<Uuid, i64> =
                    all.iter().filter(|(id, _)| **id == own).map(|(id, count)| (*id, *count)).collect();
                assert_eq!(seen(&app, Some(&own.to_string()), table).await, own_rows, "{what}");
                changes_reach(&app, own, table, own_rows.values().sum(), &what).await;
                a_row_for_another_organization_is_refused(&app, &superuser, (own, other), table, &what).await;
            }
            assert_eq!(rows(&mut superuser.acquire().await.unwrap(), table).await, all, "{what} was changed");
        }
    }
    // Rows of both, where the journey left any: the test would see nothing of an empty table.
    for service in SERVICES {
        assert!(filled.contains_key(service), "the journey left no rows in {service}: {filled:?}");
    }
    assert!(filled.values().map(Vec::len).sum::<usize>() >= 15, "{filled:?}");
}

async fn nothing_is_seen_without_an_organization(app: &PgPool, table: &str, what: &str) {
    // Empty is what the setting is on a connection that was used before.
    for organization in [None, Some(""), Some("00000000-0000-4000-8000-000000000000")] {
        assert!(seen(app, organization, table).await.is_empty(), "{what} with {organization:?}");
        for sql in [format!("DELETE FROM {table}"), update(table)] {
            let done = touched(app, organization, &sql).await;
            assert!(was_denied(&done) || matches!(done, Ok(0)), "{what} with {organization:?}: {done:?}");
        }
    }
}

fn update(table: &str) -> String {
    format!("UPDATE {table} SET organization_id = organization_id")
}

/// What is changed is one's own, all of it, or nothing where the table is append-only or others hang on its rows.
async fn changes_reach(app: &PgPool, own: Uuid, table: &str, own_rows: i64, what: &str) {
    let own = own.to_string();
    let updated = touched(app, Some(&own), &update(table)).await;
    let own_rows = u64::try_from(own_rows).unwrap();
    assert!(
        was_denied(&updated) || updated.as_ref().is_ok_and(|rows| *rows == own_rows),
        "{what}: {updated:?}"
    );
    let deleted = touched(app, Some(&own), &format!("DELETE FROM {table}")).await;
    let is_held =
        |error: &sqlx::Error| error.as_database_error().is_some_and(DatabaseError::is_foreign_key_violation);
    let is_own = deleted.as_ref().map_or_else(is_held, |rows| *rows == own_rows);
    assert!(was_denied(&deleted) || is_own, "{what}: {deleted:?}");
}

/// A copy of one's own row under another organisation's id, and one's own row moved there.
async fn a_row_for_another_organization_is_refused(
    app: &PgPool,
    superuser: &PgPool,
    (own, other): (Uuid, Uuid),
    table: &str,
    what: &str,
) {
    let columns: Vec<String> = sqlx::query_scalar(
        "SELECT quote_ident(attname) FROM pg_attribute
          WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
          ORDER BY attnum",
    )
    .bind(table)
    .fetch_all(superuser)
    .await
    .unwrap();
    let values: Vec<String> = columns
        .iter()
        .map(|column| if column == "organization_id" { format!("'{other}'::uuid") } else { column.clone() })
        .collect();
    let insert = format!(
        "INSERT INTO {table} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {table} LIMIT 1",
        columns.join(", "),
        values.join(", ")
    );
    let own = own.to_string();
    let inserted = touched(app, Some(&own), &insert).await;
    assert!(was_denied(&inserted) || matches!(inserted, Ok(0)), "{what}: {inserted:?}");
    let moved = touched(app, Some(&own), &format!("UPDATE {table} SET organization_id = '{other}'")).await;
    assert!(was_denied(&moved) || matches!(moved, Ok(0)), "{what}: {moved:?}");
}
