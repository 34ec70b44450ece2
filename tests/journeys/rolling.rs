//! Replacing the processes of every service, one after the other, while people work.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use journeys::api::{with_key, with_token};
use journeys::outside::within;
use journeys::replicas::{LINGER, Replica, Replicas};
use journeys::visit::{Journey, Session, fresh_key, unique};
use journeys::wire::Wire;
use service_kit::config::ShutdownConfig;
use service_kit::lifecycle::longest_stop;
use sharedspaces_proto::crmsync::v1 as crm;
use sharedspaces_proto::identity::v1::Plan;
use sharedspaces_proto::notifications::v1 as notifications;
use sharedspaces_proto::spaces::v1 as spaces;
use sqlx::postgres::{PgPool, PgPoolOptions};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::MissedTickBehavior;
use tonic::Status;
use xtask::workspace::SERVICES;

use crate::{Organization, found};

/// 125 calls in a second are made, as far as the machine carries them: unoptimised programs on two cores that other tests
/// share carry some 90.
const CALL_EVERY: Duration = Duration::from_millis(8);
/// Far fewer than that, so that a slow machine fails nothing, and enough for each process to be replaced under load.
const CALLS_PER_SECOND: f64 = 20.0;
/// So that a slow machine slows this down and no more.
const AT_ONCE: usize = 24;
/// Around the moment at which a process ends its calls, what calls need is held, so that some are in flight.
const HELD_AROUND: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(60);

/// A world behind the gateway, and people in a space.
struct Stage {
    replicas: Replicas,
    journey: Journey,
    acme: Organization,
    guest: Session,
    space_id: String,
    item_id: String,
}

impl Stage {
    async fn set() -> Self {
        // Mails of a kind are gathered no longer than it takes to wait for them.
        let start = || Replicas::start(&[("GATHER__WINDOW_SECONDS", "1")]);
        let replicas = tokio::task::spawn_blocking(start).await.unwrap().unwrap();
        let environment = replicas.world.environment().unwrap();
        // Founding is the operator's, whom the gateway does not know.
        let acme = found(&Journey::new(&environment).unwrap(), "en", Plan::Ultimate).await;
        let journey = Journey::new(&environment.over(Wire::Grpc)).unwrap();
        let space = journey.create_space(&acme.member, "Rolling", "", None).await.unwrap();
        let address = format!("gina.{}@buyer.example", unique());
        journey.invite(&acme.member, &space.space_id, &[&address], "").await.unwrap();
        let token = journey.invitation_token(&address, "").await.unwrap();
        let (_, guest) = journey.enter(&token, "Gina Guest").await.unwrap();
        let item = journey.add_link(&acme.member, &space.space_id, "", "Brochure").await.unwrap();
        Self { replicas, journey, acme, guest, space_id: space.space_id, item_id: item.item_id }
    }

    /// Begins to call, as many clients do.
    fn load(&self) -> Load {
        let caller = Arc::new(Caller {
            journey: self.journey.clone(),
            member: self.acme.member.clone(),
            guest: self.guest.clone(),
            space_id: self.space_id.clone(),
            item_id: self.item_id.clone(),
            tally: Tally::default(),
        });
        let (running, is_over) = (Arc::clone(&caller), Arc::new(AtomicBool::new(false)));
        let over = Arc::clone(&is_over);
        let task = tokio::spawn(async move { running.call_on(&over).await });
        Load { caller, is_over, task, begin: Instant::now() }
    }

    async fn pool(&self, service: &str) -> PgPool {
        let url = self.replicas.world.superuser_url(service).unwrap();
        PgPoolOptions::new().max_connections(2).connect(&url).await.unwrap()
    }
}

/// What came of the calls.
#[derive(Default)]
struct Tally {
    made: AtomicU64,
    failures: Mutex<Vec<String>>,
    titles: Mutex<Vec<String>>,
    invited: Mutex<Vec<String>>,
    comments: AtomicU64,
}

struct Caller {
    journey: Journey,
    member: Session,
    guest: Session,
    space_id: String,
    item_id: String,
    tally: Tally,
}

impl Caller {
    async fn call_on(self: Arc<Self>, is_over: &AtomicBool) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut ticks = tokio::time::interval(CALL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for turn in 0.. {
            ticks.tick().await;
            let place = Arc::clone(&places).acquire_owned().await.unwrap();
            if is_over.load(Ordering::Relaxed) {
                break;
            }
            let caller = Arc::clone(&self);
            tokio::spawn(async move {
                let (what, result) = caller.call(turn).await;
                caller.tally.made.fetch_add(1, Ordering::Relaxed);
                if let Err(status) = result {
                    let failure = format!("{what}: {:?} {}", status.code(), status.message());
                    caller.tally.failures.lock().unwrap().push(failure);
                }
                drop(place);
            });
        }
        // All have been answered.
        let _all = places.acquire_many(u32::try_from(AT_ONCE).unwrap()).await.unwrap();
    }

    /// A write with a key in ten calls, the rest reads of all five services. Nothing is tried again.
    async fn call(&self, turn: u64) -> (&'static str, Result<(), Status>) {
        if turn.is_multiple_of(10) {
            // Comments are few: nobody gets more than twenty mails in an hour, and the rest would wait for the next.
            return match turn / 10 % 120 {
                3 => ("comment", self.comment().await),
                turn if turn % 24 == 7 => ("invite", self.invite().await),
                _ => ("create", self.create().await),
            };
        }
        let (api, member) = (&self.journey.api, self.member.token());
        match turn % 5 {
            0 => ("crm", {
                let request = with_token(crm::ListConnectionsRequest::default(), member);
                api.connections.clone().list_connections(request).await.map(drop)
            }),
            1 => ("profile", self.journey.get_profile_kind(&self.member).await.map(drop)),
            2 => ("notices", self.journey.notices(&self.member).await.map(drop)),
            3 => ("asset", self.logo().await),
            _ => ("space", self.journey.get_space(&self.guest, &self.space_id).await.map(drop)),
        }
    }

    /// There is none, which assets says after it has asked spaces who may know.
    async fn logo(&self) -> Result<(), Status> {
        match self.journey.asset(&self.member, &fresh_key()).await {
            Err(status) if status.code() == tonic::Code::NotFound => Ok(()),
            other => other.map(drop),
        }
    }

    async fn create(&self) -> Result<(), Status> {
        let title = format!("Rolling {}", unique());
        let request =
            spaces::CreateSpaceRequest { title: title.clone(), ..spaces::CreateSpaceRequest::default() };
        let request = with_key(request, self.member.token(), &fresh_key());
        self.journey.api.spaces.clone().create_space(request).await?;
        self.tally.titles.lock().unwrap().push(title);
        Ok(())
    }

    async fn invite(&self) -> Result<(), Status> {
        let address = format!("guest.{}@buyer.example", unique());
        self.journey.invite(&self.member, &self.space_id, &[&address], "").await?;
        self.tally.invited.lock().unwrap().push(address);
        Ok(())
    }

    async fn comment(&self) -> Result<(), Status> {
        self.journey.comment(&self.guest, &self.space_id, &self.item_id, "Still here?", &[]).await?;
        self.tally.comments.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Calls that are being made.
struct Load {
    caller: Arc<Caller>,
    is_over: Arc<AtomicBool>,
    task: JoinHandle<()>,
    begin: Instant,
}

impl Load {
    /// Ends it when all calls have been answered; returns what came of them, and how many there were in a second.
    async fn end(self) -> (Arc<Caller>, f64) {
        let elapsed = self.begin.elapsed().as_secs_f64();
        self.is_over.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
        let made = u32::try_from(self.caller.tally.made.load(Ordering::Relaxed)).unwrap();
        (self.caller, f64::from(made) / elapsed)
    }
}

/// Somebody who watches their notices, and comes back where the stream ended.
#[derive(Default)]
struct Watching {
    comments: Mutex<Vec<String>>,
    streams: AtomicU64,
}

impl Watching {
    async fn watch(&self, journey: &Journey, who: &Session) {
        let mut cursor = String::new();
        loop {
            let Ok(mut notices) = journey.watch(who, &cursor).await else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            self.streams.fetch_add(1, Ordering::Relaxed);
            while let Ok(Some(notice)) = notices.next(Duration::from_secs(3_600)).await {
                if notice.kind() == notifications::NotificationKind::NewComment {
                    self.comments.lock().unwrap().push(notice.notification_id);
                }
            }
            cursor = notices.cursor;
        }
    }
}

/// Holds what all calls of spaces read for a moment, so that there are calls in flight when `then` comes.
async fn hold(pool: &PgPool, from: Duration, until: Duration) {
    tokio::time::sleep(from).await;
    let mut tx = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE spaces IN ACCESS EXCLUSIVE MODE").execute(&mut *tx).await.unwrap();
    tokio::time::sleep(until - from).await;
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn replacing_every_process_under_load_fails_no_call_loses_nothing_doubles_nothing_and_killing_one_fails_some()
 {
    let mut stage = Stage::set().await;
    let watching = Arc::new(Watching::default());
    let (seeing, journey, member) = (Arc::clone(&watching), stage.journey.clone(), stage.acme.member.clone());
    let watcher = tokio::spawn(async move { seeing.watch(&journey, &member).await });
    within(SOON, "the stream", async || Ok((watching.streams.load(Ordering::Relaxed) > 0).then_some(())))
        .await
        .unwrap();
    let rows = stage.pool("spaces").await;

    let load = stage.load();
    let linger_ms = u64::try_from(LINGER.as_millis()).unwrap();
    let longest = longest_stop(&ShutdownConfig { linger_ms, ..ShutdownConfig::default() });
    for service in SERVICES {
        for which in Replica::BOTH {
            let mut holding = None;
            let at_the_signal = || {
                if service == "spaces" {
                    let rows = rows.clone();
                    let (from, until) = (LINGER - HELD_AROUND, LINGER + HELD_AROUND);
                    holding = Some(tokio::spawn(async move { hold(&rows, from, until).await }));
                }
            };
            let took = block_in_place(|| stage.replicas.replace(service, which, at_the_signal)).unwrap();
            assert!(LINGER <= took && took < longest, "{service} took {took:?}");
            if let Some(holding) = holding {
                holding.await.unwrap();
            }
        }
    }
    let (caller, per_second) = load.end().await;
    let failures = caller.tally.failures.lock().unwrap().clone();
    assert!(failures.is_empty(), "{per_second} a second: {failures:?}\n{}", said_of_refusals(&stage));
    assert!(per_second >= CALLS_PER_SECOND, "{per_second} calls in a second");
    assert_all_once(&stage, &caller, &rows).await;
    let comments = usize::try_from(caller.tally.comments.load(Ordering::Relaxed)).unwrap();
    assert!(comments > 0);
    within(SOON, "all notices", async || {
        Ok((watching.comments.lock().unwrap().len() >= comments).then_some(()))
    })
    .await
    .unwrap();
    let seen: Vec<String> = watching.comments.lock().unwrap().clone();
    assert_eq!((seen.len(), seen.iter().collect::<HashSet<_>>().len()), (comments, comments));
    let streams = watching.streams.load(Ordering::Relaxed);
    assert!((2..=3).contains(&streams), "a stream is cut once or twice, not {streams} times");
    watcher.abort();

    // The same without asking: what is in flight fails, so that what was seen above means something.
    block_in_place(|| stage.replicas.add("spaces", Replica::Second)).unwrap();
    let load = stage.load();
    let mut held = rows.begin().await.unwrap();
    sqlx::query("LOCK TABLE spaces IN ACCESS EXCLUSIVE MODE").execute(&mut *held).await.unwrap();
    within(SOON, "calls in flight", async || {
        let waiting: i64 =
            sqlx::query_scalar("SELECT count(*) FROM pg_locks WHERE NOT granted").fetch_one(&rows).await?;
        // So many that both processes have some.
        Ok((waiting >= 12).then_some(()))
    })
    .await
    .unwrap();
    block_in_place(|| stage.replicas.kill("spaces")).unwrap();
    held.commit().await.unwrap();
    let (caller, _) = load.end().await;
    assert!(!caller.tally.failures.lock().unwrap().is_empty(), "a kill must be seen");
}

/// What the services said when they could not answer.
fn said_of_refusals(stage: &Stage) -> String {
    let logs = stage.replicas.world.logs().unwrap();
    logs.lines().filter(|line| line.contains("call answered")).take(20).collect::<Vec<_>>().join("\n")
}

/// Each write that was answered has had its effect once, and so has all that follows from it.
async fn assert_all_once(stage: &Stage, caller: &Caller, rows: &PgPool) {
    assert_eq!(stage.replicas.world.quiesce().await.unwrap(), 0, "no job may be dead");
    let titles = caller.tally.titles.lock().unwrap().clone();
    let (count, distinct): (i64, i64) =
        sqlx::query_as("SELECT count(*), count(DISTINCT title) FROM spaces WHERE title = ANY($1)")
            .bind(&titles)
            .fetch_one(rows)
            .await
            .unwrap();
    let made = i64::try_from(titles.len()).unwrap();
    assert!(made > 0);
    assert_eq!((count, distinct), (made, made));
    let invited = caller.tally.invited.lock().unwrap().clone();
    assert!(!invited.is_empty());
    for address in invited {
        assert_eq!(stage.journey.outside.mails(&address).await.unwrap().len(), 1, "{address}");
    }
}
