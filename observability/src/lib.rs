//! What is watched, and when somebody is called.
//!
//! - [`panel`]: Grafana's model, as much of it as is used; [`dashboards`]: the seven dashboards
//! - [`objective`]: what is promised, as recording rules and burn-rate alerts; [`cause`]: the alerts that name a cause
//! - [`rule`]: Prometheus' rules and what every alert has; [`platform`]: metrics that others emit
//! - [`kubernetes`]: the objects that carry all of it; [`yaml`]: how they are written
//!
//! Must not name a metric that nobody emits: tests compare every expression with what the services say they measure, and
//! a journey asks a real Prometheus for each of them.

pub mod cause;
pub mod dashboards;
pub mod kubernetes;
pub mod objective;
pub mod panel;
pub mod platform;
pub mod rule;
pub mod yaml;

use std::collections::BTreeMap;

/// Where [`files`] belong, below the root of the checkout.
pub const COMPONENT: &str = "k8s/components/observability";

/// Returns every file of the Kubernetes component, by its path within it. The same at every call, byte for byte.
#[must_use]
pub fn files() -> BTreeMap<String, String> {
    let dashboards = dashboards::all();
    let mut files: BTreeMap<String, String> = dashboards
        .iter()
        .map(|dashboard| (kubernetes::dashboard_file(dashboard), format!("{:#}\n", dashboard.json())))
        .collect();
    files.insert("kustomization.yaml".to_owned(), kubernetes::kustomization(&dashboards));
    files.insert("rules.yaml".to_owned(), kubernetes::rules(&rule::all()));
    files.insert("monitors.yaml".to_owned(), kubernetes::monitors());
    files
}
