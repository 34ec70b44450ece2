//! Connecting without a browser, testing, ending and connecting again, and the logging mode.

use sharedspaces_proto::crmsync::v1 as pb;
use uuid::Uuid;

use super::world::{CONTOSO, World, reason_of, switch, target};
use crate::connection::{ConnectionId, ListConnections};

fn id(connection: &pb::Connection) -> ConnectionId {
    connection.connection_id.parse::<Uuid>().unwrap().into()
}

async fn disconnect(world: &World, connection: &pb::Connection) -> pb::Connection {
    let ended: pb::DisconnectResponse =
        world.connections.disconnect(&world.call(), id(connection)).await.unwrap();
    ended.connection.unwrap()
}

async fn set_mode(world: &World, mode: pb::LoggingMode) {
    let mode = match mode {
        pb::LoggingMode::Off => crate::organization::LoggingMode::Off,
        _ => crate::organization::LoggingMode::DefaultOn,
    };
    let _set: pb::SetLoggingModeResponse =
        world.connections.set_logging_mode(&world.call(), mode).await.unwrap();
}

#[tokio::test]
async fn a_machine_connects_at_once_and_its_connection_says_how() {
    let world = World::start().await;
    let c4c = world.connect_by(world.c4c()).await.unwrap();
    assert_eq!((c4c.provider(), c4c.sign_in()), (pb::CrmProvider::SapC4c, pb::CrmSignIn::Basic));
    let dynamics = world.connect_by(world.dataverse()).await.unwrap();
    assert_eq!(dynamics.sign_in(), pb::CrmSignIn::ClientCredentials);
    assert_eq!(world.connected().await.len(), 2);
}

#[tokio::test]
async fn wrong_and_missing_credentials_are_told_and_nothing_is_kept() {
    let world = World::start().await;
    let mut wrong = world.c4c();
    wrong.credentials.as_mut().unwrap().password = "wrong".to_owned();
    assert_eq!(reason_of(world.connect_by(wrong).await), "CRM_REFUSED");
    let mut missing = world.c4c();
    missing.credentials.as_mut().unwrap().password = String::new();
    let refused = world.connect_by(missing).await.unwrap_err();
    let status = tonic::Status::from(refused);
    assert!(status.message().contains("credentials.password"), "{status:?}");
    let mut other = world.c4c();
    other.sign_in = pb::CrmSignIn::JwtBearer.into();
    assert_eq!(reason_of(world.connect_by(other).await), "INVALID_FIELD");
    assert!(world.connected().await.is_empty());
}

#[tokio::test]
async fn a_test_tells_what_works_and_what_is_missing_the_worst_first() {
    let world = World::start().await;
    let connection = world.connect().await;
    let tested = world.connections.test(&world.admin, id(&connection)).await.unwrap();
    let response = pb::TestConnectionResponse::from(tested);
    assert!(response.findings.iter().all(|finding| finding.severity() == pb::FindingSeverity::Ok));
    let checks: Vec<&str> = response.findings.iter().map(|finding| finding.check.as_str()).collect();
    for check in ["SIGN_IN", "EXTERNAL_ID", "CREATE_RIGHT", "QUOTA"] {
        assert!(checks.contains(&check), "{checks:?}");
    }
    world.script(switch(&serde_json::json!({"unique": false, "daily_quota": 100}))).await;
    let tested = world.connections.test(&world.admin, id(&connection)).await.unwrap();
    let worst = &pb::TestConnectionResponse::from(tested).findings[0];
    assert_eq!((worst.check.as_str(), worst.severity()), ("EXTERNAL_ID", pb::FindingSeverity::Error));

    world.script(switch(&serde_json::json!({"revoke_all_refresh_tokens": true}))).await;
    let tested = world.connections.test(&world.admin, id(&connection)).await.unwrap();
    let response = pb::TestConnectionResponse::from(tested);
    assert_eq!(response.findings[0].check, "SIGN_IN");
    let after = response.connection.unwrap();
    assert_eq!(after.state(), pb::ConnectionState::ReconnectNeeded);
    assert!(!after.reason.is_empty());
}

#[tokio::test]
async fn ending_a_connection_deletes_its_secrets_and_fails_what_waits_and_it_can_come_back() {
    let world = World::start().await;
    let connection = world.connect().await;
    let space = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    let ended = disconnect(&world, &connection).await;
    assert_eq!(ended.state(), pb::ConnectionState::Disconnected);
    assert_eq!(disconnect(&world, &connection).await, ended);
    let left: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM connections
          WHERE sealed_access_token <> '' OR sealed_refresh_token <> '' OR sealed_credentials <> ''",
    )
    .fetch_one(&world.superuser)
    .await
    .unwrap();
    assert_eq!(left, 0);
    let log = world.log_of(space).await;
    assert_eq!(log.state(), pb::LogState::Failed);
    assert!(log.reason.contains("An admin has ended the connection"), "{}", log.reason);
    assert!(world.connected().await.is_empty());
    let all = ListConnections { with_disconnected: true };
    assert_eq!(world.connections.list(&world.admin, all).await.unwrap().connections.len(), 1);
    let search = pb::SearchAccountsRequest {
        connection_id: connection.connection_id.clone(),
        query: "Contoso".to_owned(),
    };
    let searched = world.records.search_accounts(&world.admin, search.try_into().unwrap()).await;
    assert_eq!(reason_of(searched), "CONNECTION_NOT_FOUND");

    assert_eq!(world.connect().await.connection_id, connection.connection_id);
    let log_id: Uuid = log.log_id.parse().unwrap();
    let _retried: pb::RetryLogResponse = world.logs.retry(&world.call(), log_id.into()).await.unwrap();
    let job = world.jobs().await.pop().unwrap();
    world.write_log.clone().run(job).await.unwrap();
    assert_eq!(world.log_of(space).await.state(), pb::LogState::Logged);
}

#[tokio::test]
async fn connecting_again_by_name_keeps_the_id_and_refuses_another_crm() {
    let world = World::start().await;
    let connection = world.connect_by(world.c4c()).await.unwrap();
    let mut again = world.c4c();
    again.connection_id = connection.connection_id.clone();
    again.display_name = "Renamed".to_owned();
    let renewed = world.connect_by(again.clone()).await.unwrap();
    assert_eq!(renewed.connection_id, connection.connection_id);
    assert_eq!(renewed.display_name, "Renamed");
    let mut other = world.dataverse();
    other.connection_id = connection.connection_id;
    assert_eq!(reason_of(world.connect_by(other).await), "INVALID_FIELD");
    again.connection_id = Uuid::nil().to_string();
    assert_eq!(reason_of(world.connect_by(again).await), "CONNECTION_NOT_FOUND");
    assert_eq!(world.connected().await.len(), 1);
}

#[tokio::test]
async fn logging_that_is_switched_off_refuses_new_logs_and_writes_those_that_wait() {
    let world = World::start().await;
    let connection = world.connect().await;
    let waiting = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    set_mode(&world, pb::LoggingMode::Off).await;
    let late = world.create_logged_space(&connection.connection_id, CONTOSO).await;
    assert!(world.log_of(late).await.reason.contains("switched CRM logging off"));
    world.run_jobs().await.unwrap();
    assert_eq!(world.log_of(waiting).await.state(), pb::LogState::Logged);
    let create = pb::CreateLogRequest {
        space_id: waiting.to_string(),
        target: Some(target(&connection.connection_id, CONTOSO)),
        person: None,
    };
    let created: Result<pb::CreateLogResponse, _> =
        world.logs.create(&world.call(), create.clone().try_into().unwrap()).await;
    assert_eq!(reason_of(created), "CRM_LOGGING_OFF");
    set_mode(&world, pb::LoggingMode::DefaultOn).await;
    let created: Result<pb::CreateLogResponse, _> =
        world.logs.create(&world.call(), create.try_into().unwrap()).await;
    assert_eq!(reason_of(created), "ok");
}
