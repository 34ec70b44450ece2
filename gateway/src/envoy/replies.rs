//! What Envoy answers by itself, in the form of the service's own errors, and the log of every call.
//!
//! Must not tell a client where a service is, nor log a query, a token or an address.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::typed;

/// The `domain` of the reasons that are the gateway's own.
pub const DOMAIN: &str = "gateway.sharedspaces";
/// What Envoy says itself.
const OWN_WORDS: &str = "%LOCAL_REPLY_BODY%";
/// How long to wait before the next call, after too many.
const WAIT: Duration = Duration::from_secs(1);

/// A refusal of Envoy's: with which HTTP status it comes, and what becomes of it.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    /// The HTTP status; of a REST call also the answer's.
    pub http: u32,
    /// The gRPC status.
    pub code: Code,
    /// `reason` of its ErrorInfo.
    pub reason: &'static str,
    /// In words, for developers.
    pub message: &'static str,
}

/// Every refusal, the special ones first.
pub const REFUSALS: [Refusal; 12] = [
    Refusal { http: 400, code: Code::InvalidArgument, reason: "REQUEST_INVALID", message: OWN_WORDS },
    Refusal {
        http: 401,
        code: Code::Unauthenticated,
        reason: "TOKEN_MISSING",
        message: "a token is needed: `authorization: Bearer …`",
    },
    Refusal { http: 401, code: Code::Unauthenticated, reason: "TOKEN_REFUSED", message: OWN_WORDS },
    // Envoy says so of a token for others, which is no good token either.
    Refusal { http: 403, code: Code::Unauthenticated, reason: "TOKEN_REFUSED", message: OWN_WORDS },
    Refusal { http: 404, code: Code::NotFound, reason: "METHOD_UNKNOWN", message: "no such method" },
    Refusal { http: 408, code: Code::DeadlineExceeded, reason: "REQUEST_TOO_SLOW", message: OWN_WORDS },
    Refusal { http: 413, code: Code::OutOfRange, reason: "REQUEST_TOO_LARGE", message: OWN_WORDS },
    Refusal { http: 429, code: Code::ResourceExhausted, reason: "TOO_MANY_CALLS", message: "too many calls" },
    Refusal { http: 431, code: Code::InvalidArgument, reason: "HEADERS_TOO_LARGE", message: OWN_WORDS },
    Refusal {
        http: 502,
        code: Code::Unavailable,
        reason: "SERVICE_UNAVAILABLE",
        message: "the service does not answer now",
    },
    Refusal {
        http: 503,
        code: Code::Unavailable,
        reason: "SERVICE_UNAVAILABLE",
        message: "the service does not answer now",
    },
    Refusal {
        http: 504,
        code: Code::DeadlineExceeded,
        reason: "CALL_TOO_SLOW",
        message: "the service has not answered in time",
    },
];

/// Maps every refusal twice: as gRPC and gRPC-Web, and as REST.
pub(super) fn local_replies() -> Value {
    let mut mappers: Vec<Value> =
        REFUSALS.iter().flat_map(|refusal| [as_grpc(refusal), as_rest(refusal)]).collect();
    // What Envoy may come to answer in another version still has the form.
    let other = Refusal { http: 400, code: Code::Unknown, reason: "REFUSED", message: OWN_WORDS };
    mappers.push(
        json!({"filter": status("GE", other.http), "body_format_override": {"json_format": body(&other)}}),
    );
    json!({ "mappers": mappers })
}

fn status(op: &str, value: u32) -> Value {
    json!({"status_code_filter": {"comparison": {"op": op, "value": {
        "default_value": value, "runtime_key": "gateway.never_set",
    }}}})
}

fn has(header: &str, is_there: bool) -> Value {
    json!({"header_filter": {"header": {"name": header, "present_match": is_there}}})
}

fn filters(refusal: &Refusal) -> Vec<Value> {
    let mut filters = vec![status("EQ", refusal.http)];
    if refusal.reason == "TOKEN_MISSING" {
        filters.push(has("authorization", false));
    }
    filters
}

fn header(key: &str, value: &str) -> Value {
    json!({"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"})
}

fn as_grpc(refusal: &Refusal) -> Value {
    // A path that nobody knows is a method that nobody implements.
    let code = if refusal.http == 404 { Code::Unimplemented } else { refusal.code };
    let mut filters = filters(refusal);
    filters.push(json!({"header_filter": {"header": {
        "name": "content-type", "string_match": {"prefix": "application/grpc"},
    }}}));
    // Transcoded calls are REST.
    filters.push(has("x-envoy-original-path", false));
    let words = if refusal.message == OWN_WORDS { "refused at the gateway" } else { refusal.message };
    let status = Status::with_error_details(code, words, details(refusal));
    let number = i32::from(code).to_string();
    json!({
        "filter": {"and_filter": {"filters": filters}},
        "status_code": 200,
        "headers_to_add": [
            header("grpc-status", &number),
            header("x-gateway-status", &number),
            header("grpc-status-details-bin", &STANDARD.encode(status.details())),
        ],
        "body_format_override": {
            "content_type": "text/plain",
            "text_format_source": {"inline_string": refusal.message},
        },
    })
}

fn as_rest(refusal: &Refusal) -> Value {
    let mut headers = vec![header("grpc-status", &i32::from(refusal.code).to_string())];
    if refusal.code == Code::ResourceExhausted {
        headers.push(header("retry-after", &WAIT.as_secs().to_string()));
    }
    let mut filters = filters(refusal);
    let filter =
        if filters.len() > 1 { json!({"and_filter": {"filters": filters}}) } else { filters.remove(0) };
    let http = if refusal.http == 403 { 401 } else { refusal.http };
    json!({
        "filter": filter,
        "status_code": http,
        "headers_to_add": headers,
        "body_format_override": {"json_format": body(refusal)},
    })
}

fn details(refusal: &Refusal) -> ErrorDetails {
    let mut details = ErrorDetails::with_error_info(refusal.reason, DOMAIN, []);
    if refusal.code == Code::ResourceExhausted {
        details.set_retry_info(Some(WAIT));
    }
    details
}

fn body(refusal: &Refusal) -> Value {
    let of = |name: &str| format!("type.googleapis.com/google.rpc.{name}");
    let mut details = vec![json!({"@type": of("ErrorInfo"), "reason": refusal.reason, "domain": DOMAIN})];
    if refusal.code == Code::ResourceExhausted {
        details.push(json!({"@type": of("RetryInfo"), "retryDelay": format!("{}s", WAIT.as_secs())}));
    }
    json!({"error": {
        "code": "%RESPONSE_CODE%",
        "message": refusal.message,
        "status": name(refusal.code),
        "details": details,
    }})
}

/// Returns a status's name as AIP-193 writes it.
#[must_use]
pub fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// Never an address of a person, a token or a query: `:path` of a REST call may hold an id, and no more.
pub(super) fn access_log(is_traced: bool) -> Value {
    let trace_id = if is_traced { "%TRACE_ID%" } else { "%DYNAMIC_METADATA(sharedspaces:trace_id)%" };
    let format = json!({
        "start_time": "%START_TIME%",
        "method": "%REQ(:METHOD)%",
        "path": "%PATH(NQ:ORIG_OR_PATH)%",
        "rpc.method": "%PATH(NQ:PATH)%",
        "protocol": "%PROTOCOL%",
        "status": "%RESPONSE_CODE%",
        "status_details": "%RESPONSE_CODE_DETAILS%",
        "rpc.response.status_code": "%GRPC_STATUS(SNAKE_STRING)%",
        "flags": "%RESPONSE_FLAGS%",
        "bytes_received": "%BYTES_RECEIVED%",
        "bytes_sent": "%BYTES_SENT%",
        "duration_ms": "%DURATION%",
        "upstream": "%UPSTREAM_CLUSTER%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "trace_id": trace_id,
    });
    json!({
        "name": "envoy.access_loggers.stdout",
        "typed_config": typed(
            "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
            json!({"log_format": {"json_format": format}}),
        ),
    })
}
