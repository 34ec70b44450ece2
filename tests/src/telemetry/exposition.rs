//! The metrics as Prometheus reads them (OpenMetrics 1.0).
//!
//! Owns the rules by which OpenTelemetry's names become those of Prometheus: dots become underscores, the unit follows the
//! name, counters end in `_total`, `service.name` is `job` and `service.instance.id` is `instance`.

use std::collections::BTreeMap;
use std::fmt::Write;

use service_kit::telemetry::names::Kind;

use super::metrics::{Family, Store, Value};

/// Writes all metrics.
pub(super) fn text(store: &Store) -> String {
    let mut text = String::new();
    for (name, family) in &store.families {
        // Writing to a string cannot fail.
        let _never = write_family(&mut text, &family_name(name, &family.unit, family.kind), family);
    }
    text.push_str("# TYPE target info\n");
    for (service, instance, version) in &store.processes {
        let version = BTreeMap::from([("service.version".to_owned(), version.clone())]);
        let _never = writeln!(text, "target_info{{{}}} 1", labels(service, instance, &version));
    }
    text.push_str("# EOF\n");
    text
}

/// Returns the name that Prometheus knows a metric by, without `_total` or `_bucket`.
fn family_name(name: &str, unit: &str, kind: Kind) -> String {
    let mut name = clean(name);
    let suffix = match unit {
        "s" => "seconds",
        "By" => "bytes",
        "1" if kind == Kind::Gauge => "ratio",
        _ => "",
    };
    if !suffix.is_empty() && !name.ends_with(&format!("_{suffix}")) {
        name = format!("{name}_{suffix}");
    }
    name
}

fn clean(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == ':' { c } else { '_' }).collect()
}

fn write_family(text: &mut String, name: &str, family: &Family) -> std::fmt::Result {
    let kind = match family.kind {
        Kind::Counter => "counter",
        Kind::UpDownCounter | Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    writeln!(text, "# TYPE {name} {kind}")?;
    writeln!(text, "# HELP {name} {}", escape(&family.description))?;
    for ((service, instance, attributes), value) in &family.series {
        let labels = labels(service, instance, attributes);
        match value {
            Value::Number(value) if family.kind == Kind::Counter => {
                writeln!(text, "{name}_total{{{labels}}} {value}")?;
            }
            Value::Number(value) => writeln!(text, "{name}{{{labels}}} {value}")?,
            Value::Histogram { bounds, counts, sum, count } => {
                let mut below = 0;
                for (bound, count) in bounds.iter().zip(counts) {
                    below += count;
                    // A number without a point would be another label than the one that rules ask for.
                    writeln!(text, "{name}_bucket{{{labels},le=\"{bound:?}\"}} {below}")?;
                }
                writeln!(text, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}")?;
                writeln!(text, "{name}_sum{{{labels}}} {sum}")?;
                writeln!(text, "{name}_count{{{labels}}} {count}")?;
            }
        }
    }
    Ok(())
}

fn labels(service: &str, instance: &str, attributes: &BTreeMap<String, String>) -> String {
    let own = [("job".to_owned(), service), ("instance".to_owned(), instance)];
    let others = attributes.iter().map(|(key, value)| (clean(key), value.as_str()));
    let pairs = own.into_iter().chain(others).map(|(key, value)| format!("{key}=\"{}\"", escape(value)));
    pairs.collect::<Vec<_>>().join(",")
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_those_of_prometheus() {
        for (name, unit, kind, becomes) in [
            ("rpc.server.call.duration", "s", Kind::Histogram, "rpc_server_call_duration_seconds"),
            ("messaging.client.sent.messages", "{message}", Kind::Counter, "messaging_client_sent_messages"),
            ("process.memory.usage", "By", Kind::UpDownCounter, "process_memory_usage_bytes"),
            ("sharedspaces.build.info", "", Kind::Gauge, "sharedspaces_build_info"),
            ("x.ratio", "1", Kind::Gauge, "x_ratio"),
        ] {
            assert_eq!(family_name(name, unit, kind), becomes);
        }
    }

    #[test]
    fn a_label_cannot_break_out_of_its_quotes() {
        let hostile = BTreeMap::from([("a.b".to_owned(), "x\"} 1\n\\".to_owned())]);
        assert_eq!(labels("s", "i", &hostile), "job=\"s\",instance=\"i\",a_b=\"x\\\"} 1\\n\\\\\"");
    }
}
