//! Envoy's configuration.
//!
//! Owns what stands between clients and the services: one route per public method, so that a method for services alone
//! cannot be reached; REST by transcoding, gRPC-Web and CORS for browsers; the token's signature and age, which services
//! check again; limits and timeouts. REST errors have the form of AIP-193.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::{Value, json};
use sharedspaces_proto::Access;

use crate::interface::Method;
use crate::replicas;

/// Longest a call may take, in seconds; a client may ask for less with `grpc-timeout`.
pub const CALL_SECONDS: u64 = 30;
/// Longest a watched stream or an upload may take, in seconds: an upload of 2 GiB, and a token's life for a watch.
pub const STREAM_SECONDS: u64 = 3_600;
/// Largest body of a REST call: that of a unary call of the services.
pub const REST_BODY_BYTES: u64 = 264 * 1_024;
/// Most calls in a second that one address may make, after a burst of twice as many.
pub const CALLS_PER_SECOND: u64 = 200;

/// Where everything is.
#[derive(Clone, Debug)]
pub struct Places {
    /// `host:port` to listen on.
    pub listen: String,
    /// `host:port` of Envoy's own pages; absent: none.
    pub admin: Option<String>,
    /// Where each service is by its name: `host:port` of each replica, `,` between them; with `/` and its second port behind
    /// it, as in `10.0.0.7:8080/9090`, a replica gets calls only while it says there that it wants them.
    pub services: BTreeMap<String, String>,
    /// `host:port` of identity's second port, which has the keys.
    pub keys: String,
    /// The issuer of access tokens.
    pub issuer: String,
    /// Whose pages may call from a browser, such as `https://spaces.example.com`.
    pub origins: Vec<String>,
    /// The file of the descriptor set.
    pub descriptor_file: String,
    /// How many proxies stand before this one, whose `x-forwarded-for` is believed.
    pub trusted_hops: u32,
}

/// Returns the configuration, as JSON, which Envoy reads as it reads YAML.
#[must_use]
pub fn configuration(methods: &[Method], places: &Places) -> Value {
    let mut bootstrap = json!({
        "static_resources": {
            "listeners": [listener(methods, places)],
            "clusters": clusters(places),
        },
        "layered_runtime": {"layers": [{"name": "static", "static_layer": {
            "re2.max_program_size.error_level": 1_000,
        }}]},
    });
    if let (Some(admin), Some(root)) = (&places.admin, bootstrap.as_object_mut()) {
        root.insert("admin".to_owned(), json!({"address": address(admin)}));
    }
    bootstrap
}

pub(crate) fn address(place: &str) -> Value {
    let (host, port) = place.rsplit_once(':').unwrap_or((place, "80"));
    json!({"socket_address": {"address": host, "port_value": port.parse::<u16>().unwrap_or(80)}})
}

pub(crate) fn typed(kind: &str, mut rest: Value) -> Value {
    if let Some(object) = rest.as_object_mut() {
        object.insert("@type".to_owned(), json!(format!("type.googleapis.com/{kind}")));
    }
    rest
}

fn listener(methods: &[Method], places: &Places) -> Value {
    let manager = typed(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        json!({
            "stat_prefix": "gateway",
            "codec_type": "AUTO",
            "use_remote_address": true,
            "xff_num_trusted_hops": places.trusted_hops,
            "normalize_path": true,
            "merge_slashes": true,
            "path_with_escaped_slashes_action": "REJECT_REQUEST",
            "server_name": "sharedspaces",
            "stream_idle_timeout": "300s",
            "request_headers_timeout": "10s",
            "common_http_protocol_options": {
                "idle_timeout": "600s",
                "headers_with_underscores_action": "REJECT_REQUEST",
                "max_headers_count": 100,
            },
            "max_request_headers_kb": 24,
            "http2_protocol_options": {
                "max_concurrent_streams": 128,
                "initial_stream_window_size": 65_536,
                "initial_connection_window_size": 1_048_576,
            },
            "access_log": [access_log()],
            "local_reply_config": local_replies(),
            "route_config": {
                "name": "public",
                "virtual_hosts": [{
                    "name": "public",
                    "domains": ["*"],
                    // Who a caller is, services learn from the token alone.
                    "request_headers_to_remove": ["x-user-id", "x-organization-id", "x-auth-sub", "baggage"],
                    "typed_per_filter_config": {"envoy.filters.http.cors": cors(places)},
                    "routes": routes(methods),
                }],
            },
            "http_filters": http_filters(methods, places),
        }),
    );
    json!({
        "name": "public",
        "address": address(&places.listen),
        "per_connection_buffer_limit_bytes": 1_048_576,
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": manager,
        }]}],
    })
}

/// Never an address of a person, a token or a query: `:path` of a REST call may hold an id, and no more.
fn access_log() -> Value {
    let format = json!({
        "start_time": "%START_TIME%",
        "method": "%REQ(:METHOD)%",
        "path": "%PATH(NQ:ORIG_OR_PATH)%",
        "rpc.method": "%REQ(:PATH)%",
        "protocol": "%PROTOCOL%",
        "status": "%RESPONSE_CODE%",
        "rpc.response.status_code": "%GRPC_STATUS(SNAKE_STRING)%",
        "flags": "%RESPONSE_FLAGS%",
        "bytes_received": "%BYTES_RECEIVED%",
        "bytes_sent": "%BYTES_SENT%",
        "duration_ms": "%DURATION%",
        "upstream": "%UPSTREAM_CLUSTER%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "traceparent": "%REQ(TRACEPARENT)%",
    });
    json!({
        "name": "envoy.access_loggers.stdout",
        "typed_config": typed(
            "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
            json!({"log_format": {"json_format": format}}),
        ),
    })
}

/// What Envoy refuses by itself has the form of AIP-193 too.
fn local_replies() -> Value {
    json!({"body_format": {
        "content_type": "application/json",
        "text_format_source": {"inline_string":
            "{\"error\":{\"code\":%RESPONSE_CODE%,\"message\":\"%LOCAL_REPLY_BODY%\",\"status\":\"%RESPONSE_CODE_DETAILS%\"}}\n"},
    }})
}

fn cors(places: &Places) -> Value {
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

fn routes(methods: &[Method]) -> Vec<Value> {
    let mut routes: Vec<Value> = methods.iter().map(route).collect();
    // Everything else: a method for services, a path nobody knows. With it, CORS answers for REST paths too.
    routes.push(json!({
        "match": {"prefix": "/"},
        "direct_response": {"status": 404, "body": {"inline_string": "no such method"}},
    }));
    routes
}

fn route(method: &Method) -> Value {
    let is_stream = method.is_watched() || method.descriptor.is_client_streaming();
    let seconds = if is_stream { STREAM_SECONDS } else { CALL_SECONDS };
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

fn http_filters(methods: &[Method], places: &Places) -> Vec<Value> {
    let filter =
        |name: &str, kind: &str, config: Value| json!({"name": name, "typed_config": typed(kind, config)});
    vec![
        filter("envoy.filters.http.cors", "envoy.extensions.filters.http.cors.v3.Cors", json!({})),
        filter("envoy.filters.http.grpc_web", "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb", json!({})),
        filter(
            "envoy.filters.http.lua",
            "envoy.extensions.filters.http.lua.v3.Lua",
            json!({
                "default_source_code": {"inline_string": WRAP_ERRORS},
            }),
        ),
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
            rate_limit(),
        ),
        filter("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router", json!({})),
    ]
}

/// Puts the status of a refused REST call into `error`, with the HTTP code and the status's name (AIP-193).
const WRAP_ERRORS: &str = r#"
local names = {[1]="CANCELLED",[2]="UNKNOWN",[3]="INVALID_ARGUMENT",[4]="DEADLINE_EXCEEDED",[5]="NOT_FOUND",
  [6]="ALREADY_EXISTS",[7]="PERMISSION_DENIED",[8]="RESOURCE_EXHAUSTED",[9]="FAILED_PRECONDITION",[10]="ABORTED",
  [11]="OUT_OF_RANGE",[12]="UNIMPLEMENTED",[13]="INTERNAL",[14]="UNAVAILABLE",[15]="DATA_LOSS",[16]="UNAUTHENTICATED"}
function envoy_on_response(handle)
  local headers = handle:headers()
  local grpc = tonumber(headers:get("grpc-status") or "")
  if grpc == nil or grpc == 0 or headers:get("content-type") ~= "application/json" then return end
  local body = handle:body()
  if body == nil then return end
  local text = body:getBytes(0, body:length())
  local rest = string.match(text, '^{"code":%d+,?(.*)$')
  if rest == nil then return end
  local comma = rest == "}" and "" or ","
  local wrapped = '{"error":{"code":' .. headers:get(":status") .. ',"status":"' .. (names[grpc] or "UNKNOWN") .. '"'
    .. comma .. rest .. "}"
  body:setBytes(wrapped)
  headers:replace("content-length", tostring(#wrapped))
end
"#;

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

fn rate_limit() -> Value {
    let bucket = json!({"max_tokens": 2 * CALLS_PER_SECOND, "tokens_per_fill": CALLS_PER_SECOND, "fill_interval": "1s"});
    let all = json!({"max_tokens": 20_000, "tokens_per_fill": 10_000, "fill_interval": "1s"});
    let on = json!({"default_value": {"numerator": 100, "denominator": "HUNDRED"}});
    json!({
        "stat_prefix": "gateway",
        "token_bucket": all,
        "filter_enabled": on,
        "filter_enforced": on,
        "rate_limited_as_resource_exhausted": true,
        "max_dynamic_descriptors": 10_000,
        "rate_limits": [{"actions": [{"remote_address": {}}]}],
        "descriptors": [{"entries": [{"key": "remote_address"}], "token_bucket": bucket}],
    })
}

fn clusters(places: &Places) -> Vec<Value> {
    let mut clusters: Vec<Value> =
        places.services.iter().map(|(name, place)| cluster(name, place, true)).collect();
    clusters.push(cluster("keys", &places.keys, false));
    clusters
}

fn cluster(name: &str, place: &str, is_grpc: bool) -> Value {
    let mut cluster = json!({
        "name": name,
        "type": "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "connect_timeout": "2s",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": replicas::endpoints(place)}]},
        "circuit_breakers": {"thresholds": [{
            "max_connections": 1_024, "max_pending_requests": 1_024, "max_requests": 4_096,
            "retry_budget": {"budget_percent": {"value": 10.0}, "min_retry_concurrency": 3},
        }]},
    });
    if let (true, Some(object)) = (is_grpc, cluster.as_object_mut()) {
        let options = typed(
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            json!({"explicit_http_config": {"http2_protocol_options": {
                "connection_keepalive": {"interval": "20s", "timeout": "10s"},
            }}}),
        );
        let key = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
        object.insert("typed_extension_protocol_options".to_owned(), json!({ key: options }));
        replicas::watch(object, place);
    }
    cluster
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::{methods, pool};

    fn made() -> (Vec<Method>, Value) {
        let methods = methods(&pool().unwrap()).unwrap();
        let services = methods.iter().map(|method| (method.service(), "127.0.0.1:1".to_owned())).collect();
        let places = Places {
            listen: "127.0.0.1:8080".to_owned(),
            admin: None,
            services,
            keys: "127.0.0.1:2".to_owned(),
            issuer: "issuer".to_owned(),
            origins: vec!["http://127.0.0.1:3".to_owned()],
            descriptor_file: "descriptors.bin".to_owned(),
            trusted_hops: 0,
        };
        let configuration = configuration(&methods, &places);
        (methods, configuration)
    }

    #[test]
    fn every_public_method_has_its_route_and_no_other_path_has_one() {
        let (methods, made) = made();
        let text = made.to_string();
        for rule in sharedspaces_proto::method_rules() {
            let is_routed = text.contains(&format!("{{\"path\":\"{}\"}},\"route\"", rule.path));
            assert_eq!(is_routed, rule.access != Access::Service, "{}", rule.path);
        }
        assert_eq!(text.matches("\"cluster\":\"").count(), methods.len() + 1, "one more for the keys");
    }

    #[test]
    fn a_method_that_needs_a_token_needs_it_here_already() {
        let (methods, made) = made();
        let rules = made
            .pointer("/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/4")
            .unwrap()
            .to_string();
        for method in methods {
            let asked = rules.contains(&format!("\"path\":\"{}\"", method.path));
            assert_eq!(asked, method.access != Access::Public, "{}", method.path);
        }
    }
}
