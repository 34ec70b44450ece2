//! Which path leads to which service.
//!
//! Must not lead anywhere but to the methods that clients may call.

use serde_json::{Value, json};

use super::Places;
use crate::interface::Method;
use crate::replicas;

/// What a page of ours may do in a browser: be read.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

pub(super) fn routes(methods: &[Method], places: &Places) -> Vec<Value> {
    let mut routes: Vec<Value> = methods.iter().map(route).collect();
    if let Some(docs) = &places.docs {
        routes.push(page("/docs", &docs.page, "text/html; charset=utf-8"));
        routes.push(page("/openapi.json", &docs.document, "application/json"));
    }
    // Everything else: a method for services, a path nobody knows. To a service that is nowhere, as no client can send that
    // header; so that CORS, which asks for a route, answers for REST paths too.
    routes.push(json!({
        "match": {"prefix": "/"},
        "route": {"cluster_header": "x-gateway-nowhere", "cluster_not_found_response_code": "NOT_FOUND"},
    }));
    routes
}

fn route(method: &Method) -> Value {
    let seconds = method.timeout_seconds();
    json!({
        "match": {"path": method.path},
        "route": {
            "cluster": method.service(),
            "timeout": format!("{seconds}s"),
            "max_stream_duration": {
                "max_stream_duration": format!("{seconds}s"),
                "grpc_timeout_header_max": format!("{seconds}s"),
            },
            "retry_policy": replicas::retries(),
        },
    })
}

/// A file that Envoy has read when it started.
fn page(path: &str, file: &str, content_type: &str) -> Value {
    let header = |key: &str, value: &str| json!({"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"});
    json!({
        "match": {"path": path},
        "direct_response": {"status": 200, "body": {"filename": file}},
        "response_headers_to_add": [
            header("content-type", content_type),
            header("content-security-policy", PAGE_POLICY),
            header("x-content-type-options", "nosniff"),
            header("referrer-policy", "no-referrer"),
            header("cache-control", "no-cache"),
        ],
    })
}
