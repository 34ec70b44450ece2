//! Writing logs: one log is one Task, whatever happens on the way.

use messaging::jobs::JobError;
use serde_json::json;
use service_kit::caller::CallerKind;
use service_kit::ids::SpaceId;
use sharedspaces_proto::crmsync::v1 as pb;
use sharedspaces_proto::identity::v1::Plan;
use sharedspaces_proto::spaces::v1::CrmRecordType;

use super::world::{CONTOSO, World, switch, target};

const TOKEN: &str = "/services/oauth2/token";

async fn retry(world: &World, space: SpaceId) -> pb::RetryLogResponse {
    let log_id = world.log_of(space).await.log_id.parse::<uuid::Uuid>().unwrap();
    world.logs.retry(&world.call(), log_id.into()).await.unwrap()
}

#[tokio::test]
async fn a_created_space_is_one_task_and_listed_with_its_link() {
    let world = World::start().await;
    let connection = world.connect().await;
    let space = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    let pending = world.log_of(space).await;
    assert_eq!((pending.state(), pending.record_url.as_str()), (pb::LogState::Pending, ""));

    world.run_job().await.unwrap();
    world.run_job().await.unwrap();
    let tasks = world.tasks().await;
    assert_eq!(tasks.len(), 1);
    let task = &tasks[0];
    assert_eq!(task["Subject"], "Space created: Contoso renewal");
    assert_eq!(
        (&task["WhatId"], &task["Status"], &task["IsClosed"]),
        (&json!(CONTOSO), &json!("Done"), &json!(true))
    );
    let log = world.log_of(space).await;
    assert_eq!(log.state(), pb::LogState::Logged);
    assert_eq!(task["SharedSpacesLogId__c"], log.log_id);
    let url = format!("{}/lightning/r/Task/{}/view", world.login_url(), task["Id"].as_str().unwrap());
    assert_eq!(log.record_url, url);
    assert!(log.logged_time.is_some());
    assert_eq!(log.target.unwrap(), target(&connection.connection_id, CONTOSO));
    assert!(world.http.get(url).send().await.unwrap().status().is_success());
}

#[tokio::test]
async fn a_log_goes_to_an_opportunity_as_well() {
    let world = World::start().await;
    let connection = world.connect().await;
    let mut target = target(&connection.connection_id, "006Sb000000001aIAA");
    target.record_type = CrmRecordType::Opportunity.into();
    let space = world.create_space(world.admin.organization_id, target).await.unwrap();
    world.run_job().await.unwrap();
    assert_eq!(world.log_of(space).await.state(), pb::LogState::Logged);
}

#[tokio::test]
async fn an_answer_lost_after_the_commit_still_makes_one_task() {
    let world = World::start().await;
    let connection = world.connect().await;
    let space = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    for lost in [json!({"drop": true}), json!({"status": 504})] {
        let mut script = json!({"target": "salesforce", "phase": "after_commit", "method": "PATCH"});
        script.as_object_mut().unwrap().extend(lost.as_object().unwrap().clone());
        world.script(script).await;
        assert!(matches!(world.run_job().await, Err(JobError::Retry { after: Some(_), .. })));
        let log = world.log_of(space).await;
        assert_eq!(log.state(), pb::LogState::Pending);
        assert!(!log.reason.is_empty());
    }
    world.run_job().await.unwrap();
    assert_eq!(world.tasks().await.len(), 1);
    assert_eq!(world.log_of(space).await.state(), pb::LogState::Logged);
}

#[tokio::test]
async fn a_task_that_somebody_else_wrote_first_is_the_log() {
    let world = World::start().await;
    let connection = world.connect().await;
    let space = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    let faster = json!({"target": "salesforce", "phase": "after_commit", "method": "PATCH", "status": 400,
        "errorCode": "DUPLICATE_VALUE"});
    world.script(faster).await;
    world.run_job().await.unwrap();
    assert_eq!(world.tasks().await.len(), 1);
    assert!(world.log_of(space).await.record_url.ends_with("/view"));
}

#[tokio::test]
async fn eight_writers_with_an_expired_token_refresh_it_once() {
    let world = World::start().await;
    let connection = world.connect().await;
    for _space in 0..8 {
        world.create_logged_space(&connection.connection_id, CONTOSO).await;
    }
    let before = world.count_calls("POST", TOKEN).await;
    world.script(switch(&json!({"expire_all_tokens": true, "rotation": true}))).await;
    let jobs = world.jobs().await;
    assert_eq!(jobs.len(), 8);
    let replica = world.replica();
    let running = jobs.into_iter().enumerate().map(|(n, job)| {
        let writer = if n % 2 == 0 { world.write_log.clone() } else { replica.clone() };
        writer.run(job)
    });
    for ended in futures_util::future::join_all(running).await {
        ended.unwrap();
    }
    assert_eq!(world.count_calls("POST", TOKEN).await - before, 1);
    assert_eq!(world.tasks().await.len(), 8);

    // The rotated refresh token was kept: it refreshes again.
    let space = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    world.script(switch(&json!({"expire_all_tokens": true}))).await;
    let last = world.jobs().await.pop().unwrap();
    world.write_log.clone().run(last).await.unwrap();
    assert_eq!(world.log_of(space).await.state(), pb::LogState::Logged);
}

#[tokio::test]
async fn rotated_tokens_are_kept_though_the_database_fails_at_first() {
    let world = World::start().await;
    let connection = world.connect().await;
    let space = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    let before = world.count_calls("POST", TOKEN).await;
    world.fail_changes("connections", "sealed_refresh_token", 2).await;
    world.script(switch(&json!({"expire_all_tokens": true, "rotation": true}))).await;
    world.run_job().await.unwrap();
    assert_eq!(world.log_of(space).await.state(), pb::LogState::Logged);
    let failed: i64 =
        sqlx::query_scalar("SELECT last_value FROM failures").fetch_one(&world.superuser).await.unwrap();
    assert_eq!((failed, world.count_calls("POST", TOKEN).await - before), (3, 1));

    let space = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    world.script(switch(&json!({"expire_all_tokens": true}))).await;
    let last = world.jobs().await.pop().unwrap();
    world.write_log.clone().run(last).await.unwrap();
    assert_eq!(world.log_of(space).await.state(), pb::LogState::Logged);
}

#[tokio::test]
async fn a_refresh_that_is_being_processed_elsewhere_is_tried_again() {
    let world = World::start().await;
    let connection = world.connect().await;
    let space = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    world.script(switch(&json!({"expire_all_tokens": true}))).await;
    world
        .script(json!({"target": "salesforce", "path": "oauth2/token", "status": 400, "errorCode": "invalid_grant",
            "message": "token request is already being processed"}))
        .await;
    assert!(matches!(world.run_job().await, Err(JobError::Retry { .. })));
    assert_eq!(world.log_of(space).await.state(), pb::LogState::Pending);
    world.run_job().await.unwrap();
}

#[tokio::test]
async fn a_revoked_connection_waits_for_an_admin_and_goes_on_when_it_is_renewed() {
    let world = World::start().await;
    let connection = world.connect().await;
    let space = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    world.script(switch(&json!({"revoke_all_refresh_tokens": true}))).await;
    assert!(matches!(world.run_job().await, Err(JobError::Dead { .. })));
    let log = world.log_of(space).await;
    assert_eq!(log.state(), pb::LogState::ReconnectNeeded);
    assert!(log.reason.contains("an admin must connect it again"), "{}", log.reason);

    assert_eq!(world.connect().await.connection_id, connection.connection_id);
    sqlx::query("UPDATE jobs SET state = 'dead'").execute(&world.superuser).await.unwrap();
    assert_eq!(retry(&world, space).await.log.unwrap().state(), pb::LogState::Pending);
    world.run_job().await.unwrap();
    assert_eq!(world.log_of(space).await.state(), pb::LogState::Logged);
    assert_eq!(world.tasks().await.len(), 1);
}

#[tokio::test]
async fn what_salesforce_refuses_for_good_fails_with_a_reason_people_understand() {
    let world = World::start().await;
    let connection = world.connect().await;
    for (record_id, script, reason) in [
        ("001Sb000000999aIAA", None, "not in Salesforce any more"),
        ("not-an-id", None, "not an Account of Salesforce"),
        ("006Sb000000001aIAA", None, "not an Account of Salesforce"),
        (CONTOSO, Some(("INSUFFICIENT_ACCESS_OR_READONLY", 403)), "may not add tasks"),
        (CONTOSO, Some(("FIELD_CUSTOM_VALIDATION_EXCEPTION", 400)), "A rule of your Salesforce refuses"),
    ] {
        sqlx::query("DELETE FROM jobs").execute(&world.superuser).await.unwrap();
        let space = world.create_logged_space(&connection.connection_id, record_id).await;
        if let Some((code, status)) = script {
            let fault =
                json!({"target": "salesforce", "method": "PATCH", "status": status, "errorCode": code});
            world.script(fault).await;
        }
        assert!(matches!(world.run_job().await, Err(JobError::Dead { .. })), "{reason}");
        let log = world.log_of(space).await;
        assert_eq!(log.state(), pb::LogState::Failed);
        assert!(log.reason.contains(reason), "{}", log.reason);
    }
    assert!(world.tasks().await.is_empty());
}

#[tokio::test]
async fn a_used_up_quota_puts_a_log_off_and_the_last_try_fails_it() {
    let world = World::start().await;
    let connection = world.connect().await;
    let space = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    world.script(switch(&json!({"daily_quota": 0}))).await;
    let Err(JobError::Retry { after: Some(after), .. }) = world.run_job().await else {
        panic!("not put off")
    };
    assert_eq!(after.as_secs(), 7_200);
    let log = world.log_of(space).await;
    assert_eq!(log.state(), pb::LogState::Deferred);
    assert!(log.reason.contains("calls per day"), "{}", log.reason);
    assert!(log.due_time.is_some());

    let mut job = world.jobs().await.remove(0);
    job.attempt = job.max_attempts;
    assert!(world.write_log.clone().run(job).await.is_err());
    assert_eq!(world.log_of(space).await.state(), pb::LogState::Failed);
}

#[tokio::test]
async fn a_log_that_cannot_be_written_is_kept_with_its_reason() {
    let world = World::start().await;
    let unknown = testkit::ids().next::<uuid::Uuid>().to_string();
    let space = world.create_logged_space(&unknown, CONTOSO).await;
    let log = world.log_of(space).await;
    assert_eq!(log.state(), pb::LogState::Failed);
    assert!(log.reason.contains("not there any more"), "{}", log.reason);
    assert!(world.jobs().await.is_empty());

    let plus = testkit::caller(CallerKind::Admin);
    world.create_organization(plus.organization_id, Plan::Plus).await;
    world.create_space(plus.organization_id, target(&unknown, CONTOSO)).await.unwrap();
    let reason: String =
        sqlx::query_scalar("SELECT reason FROM logs WHERE organization_id = $1 AND state = 'FAILED'")
            .bind(plus.organization_id)
            .fetch_one(&world.superuser)
            .await
            .unwrap();
    assert!(reason.contains("ULTIMATE"), "{reason}");

    let unknown = testkit::ids().next();
    let early = world.create_space(unknown, target(&log.log_id, CONTOSO)).await;
    assert!(matches!(early, Err(JobError::Retry { .. })), "an event before its organisation must come again");
}

#[tokio::test]
async fn another_organizations_connection_is_none() {
    let world = World::start().await;
    let connection = world.connect().await;
    let other = testkit::caller(CallerKind::Admin);
    world.create_organization(other.organization_id, Plan::Ultimate).await;
    world.create_space(other.organization_id, target(&connection.connection_id, CONTOSO)).await.unwrap();
    assert!(world.jobs().await.is_empty());
}
