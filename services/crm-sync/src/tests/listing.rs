//! Who may see a space's logs and ask for another try.

use service_kit::caller::{Caller, CallerKind};
use service_kit::ids::SpaceId;
use sharedspaces_proto::crmsync::v1 as pb;
use sharedspaces_proto::identity::v1::Plan;
use sharedspaces_proto::spaces::v1::Permission;
use tonic::{Code, Status};
use uuid::Uuid;

use super::world::{CONTOSO, World, reason_of};
use crate::log::LogError;

async fn list(world: &World, caller: &Caller, space: SpaceId) -> Result<Vec<pb::CrmLog>, LogError> {
    let request = pb::ListLogsRequest { space_id: space.to_string(), ..Default::default() };
    let page = world.logs.list(caller, request.try_into().unwrap()).await?;
    Ok(page.logs.items.into_iter().map(pb::CrmLog::from).collect())
}

async fn retry(world: &World, caller: &Caller, log_id: Uuid) -> Result<pb::RetryLogResponse, LogError> {
    world.logs.retry(&testkit::call(caller), log_id.into()).await
}

/// A space with a log that has failed.
async fn failed_log(world: &World) -> (SpaceId, Uuid) {
    let unknown = testkit::ids().next::<Uuid>().to_string();
    let space = world.create_logged_space(&unknown, CONTOSO).await;
    (space, world.log_of(space).await.log_id.parse().unwrap())
}

fn wire<T: std::fmt::Debug>(answer: Result<T, LogError>) -> (Code, String, Vec<u8>) {
    let status = Status::from(answer.unwrap_err());
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

#[tokio::test]
async fn whoever_does_not_see_the_space_gets_what_a_random_id_gets() {
    let world = World::start().await;
    let (space, log_id) = failed_log(&world).await;
    let colleague = testkit::caller_of(world.admin.organization_id, CallerKind::Member);
    let stranger = testkit::caller(CallerKind::Admin);
    world.create_organization(stranger.organization_id, Plan::Ultimate).await;
    for caller in [&colleague, &stranger] {
        let random = list(&world, caller, testkit::ids().next()).await;
        let real = wire(list(&world, caller, space).await);
        assert_eq!(real.0, Code::NotFound);
        assert_eq!(real, wire(random));
        let random = retry(&world, caller, testkit::ids().next()).await;
        let real = wire(retry(&world, caller, log_id).await);
        assert_eq!(real.0, Code::NotFound);
        assert_eq!(real, wire(random));
    }
}

#[tokio::test]
async fn taking_part_without_the_crm_is_not_enough() {
    let world = World::start().await;
    let (space, log_id) = failed_log(&world).await;
    let guest = testkit::caller_of(world.admin.organization_id, CallerKind::Member);
    world.grant(space, &guest, &[Permission::View, Permission::Download]);
    assert_eq!(reason_of(list(&world, &guest, space).await), "INTERNAL_PARTICIPANTS_ONLY");
    assert_eq!(reason_of(retry(&world, &guest, log_id).await), "INTERNAL_PARTICIPANTS_ONLY");
    world.grant(space, &guest, &[Permission::View, Permission::Crm]);
    assert_eq!(list(&world, &guest, space).await.unwrap().len(), 1);
    world.grant(space, &guest, &[]);
    assert_eq!(reason_of(list(&world, &guest, space).await), "SPACE_NOT_FOUND");
}

#[tokio::test]
async fn logs_come_newest_first_in_pages() {
    let world = World::start().await;
    let (space, _) = failed_log(&world).await;
    sqlx::query(
        "INSERT INTO logs (log_id, organization_id, space_id, kind, connection_id, record_type, record_id, record_name,
                           snapshot, state, job_id, create_time, pending_time)
         SELECT gen_random_uuid(), organization_id, space_id, kind, connection_id, record_type, record_id, record_name,
                snapshot, 'PENDING', job_id, create_time - make_interval(secs => n / 2), now()
           FROM logs, generate_series(2, 5) AS n",
    )
    .execute(&world.superuser)
    .await
    .unwrap();
    let mut token = String::new();
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        let request = pb::ListLogsRequest { space_id: space.to_string(), page_size: 2, page_token: token };
        let page = world.logs.list(&world.admin, request.try_into().unwrap()).await.unwrap();
        seen.extend(page.logs.items.into_iter().map(|shown| (shown.log.create_time, shown.log.log_id)));
        pages += 1;
        token = page.logs.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let mut sorted = seen.clone();
    sorted.sort_by(|left, right| right.cmp(left));
    sorted.dedup();
    assert_eq!((pages, seen.len(), &seen), (3, 5, &sorted));
}

#[tokio::test]
async fn only_a_failed_log_is_tried_again_and_it_stays_the_same_record() {
    let world = World::start().await;
    let (space, log_id) = failed_log(&world).await;
    let connection = world.connect().await;
    sqlx::query("UPDATE logs SET connection_id = $1")
        .bind(connection.connection_id.parse::<Uuid>().unwrap())
        .execute(&world.superuser)
        .await
        .unwrap();
    let retried = retry(&world, &world.admin, log_id).await.unwrap().log.unwrap();
    assert_eq!((retried.state(), retried.reason.as_str()), (pb::LogState::Pending, ""));
    assert_eq!(reason_of(retry(&world, &world.admin, log_id).await), "LOG_NOT_FAILED");
    world.run_job().await.unwrap();
    assert_eq!(reason_of(retry(&world, &world.admin, log_id).await), "LOG_NOT_FAILED");
    assert_eq!(world.log_of(space).await.state(), pb::LogState::Logged);
    assert_eq!(world.tasks().await.len(), 1);
}
