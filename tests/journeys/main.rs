//! Journeys across the services, the gates over their interfaces, and what must hold when something breaks.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod bad_input;
mod crashes;
mod crm;
mod files;
mod first_visit;
mod forged;
mod gates;
mod gateway;
mod golden;
mod hostile_files;
mod isolation;
mod matrix;
mod people;
mod raw;
mod reconciliation;
mod refusals;
mod signing_in;
mod stopping;
mod telemetry;
mod web;

use journeys::visit::{Accounts, Journey, Session, unique};
use journeys::world::World;
use sharedspaces_proto::identity::v1::Plan;

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
