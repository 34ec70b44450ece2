//! CRMs without keys are given time to show what they did, and what a part of a call tells is kept for the connection.

use std::time::Duration;

use messaging::jobs::JobError;
use serde_json::{Value, json};
use sharedspaces_proto::crmsync::v1 as pb;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::world::{CONTOSO, World, target};
use crate::connection::ConnectionId;
use crate::connectors::CrmError;

async fn c4c(world: &World, what: &str) -> Value {
    let url = format!("http://{}/api/c4c/{what}", world.sandbox.http_addr());
    world.http.get(url).send().await.unwrap().json().await.unwrap()
}

async fn c4c_tasks(world: &World) -> usize {
    c4c(world, "records").await["TasksCollection"].as_array().unwrap().len()
}

/// Lets time pass, for the log as for its records.
async fn pass(world: &World, seconds: u32) {
    for change in [
        "UPDATE logs SET due_time = NULL".to_owned(),
        format!("UPDATE log_writes SET begin_time = begin_time - make_interval(secs => {seconds})"),
    ] {
        sqlx::query(AssertSqlSafe(change)).execute(&world.superuser).await.unwrap();
    }
}

/// How long the only job is to wait after a run.
async fn wait_of_run(world: &World) -> Duration {
    match world.run_job().await {
        Err(JobError::Retry { after: Some(after), .. }) => after,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_crm_without_keys_is_searched_only_after_it_had_time_to_show_what_it_did() {
    let world = World::start().await;
    let connection = world.connect_by(world.c4c()).await.unwrap();
    let accounts = c4c(&world, "records").await["CorporateAccountCollection"].take();
    let account = accounts[0]["AccountID"].as_str().unwrap().to_owned();
    let target = target(&connection.connection_id, &account);
    let space = world.create_space(world.admin.organization_id, target).await.unwrap();
    world
        .script(json!({"target": "c4c", "method": "POST", "path": "TasksCollection", "phase": "after_commit",
        "drop": true}))
        .await;
    assert!(wait_of_run(&world).await < Duration::from_secs(10));
    assert_eq!(c4c_tasks(&world).await, 1);

    let calls = c4c(&world, "calls").await;
    // The time counts from the call whose answer was lost, however often the job runs meanwhile.
    for (passed, left) in [(0, 70..=90), (60, 16..=30)] {
        pass(&world, passed).await;
        let wait = wait_of_run(&world).await.as_secs();
        assert!(left.contains(&wait), "{passed}: {wait}");
        assert_eq!(c4c(&world, "calls").await, calls, "the CRM is left alone");
    }
    let log = world.log_of(space).await;
    assert_eq!(log.state(), pb::LogState::Pending);
    assert!(log.reason.contains("answer was lost") && log.due_time.is_some(), "{}", log.reason);
    let paused = world.connected().await[0].paused_until;
    assert_eq!(paused, None, "others of the connection go on");

    pass(&world, 31).await;
    world.run_job().await.unwrap();
    assert_eq!((world.log_of(space).await.state(), c4c_tasks(&world).await), (pb::LogState::Logged, 1));
}

#[tokio::test]
async fn a_job_that_is_not_the_logs_does_nothing() {
    let world = World::start().await;
    let connection = world.connect().await;
    let space = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    let job = world.jobs().await.remove(0);
    let stray = messaging::jobs::Job { id: testkit::ids().next::<Uuid>(), ..job.clone() };
    world.write_log.clone().run(stray).await.unwrap();
    assert!(world.tasks().await.is_empty());
    let tries: i32 = sqlx::query_scalar("SELECT tries FROM logs").fetch_one(&world.superuser).await.unwrap();
    assert_eq!((tries, world.log_of(space).await.state()), (0, pb::LogState::Pending));
    world.write_log.clone().run(job).await.unwrap();
    assert_eq!(world.tasks().await.len(), 1);
}

#[tokio::test]
async fn what_a_part_of_a_call_tells_of_the_connection_is_kept_for_everybody() {
    let world = World::start().await;
    let connection = world.connect().await;
    let id: ConnectionId = connection.connection_id.parse::<Uuid>().unwrap().into();
    let (organization, sessions) = (world.admin.organization_id, world.connections.sessions());
    let refused = |message: &str| CrmError::permanent(message);

    let work = sessions.call_each(organization, id, &(), |_, _, &()| {
        Box::pin(async { Ok(vec![Ok(1), Err(CrmError::permanent("no")), Err(CrmError::reconnect("gone"))]) })
    });
    let outcomes = work.await.unwrap();
    assert_eq!((outcomes[0].clone(), outcomes[1].clone()), (Ok(1), Err(refused("no"))));
    let kept = world.connected().await.remove(0);
    assert_eq!(
        (kept.state(), kept.paused_until),
        (pb::ConnectionState::Connected, None),
        "the first one tells"
    );

    let work = sessions.call_each(organization, id, &(), |_, _, &()| {
        let after = Duration::from_secs(600);
        let deferred = CrmError::Deferred { after, message: "used up".to_owned() };
        Box::pin(async { Ok(vec![Ok(1), Err(deferred)]) })
    });
    assert_eq!(work.await.unwrap().len(), 2);
    assert!(world.connected().await[0].paused_until.is_some());

    sqlx::query("UPDATE connections SET paused_until = NULL").execute(&world.superuser).await.unwrap();
    let work = sessions.call_each(organization, id, &(), |_, _, &()| {
        Box::pin(async { Ok(vec![Ok(1), Err(CrmError::reconnect("gone"))]) })
    });
    assert_eq!(work.await.unwrap().len(), 2);
    let kept = world.connected().await.remove(0);
    assert_eq!((kept.state(), kept.reason.as_str()), (pb::ConnectionState::ReconnectNeeded, "gone"));
}
