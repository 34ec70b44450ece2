//! Trace, request id and metrics of every call.

use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, UpDownCounter};
use sharedspaces_proto::find_method_rule;
use tonic::Code;
use tracing::Instrument;
use uuid::Uuid;

use super::{CONTEXT, CallContext};
use crate::ids::Ids;
use crate::telemetry::{code_name, names, propagation};

#[derive(Clone)]
pub(super) struct Observer {
    ids: Ids,
    duration: Histogram<f64>,
    active: UpDownCounter<i64>,
}

impl Observer {
    pub(super) fn new(ids: Ids) -> Self {
        let duration = names::RPC_SERVER_CALL_DURATION.histogram();
        let active = names::RPC_SERVER_ACTIVE_REQUESTS.up_down_counter();
        Self { ids, duration, active }
    }
}

pub(super) async fn observe(State(observer): State<Observer>, request: Request, next: Next) -> Response {
    let method = method_name(request.uri().path());
    let request_id: Uuid = observer.ids.next();
    let span = tracing::info_span!(
        "rpc",
        otel.name = method,
        otel.kind = "server",
        otel.status_code = tracing::field::Empty,
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.response.status_code = tracing::field::Empty,
        error.type = tracing::field::Empty,
        request.id = %request_id,
    );
    propagation::continue_from_headers(&span, request.headers());
    let started = Instant::now();
    let context = CallContext { request_id, deadline: started + Duration::from_secs(1) };
    let mut measured = Measured::begin(observer, method, started);
    let mut response = CONTEXT.scope(context, next.run(request)).instrument(span.clone()).await;

    measured.code = code_of(response.headers());
    let name = code_name(measured.code);
    span.record(names::RPC_RESPONSE_STATUS_CODE, name);
    if is_server_fault(measured.code) {
        span.record(names::ERROR_TYPE, name);
        span.record("otel.status_code", "ERROR");
    }
    if let Ok(value) = HeaderValue::from_str(&request_id.to_string()) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

/// One call as the metrics see it. Measured when it is dropped, so that a call whose caller has gone counts as well.
struct Measured {
    observer: Observer,
    method: &'static str,
    started: Instant,
    code: Code,
}

impl Measured {
    fn begin(observer: Observer, method: &'static str, started: Instant) -> Self {
        observer.active.add(1, &[]);
        Self { observer, method, started, code: Code::Cancelled }
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let name = code_name(self.code);
        let mut attributes = vec![
            KeyValue::new(names::RPC_SYSTEM_NAME, "grpc"),
            KeyValue::new(names::RPC_METHOD, self.method),
            KeyValue::new(names::RPC_RESPONSE_STATUS_CODE, name),
        ];
        if is_server_fault(self.code) {
            attributes.push(KeyValue::new(names::ERROR_TYPE, name));
        }
        self.observer.active.add(-1, &[]);
        self.observer.duration.record(self.started.elapsed().as_secs_f64(), &attributes);
    }
}

/// The name of a method that exists; a name that anybody may make up must not become an attribute.
pub(super) fn method_name(path: &str) -> &'static str {
    find_method_rule(path).and_then(|rule| rule.path.strip_prefix('/')).unwrap_or("_OTHER")
}

/// An answer without a status in its headers has it in its trailers, which only a success has.
pub(super) fn code_of(headers: &HeaderMap) -> Code {
    headers.get("grpc-status").map_or(Code::Ok, |status| Code::from_bytes(status.as_bytes()))
}

/// The codes that the RPC conventions count as the server's fault.
fn is_server_fault(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}
