//! How a service ends when it is asked to: in time, with success, and with nothing left behind; and that one that is ready can
//! take over from it.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use journeys::outside::within;
use journeys::visit::Journey;
use journeys::world::World;
use service_kit::config::ShutdownConfig;
use service_kit::lifecycle::longest_stop;
use sharedspaces_proto::identity::v1::Plan;
use sqlx::postgres::PgPoolOptions;
use tokio::task::{JoinSet, block_in_place};
use xtask::process::wait_until;
use xtask::workspace::SERVICES;

use crate::{found, start};

const STOPPED_WITHIN: Duration = Duration::from_secs(5);
const LONG: Duration = Duration::from_secs(60);
/// Longer than all that happens before the stream is ended.
const WATCHED: Duration = Duration::from_secs(600);
/// Fewer than the service has connections to its database.
const CALLS: u16 = 8;

#[tokio::test(flavor = "multi_thread")]
async fn every_service_without_load_ends_well_in_five_seconds_and_listens_no_more() {
    let mut world = start(World::start).await;
    let journey = Journey::new(&world.environment().unwrap()).unwrap();
    // Used once, so that connections of clients and between services are open.
    let acme = found(&journey, "en", Plan::Ultimate).await;
    journey.find_account(&acme.admin, &acme.member).await.unwrap();
    let space = journey.create_space(&acme.member, "Quiet", "", None).await.unwrap();
    journey.invite(&acme.member, &space.space_id, &["quiet@buyer.example"], "").await.unwrap();
    journey.outside.wait_for_mail("quiet@buyer.example", "").await.unwrap();
    assert_eq!(world.quiesce().await.unwrap(), 0);
    for service in SERVICES {
        let addresses = world.addresses.service(service).unwrap();
        let listening = [addresses.grpc.clone(), addresses.health.clone()];
        assert!(listening.iter().all(|address| is_listening(address)), "{service} at {listening:?}");
        let asked = Instant::now();
        block_in_place(|| world.stop_service(service)).unwrap();
        assert!(asked.elapsed() < STOPPED_WITHIN, "{service} took {:?}", asked.elapsed());
        assert!(!listening.iter().any(|address| is_listening(address)), "{service} at {listening:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_calls_in_flight_and_a_stream_open_a_service_answers_them_ends_the_stream_and_stops_in_its_time()
{
    let mut world = start(World::start).await;
    let journey = Journey::new(&world.environment().unwrap()).unwrap();
    let acme = found(&journey, "en", Plan::Ultimate).await;
    let space = journey.create_space(&acme.member, "Busy", "", None).await.unwrap();
    let mut notices = journey.watch(&acme.member, "").await.unwrap();
    let streaming = tokio::spawn(async move { notices.next(WATCHED).await });
    // What every call of spaces reads is held, so that those that are made stay in flight.
    let url = world.superuser_url("spaces").unwrap();
    let rows = PgPoolOptions::new().max_connections(2).connect(&url).await.unwrap();
    let all_at_once = || -> JoinSet<_> {
        let calls = (0..CALLS).map(|_| {
            let (journey, member, id) = (journey.clone(), acme.member.clone(), space.space_id.clone());
            async move { journey.get_space(&member, &id).await }
        });
        calls.collect()
    };
    // The service waits for a lock two seconds: its connections are made before.
    for called in all_at_once().join_all().await {
        called.unwrap();
    }
    let mut held = rows.begin().await.unwrap();
    sqlx::query("LOCK TABLE spaces IN ACCESS EXCLUSIVE MODE").execute(&mut *held).await.unwrap();
    let mut calls = all_at_once();
    within(LONG, "calls in flight", async || {
        let held_back = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        let waiting: i64 = sqlx::query_scalar(held_back).fetch_one(&rows).await?;
        Ok((waiting >= i64::from(CALLS)).then_some(()))
    })
    .await
    .unwrap();
    let grpc: String = world.addresses.service("spaces").unwrap().grpc.clone();
    let closing = move || wait_until(LONG, || Ok((!is_listening(&grpc)).then_some(())));
    let closed = tokio::task::spawn_blocking(closing);
    let releasing = tokio::spawn(async move {
        assert!(closed.await.unwrap().unwrap().is_some(), "new calls are still taken");
        held.commit().await.unwrap();
    });
    let longest = longest_stop(&ShutdownConfig::default());
    for service in ["spaces", "notifications"] {
        let asked = Instant::now();
        block_in_place(|| world.stop_service(service)).unwrap();
        assert!(asked.elapsed() < longest, "{service} took {:?}", asked.elapsed());
    }
    releasing.await.unwrap();
    while let Some(called) = calls.join_next().await {
        assert_eq!(called.unwrap().unwrap().title, "Busy");
    }
    assert!(streaming.await.unwrap().unwrap_err().to_string().contains("the stream ended"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_ready_has_connections_open_for_those_who_come_at_once() {
    let world = start(World::start).await;
    for service in SERVICES {
        let rows = PgPoolOptions::new().connect(&world.superuser_url(service).unwrap()).await.unwrap();
        let open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1",
        )
        .bind(service)
        .fetch_one(&rows)
        .await
        .unwrap();
        assert!(open >= 8, "{service} has {open}");
    }
}

fn is_listening(address: &str) -> bool {
    let address: SocketAddr = address.parse().unwrap();
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}
