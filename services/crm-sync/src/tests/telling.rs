//! What others are told of logs, and what is heard of organisations.

use messaging::Event;
use serde_json::json;
use service_kit::ids::OrganizationId;
use sharedspaces_proto::crmsync::events::v1::LogWritten;
use sharedspaces_proto::crmsync::v1 as pb;
use sharedspaces_proto::identity::v1::Plan;
use uuid::Uuid;

use super::world::{CONTOSO, World};
use crate::connection::ListConnections;

fn decode<E: Event>(body: &[u8]) -> E {
    E::decode(body).unwrap()
}

async fn told(world: &World) -> Vec<(Uuid, i64, LogWritten)> {
    let rows: Vec<(Uuid, i64, Vec<u8>)> = sqlx::query_as(
        "SELECT aggregate_id, aggregate_version, body FROM outbox
          WHERE routing_key = 'crm-sync.log.written.v1' ORDER BY id",
    )
    .fetch_all(&world.superuser)
    .await
    .unwrap();
    let event = |(id, version, body): (Uuid, i64, Vec<u8>)| (id, version, decode(&body));
    rows.into_iter().map(event).collect()
}

#[tokio::test]
async fn a_written_log_is_told_once_with_who_asked_for_it_whatever_is_tried_again() {
    let world = World::start().await;
    let connection = world.connect().await;
    let space = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    let lost = json!({"target": "salesforce", "phase": "after_commit", "method": "PATCH", "drop": true});
    world.script(lost).await;
    assert!(world.run_job().await.is_err());
    assert!(told(&world).await.is_empty(), "nobody knows yet that it was written");
    let job = world.jobs().await.remove(0);
    for run in [world.write_log.clone(), world.replica(), world.write_log.clone()] {
        run.run(job.clone()).await.unwrap();
    }

    let told = told(&world).await;
    let [(aggregate_id, 1, event)] = told.as_slice() else { panic!("told {told:?}") };
    let log = world.log_of(space).await;
    let expected = LogWritten {
        organization_id: world.admin.organization_id.to_string(),
        log_id: log.log_id.clone(),
        space_id: space.to_string(),
        user_id: world.admin.user_id.to_string(),
        record_name: "Contoso Ltd".to_owned(),
        write_time: log.logged_time,
    };
    assert_eq!((aggregate_id.to_string(), event), (log.log_id, &expected));
}

#[tokio::test]
async fn two_writers_of_one_log_tell_of_it_once() {
    let world = World::start().await;
    let connection = world.connect().await;
    world.create_logged_space(&connection.connection_id, CONTOSO).await;
    let job = world.jobs().await.remove(0);
    let [one, two] = [world.write_log.clone(), world.replica()].map(|writer| writer.run(job.clone()));
    let (one, two) = tokio::join!(one, two);
    one.unwrap();
    two.unwrap();
    assert_eq!((told(&world).await.len(), world.tasks().await.len()), (1, 1));
}

#[tokio::test]
async fn a_log_whose_telling_fails_is_not_logged_either() {
    let world = World::start().await;
    let connection = world.connect().await;
    let space = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    sqlx::query("ALTER TABLE outbox ADD CONSTRAINT none CHECK (false) NOT VALID")
        .execute(&world.superuser)
        .await
        .unwrap();
    assert!(world.run_job().await.is_err());
    assert_eq!(world.log_of(space).await.state(), pb::LogState::Pending);
    sqlx::query("ALTER TABLE outbox DROP CONSTRAINT none").execute(&world.superuser).await.unwrap();
    world.run_job().await.unwrap();
    assert_eq!((told(&world).await.len(), world.tasks().await.len()), (1, 1));
}

#[tokio::test]
async fn a_log_that_was_not_written_is_not_told() {
    let world = World::start().await;
    let connection = world.connect().await;
    world.create_logged_space(&connection.connection_id, "not-an-id").await;
    assert!(world.run_job().await.is_err());
    assert!(told(&world).await.is_empty());
}

async fn plan_of(world: &World, organization_id: OrganizationId) -> String {
    sqlx::query_scalar("SELECT plan FROM organizations WHERE organization_id = $1")
        .bind(organization_id)
        .fetch_one(&world.superuser)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_changed_plan_counts_from_its_event_on_and_an_older_event_never_overwrites_a_newer() {
    let world = World::start().await;
    let id = world.admin.organization_id;
    for (plan, version, kept) in [
        (Plan::Plus, 3, "PLUS"),
        (Plan::Ultimate, 2, "PLUS"),
        (Plan::Ultimate, 3, "PLUS"),
        (Plan::Ultimate, 4, "ULTIMATE"),
        (Plan::Plus, 5, "PLUS"),
    ] {
        world.update_organization(id, plan, version).await;
        assert_eq!(plan_of(&world, id).await, kept, "after version {version}");
    }
    world.create_organization(id, Plan::Ultimate).await;
    assert_eq!(plan_of(&world, id).await, "PLUS", "its creation came again");

    let other: OrganizationId = testkit::ids().next();
    world.update_organization(other, Plan::Plus, 2).await;
    world.create_organization(other, Plan::Ultimate).await;
    assert_eq!(plan_of(&world, other).await, "PLUS", "its creation came late");
}

#[tokio::test]
async fn an_organization_that_leaves_ultimate_has_no_crm_any_more() {
    let world = World::start().await;
    world.connect().await;
    world.update_organization(world.admin.organization_id, Plan::Plus, 2).await;
    let refused = world.connections.list(&world.admin, ListConnections { with_disconnected: false }).await;
    assert_eq!(super::world::reason_of(refused), "PLAN_REQUIRED");
}
