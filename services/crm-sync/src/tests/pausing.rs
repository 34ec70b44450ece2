//! Quotas and `Retry-After`: obeyed per connection by every process, and nobody else's trouble.

use messaging::jobs::JobError;
use serde_json::json;
use service_kit::caller::CallerKind;
use sharedspaces_proto::crmsync::v1 as pb;
use sharedspaces_proto::identity::v1::Plan;
use sharedspaces_proto::spaces::v1 as spaces_pb;

use super::world::{CONTOSO, World, reason_of, switch, target};

#[tokio::test]
async fn a_paused_connection_is_left_alone_by_every_process_and_its_logs_say_until_when() {
    let world = World::start().await;
    let connection = world.connect().await;
    let first = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    let second = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    world.script(switch(&json!({"daily_quota": 0}))).await;
    let jobs = world.jobs().await;
    assert!(world.write_log.clone().run(jobs[0].clone()).await.is_err());
    world.script(switch(&json!({"daily_quota": 1_000}))).await;
    let before = world.count_calls("PATCH", "/services/data/{version}/sobjects/Task/{field}/{key}").await;
    let waits = world.replica().run(jobs[1].clone()).await;
    assert!(matches!(waits, Err(JobError::Retry { after: Some(after), .. }) if after.as_secs() > 7_000));
    let after = world.count_calls("PATCH", "/services/data/{version}/sobjects/Task/{field}/{key}").await;
    assert_eq!(before, after);
    for space in [first, second] {
        let log = world.log_of(space).await;
        assert_eq!(log.state(), pb::LogState::Deferred);
        assert!(log.reason.contains("calls per day") && log.due_time.is_some());
    }
    let tries: i32 =
        sqlx::query_scalar("SELECT sum(tries)::int FROM logs").fetch_one(&world.superuser).await.unwrap();
    assert_eq!(tries, 1, "a pause is no try");
    let search = pb::SearchAccountsRequest { query: "Contoso".to_owned(), ..Default::default() };
    let searched = world.records.search_accounts(&world.admin, search.try_into().unwrap()).await;
    assert_eq!(reason_of(searched), "CRM_UNAVAILABLE");
    assert!(world.connected().await[0].paused_until.is_some());

    sqlx::query("UPDATE connections SET paused_until = now()").execute(&world.superuser).await.unwrap();
    sqlx::query("UPDATE logs SET due_time = NULL").execute(&world.superuser).await.unwrap();
    world.run_jobs().await.unwrap();
    assert_eq!(world.log_of(second).await.state(), pb::LogState::Logged);
}

#[tokio::test]
async fn jobs_of_a_connection_queue_behind_each_other_and_not_behind_another_organizations() {
    let world = World::start().await;
    let connection = world.connect().await;
    for _space in 0..2 {
        world.create_logged_space(&connection.connection_id, CONTOSO).await;
    }
    let other = testkit::caller(CallerKind::Admin);
    world.create_organization(other.organization_id, Plan::Ultimate).await;
    sqlx::query(
        "INSERT INTO connections (organization_id, connection_id, provider, crm_organization_id, display_name, login_url,
                                  instance_url, state, sealed_access_token, sealed_refresh_token, create_time)
         SELECT $1, gen_random_uuid(), provider, crm_organization_id, display_name, login_url, instance_url, state, '',
                '', now() FROM connections",
    )
    .bind(other.organization_id)
    .execute(&world.superuser)
    .await
    .unwrap();
    let theirs: uuid::Uuid =
        sqlx::query_scalar("SELECT connection_id FROM connections WHERE organization_id = $1")
            .bind(other.organization_id)
            .fetch_one(&world.superuser)
            .await
            .unwrap();
    let logged: spaces_pb::CrmTarget = target(&theirs.to_string(), CONTOSO);
    world.create_space(other.organization_id, logged).await.unwrap();
    let keys: Vec<String> = sqlx::query_scalar("SELECT queue_key FROM jobs WHERE name = $1 ORDER BY seq")
        .bind(crate::jobs::write_log::NAME)
        .fetch_all(&world.superuser)
        .await
        .unwrap();
    assert_eq!((keys.len(), keys[0] == keys[1], keys[1] == keys[2]), (3, true, false));
}

#[tokio::test]
async fn a_log_that_fails_for_reasons_of_its_own_leaves_the_queue_of_its_connection() {
    let world = World::start().await;
    let connection = world.connect().await;
    let space = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    let lock = json!({"target": "salesforce", "method": "PATCH", "status": 400, "errorCode": "UNABLE_TO_LOCK_ROW",
        "times": 10});
    world.script(lock).await;
    let job = world.jobs().await.remove(0);
    for tries in 1..4 {
        assert!(world.write_log.clone().run(job.clone()).await.is_err(), "{tries}");
        sqlx::query("UPDATE logs SET due_time = NULL").execute(&world.superuser).await.unwrap();
    }
    world.write_log.clone().run(job).await.unwrap();
    let last: String =
        sqlx::query_scalar("SELECT queue_key FROM jobs WHERE name = $1 ORDER BY seq DESC LIMIT 1")
            .bind(crate::jobs::write_log::NAME)
            .fetch_one(&world.superuser)
            .await
            .unwrap();
    let log = world.log_of(space).await;
    assert_eq!(last, format!("crm-log:{}", log.log_id));
    assert_eq!(log.state(), pb::LogState::Pending);
    assert!(log.reason.contains("being changed") && log.due_time.is_some());
}
