//! Row-level security alone: statements that forget the tenant see and change nothing of another's.

use service_kit::caller::Caller;
use sharedspaces_proto::spaces::v1 as pb;
use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use super::peers::LOGO_ID;
use super::world::Service;
use crate::policy::PolicyChange;

/// Tables of messaging, which hold what is on its way for all organisations.
const INFRASTRUCTURE: [&str; 3] = ["inbox", "jobs", "outbox"];

/// Every table that belongs to organisations, whoever made it.
async fn tenant_tables(all: &PgPool) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT table_name::text FROM information_schema.columns
          WHERE table_schema = 'public' AND column_name = 'organization_id' ORDER BY 1",
    )
    .fetch_all(all)
    .await
    .map(|tables: Vec<String>| {
        tables.into_iter().filter(|table| !INFRASTRUCTURE.contains(&table.as_str())).collect()
    })
    .unwrap()
}

/// Leaves a row of an organisation in each table this suite knows how to fill.
async fn furnish(service: &Service, owner: &Caller) {
    let space_id = service.space(owner, "Room").await;
    service.participant(owner, space_id, "gina@buyer.example").await;
    let _set: pb::SetCustomerLogoResponse =
        service.spaces.set_logo(&testkit::call(owner), space_id, LOGO_ID).await.unwrap();
    let off = PolicyChange { upload: Some(false), ..PolicyChange::default() };
    let _policy: pb::UpdateSharingPolicyResponse =
        service.policies.update(&testkit::call(owner), off).await.unwrap();
    let all = service.database.superuser_pool();
    sqlx::query(
        "INSERT INTO themes (organization_id, theme_id, name, name_folded, background, text_color, header,
                             header_text, accent, accent_text, font, is_default, version, create_time, update_time)
         VALUES ($1, $2, 'Blue', 'blue', '#ffffff', '#000000', '#0000ff', '#ffffff', '#0000ff', '#ffffff',
                 'SERIF', false, 1, now(), now())",
    )
    .bind(owner.organization_id)
    .bind(super::world::new_id())
    .execute(&all)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO items (organization_id, item_id, space_id, kind, position, title, description, url, origin,
                            adder_user_id, adder_display_name, version, create_time, update_time)
         VALUES ($1, $2, $3, 'LINK', 0, 'Link', '', 'https://a.example', 'INTERNAL', $4, '', 1, now(), now())",
    )
    .bind(owner.organization_id)
    .bind(super::world::new_id())
    .bind(space_id)
    .bind(owner.user_id)
    .execute(&all)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO comments (organization_id, comment_id, space_id, item_id, author_user_id, author_display_name,
                               text, mentioned_user_ids, version, create_time, update_time)
         SELECT organization_id, $2, space_id, item_id, adder_user_id, '', 'Comment', '{}', 1, now(), now()
           FROM items WHERE organization_id = $1",
    )
    .bind(owner.organization_id)
    .bind(super::world::new_id())
    .execute(&all)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO access_requests (organization_id, access_request_id, space_id, email_address, display_name,
                                      message, is_verified, state, request_time, lapse_time, version, create_time)
         VALUES ($1, $2, $3, 'a@buyer.example', '', '', false, 'REQUESTED', now(), now() + interval '30 days', 1, now())",
    )
    .bind(owner.organization_id)
    .bind(super::world::new_id())
    .bind(space_id)
    .execute(&all)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO idempotency_keys (organization_id, principal, method, key, request_sha256)
         VALUES ($1, 'p', 'm', 'k', '')",
    )
    .bind(owner.organization_id)
    .execute(&all)
    .await
    .unwrap();
    let visit_id = super::world::new_id();
    sqlx::query(
        "INSERT INTO visits (organization_id, visit_id, space_id, user_id, start_time, last_time, is_open)
         VALUES ($1, $2, $3, $4, now(), now(), false)",
    )
    .bind(owner.organization_id)
    .bind(visit_id)
    .bind(space_id)
    .bind(owner.user_id)
    .execute(&all)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO visit_items (organization_id, visit_id, item_id, title, first_time) VALUES ($1, $2, $3, 'Link', now())",
    )
    .bind(owner.organization_id)
    .bind(visit_id)
    .bind(super::world::new_id())
    .execute(&all)
    .await
    .unwrap();
}

async fn count(all: &PgPool, table: &str, owner: &Caller) -> i64 {
    let sql = format!("SELECT count(*) FROM {table} WHERE organization_id = $1");
    sqlx::query_scalar(AssertSqlSafe(sql)).bind(owner.organization_id).fetch_one(all).await.unwrap()
}

/// Runs a statement and takes it back; refused rights count as no row.
async fn touched(tx: &mut PgConnection, sql: String) -> u64 {
    sqlx::query("SAVEPOINT before").execute(&mut *tx).await.unwrap();
    let touched = sqlx::query(AssertSqlSafe(sql)).execute(&mut *tx).await;
    sqlx::query("ROLLBACK TO before").execute(&mut *tx).await.unwrap();
    match touched {
        Ok(done) => done.rows_affected(),
        Err(error) => {
            let code = error.as_database_error().unwrap().code().unwrap().into_owned();
            // No right at all to change this table; or others of the tenant's own rows hold on to it.
            assert!(["42501", "23503"].contains(&code.as_str()), "{error}");
            0
        }
    }
}

#[tokio::test]
async fn statements_without_any_tenant_filter_see_and_change_one_tenants_rows_alone() {
    let service = Service::start().await;
    let (one, two) =
        (service.member_of_new_organization(true).await, service.member_of_new_organization(true).await);
    furnish(&service, &one).await;
    furnish(&service, &two).await;
    let all = service.database.superuser_pool();
    let tables = tenant_tables(&all).await;
    assert!(tables.contains(&"comments".to_owned()) && tables.len() >= 10, "{tables:?}");
    for table in tables {
        let own = count(&all, &table, &one).await;
        assert!(own > 0, "nothing to see in {table}: furnish it");
        let foreign = two.organization_id;
        let name = table.clone();
        service
            .work(one.organization_id, move |tx| {
                Box::pin(async move {
                    let all = format!("SELECT count(*) FROM {name}");
                    let seen: i64 = sqlx::query_scalar(AssertSqlSafe(all)).fetch_one(&mut *tx).await.unwrap();
                    assert_eq!(seen, own, "SELECT of {name}");
                    let own = u64::try_from(own).unwrap();
                    let update = format!("UPDATE {name} SET organization_id = organization_id");
                    assert!([0, own].contains(&touched(tx, update).await), "UPDATE of {name}");
                    let delete = format!("DELETE FROM {name}");
                    assert!([0, own].contains(&touched(tx, delete).await), "DELETE of {name}");
                    for steal in [
                        format!("UPDATE {name} SET organization_id = '{foreign}'"),
                        format!(
                            "INSERT INTO {name} SELECT (jsonb_populate_record(t, \
                             jsonb_build_object('organization_id', '{foreign}'))).* FROM {name} t"
                        ),
                    ] {
                        assert_eq!(touched(tx, steal.clone()).await, 0, "{steal}");
                    }
                })
            })
            .await;
        assert!(count(&all, &table, &two).await > 0, "{table} of the other tenant is untouched");
    }
}

#[tokio::test]
async fn without_a_tenant_nothing_is_seen_at_all_and_every_table_is_forced() {
    let service = Service::start().await;
    let one = service.member_of_new_organization(true).await;
    furnish(&service, &one).await;
    let all = service.database.superuser_pool();
    for table in tenant_tables(&all).await {
        let sql = format!("SELECT count(*) FROM {table}");
        let seen: i64 = sqlx::query_scalar(AssertSqlSafe(sql.clone()))
            .fetch_one(service.database.database.pool())
            .await
            .unwrap();
        let by_owner: i64 =
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&service.database.owner_pool()).await.unwrap();
        let forced: bool = sqlx::query_scalar(
            "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = $1::regclass",
        )
        .bind(&table)
        .fetch_one(&all)
        .await
        .unwrap();
        assert_eq!((seen, by_owner, forced), (0, 0, true), "{table}");
    }
}
