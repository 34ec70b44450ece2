//! Ports of a service's own.
//!
//! Owns answering HTTP/1.1 to people's browsers: how many connections there may be, how slowly a request may come, and
//! how long a connection may live, since one that reads slowly would otherwise hold its place for good. Must not know
//! what is offered.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Connections at once; more wait until one has ended.
const MAX_CONNECTIONS: usize = 1_024;
/// How long the head of a request may take, and how long a connection may wait for the next.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long a connection may live: two GiB in it are five Mbit/s.
const CONNECTION_WITHIN: Duration = Duration::from_secs(3_600);
/// How long to wait where no connection can be taken, for want of files or memory.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// A port of the service's own, over HTTP/1.1.
#[derive(Debug)]
pub struct Port {
    /// The setting that says where it listens.
    pub setting: &'static str,
    /// Where it listens.
    pub listen: SocketAddr,
    /// What it offers.
    pub routes: Router,
}

/// Answers until told to stop, then lets what is under way end.
pub(crate) async fn serve(listener: TcpListener, routes: Router, stop: CancellationToken) {
    serve_within(listener, routes, stop, HEAD_WITHIN).await;
}

async fn serve_within(listener: TcpListener, routes: Router, stop: CancellationToken, head_within: Duration) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(error.chain = %error, "a connection sends its last packets late");
                    }
                    connections.spawn(answer(stream, routes.clone(), stop.clone(), head_within));
                }
                Err(error) => {
                    tracing::warn!(error.chain = %error, "a connection could not be taken");
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn answer(stream: TcpStream, routes: Router, stop: CancellationToken, head_within: Duration) {
    let service =
        service_fn(move |request: hyper::Request<Incoming>| routes.clone().oneshot(request.map(Body::new)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_within)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let living = async {
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    };
    // Ends by itself, or because whoever is at the other end went away or was too slow: nothing to tell of.
    let _ended = tokio::time::timeout(CONNECTION_WITHIN, living).await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: test\r\n\r\n";

    async fn served(routes: Router, head_within: Duration) -> (TcpStream, CancellationToken) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(serve_within(listener, routes, stop.clone(), head_within));
        (TcpStream::connect(address).await.unwrap(), stop)
    }

    async fn rest(mut client: TcpStream) -> String {
        let mut answer = String::new();
        let read = client.read_to_string(&mut answer);
        tokio::time::timeout(Duration::from_secs(60), read).await.expect("the connection ends").unwrap();
        answer
    }

    #[tokio::test]
    async fn a_port_ends_what_is_under_way_and_takes_nothing_new() {
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let handler = {
            let (begun, go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
            move || async move {
                begun.notify_one();
                go_on.notified().await;
                "done"
            }
        };
        let (mut client, stop) = served(Router::new().route("/", get(handler)), HEAD_WITHIN).await;
        let address = client.peer_addr().unwrap();
        client.write_all(REQUEST).await.unwrap();
        begun.notified().await;
        stop.cancel();
        go_on.notify_one();
        let answer = rest(client).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn a_connection_that_sends_no_whole_head_is_ended() {
        let routes = || Router::new().route("/", get(|| async { "done" }));
        for begun in [&b""[..], b"GET / HTTP/1.1\r\nhost: te"] {
            let (mut client, _stop) = served(routes(), Duration::from_millis(50)).await;
            client.write_all(begun).await.unwrap();
            let answer = rest(client).await;
            assert!(!answer.contains("done"), "{answer}");
        }
    }
}
