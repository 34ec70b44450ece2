//! The filters that a call goes through before a service sees it.
//!
//! Must not decide who may do what: only whether a token is good, and whether there are too many calls.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sharedspaces_proto::Access;

use super::{Places, REST_BODY_BYTES, typed};
use crate::interface::Method;

/// Most calls in a second of all addresses together, after a burst of twice as many.
const ALL_CALLS_PER_SECOND: u64 = 10_000;
/// How many addresses are counted on their own; the others share what is left.
const ADDRESSES_MAX: u64 = 10_000;
/// A trace for every call, the one click of RFC 8058, and errors in the form of AIP-193.
const SCRIPT: &str = include_str!("gateway.lua");

pub(super) fn cors(places: &Places) -> Value {
    let origins: Vec<Value> = places.origins.iter().map(|origin| json!({"exact": origin})).collect();
    typed(
        "envoy.extensions.filters.http.cors.v3.CorsPolicy",
        json!({
            "allow_origin_string_match": origins,
            "allow_methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
            "allow_headers": "authorization, content-type, idempotency-key, grpc-timeout, x-grpc-web, x-user-agent, traceparent",
            "expose_headers": "grpc-status, grpc-message, grpc-status-details-bin, retry-after, x-request-id",
            "max_age": "600",
        }),
    )
}

pub(super) fn http_filters(methods: &[Method], places: &Places) -> Vec<Value> {
    let filter =
        |name: &str, kind: &str, config: Value| json!({"name": name, "typed_config": typed(kind, config)});
    vec![
        filter("envoy.filters.http.cors", "envoy.extensions.filters.http.cors.v3.Cors", json!({})),
        // Around gRPC-Web, which does not keep the status of what Envoy refuses.
        filter(
            "envoy.filters.http.lua",
            "envoy.extensions.filters.http.lua.v3.Lua",
            json!({
                "default_source_code": {"inline_string": SCRIPT},
            }),
        ),
        filter("envoy.filters.http.grpc_web", "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb", json!({})),
        // Before the token and the limits, so that they see the gRPC path.
        filter(
            "envoy.filters.http.grpc_json_transcoder",
            "envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder",
            transcoder(methods, places),
        ),
        filter(
            "envoy.filters.http.jwt_authn",
            "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            tokens(methods, places),
        ),
        filter(
            "envoy.filters.http.local_ratelimit",
            "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
            rate_limit(places),
        ),
        filter(
            "envoy.filters.http.router",
            "envoy.extensions.filters.http.router.v3.Router",
            json!({"suppress_envoy_headers": true}),
        ),
    ]
}

fn transcoder(methods: &[Method], places: &Places) -> Value {
    let services: BTreeSet<&str> = methods
        .iter()
        .filter(|method| !method.routes.is_empty())
        .filter_map(|method| method.path.split('/').nth(1))
        .collect();
    json!({
        "proto_descriptor": places.descriptor_file,
        "services": services,
        "convert_grpc_status": true,
        // As forms and browsers write a space.
        "query_param_unescape_plus": true,
        "max_request_body_size": REST_BODY_BYTES,
        "max_response_body_size": 4 * 1_048_576,
        "request_validation_options": {"reject_unknown_query_parameters": true, "reject_binding_body_field_collisions": true},
        "print_options": {
            "always_print_primitive_fields": true,
            "always_print_enums_as_ints": false,
            "preserve_proto_field_names": false,
            "stream_newline_delimited": true,
        },
    })
}

fn tokens(methods: &[Method], places: &Places) -> Value {
    let rules: Vec<Value> = methods
        .iter()
        .filter_map(|method| {
            let requires = match method.access {
                Access::Public => return None,
                Access::Visitor => json!({"requires_any": {"requirements": [
                    {"provider_name": "identity"}, {"allow_missing": {}},
                ]}}),
                Access::Participant | Access::Member | Access::Admin | Access::Service => {
                    json!({"provider_name": "identity"})
                }
            };
            Some(json!({"match": {"path": method.path}, "requires": requires}))
        })
        .collect();
    json!({
        "providers": {"identity": {
            "issuer": places.issuer,
            "audiences": ["sharedspaces"],
            "forward": true,
            "clock_skew_seconds": 5,
            "jwt_cache_config": {"jwt_cache_size": 1_000},
            "remote_jwks": {
                "http_uri": {
                    "uri": format!("http://{}/.well-known/jwks.json", places.keys),
                    "cluster": "keys",
                    "timeout": "2s",
                },
                "cache_duration": "5s",
                "async_fetch": {"fast_listener": true},
            },
        }},
        "rules": rules,
    })
}

fn rate_limit(places: &Places) -> Value {
    let bucket =
        |calls: u64| json!({"max_tokens": 2 * calls, "tokens_per_fill": calls, "fill_interval": "1s"});
    let on = json!({"default_value": {"numerator": 100, "denominator": "HUNDRED"}});
    json!({
        "stat_prefix": "gateway",
        "token_bucket": bucket(ALL_CALLS_PER_SECOND),
        "filter_enabled": on,
        "filter_enforced": on,
        "rate_limited_as_resource_exhausted": true,
        "max_dynamic_descriptors": ADDRESSES_MAX,
        "rate_limits": [{"actions": [{"remote_address": {}}]}],
        "descriptors": [{"entries": [{"key": "remote_address"}], "token_bucket": bucket(places.calls_per_second)}],
    })
}
