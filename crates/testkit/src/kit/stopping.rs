//! How a server ends.

use std::time::Instant;

use tokio::net::TcpStream;

use sharedspaces_proto::spaces::v1 as pb;

use super::server::{GET_SPACE, SOON, Server, Wire};

#[tokio::test]
async fn a_server_that_stops_ends_the_calls_in_flight_and_takes_no_new_connection() {
    let server = Server::start(|_| {}).await;
    let (mut client, request) = (server.client().await, server.get("wait"));
    let held = tokio::spawn(async move { client.get_space(request).await });
    server.waiting(1).await;
    server.stop.calls.cancel();
    crate::eventually("a refused connection", async || TcpStream::connect(server.address).await.is_err())
        .await;
    assert!(!held.is_finished() && !server.serving.is_finished());
    server.stage.go_on.notify_waiters();
    held.await.unwrap().unwrap();
    tokio::time::timeout(SOON, server.serving).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_call_that_does_not_end_is_cut_off_at_the_end_of_the_drain() {
    let server = Server::start(|config| config.shutdown.drain_ms = 200).await;
    let (mut client, request) = (server.client().await, server.get("wait"));
    let held = tokio::spawn(async move { client.get_space(request).await });
    server.waiting(1).await;
    let begin = Instant::now();
    server.stop.calls.cancel();
    tokio::time::timeout(SOON, server.serving).await.unwrap().unwrap().unwrap();
    assert!(begin.elapsed().as_millis() >= 200);
    held.abort();
}

#[tokio::test]
async fn an_old_connection_is_asked_to_end_and_what_is_under_way_on_it_goes_on() {
    let server = Server::start(|config| config.grpc.max_connection_age_seconds = 1).await;
    let wire = Wire::to(server.address).await;
    let bearer = server.bearer();
    let (mine, header) = (wire.clone(), bearer.clone());
    let held = tokio::spawn(async move {
        let message = pb::GetSpaceRequest { space_id: "wait".to_owned() };
        mine.call(GET_SPACE, &message, &[("authorization", &header)]).await
    });
    server.waiting(1).await;
    let mut client = server.client().await;
    crate::eventually("the old connection takes no new call", async || {
        client
            .get_space(server.get(""))
            .await
            .expect("a client that makes another connection sees nothing of it");
        let headers = [("authorization", bearer.as_str())];
        wire.call(GET_SPACE, &pb::GetSpaceRequest::default(), &headers).await.is_err()
    })
    .await;
    assert!(!held.is_finished());
    server.stage.go_on.notify_waiters();
    assert_eq!(held.await.unwrap().unwrap().grpc_status.as_deref(), Some("0"));
}
