//! Every RPC: the plan gate, through the handlers.

use pb::connection_service_server::ConnectionService;
use pb::log_service_server::LogService;
use pb::record_service_server::RecordService;
use service_kit::caller::{Caller, CallerKind};
use sharedspaces_proto::crmsync::v1 as pb;
use sharedspaces_proto::identity::v1::Plan;
use tonic::{Code, Status};

use super::world::{World, keyed, request};
use crate::grpc::{ConnectionGrpc, LogGrpc, RecordGrpc};

/// The refusals of every RPC but that of another service.
async fn refusals(world: &World, caller: &Caller) -> Vec<Status> {
    let connection = ConnectionGrpc { connections: world.connections.clone() };
    let record = RecordGrpc { records: world.records.clone() };
    let log = LogGrpc { logs: world.logs.clone() };
    let id = uuid::Uuid::nil().to_string();
    let start = pb::StartConnectionRequest {
        provider: pb::CrmProvider::Salesforce.into(),
        display_name: "x".to_owned(),
        login_url: world.login_url(),
        ..pb::StartConnectionRequest::default()
    };
    let complete = pb::CompleteConnectionRequest { code: "c".to_owned(), state: "s".to_owned() };
    let search = pb::SearchAccountsRequest { connection_id: id.clone(), query: "Contoso".to_owned() };
    let list = pb::ListLogsRequest { space_id: id.clone(), ..Default::default() };
    let retry = pb::RetryLogRequest { log_id: id.clone() };
    let test = pb::TestConnectionRequest { connection_id: id.clone() };
    let get = pb::GetConnectionRequest { connection_id: id.clone() };
    let disconnect = pb::DisconnectRequest { connection_id: id.clone() };
    let mode = pb::SetLoggingModeRequest { logging_mode: pb::LoggingMode::Off.into() };
    let opportunities = pb::SearchOpportunitiesRequest { query: "Contoso".to_owned(), ..Default::default() };
    let people = pb::SearchPeopleRequest { query: "Nora".to_owned(), ..Default::default() };
    let matching =
        pb::MatchAddressesRequest { connection_id: id.clone(), email_addresses: vec!["a@x.test".to_owned()] };
    let link = pb::LinkSpaceRequest { space_id: id.clone(), target: None };
    let create = pb::CreateLogRequest { space_id: id.clone(), ..Default::default() };
    let get_log = pb::GetLogRequest { log_id: id };
    vec![
        connection
            .start_connection(request(start, "ConnectionService/StartConnection", caller))
            .await
            .unwrap_err(),
        connection
            .complete_connection(request(complete, "ConnectionService/CompleteConnection", caller))
            .await
            .unwrap_err(),
        connection
            .list_connections(request(
                pb::ListConnectionsRequest::default(),
                "ConnectionService/ListConnections",
                caller,
            ))
            .await
            .unwrap_err(),
        record.search_accounts(request(search, "RecordService/SearchAccounts", caller)).await.unwrap_err(),
        log.list_logs(request(list, "LogService/ListLogs", caller)).await.unwrap_err(),
        log.retry_log(request(retry, "LogService/RetryLog", caller)).await.unwrap_err(),
        connection
            .test_connection(request(test, "ConnectionService/TestConnection", caller))
            .await
            .unwrap_err(),
        connection.get_connection(request(get, "ConnectionService/GetConnection", caller)).await.unwrap_err(),
        connection.disconnect(request(disconnect, "ConnectionService/Disconnect", caller)).await.unwrap_err(),
        connection
            .set_logging_mode(request(mode, "ConnectionService/SetLoggingMode", caller))
            .await
            .unwrap_err(),
        record
            .search_opportunities(request(opportunities, "RecordService/SearchOpportunities", caller))
            .await
            .unwrap_err(),
        record.search_people(request(people, "RecordService/SearchPeople", caller)).await.unwrap_err(),
        record.match_addresses(request(matching, "RecordService/MatchAddresses", caller)).await.unwrap_err(),
        log.link_space(request(link, "LogService/LinkSpace", caller)).await.unwrap_err(),
        log.create_log(request(create, "LogService/CreateLog", caller)).await.unwrap_err(),
        log.get_log(request(get_log, "LogService/GetLog", caller)).await.unwrap_err(),
    ]
}

fn says(status: &Status, reason: &str) -> bool {
    status.details().windows(reason.len()).any(|window| window == reason.as_bytes())
}

#[tokio::test]
async fn every_call_of_an_organization_on_plus_is_refused_naming_the_plan() {
    let world = World::start().await;
    let caller = testkit::caller(CallerKind::Admin);
    world.create_organization(caller.organization_id, Plan::Plus).await;
    for status in refusals(&world, &caller).await {
        assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
        assert!(status.message().contains("ULTIMATE") && says(&status, "PLAN_REQUIRED"), "{status:?}");
    }
}

#[tokio::test]
async fn every_call_of_an_organization_not_known_yet_is_to_be_retried() {
    let world = World::start().await;
    for status in refusals(&world, &testkit::caller(CallerKind::Admin)).await {
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        assert!(says(&status, "ORGANIZATION_NOT_READY"), "{status:?}");
    }
}

#[tokio::test]
async fn the_same_key_gives_the_same_connection_and_the_flow_is_not_run_twice() {
    let world = World::start().await;
    let connection = ConnectionGrpc { connections: world.connections.clone() };
    let finished = world.approve(world.begin(&world.admin).await).await;
    let complete = pb::CompleteConnectionRequest {
        code: secrecy::ExposeSecret::expose_secret(&finished.code).to_owned(),
        state: secrecy::ExposeSecret::expose_secret(&finished.state).to_owned(),
    };
    let mut answers = Vec::new();
    for _attempt in 0..2 {
        let request = keyed(complete.clone(), "ConnectionService/CompleteConnection", &world.admin, "once");
        answers.push(connection.complete_connection(request).await.unwrap().into_inner());
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(world.count_calls("POST", "/services/oauth2/token").await, 1);
}
