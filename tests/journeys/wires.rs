//! The journeys once more through the gateway: the very same steps over every form in which it takes calls.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use journeys::wire::Wire;
use journeys::world::World;

use crate::{Stage, crm, files, first_visit, people, signing_in, start};

/// A system with a gateway before it that lets one address call as fast as it can.
async fn world() -> Arc<World> {
    let world = start(|| {
        let mut world = World::start_with(people::SETTINGS)?;
        world.start_gateway(&["--calls-per-second", "5000"])?;
        Ok(world)
    });
    Arc::new(world.await)
}

/// Walks over a wire, and says over which where it does not go well.
async fn walk<F: Future<Output = ()>>(
    world: &Arc<World>,
    wire: Wire,
    part: &str,
    go: impl FnOnce(Stage) -> F,
) {
    let gone = AssertUnwindSafe(go(Stage::over(world, wire))).catch_unwind().await;
    assert!(gone.is_ok(), "{part} over {wire:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_visit_and_signing_in_go_through_the_gateway_in_every_form() {
    let world = world().await;
    for wire in Wire::THROUGH {
        walk(&world, wire, "first visit", async |stage| first_visit::first_visit(&stage).await).await;
        walk(&world, wire, "the ways in", async |stage| signing_in::ways_in(&stage).await).await;
    }
    let wire = Wire::Rest;
    walk(&world, wire, "a French visit", async |stage| first_visit::french_visit(&stage).await).await;
    walk(&world, wire, "a colleague", async |stage| first_visit::colleague(&stage).await).await;
    walk(&world, wire, "a session", async |stage| first_visit::session(&stage).await).await;
    walk(&world, wire, "a reset", async |stage| signing_in::reset(&stage).await).await;
    walk(&world, wire, "sessions", async |stage| signing_in::sessions(&stage).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_files_and_crms_go_through_the_gateway_and_streams_in_every_form() {
    let world = world().await;
    for wire in Wire::THROUGH {
        walk(&world, wire, "notices", async |stage| people::notices(&stage).await).await;
        walk(&world, wire, "a file", async |stage| files::file_goes(&stage).await).await;
    }
    let wire = Wire::Rest;
    walk(&world, wire, "each CRM", async |stage| crm::each_crm(&stage).await).await;
    walk(&world, wire, "a list", async |stage| people::pasted_list(&stage).await).await;
    walk(&world, wire, "gathering", async |stage| people::gathering(&stage).await).await;
    walk(&world, wire, "guests' files", async |stage| files::guests_add(&stage).await).await;
    walk(&world, wire, "a duplicate", async |stage| files::duplicate(&stage).await).await;
    // Leaves mails behind that are to wait.
    walk(&world, wire, "requests", async |stage| people::access_requests(&stage).await).await;
}
