//! The life of a job. No broker listens here: jobs do not need one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use messaging::Messaging;
use messaging::jobs::{self, Job, JobError, NewJob};
use serde_json::json;
use sqlx::PgPool;
use testkit::{TestDatabase, eventually};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::{Shared, World, append, database, no_broker, organization_created};

/// A service that only runs jobs.
struct Service {
    test: TestDatabase,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Service {
    async fn start(declare: impl FnOnce(Messaging) -> Messaging) -> Self {
        Self::start_on(database("identity").await, declare)
    }

    fn start_on(test: TestDatabase, declare: impl FnOnce(Messaging) -> Messaging) -> Self {
        let stop = CancellationToken::new();
        let messaging = Messaging::over("identity", test.database.clone(), no_broker());
        let tasks = declare(messaging).start(&stop);
        Self { test, stop, tasks }
    }

    fn pool(&self) -> &PgPool {
        self.test.database.pool()
    }

    async fn enqueue(&self, job: NewJob) {
        enqueue(self.pool(), job).await;
    }

    async fn eventually_idle(&self) {
        eventually("no job is open", async || {
            messaging::backlog(self.pool()).await.unwrap().jobs_pending == 0
        })
        .await;
    }

    async fn close(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn enqueue(pool: &PgPool, job: NewJob) {
    let mut tx = pool.begin().await.unwrap();
    jobs::enqueue(&mut tx, job).await.unwrap();
    tx.commit().await.unwrap();
}

fn new_job(max_attempts: i32) -> NewJob {
    NewJob {
        id: testkit::ids().next(),
        name: "work",
        organization_id: testkit::ids().next(),
        queue_key: None,
        payload: json!({}),
        max_attempts,
    }
}

fn again_at_once(reason: &'static str) -> JobError {
    JobError::retry_after(anyhow::anyhow!(reason), Duration::ZERO)
}

async fn dead_reason(pool: &PgPool, id: Uuid) -> Option<String> {
    sqlx::query_scalar("SELECT last_error FROM jobs WHERE id = $1 AND state = 'dead'")
        .bind(id)
        .fetch_optional(pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_failing_job_is_tried_up_to_its_limit_then_dead_with_the_reason_and_can_be_redriven() {
    let tries = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&tries);
    let service = Service::start(|messaging| {
        messaging.job("work", move |job: Job| {
            let try_number = seen.fetch_add(1, Ordering::SeqCst) + 1;
            Box::pin(async move {
                assert_eq!(job.is_last_attempt(), job.attempt == 3);
                if try_number <= 3 {
                    return Err(again_at_once("the teapot is empty"));
                }
                Ok(())
            })
        })
    })
    .await;
    let job = new_job(3);
    let (id, organization_id) = (job.id, job.organization_id);
    service.enqueue(job).await;
    let reason = eventually("the job is dead", async || dead_reason(service.pool(), id).await).await;
    assert_eq!(reason, "the teapot is empty");
    assert_eq!(tries.load(Ordering::SeqCst), 3);
    assert_eq!(messaging::backlog(service.pool()).await.unwrap().jobs_dead, 1);

    let mut connection = service.pool().acquire().await.unwrap();
    assert!(jobs::redrive(&mut connection, organization_id, id).await.unwrap());
    service.eventually_idle().await;
    assert_eq!(tries.load(Ordering::SeqCst), 4);
    assert!(
        !jobs::redrive(&mut connection, organization_id, id).await.unwrap(),
        "a job that is done cannot be redriven"
    );
    drop(connection);
    service.close().await;
}

#[tokio::test]
async fn a_job_that_cannot_succeed_is_dead_at_once() {
    let service = Service::start(|messaging| {
        messaging.job("work", |_| Box::pin(async { Err(JobError::dead(anyhow::anyhow!("no such mailbox"))) }))
    })
    .await;
    let job = new_job(9);
    let id = job.id;
    service.enqueue(job).await;
    let reason = eventually("the job is dead", async || dead_reason(service.pool(), id).await).await;
    assert_eq!(reason, "no such mailbox");
    service.close().await;
}

#[tokio::test]
async fn a_panic_is_a_failed_try_and_the_runner_goes_on() {
    let service = Service::start(|messaging| {
        messaging.job("work", |job: Job| {
            Box::pin(async move {
                assert!(job.payload["panics"] != json!(true), "as asked");
                Ok(())
            })
        })
    })
    .await;
    let bad = NewJob { payload: json!({"panics": true}), ..new_job(1) };
    let id = bad.id;
    service.enqueue(bad).await;
    service.enqueue(new_job(1)).await;
    let reason = eventually("the job is dead", async || dead_reason(service.pool(), id).await).await;
    assert!(reason.contains("panicked"), "{reason}");
    service.eventually_idle().await;
    service.close().await;
}

#[tokio::test]
async fn jobs_of_one_key_run_one_at_a_time_in_order_even_when_one_is_tried_again() {
    let log: Shared<Vec<i64>> = Shared::default();
    let seen = Arc::clone(&log);
    let busy = Arc::new(AtomicU32::new(0));
    let test = database("identity").await;
    for n in 0..12 {
        let key = Some(format!("key-{}", n % 2));
        enqueue(test.database.pool(), NewJob { queue_key: key, payload: json!({"n": n}), ..new_job(5) })
            .await;
    }
    let service = Service::start_on(test, |messaging| {
        messaging.job("work", move |job: Job| {
            let (seen, busy) = (Arc::clone(&seen), Arc::clone(&busy));
            Box::pin(async move {
                assert!(busy.fetch_add(1, Ordering::SeqCst) < 2, "two keys, so at most two at once");
                tokio::task::yield_now().await;
                busy.fetch_sub(1, Ordering::SeqCst);
                let n = job.payload["n"].as_i64().unwrap();
                if n == 4 && job.attempt < 3 {
                    return Err(again_at_once("once more"));
                }
                seen.lock().unwrap().push(n);
                Ok(())
            })
        })
    });
    service.eventually_idle().await;
    let log = log.lock().unwrap().clone();
    let of_key = |key: i64| log.iter().copied().filter(|n| n % 2 == key).collect::<Vec<_>>();
    assert_eq!(of_key(0), [0, 2, 4, 6, 8, 10]);
    assert_eq!(of_key(1), [1, 3, 5, 7, 9, 11]);
    service.close().await;
}

#[tokio::test]
async fn a_dead_job_does_not_hold_back_those_behind_it() {
    let test = database("identity").await;
    let key = Some("key".to_owned());
    let bad = NewJob { queue_key: key.clone(), payload: json!({"bad": true}), ..new_job(1) };
    let id = bad.id;
    enqueue(test.database.pool(), bad).await;
    enqueue(test.database.pool(), NewJob { queue_key: key, ..new_job(1) }).await;
    let service = Service::start_on(test, |messaging| {
        messaging.job("work", |job: Job| {
            Box::pin(async move {
                if job.payload["bad"] == json!(true) {
                    return Err(again_at_once("bad"));
                }
                Ok(())
            })
        })
    });
    service.eventually_idle().await;
    assert!(dead_reason(service.pool(), id).await.is_some());
    service.close().await;
}

#[tokio::test]
async fn a_job_whose_process_died_is_taken_up_when_its_lease_has_run_out_and_not_before() {
    let test = database("identity").await;
    let pool = test.database.pool().clone();
    let (lost, held, worn_out) = (new_job(5), new_job(5), new_job(1));
    let ids = (lost.id, held.id, worn_out.id);
    for job in [lost, held, worn_out] {
        enqueue(&pool, job).await;
    }
    sqlx::query(
        "UPDATE jobs SET state = 'running', attempt = 1, locked_by = gen_random_uuid(),
                locked_until = now() + CASE WHEN id = $1 THEN interval '1 hour' ELSE interval '-1 second' END",
    )
    .bind(ids.1)
    .execute(&pool)
    .await
    .unwrap();
    let ran: Shared<Vec<(Uuid, i32)>> = Shared::default();
    let seen = Arc::clone(&ran);
    let service = Service::start_on(test, |messaging| {
        messaging.job("work", move |job: Job| {
            seen.lock().unwrap().push((job.id, job.attempt));
            Box::pin(std::future::ready(Ok(())))
        })
    });
    let reason = eventually("the worn-out job is dead", async || dead_reason(&pool, ids.2).await).await;
    assert!(reason.contains("the process ended"), "{reason}");
    eventually("the lost job is done", async || !ran.lock().unwrap().is_empty()).await;
    assert_eq!(*ran.lock().unwrap(), [(ids.0, 2)]);
    service.close().await;
}

#[tokio::test]
async fn a_job_that_lost_its_lease_cannot_end_what_another_has_taken_up() {
    let go = Arc::new(Notify::new());
    let wait = Arc::clone(&go);
    let service = Service::start(|messaging| {
        messaging.job("work", move |_| {
            let wait = Arc::clone(&wait);
            Box::pin(async move {
                wait.notified().await;
                Ok(())
            })
        })
    })
    .await;
    service.enqueue(new_job(5)).await;
    let taken = eventually("the job runs", async || {
        let taken = sqlx::query(
            "UPDATE jobs SET locked_by = gen_random_uuid(), locked_until = now() + interval '1 hour'
              WHERE state = 'running'",
        );
        taken.execute(service.pool()).await.unwrap().rows_affected() == 1
    });
    taken.await;
    go.notify_one();
    let pool = service.pool().clone();
    service.close().await;
    assert_eq!(messaging::backlog(&pool).await.unwrap().jobs_pending, 1);
}

/// Says that the handler that owned it is gone.
struct Gone(Arc<Notify>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn a_handler_whose_lease_was_taken_away_is_stopped() {
    let gone = Arc::new(Notify::new());
    let told = Arc::clone(&gone);
    let service = Service::start(|messaging| {
        messaging.job("work", move |_| {
            let guard = Gone(Arc::clone(&told));
            Box::pin(async move {
                let _guard = guard;
                std::future::pending().await
            })
        })
    })
    .await;
    service.enqueue(new_job(5)).await;
    let thief: Uuid = testkit::ids().next();
    eventually("the job runs and is taken away", async || {
        let taken = sqlx::query(
            "UPDATE jobs SET locked_by = $1, locked_until = now() + interval '1 hour' WHERE state = 'running'",
        );
        taken.bind(thief).execute(service.pool()).await.unwrap().rows_affected() == 1
    })
    .await;
    tokio::time::timeout(Duration::from_secs(60), gone.notified()).await.expect("the handler goes on");
    let pool = service.pool().clone();
    service.close().await;
    let (owner, attempt): (Uuid, i32) =
        sqlx::query_as("SELECT locked_by, attempt FROM jobs WHERE state = 'running'")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!((owner, attempt), (thief, 1));
}

/// Starts a service with a job that waits to be told to end.
async fn waiting(max_attempts: i32) -> (Service, Arc<Notify>) {
    let go = Arc::new(Notify::new());
    let wait = Arc::clone(&go);
    let service = Service::start(|messaging| {
        messaging.job("work", move |_| {
            let wait = Arc::clone(&wait);
            Box::pin(async move {
                wait.notified().await;
                Ok(())
            })
        })
    })
    .await;
    service.enqueue(new_job(max_attempts)).await;
    (service, go)
}

#[tokio::test]
async fn leases_are_kept_while_the_pool_is_full() {
    let (service, go) = waiting(5).await;
    let owner = service.test.owner_pool();
    let until = async || -> Option<DateTime<Utc>> {
        sqlx::query_scalar("SELECT locked_until FROM jobs").fetch_one(&owner).await.unwrap()
    };
    let first = eventually("the job runs", until).await;
    let mut all = Vec::new();
    for _ in 0..service.pool().options().get_max_connections() {
        all.push(service.pool().acquire().await.unwrap());
    }
    eventually("the lease is longer", async || until().await > Some(first)).await;
    drop(all);
    go.notify_one();
    service.eventually_idle().await;
    service.close().await;
}

#[tokio::test]
async fn a_job_in_its_last_try_is_not_declared_dead_while_it_runs() {
    let (service, go) = waiting(1).await;
    eventually("the job runs and its lease has run out", async || {
        let end =
            sqlx::query("UPDATE jobs SET locked_until = now() - interval '1 second' WHERE state = 'running'");
        end.execute(service.pool()).await.unwrap().rows_affected() == 1
    })
    .await;
    eventually("the lease is renewed", async || -> bool {
        sqlx::query_scalar("SELECT state = 'running' AND locked_until > now() FROM jobs")
            .fetch_one(service.pool())
            .await
            .unwrap()
    })
    .await;
    go.notify_one();
    service.eventually_idle().await;
    assert_eq!(messaging::backlog(service.pool()).await.unwrap().jobs_dead, 0);
    service.close().await;
}

#[tokio::test]
async fn the_same_job_id_makes_one_job() {
    let test = database("identity").await;
    let job = new_job(1);
    enqueue(test.database.pool(), job.clone()).await;
    enqueue(test.database.pool(), job).await;
    assert_eq!(messaging::backlog(test.database.pool()).await.unwrap().jobs_pending, 1);
}

#[tokio::test]
async fn stopping_lets_a_job_end_and_publishes_what_it_appended() {
    let mut world = World::new().await;
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (has_begun, may_go) = (Arc::clone(&begun), Arc::clone(&go));
    let database = world.identity.database.clone();
    let messaging = Messaging::over("identity", database.clone(), world.broker.clone());
    let stop = world.start(messaging.job("work", move |_| {
        let (has_begun, may_go, database) = (Arc::clone(&has_begun), Arc::clone(&may_go), database.clone());
        Box::pin(async move {
            has_begun.notify_one();
            may_go.notified().await;
            let mut tx = database.pool().begin().await?;
            append(&mut tx, &organization_created()).await;
            tx.commit().await?;
            Ok(())
        })
    }));
    // The relay must lead before the stop for there to be anything to flush with.
    world.append_organization().await;
    world.eventually_published().await;
    enqueue(world.identity.database.pool(), new_job(1)).await;
    begun.notified().await;
    stop.cancel();
    go.notify_one();
    world.stop().await;
    assert_eq!(world.unpublished().await, 0);
    let left = messaging::backlog(world.identity.database.pool()).await.unwrap();
    assert_eq!(left.jobs_pending, 0);
    assert_eq!(world.messages_in("spaces.from-identity").await, 2);
    world.close().await;
}
