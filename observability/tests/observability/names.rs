//! Nothing is asked for that nobody emits, and nothing of ours is emitted that nobody looks at.

use observability::platform;
use observability::rule::{Rule, all};
use observability::{dashboards, panel};
use service_kit::telemetry::names::{Kind, METRICS, Metric};

use crate::expressions;
use crate::query::{Emitted, Names, placeholders};

/// Labels that every metric of a service has: its name and its process.
const RESOURCE: [&str; 2] = ["job", "instance"];

/// The names under which Prometheus knows a metric (OpenTelemetry's compatibility with Prometheus: dots become
/// underscores, the unit and the kind stand at the end).
fn in_prometheus(metric: &Metric) -> Vec<String> {
    let unit = match metric.unit {
        "s" => "_seconds",
        "By" => "_bytes",
        unit if unit.is_empty() || unit.starts_with('{') => "",
        unit => panic!("{}: no rule for the unit {unit}", metric.name),
    };
    let name = format!("{}{unit}", metric.name.replace('.', "_"));
    match metric.kind {
        Kind::Counter => vec![format!("{name}_total")],
        Kind::UpDownCounter | Kind::Gauge => vec![name],
        Kind::Histogram => ["_bucket", "_count", "_sum"].map(|suffix| format!("{name}{suffix}")).into(),
    }
}

/// All that there is: our own, others', and what the rules record.
pub(crate) fn emitted() -> Emitted {
    let mut emitted = Emitted::default();
    for metric in METRICS {
        for name in in_prometheus(metric) {
            let mut labels: Names = metric.attributes.iter().map(|name| name.replace('.', "_")).collect();
            labels.extend(RESOURCE.map(str::to_owned));
            labels.extend(name.ends_with("_bucket").then(|| "le".to_owned()));
            emitted.0.insert(name, labels);
        }
    }
    for foreign in platform::METRICS {
        emitted
            .0
            .insert(foreign.name.to_owned(), foreign.labels.iter().map(|&name| name.to_owned()).collect());
    }
    for group in all() {
        for rule in group.rules {
            let Rule::Record { name, expr, labels } = rule else { continue };
            let mut names = emitted.check(&expr, &mut Names::new()).unwrap().unwrap_or_default();
            names.extend(labels.into_iter().map(|(name, _)| name.to_owned()));
            let known = emitted.0.entry(name.clone()).or_insert_with(|| names.clone());
            assert_eq!(*known, names, "{name} is recorded with different labels");
        }
    }
    emitted
}

#[test]
fn every_name_and_label_that_is_asked_for_is_emitted() {
    let emitted = emitted();
    let errors: Vec<String> = expressions()
        .into_iter()
        .filter_map(|(place, expr)| {
            emitted.check(&expr, &mut Names::new()).err().map(|error| format!("{place}: {error}"))
        })
        .collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn every_legend_and_summary_names_labels_that_there_are() {
    let emitted = emitted();
    for dashboard in dashboards::all() {
        for panel in dashboard.panels() {
            for query in &panel.queries {
                let expr = panel::with_values(&query.expr, "5m");
                let labels = emitted.check(&expr, &mut Names::new()).unwrap().unwrap_or_default();
                let named = placeholders(query.legend);
                let place = format!("{}: {}", dashboard.title, panel.title);
                assert!(named.is_subset(&labels), "{place}: {named:?} of {labels:?}");
            }
        }
    }
    for rule in all().into_iter().flat_map(|group| group.rules) {
        let Rule::Alert(alert) = rule else { continue };
        let mut labels = emitted.check(&alert.expr, &mut Names::new()).unwrap().unwrap_or_default();
        labels.extend(alert.labels.iter().map(|(name, _)| (*name).to_owned()));
        let named = placeholders(&alert.summary);
        assert!(named.is_subset(&labels), "{}: {named:?} of {labels:?}", alert.name);
    }
}

#[test]
fn everything_of_ours_that_is_emitted_is_looked_at() {
    let emitted = emitted();
    let mut used = Names::new();
    for (_, expr) in expressions() {
        emitted.check(&expr, &mut used).unwrap();
    }
    for metric in METRICS.iter().filter(|metric| metric.name.starts_with("sharedspaces.")) {
        let is_used = in_prometheus(metric).iter().any(|name| used.contains(name));
        assert!(is_used, "nobody looks at {}", metric.name);
    }
    let foreign: Vec<_> = platform::METRICS.iter().filter(|metric| !used.contains(metric.name)).collect();
    assert!(foreign.is_empty(), "nobody asks for {foreign:?}");
}

#[test]
fn every_promise_is_at_a_bound_of_its_histogram() {
    for objective in observability::objective::all() {
        let observability::objective::Good::Within(seconds) = objective.good else { continue };
        let is_its =
            |metric: &&&Metric| in_prometheus(metric).contains(&format!("{}_bucket", objective.metric));
        let metric = METRICS.iter().find(is_its).unwrap();
        assert!(
            metric.bounds.contains(&seconds),
            "{}: {seconds} is not among {:?}",
            metric.name,
            metric.bounds
        );
    }
}
