//! What dashboards and alerts promise: nothing dead, nothing unexplained, nothing that cannot fire.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod alerts;
mod burns;
mod files;
mod linter;
mod names;
mod promtool;
mod query;
mod runbooks;

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every expression, with Grafana's variables filled in, and where it stands.
fn expressions() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for dashboard in observability::dashboards::all() {
        for panel in dashboard.panels() {
            for query in &panel.queries {
                let place = format!("{}: {}", dashboard.title, panel.title);
                all.push((place, observability::panel::with_values(&query.expr, "5m")));
            }
        }
    }
    for group in observability::rule::all() {
        for rule in group.rules {
            all.push((format!("rules {}", group.name), rule.expr().to_owned()));
        }
    }
    all
}
