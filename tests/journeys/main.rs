//! Journeys across the services, the gates over their interfaces, and what must hold when something breaks.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod backup;
mod bad_input;
mod crashes;
mod crm;
mod dashboards;
mod edge;
mod files;
mod first_visit;
mod forged;
mod gates;
mod gateway;
mod golden;
mod hostile_files;
mod isolation;
mod matrix;
mod mtls;
mod people;
mod raw;
mod reach;
mod reconciliation;
mod refusals;
mod rolling;
mod signing_in;
mod stopping;
mod telemetry;
mod upgrading;
mod web;
mod wires;

use std::sync::Arc;

use journeys::visit::{Accounts, Journey, Session, unique};
use journeys::wire::Wire;
use journeys::world::World;
use sharedspaces_proto::identity::v1::Plan;

/// A running system, and the way on which a journey through it calls.
pub(crate) struct Stage {
    pub(crate) world: Arc<World>,
    pub(crate) journey: Journey,
}

impl Stage {
    /// Starts a system with further settings, to be called straight.
    pub(crate) async fn set(settings: &'static [(&str, &str)]) -> Self {
        Self::over(&Arc::new(start(|| World::start_with(settings)).await), Wire::Direct)
    }

    /// Calls a running system over a wire.
    pub(crate) fn over(world: &Arc<World>, wire: Wire) -> Self {
        let environment = world.environment().unwrap().over(wire);
        Self { world: Arc::clone(world), journey: Journey::new(&environment).unwrap() }
    }
}

/// Starts a world off the runtime's threads, which starting would block.
async fn start(world: impl FnOnce() -> anyhow::Result<World> + Send + 'static) -> World {
    tokio::task::spawn_blocking(world).await.unwrap().unwrap()
}

/// Walks as `cargo xtask demo` does; returns what was told.
async fn walk(world: &World, part: &str) -> String {
    let demo = std::path::PathBuf::from(std::env::var_os("TEST_BINARIES").unwrap()).join("demo");
    let mut walk = std::process::Command::new(demo);
    walk.args(["run", part]).envs(xtask::environment::demo_env(&world.addresses).unwrap());
    let walked = tokio::task::spawn_blocking(move || walk.output()).await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&walked.stdout).into_owned();
    assert!(walked.status.success(), "{told}\n{}", String::from_utf8_lossy(&walked.stderr));
    told
}

/// An organisation of its own, with everybody signed in.
struct Organization {
    accounts: Accounts,
    admin: Session,
    member: Session,
    colleague: Session,
}

async fn found(journey: &Journey, locale: &str, plan: Plan) -> Organization {
    let accounts = Accounts::of(&format!("org-{}", unique()));
    journey.found(&accounts, "Acme & Söhne", locale, plan).await.unwrap();
    let sign_in = async |address: &str| journey.sign_in(&accounts.organization, address).await.unwrap();
    let admin = sign_in(&accounts.admin).await;
    let member = sign_in(&accounts.members[0]).await;
    let colleague = sign_in(&accounts.members[1]).await;
    Organization { accounts, admin, member, colleague }
}
