//! Connecting: the flow, its refusals, and where secrets are not.

use pb::connection_service_server::ConnectionService;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use service_kit::caller::CallerKind;
use service_kit::error::DomainError;
use sharedspaces_proto::crmsync::v1 as pb;
use sharedspaces_proto::identity::v1::Plan;

use super::world::{CONTOSO, World, keyed, reason_of, switch};
use crate::connection::{ConnectionError, FinishedFlow, ListConnections};
use crate::grpc::ConnectionGrpc;

async fn complete(
    world: &World,
    finished: FinishedFlow,
) -> Result<pb::CompleteConnectionResponse, ConnectionError> {
    world.connections.complete(&world.call(), finished).await
}

#[tokio::test]
async fn an_admin_connects_salesforce_and_members_see_the_connection() {
    let world = World::start().await;
    let connection = world.connect().await;
    assert_eq!(connection.display_name, "Our Salesforce");
    assert_eq!(connection.instance_url, world.login_url());
    assert_eq!(connection.state(), pb::ConnectionState::Connected);
    let member = testkit::caller_of(world.admin.organization_id, CallerKind::Member);
    let all = ListConnections { with_disconnected: false };
    let listed = pb::ListConnectionsResponse::from(world.connections.list(&member, all).await.unwrap());
    assert_eq!(listed.connections, [connection]);
    assert_eq!(listed.logging_mode(), pb::LoggingMode::Available);
}

#[tokio::test]
async fn a_state_is_used_once_by_whoever_began_and_within_ten_minutes() {
    let world = World::start().await;
    let url = world.begin(&world.admin).await;
    let finished = world.approve(url).await;
    let wrong = FinishedFlow { state: SecretString::from("A".repeat(43)), ..finished.clone() };
    assert_eq!(reason_of(complete(&world, wrong).await), "CONNECTION_STATE_REFUSED");

    let other = testkit::caller_of(world.admin.organization_id, CallerKind::Admin);
    let theirs = world
        .connections
        .complete::<pb::CompleteConnectionResponse>(&testkit::call(&other), finished.clone())
        .await;
    assert_eq!(reason_of(theirs), "CONNECTION_STATE_REFUSED");

    complete(&world, finished.clone()).await.unwrap();
    assert_eq!(reason_of(complete(&world, finished).await), "CONNECTION_STATE_REFUSED");

    for (seconds, expected) in [(5, "ok"), (0, "CONNECTION_STATE_REFUSED")] {
        let finished = world.approve(world.begin(&world.admin).await).await;
        sqlx::query("UPDATE connection_flows SET expire_time = now() + make_interval(secs => $1)")
            .bind(f64::from(seconds))
            .execute(&world.superuser)
            .await
            .unwrap();
        assert_eq!(reason_of(complete(&world, finished).await), expected, "{seconds} s left");
    }
    assert_eq!(world.connected().await.len(), 1);
}

#[tokio::test]
async fn a_code_that_is_not_salesforces_is_refused_with_its_reason() {
    let world = World::start().await;
    let finished = world.approve(world.begin(&world.admin).await).await;
    let forged = FinishedFlow { code: SecretString::from("forged"), ..finished };
    let refused = complete(&world, forged).await.unwrap_err();
    assert_eq!(refused.reason(), "CRM_REFUSED");
    assert!(refused.to_string().contains("did not take the code"), "{refused}");
    assert!(world.connected().await.is_empty());
}

#[tokio::test]
async fn salesforce_being_away_is_told_as_unavailable() {
    let world = World::start().await;
    let finished = world.approve(world.begin(&world.admin).await).await;
    world
        .script(json!({"target": "salesforce", "path": "oauth2/token", "status": 503, "errorCode": "x"}))
        .await;
    assert_eq!(reason_of(complete(&world, finished).await), "CRM_UNAVAILABLE");
}

#[tokio::test]
async fn an_org_that_could_hold_a_log_twice_is_refused() {
    let world = World::start().await;
    world.script(switch(&json!({"unique": false}))).await;
    let finished = world.approve(world.begin(&world.admin).await).await;
    let refused = complete(&world, finished).await.unwrap_err();
    assert_eq!(refused.reason(), "CRM_REFUSED");
    assert!(refused.to_string().contains("SharedSpacesLogId__c"), "{refused}");
}

#[tokio::test]
async fn connecting_the_same_salesforce_again_renews_its_connection() {
    let world = World::start().await;
    let first = world.connect().await;
    sqlx::query("UPDATE connections SET state = 'RECONNECT_NEEDED'").execute(&world.superuser).await.unwrap();
    assert_eq!(world.connect().await, first);
    assert_eq!(world.connected().await.len(), 1);
}

#[tokio::test]
async fn the_21st_connection_is_refused_and_the_20th_is_not() {
    let world = World::start().await;
    for (others, expected) in [(19, "ok"), (20, "TOO_MANY_CONNECTIONS")] {
        sqlx::query("DELETE FROM connections").execute(&world.superuser).await.unwrap();
        sqlx::query(
            "INSERT INTO connections (connection_id, organization_id, provider, crm_organization_id, display_name,
                                      login_url, instance_url, state, sealed_access_token, sealed_refresh_token,
                                      create_time)
             SELECT gen_random_uuid(), $1, 'SALESFORCE', 'other' || n, 'x', 'https://test.salesforce.com/',
                    'https://a.my.salesforce.com/', 'CONNECTED', '', '', now() FROM generate_series(1, $2) AS n",
        )
        .bind(world.admin.organization_id)
        .bind(others)
        .execute(&world.superuser)
        .await
        .unwrap();
        let finished = world.approve(world.begin(&world.admin).await).await;
        assert_eq!(reason_of(complete(&world, finished).await), expected, "{others} others");
    }
}

#[tokio::test]
async fn a_login_address_that_is_not_salesforces_is_refused_by_its_field() {
    let world = World::start().await;
    for login_url in ["https://evil.test", "http://login.salesforce.com", "http://127.0.0.1@evil.test"] {
        let mut new = world.salesforce("x");
        new.form.login_url = login_url.to_owned();
        let started: Result<pb::StartConnectionResponse, _> =
            world.connections.start(&world.call(), new).await;
        let refused = started.unwrap_err();
        assert_eq!(refused.reason(), "INVALID_FIELD");
        assert_eq!(refused.violations().iter().next().unwrap().field, "login_url");
    }
}

#[tokio::test]
async fn no_secret_is_in_the_database_in_clear() {
    let world = World::start().await;
    let service = ConnectionGrpc { connections: world.connections.clone() };
    let start = pb::StartConnectionRequest {
        provider: pb::CrmProvider::Salesforce.into(),
        display_name: "Our Salesforce".to_owned(),
        login_url: world.login_url(),
        ..pb::StartConnectionRequest::default()
    };
    let mut urls = Vec::new();
    for _attempt in 0..2 {
        let request = keyed(start.clone(), "ConnectionService/StartConnection", &world.admin, "start");
        urls.push(service.start_connection(request).await.unwrap().into_inner().authorization_url);
    }
    assert_ne!(urls[0], urls[1], "a repeated call begins another flow");
    let mut secrets = Vec::new();
    let mut finished = None;
    for url in urls {
        let flow = world.approve(url.parse().unwrap()).await;
        secrets.extend([&flow.state, &flow.code].map(|secret| secret.expose_secret().to_owned()));
        finished = Some(flow);
    }
    let rows = dump(&world).await;
    for secret in &secrets {
        assert!(!contains(&rows, secret));
    }
    let finished = finished.unwrap();
    let complete = pb::CompleteConnectionRequest {
        code: finished.code.expose_secret().to_owned(),
        state: finished.state.expose_secret().to_owned(),
    };
    for _attempt in 0..2 {
        let request =
            keyed(complete.clone(), "ConnectionService/CompleteConnection", &world.admin, "complete");
        service.complete_connection(request).await.unwrap();
    }
    let connection = world.connected().await.remove(0);
    // Also after a refresh, and after a log was written.
    world.script(switch(&json!({"expire_all_tokens": true, "rotation": true}))).await;
    world.create_logged_space(&connection.connection_id, CONTOSO).await;
    world.run_job().await.unwrap();
    let rows = dump(&world).await;
    let book = world.book();
    secrets.extend(book["sessions"].as_object().unwrap().keys().cloned());
    for family in book["families"].as_object().unwrap().values() {
        secrets.push(family["current"].as_str().unwrap().to_owned());
        secrets.extend(family["spent"].as_array().unwrap().iter().map(|t| t.as_str().unwrap().to_owned()));
    }
    assert!(secrets.len() >= 7, "{secrets:?}");
    for secret in secrets {
        assert!(!contains(&rows, &secret));
    }
}

/// Every row of every table, as text.
pub(super) async fn dump(world: &World) -> String {
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
            .fetch_all(&world.superuser)
            .await
            .unwrap();
    let mut rows = String::new();
    for table in tables {
        let query = sqlx::AssertSqlSafe(format!("SELECT to_jsonb(t) FROM {table} AS t"));
        let values: Vec<Value> = sqlx::query_scalar(query).fetch_all(&world.superuser).await.unwrap();
        rows.extend(values.iter().map(Value::to_string));
    }
    rows
}

/// Looks for a text, also as the hexadecimal digits in which bytes are dumped.
pub(super) fn contains(rows: &str, secret: &str) -> bool {
    let hexadecimal: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    rows.contains(secret) || rows.contains(&hexadecimal)
}

#[tokio::test]
async fn another_organization_sees_and_uses_nothing() {
    let world = World::start().await;
    let connection = world.connect().await;
    let stranger = testkit::caller(CallerKind::Admin);
    world.create_organization(stranger.organization_id, Plan::Ultimate).await;
    let all = ListConnections { with_disconnected: true };
    assert!(world.connections.list(&stranger, all).await.unwrap().connections.is_empty());
    let search = |connection_id: &str| {
        let query = "Contoso".to_owned();
        let connection_id = connection_id.to_owned();
        pb::SearchAccountsRequest { connection_id, query }.try_into().unwrap()
    };
    let theirs = world.records.search_accounts(&stranger, search(&connection.connection_id)).await;
    let random = testkit::ids().next::<uuid::Uuid>().to_string();
    let none = world.records.search_accounts(&stranger, search(&random)).await;
    let [theirs, none] = [theirs, none].map(|answer| tonic::Status::from(answer.unwrap_err()));
    assert_eq!(
        (theirs.code(), theirs.message(), theirs.details()),
        (none.code(), none.message(), none.details())
    );
    let rows: i64 = world
        .test
        .database
        .read::<_, service_kit::error::CommonError, _>(stranger.organization_id, |tx| {
            Box::pin(async move {
                Ok(sqlx::query_scalar("SELECT count(*) FROM connections").fetch_one(tx).await?)
            })
        })
        .await
        .unwrap();
    assert_eq!(rows, 0, "row-level security shows another organisation's connection");
}
