//! Several replicas of one service.
//!
//! Owns which of them get calls, and what is tried again at another. Must not know a route.

use serde_json::{Map, Value, json};

use crate::envoy::{address, typed};

/// Only what certainly was not begun is tried again, at another replica.
pub(crate) fn retries() -> Value {
    let elsewhere = json!({
        "name": "envoy.retry_host_predicates.previous_hosts",
        "typed_config": typed("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate", json!({})),
    });
    json!({
        "retry_on": "connect-failure,refused-stream,reset-before-request",
        "num_retries": 3,
        "retry_back_off": {"base_interval": "0.05s", "max_interval": "0.5s"},
        "retry_host_predicate": [elsewhere],
        "host_selection_retry_max_attempts": 5,
    })
}

/// Returns the endpoints of `host:port,host:port`. Where a replica is followed by `/` and its second port, as in
/// `10.0.0.7:8080/9090`, it gets calls only while it says there that it wants them.
pub(crate) fn endpoints(replicas: &str) -> Vec<Value> {
    let endpoint = |replica: &str| {
        let (place, health) = replica.split_once('/').unwrap_or((replica, ""));
        let mut endpoint = json!({"address": address(place)});
        if let (Ok(port), Some(object)) = (health.parse::<u16>(), endpoint.as_object_mut()) {
            object.insert("health_check_config".to_owned(), json!({"port_value": port}));
        }
        json!({ "endpoint": endpoint })
    };
    replicas.split(',').map(endpoint).collect()
}

/// Has a cluster look after its replicas.
pub(crate) fn watch(cluster: &mut Map<String, Value>, replicas: &str) {
    cluster.insert("outlier_detection".to_owned(), unreachable());
    if replicas.contains('/') {
        cluster.insert("health_checks".to_owned(), json!([readiness()]));
        cluster.insert("transport_socket_matches".to_owned(), json!([plain()]));
    }
}

/// A replica that stops says so for a while before it does.
fn readiness() -> Value {
    json!({
        "timeout": "1s", "interval": "1s", "no_traffic_interval": "1s",
        "unhealthy_threshold": 2, "healthy_threshold": 1,
        "http_health_check": {"path": "/readyz"},
        "transport_socket_match_criteria": {"plain": true},
    })
}

/// The second port is not encrypted, whatever the first one is.
fn plain() -> Value {
    let kind = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
    let socket =
        json!({"name": "envoy.transport_sockets.raw_buffer", "typed_config": typed(kind, json!({}))});
    json!({"name": "plain", "match": {"plain": true}, "transport_socket": socket})
}

/// A replica that cannot be reached is left alone for a moment; what it answers, be it a refusal, says nothing of it.
fn unreachable() -> Value {
    json!({
        "split_external_local_origin_errors": true,
        "consecutive_local_origin_failure": 3,
        "enforcing_consecutive_5xx": 0, "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0, "enforcing_local_origin_success_rate": 0,
        "interval": "1s", "base_ejection_time": "2s", "max_ejection_time": "10s", "max_ejection_percent": 50,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_replica_is_an_endpoint_and_is_asked_at_its_second_port_where_that_is_known() {
        let replicas = "10.0.0.7:8080/9090,10.0.0.8:8080/9091";
        let endpoints = endpoints(replicas);
        let ports = |path: &str| {
            endpoints.iter().filter_map(|one| one.pointer(path).and_then(Value::as_u64)).collect::<Vec<_>>()
        };
        assert_eq!(ports("/endpoint/address/socket_address/port_value"), [8_080, 8_080]);
        assert_eq!(ports("/endpoint/health_check_config/port_value"), [9_090, 9_091]);
        let watched = |replicas: &str| {
            let mut cluster = Map::new();
            watch(&mut cluster, replicas);
            cluster.contains_key("health_checks")
        };
        assert!(watched(replicas));
        assert!(!watched("10.0.0.7:8080"), "nobody knows where to ask");
    }
}
