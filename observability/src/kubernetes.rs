//! The Kubernetes objects that carry dashboards and rules, and what lets Prometheus in.
//!
//! Owns their names and labels: dashboards are ConfigMaps that Grafana's sidecar finds by `grafana_dashboard`, rules and
//! monitors are the Prometheus operator's. Must not hold a rule or panel of its own.

use serde_json::{Value, json};

use crate::panel::Dashboard;
use crate::rule::{self, Group};
use crate::yaml;

/// Who scrapes, and where.
const OBSERVABILITY: &str = "observability";
const SERVICES: [&str; 5] = ["assets", "crm-sync", "identity", "notifications", "spaces"];

/// Returns the path of a dashboard's file, within the component.
#[must_use]
pub fn dashboard_file(dashboard: &Dashboard) -> String {
    format!("dashboards/{}.json", dashboard.uid)
}

/// Returns the component.
#[must_use]
pub fn kustomization(dashboards: &[Dashboard]) -> String {
    let maps: Vec<Value> = dashboards
        .iter()
        .map(|dashboard| {
            json!({
                "name": dashboard.uid,
                "files": [dashboard_file(dashboard)],
                "options": {
                    "disableNameSuffixHash": true,
                    "labels": {"grafana_dashboard": "1", "app.kubernetes.io/part-of": "sharedspaces"},
                    "annotations": {"grafana_folder": "Shared Spaces"},
                },
            })
        })
        .collect();
    let component = json!({
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "resources": ["monitors.yaml", "rules.yaml"],
        "configMapGenerator": maps,
        // Monitors find services by their labels, not by what they select.
        "patches": [{
            "target": {"kind": "Service", "name": "collector"},
            "patch": "apiVersion: v1\nkind: Service\nmetadata:\n  name: collector\n  labels:\n    \
                      app.kubernetes.io/name: collector",
        }],
    });
    format!(
        "# Dashboards, alert rules and what is scraped, for the Prometheus operator and Grafana's sidecar. Made by\n\
         # `cargo run -p observability -- write`; a test compares.\n{}",
        yaml::document(&component)
    )
}

/// Returns the rules as the Prometheus operator reads them.
#[must_use]
pub fn rules(groups: &[Group]) -> String {
    yaml::document(&json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "sharedspaces", "labels": labels("sharedspaces")},
        "spec": rule::file(groups),
    }))
}

/// Returns what is scraped, and the holes in the network policies for it.
#[must_use]
pub fn monitors() -> String {
    let mut objects = vec![collector(), broker(), databases(), gateway(), broker_policy(), gateway_policy()];
    objects.extend(SERVICES.map(database_policy));
    yaml::documents(&objects)
}

fn labels(name: &str) -> Value {
    json!({"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "sharedspaces"})
}

/// What all services have sent. Their own names stay: `job` is the service, `instance` the process.
fn collector() -> Value {
    json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {"name": "collector", "labels": labels("collector")},
        "spec": {
            "selector": {"matchLabels": {"app.kubernetes.io/name": "collector"}},
            "endpoints": [{
                "port": "metrics",
                "honorLabels": true,
                "interval": "15s",
                // A process that turns to another collector must not have one series at two.
                "relabelings": [{
                    "sourceLabels": ["__meta_kubernetes_pod_name"],
                    "targetLabel": "collector",
                }],
            }],
        },
    })
}

fn broker() -> Value {
    json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {"name": "broker", "labels": labels("broker")},
        "spec": {
            "selector": {"matchLabels": {"app.kubernetes.io/name": "broker"}},
            "endpoints": [{
                // With TLS, as all of this broker; it proves who it is to the services, not to a scraper by its address.
                "port": "prometheus-tls",
                "scheme": "https",
                "tlsConfig": {"insecureSkipVerify": true},
                "path": "/metrics/detailed",
                "params": {"family": ["queue_coarse_metrics", "queue_consumer_count"]},
                "interval": "15s",
            }],
        },
    })
}

fn databases() -> Value {
    json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": {"name": "databases", "labels": labels("databases")},
        "spec": {
            "selector": {"matchExpressions": [{"key": "cnpg.io/cluster", "operator": "Exists"}]},
            "podMetricsEndpoints": [{
                "port": "metrics",
                "interval": "30s",
                "relabelings": [{
                    "sourceLabels": ["__meta_kubernetes_pod_label_cnpg_io_cluster"],
                    "targetLabel": "cluster",
                }],
            }],
        },
    })
}

/// Envoy, by a listener that has its metrics alone: its own pages would let anybody end it.
fn gateway() -> Value {
    json!({
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": {"name": "gateway", "labels": labels("gateway")},
        "spec": {
            "selector": {"matchLabels": {"app.kubernetes.io/name": "gateway"}},
            "podMetricsEndpoints": [{"port": "metrics", "path": "/stats/prometheus", "interval": "15s"}],
        },
    })
}

fn gateway_policy() -> Value {
    scraped("gateway-metrics", "gateway", 9_902)
}

fn broker_policy() -> Value {
    scraped("broker-metrics", "broker", 15_691)
}

fn database_policy(service: &str) -> Value {
    scraped(&format!("{service}-database-metrics"), &format!("{service}-database"), 9_187)
}

/// Lets Prometheus in, on the port of metrics alone.
fn scraped(name: &str, pods: &str, port: u16) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": pods}},
            "policyTypes": ["Ingress"],
            "ingress": [{
                "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": OBSERVABILITY}}}],
                "ports": [{"protocol": "TCP", "port": port}],
            }],
        },
    })
}
