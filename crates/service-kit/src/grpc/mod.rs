//! The gRPC server.
//!
//! Owns the server's limits and the stack of layers before every handler, outermost first: [`observe`] (trace, request
//! id, metrics, panics), [`guard`] (load shedding, deadline), [`access`] (who may call). A handler thus starts with a
//! known caller and a bounded time. Must not know any method but by its rule in the descriptors.

mod access;
mod guard;
mod observe;

use std::time::{Duration, Instant};

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use tokio::net::TcpListener;
use tonic::Status;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_types::{ErrorDetails, StatusExt};

use crate::config::Config;
use crate::ids::Ids;
use crate::lifecycle::Stop;
use crate::verify::Verifier;

/// Largest unary request, in bytes: the longest description in four-byte characters, and what comes with it. Files
/// travel in streams.
pub const UNARY_LIMIT_BYTES: usize = 264 * 1024;
/// Largest message of a stream, in bytes: a chunk of 256 KiB and its framing.
pub const STREAM_MESSAGE_LIMIT_BYTES: usize = 260 * 1024;

const MAX_CONCURRENT_STREAMS: u32 = 128;
const MAX_HEADER_LIST_BYTES: u32 = 16 * 1024;
const KEEPALIVE: Duration = Duration::from_secs(20);
/// A client moves to another replica now and then, so that new replicas get calls.
const MAX_CONNECTION_AGE: Duration = Duration::from_secs(300);
const MAX_CONNECTION_AGE_GRACE: Duration = Duration::from_secs(30);

tokio::task_local! {
    static CONTEXT: CallContext;
}

/// What belongs to the call being answered in this task.
#[derive(Clone, Copy, Debug)]
struct CallContext {
    request_id: uuid::Uuid,
    deadline: Instant,
}

/// Returns how long the caller still waits; nothing outside a call.
pub fn remaining() -> Option<Duration> {
    CONTEXT.try_with(|context| context.deadline.saturating_duration_since(Instant::now())).ok()
}

/// Returns the id of the call being answered; nothing outside a call.
pub(crate) fn request_id() -> Option<uuid::Uuid> {
    CONTEXT.try_with(|context| context.request_id).ok()
}

/// Puts the layers before `routes`.
fn stacked(routes: Routes, config: &Config, verifier: Verifier, ids: Ids) -> Routes {
    let access = access::Gate::new(verifier, config.development);
    let guard = guard::Guard::new(config.grpc.max_in_flight);
    let observe = observe::Observer::new(ids);
    let router: Router = routes
        .into_axum_router()
        .layer(from_fn_with_state(access, access::admit))
        .layer(from_fn_with_state(guard, guard::within_limits))
        .layer(from_fn(guard::catch_panic))
        .layer(from_fn_with_state(observe, observe::observe));
    Routes::from(router)
}

/// Answers calls until told to stop, then lets those in flight end within the configured time. For `run`, and for
/// tests that put a service behind the whole stack.
pub async fn serve(
    listener: TcpListener,
    mut routes: Routes,
    config: &Config,
    verifier: Verifier,
    ids: Ids,
    stop: &Stop,
) -> anyhow::Result<()> {
    if config.development {
        routes = with_reflection(routes)?;
    }
    // Said here, as the server's own setting is only for listeners it opens: without it, an answer in two packets waits
    // for the acknowledgement of the first, which the other side delays by 40 ms.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = Server::builder()
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .http2_max_header_list_size(MAX_HEADER_LIST_BYTES)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .max_connection_age(MAX_CONNECTION_AGE)
        .max_connection_age_grace(MAX_CONNECTION_AGE_GRACE)
        .add_routes(stacked(routes, config, verifier, ids))
        .serve_with_incoming_shutdown(incoming, stop.calls.clone().cancelled_owned());
    let drained = async {
        stop.calls.cancelled().await;
        tokio::time::sleep(config.shutdown.drain()).await;
    };
    tokio::select! {
        result = server => result?,
        () = drained => tracing::warn!("calls in flight were cut off at the end of the drain"),
    }
    Ok(())
}

/// Registers both versions: some clients speak only v1alpha.
fn with_reflection(routes: Routes) -> anyhow::Result<Routes> {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(sharedspaces_proto::FILE_DESCRIPTOR_SET)
    };
    Ok(routes.add_service(builder().build_v1()?).add_service(builder().build_v1alpha()?))
}

/// Returns a refusal of the stack itself.
fn refusal(code: tonic::Code, message: &str, reason: &str, retry: Option<Duration>) -> Status {
    let mut details = ErrorDetails::with_error_info(reason, "sharedspaces", []);
    if retry.is_some() {
        details.set_retry_info(retry);
    }
    Status::with_error_details(code, message, details)
}
