//! Owns serving HTTP on a listener, in a way that can also end a connection without any answer.
//!
//! Knows nothing of what is served.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// How long an open connection may take to finish its request once the sandbox is asked to stop.
const DRAIN: Duration = Duration::from_secs(2);

/// Marks a response that must not be sent: the connection ends instead, as if the network had failed.
#[derive(Clone, Copy)]
pub(crate) struct DropConnection;

/// Makes the response that ends the connection without an answer.
pub(crate) fn dropped() -> Response {
    let mut response = ().into_response();
    response.extensions_mut().insert(DropConnection);
    response
}

/// Tells whether a response stands for a dropped connection.
pub(crate) fn is_dropped(response: &Response) -> bool {
    response.extensions().get::<DropConnection>().is_some()
}

/// Serves a router until `stop` is cancelled.
pub(crate) async fn serve_router(
    listener: TcpListener,
    stop: CancellationToken,
    tasks: TaskTracker,
    router: Router,
) {
    let handler = move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            let answer: Result<Response, Infallible> = router.oneshot(request.map(Body::new)).await;
            match answer {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
    };
    serve(listener, stop, tasks, handler).await;
}

/// Serves a handler until `stop` is cancelled; each connection is a task of `tasks`.
pub(crate) async fn serve<F, Fut>(
    listener: TcpListener,
    stop: CancellationToken,
    tasks: TaskTracker,
    handler: F,
) where
    F: Fn(Request<Incoming>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Response> + Send + 'static,
{
    while let Some(stream) = accept(&listener, &stop).await {
        tasks.spawn(connection(stream, stop.clone(), handler.clone()));
    }
}

/// Waits for the next connection; None once `stop` is cancelled.
pub(crate) async fn accept(listener: &TcpListener, stop: &CancellationToken) -> Option<TcpStream> {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted.and_then(|(stream, _)| stream.set_nodelay(true).map(|()| stream)) {
            Ok(stream) => return Some(stream),
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                // Out of file handles, most likely: do not spin until one is free.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection<F, Fut>(stream: TcpStream, stop: CancellationToken, handler: F)
where
    F: Fn(Request<Incoming>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Response> + Send + 'static,
{
    let service = hyper::service::service_fn(move |request| {
        let answer = handler(request);
        async move {
            let response = answer.await;
            // An error from the service makes hyper close the connection with nothing written.
            if is_dropped(&response) { Err(io::Error::other("dropped by a fault")) } else { Ok(response) }
        }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            match tokio::time::timeout(DRAIN, serving.as_mut()).await {
                Ok(ended) => ended,
                Err(_elapsed) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended early");
    }
}
