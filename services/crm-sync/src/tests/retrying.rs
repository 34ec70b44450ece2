//! Giving up and trying again, through the real job runner: no log waits for a job that does not come.

use messaging::Messaging;
use messaging::jobs::JobError;
use secrecy::SecretString;
use serde_json::json;
use service_kit::config::BrokerConfig;
use service_kit::ids::SpaceId;
use sharedspaces_proto::crmsync::v1 as pb;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::world::{CONTOSO, World, reason_of, switch};
use crate::consumers;
use crate::jobs::write_log::{self, MAX_ATTEMPTS, MAX_TRIES};
use crate::log::LogError;

/// The runner of the service; it stops when this is dropped. Jobs run without a broker.
fn run(world: &World) -> JoinSet<()> {
    let broker = BrokerConfig { url: SecretString::from("amqp://127.0.0.1:1"), prefix: String::new() };
    let messaging = Messaging::over("crm-sync", world.test.database.clone(), broker);
    let messaging = consumers::spaces::subscribe(consumers::identity::subscribe(messaging));
    write_log::register(messaging, world.write_log.clone()).start(&CancellationToken::new())
}

async fn retry(world: &World, space: SpaceId) -> Result<pb::RetryLogResponse, LogError> {
    let log_id = world.log_of(space).await.log_id.parse::<uuid::Uuid>().unwrap();
    world.logs.retry(&world.call(), log_id.into()).await
}

async fn becomes(world: &World, space: SpaceId, state: pb::LogState) {
    let what = format!("the log is {}", state.as_str_name());
    testkit::eventually(&what, async || world.log_of(space).await.state() == state).await;
}

async fn jobs_in(world: &World, state: &str) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM jobs WHERE state = $1")
        .bind(state)
        .fetch_one(&world.superuser)
        .await
        .unwrap()
}

async fn set_jobs(world: &World, change: &'static str) {
    sqlx::query(sqlx::AssertSqlSafe(format!("UPDATE jobs SET {change}")))
        .execute(&world.superuser)
        .await
        .unwrap();
}

async fn execute(world: &World, sql: &'static str) {
    sqlx::query(sql).execute(&world.superuser).await.unwrap();
}

/// Lets hours pass.
async fn end_pauses(world: &World) {
    execute(world, "UPDATE connections SET paused_until = NULL").await;
    execute(world, "UPDATE logs SET due_time = NULL").await;
    set_jobs(world, "run_after = now()").await;
}

#[tokio::test]
async fn the_last_try_fails_a_log_and_another_one_that_is_asked_for_writes_it() {
    let world = World::start().await;
    let connection = world.connect().await;
    let space = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    world.script(switch(&json!({"daily_quota": 0}))).await;
    assert_eq!(MAX_TRIES, 12);
    execute(&world, "UPDATE logs SET tries = 10").await;
    let _running = run(&world);

    testkit::eventually("the last try but one", async || {
        let log = world.log_of(space).await;
        log.state() == pb::LogState::Deferred
            && !log.reason.is_empty()
            && jobs_in(&world, "pending").await == 1
    })
    .await;
    assert_eq!(reason_of(retry(&world, space).await), "LOG_NOT_FAILED");
    end_pauses(&world).await;
    becomes(&world, space, pb::LogState::Failed).await;
    testkit::eventually("the job is dead", async || jobs_in(&world, "dead").await == 1).await;
    assert!(world.log_of(space).await.reason.contains("calls per day"));

    world.script(switch(&json!({"daily_quota": 1_000}))).await;
    end_pauses(&world).await;
    assert_eq!(retry(&world, space).await.unwrap().log.unwrap().state(), pb::LogState::Pending);
    becomes(&world, space, pb::LogState::Logged).await;
    testkit::eventually("the job is done", async || world.jobs().await.is_empty()).await;
    assert_eq!(world.tasks().await.len(), 1);
    assert_eq!(reason_of(retry(&world, space).await), "LOG_NOT_FAILED");
}

#[tokio::test]
async fn a_log_whose_job_died_with_its_process_is_tried_again_when_asked_for() {
    let world = World::start().await;
    let connection = world.connect().await;
    let space = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    assert_eq!(world.jobs().await[0].max_attempts, MAX_ATTEMPTS);
    set_jobs(
        &world,
        "state = 'running', attempt = max_attempts, locked_by = gen_random_uuid(), \
         locked_until = now() - interval '1 second'",
    )
    .await;
    assert_eq!(reason_of(retry(&world, space).await), "LOG_NOT_FAILED");
    let _running = run(&world);
    testkit::eventually("the job is buried", async || jobs_in(&world, "dead").await == 1).await;
    assert_eq!(world.log_of(space).await.state(), pb::LogState::Pending);

    retry(&world, space).await.unwrap();
    becomes(&world, space, pb::LogState::Logged).await;
    assert_eq!(world.tasks().await.len(), 1);
}

#[tokio::test]
async fn a_job_that_a_retry_made_is_revived_by_the_next_retry() {
    let world = World::start().await;
    let connection = world.connect().await;
    let space = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    sqlx::query("UPDATE logs SET state = 'FAILED'").execute(&world.superuser).await.unwrap();
    sqlx::query("DELETE FROM jobs").execute(&world.superuser).await.unwrap();
    retry(&world, space).await.unwrap();
    let second = world.jobs().await;
    assert_eq!(second.len(), 1);
    set_jobs(&world, "state = 'dead'").await;
    retry(&world, space).await.unwrap();
    assert_eq!((jobs_in(&world, "pending").await, world.jobs().await[0].id), (1, second[0].id));
}

#[tokio::test]
async fn a_written_log_is_not_tried_again_whatever_became_of_its_job() {
    let world = World::start().await;
    let connection = world.connect().await;
    let space = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    world.run_job().await.unwrap();
    set_jobs(&world, "state = 'dead'").await;
    assert_eq!(reason_of(retry(&world, space).await), "LOG_NOT_FAILED");
    assert_eq!(jobs_in(&world, "dead").await, 1);
}

#[tokio::test]
async fn a_failure_that_could_not_be_noted_is_noted_by_the_next_run() {
    let world = World::start().await;
    let connection = world.connect().await;
    let space = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    world.script(switch(&json!({"daily_quota": 0}))).await;
    world.fail_changes("logs", "state", 1).await;
    sqlx::query("UPDATE logs SET tries = $1").bind(MAX_TRIES - 1).execute(&world.superuser).await.unwrap();
    let job = world.jobs().await.remove(0);
    assert!(matches!(world.write_log.clone().run(job.clone()).await, Err(JobError::Retry { .. })));
    assert_eq!(world.log_of(space).await.state(), pb::LogState::Deferred);
    assert!(!job.is_last_attempt());
    end_pauses(&world).await;
    assert!(matches!(world.write_log.clone().run(job).await, Err(JobError::Dead { .. })));
    assert_eq!(world.log_of(space).await.state(), pb::LogState::Failed);
}
