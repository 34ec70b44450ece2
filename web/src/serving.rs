//! Serving pages, and stopping.
//!
//! Owns saying on a second port whether requests should be sent here, and the order of stopping: first that is said, then
//! requests that are under way end, and what does not end in its time is cut. Must not know a page.

use std::future::Future;
use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use service_kit::config::ShutdownConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;

/// Serves pages, and health where it has a port, until `stop`, and then lets what is under way end.
///
/// # Errors
/// Fails where the port of health is taken.
pub(crate) async fn serve(
    (listener, pages): (TcpListener, Router),
    health: Option<SocketAddr>,
    shutdown: &ShutdownConfig,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let (leave, leaving) = watch::channel(false);
    let (close, closing) = watch::channel(false);
    let (linger, drain) = (shutdown.linger(), shutdown.drain());
    if let Some(address) = health {
        let listener = TcpListener::bind(address).await.with_context(|| format!("{address}"))?;
        tokio::spawn(axum::serve(listener, health_routes(leaving)).into_future());
    }
    let service = pages.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(told(closing.clone()));
    tokio::spawn(async move {
        stop.await;
        tracing::info!("signal received, stopping");
        // Nobody listens where serving has ended by itself.
        leave.send_replace(true);
        sleep(linger).await;
        close.send_replace(true);
        // Kept until the end: dropping it says the same.
        sleep(drain).await;
    });
    tokio::select! {
        served = serving => Ok(served?),
        () = async { told(closing).await; sleep(drain).await } => {
            tracing::warn!("requests that did not end were cut");
            Ok(())
        }
    }
}

async fn told(mut signal: watch::Receiver<bool>) {
    // An error is that nobody can say it any more.
    let _ = signal.wait_for(|is_said| *is_said).await;
}

/// Liveness never looks at what this depends on, and readiness only at whether it is stopping: without the API there are
/// still pages that say so.
fn health_routes(leaving: watch::Receiver<bool>) -> Router {
    let ready = move || {
        let is_leaving = *leaving.borrow();
        async move { if is_leaving { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK } }
    };
    Router::new().route("/readyz", get(ready)).route("/livez", get(async || StatusCode::OK))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;

    use super::*;

    struct Stage {
        pages: SocketAddr,
        health: SocketAddr,
        /// A request has come in.
        began: Arc<Notify>,
        /// Lets it end.
        end: Arc<Notify>,
        stop: Arc<Notify>,
        served: JoinHandle<anyhow::Result<()>>,
    }

    async fn start(drain: Duration) -> Stage {
        let (began, end, stop) = (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(Notify::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pages = listener.local_addr().unwrap();
        let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let health = other.local_addr().unwrap();
        drop(other);
        let (begun, ended, stopped) = (Arc::clone(&began), Arc::clone(&end), Arc::clone(&stop));
        let slow = async move || {
            begun.notify_one();
            ended.notified().await;
            "whole"
        };
        let routes = Router::new().route("/", get(slow));
        let shutdown = ShutdownConfig { linger_ms: 0, drain_ms: u64::try_from(drain.as_millis()).unwrap() };
        let served = tokio::spawn(async move {
            serve((listener, routes), Some(health), &shutdown, async move { stopped.notified().await }).await
        });
        Stage { pages, health, began, end, stop, served }
    }

    async fn get_from(address: SocketAddr, path: &str) -> String {
        let mut answer = String::new();
        if let Ok(mut stream) = TcpStream::connect(address).await {
            let head = format!("GET {path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            // What is cut ends in the middle.
            let _ = stream.read_to_string(&mut answer).await;
        }
        answer
    }

    async fn until_it_says(address: SocketAddr, path: &str, status: &str) {
        tokio::time::timeout(Duration::from_secs(10), async {
            while !get_from(address, path).await.starts_with(&format!("HTTP/1.1 {status}")) {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
    }

    #[tokio::test]
    async fn a_request_under_way_is_answered_after_the_signal_while_readiness_is_off() {
        let stage = start(Duration::from_secs(30)).await;
        until_it_says(stage.health, "/readyz", "200").await;
        let request = tokio::spawn(get_from(stage.pages, "/"));
        stage.began.notified().await;
        stage.stop.notify_one();
        until_it_says(stage.health, "/readyz", "503").await;
        until_it_says(stage.health, "/livez", "200").await;
        stage.end.notify_one();
        assert!(request.await.unwrap().ends_with("whole"));
        stage.served.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_request_that_does_not_end_is_cut_when_its_time_is_over() {
        let stage = start(Duration::from_millis(50)).await;
        let request = tokio::spawn(get_from(stage.pages, "/"));
        stage.began.notified().await;
        stage.stop.notify_one();
        tokio::time::timeout(Duration::from_secs(10), stage.served).await.unwrap().unwrap().unwrap();
        drop(request);
    }
}
