//! How a service ends when it is asked to: in time, with success, and with nothing left behind.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use journeys::visit::Journey;
use journeys::world::World;
use sharedspaces_proto::identity::v1::Plan;
use tokio::task::block_in_place;
use xtask::workspace::SERVICES;

use crate::{found, start};

const STOPPED_WITHIN: Duration = Duration::from_secs(5);

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

fn is_listening(address: &str) -> bool {
    let address: SocketAddr = address.parse().unwrap();
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}
