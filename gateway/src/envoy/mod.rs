//! Envoy's configuration.
//!
//! Owns what stands between clients and the services: one route per public method, so that a method for services alone
//! cannot be reached; REST by transcoding, gRPC-Web and CORS for browsers; the token's signature and age, which services
//! check again; limits and timeouts. REST errors have the form of AIP-193.

mod filters;
mod replies;
mod routes;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::interface::Method;
use crate::replicas;

pub use replies::{DOMAIN, REFUSALS, Refusal, name};

/// Largest body of a REST call: that of a unary call of the services.
pub const REST_BODY_BYTES: u64 = 264 * 1_024;
/// Most calls in a second that one address may make where nothing else is set, after a burst of twice as many.
pub const CALLS_PER_SECOND: u64 = 200;
/// Longest header of a request, all lines together, in KiB: less than the 16 that services take, for what is added here.
pub const HEADER_KIB: u64 = 12;
/// Most connections at once.
pub const CONNECTIONS: u64 = 10_000;
/// Largest file that Envoy answers with by itself: the OpenAPI document and its page.
const PAGE_BYTES: u64 = 16 * 1_048_576;
/// What nobody outside may say: who they are, where they come from, and what only Envoy writes.
const NOT_FROM_OUTSIDE: [&str; 14] = [
    "baggage",
    "forwarded",
    "true-client-ip",
    "x-client-ip",
    "x-envoy-original-method",
    "x-envoy-original-path",
    "x-forwarded-client-cert",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-organization-id",
    "x-original-url",
    "x-real-ip",
    "x-user-id",
];

/// Where everything is.
#[derive(Clone, Debug)]
pub struct Places {
    /// `host:port` to listen on.
    pub listen: String,
    /// `host:port` of Envoy's own pages; absent: none.
    pub admin: Option<String>,
    /// `host:port` to answer at with Envoy's metrics, and nothing else of its own pages; needs these.
    pub metrics: Option<String>,
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
    /// Most calls in a second that one address may make, after a burst of twice as many.
    pub calls_per_second: u64,
    /// `host:port` of a collector that takes spans by OTLP over gRPC; absent: none are sent.
    pub otlp: Option<String>,
    /// The OpenAPI document and its page, to be answered at `/openapi.json` and `/docs`; absent: they are not.
    pub docs: Option<Docs>,
}

/// Files that Envoy answers with.
#[derive(Clone, Debug)]
pub struct Docs {
    /// The OpenAPI document.
    pub document: String,
    /// Its page.
    pub page: String,
}

/// Returns the configuration, as JSON, which Envoy reads as it reads YAML.
#[must_use]
pub fn configuration(methods: &[Method], places: &Places) -> Value {
    let mut bootstrap = json!({
        "static_resources": {
            "listeners": listeners(methods, places),
            "clusters": clusters(places),
        },
        "overload_manager": {"resource_monitors": [{
            "name": "envoy.resource_monitors.global_downstream_max_connections",
            "typed_config": typed(
                "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                json!({"max_active_downstream_connections": CONNECTIONS}),
            ),
        }]},
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

fn listeners(methods: &[Method], places: &Places) -> Vec<Value> {
    let mut listeners = vec![listener(methods, places)];
    listeners.extend(places.metrics.as_deref().map(metrics));
    listeners
}

/// Who watches reads the metrics, and reaches no page that changes something.
fn metrics(place: &str) -> Value {
    let manager = typed(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        json!({
            "stat_prefix": "metrics",
            "route_config": {"virtual_hosts": [{"name": "metrics", "domains": ["*"], "routes": [{
                "match": {"path": "/stats/prometheus", "headers": [
                    {"name": ":method", "string_match": {"exact": "GET"}},
                ]},
                "route": {"cluster": "admin", "timeout": "5s"},
            }]}]},
            "http_filters": [{"name": "envoy.filters.http.router", "typed_config": typed(
                "envoy.extensions.filters.http.router.v3.Router", json!({}),
            )}],
        }),
    );
    json!({
        "name": "metrics",
        "address": address(place),
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager", "typed_config": manager,
        }]}],
    })
}

fn listener(methods: &[Method], places: &Places) -> Value {
    let mut manager = typed(
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
            "max_request_headers_kb": HEADER_KIB,
            "early_header_mutation_extensions": [from_outside(places)],
            "http2_protocol_options": {
                "max_concurrent_streams": 128,
                "initial_stream_window_size": 65_536,
                "initial_connection_window_size": 1_048_576,
            },
            "access_log": [replies::access_log(places.otlp.is_some())],
            "local_reply_config": replies::local_replies(),
            "route_config": {
                "name": "public",
                "max_direct_response_body_size_bytes": PAGE_BYTES,
                "virtual_hosts": [{
                    "name": "public",
                    "domains": ["*"],
                    "typed_per_filter_config": {"envoy.filters.http.cors": filters::cors(places)},
                    "routes": routes::routes(methods, places),
                }],
            },
            "http_filters": filters::http_filters(methods, places),
        }),
    );
    if let (Some(_), Some(object)) = (&places.otlp, manager.as_object_mut()) {
        object.insert("tracing".to_owned(), tracing());
    }
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

/// Who a caller is, services learn from the token alone; where they come from, from what proxies of ours have written.
fn from_outside(places: &Places) -> Value {
    let mut mutations: Vec<Value> = NOT_FROM_OUTSIDE.iter().map(|name| json!({ "remove": name })).collect();
    for prefix in ["x-auth-", "x-gateway-"] {
        mutations.push(json!({"remove_on_match": {"key_matcher": {"prefix": prefix}}}));
    }
    if places.trusted_hops == 0 {
        mutations.push(json!({"remove": "x-forwarded-for"}));
        mutations.push(json!({"remove": "x-forwarded-proto"}));
    }
    json!({"name": "from_outside", "typed_config": typed(
        "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
        json!({ "mutations": mutations }),
    )})
}

/// Whether a trace is kept, who began it has decided; of those begun here, all are.
fn tracing() -> Value {
    json!({
        "random_sampling": {"value": 100.0},
        "provider": {"name": "envoy.tracers.opentelemetry", "typed_config": typed(
            "envoy.config.trace.v3.OpenTelemetryConfig",
            json!({
                "service_name": "gateway",
                "grpc_service": {"envoy_grpc": {"cluster_name": "traces"}, "timeout": "2s"},
            }),
        )},
    })
}

fn clusters(places: &Places) -> Vec<Value> {
    let mut clusters: Vec<Value> =
        places.services.iter().map(|(name, place)| cluster(name, place, true)).collect();
    clusters.push(cluster("keys", &places.keys, false));
    if let (Some(admin), Some(_)) = (&places.admin, &places.metrics) {
        clusters.push(cluster("admin", admin, false));
    }
    clusters.extend(places.otlp.as_ref().map(|collector| cluster("traces", collector, true)));
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
            metrics: None,
            services,
            keys: "127.0.0.1:2".to_owned(),
            issuer: "issuer".to_owned(),
            origins: vec!["http://127.0.0.1:3".to_owned()],
            descriptor_file: "descriptors.bin".to_owned(),
            trusted_hops: 0,
            calls_per_second: CALLS_PER_SECOND,
            otlp: None,
            docs: None,
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
            assert_eq!(is_routed, rule.access != sharedspaces_proto::Access::Service, "{}", rule.path);
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
            assert_eq!(asked, method.access != sharedspaces_proto::Access::Public, "{}", method.path);
        }
    }
}
