//! How a server ends.

use std::time::Instant;

use tokio::net::TcpStream;

use super::server::{SOON, Server};

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
