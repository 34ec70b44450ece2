//! Running `promtool` over what the code makes.

use std::path::PathBuf;
use std::process::Command;

use observability::rule::{Alert, Group, alerts, all, file};
use observability::yaml;
use serde_json::{Value, json};
use xtask::throwaway::Throwaway;

/// What is seen of the metrics, minute by minute.
pub(crate) type Series = Vec<(String, String)>;

/// Labels of an alert.
pub(crate) type Labels = Vec<(&'static str, String)>;

/// What must be firing at a moment.
pub(crate) struct Moment {
    pub(crate) alert: &'static str,
    pub(crate) time: &'static str,
    /// The labels of each alert of that name, without those that the rule itself adds.
    pub(crate) firing: Vec<Labels>,
}

/// A test: what is seen, and what must come of it.
pub(crate) struct Story {
    pub(crate) series: Series,
    pub(crate) moments: Vec<Moment>,
}

pub(crate) fn promtool() -> Command {
    let dir = std::env::var_os("TEST_PROMETHEUS")
        .unwrap_or_else(|| panic!("TEST_PROMETHEUS is missing: run this through `cargo xtask test`"));
    Command::new(PathBuf::from(dir).join("promtool"))
}

pub(crate) fn labels(pairs: &[(&'static str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

impl Story {
    fn json(&self) -> Value {
        let series: Vec<Value> =
            self.series.iter().map(|(series, values)| json!({"series": series, "values": values})).collect();
        let moments: Vec<Value> = self.moments.iter().map(Moment::json).collect();
        json!({"interval": "1m", "input_series": series, "alert_rule_test": moments})
    }
}

impl Moment {
    fn json(&self) -> Value {
        let expected: Vec<Value> = self.firing.iter().map(|labels| self.expected(labels)).collect();
        json!({"eval_time": self.time, "alertname": self.alert, "exp_alerts": expected})
    }

    fn expected(&self, labels: &Labels) -> Value {
        let rule = self.rule_of(labels);
        let mut summary = rule.summary.clone();
        let mut all = rule.labels.clone();
        all.extend(labels.clone());
        for (name, value) in &all {
            summary = summary.replace(&format!("{{{{ $labels.{name} }}}}"), value);
        }
        assert!(!summary.contains("{{"), "{}: {summary}", self.alert);
        all.push(("severity", rule.severity.as_str().to_owned()));
        let labels: serde_json::Map<_, _> =
            all.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        json!({"exp_labels": labels, "exp_annotations": {"summary": summary, "runbook_url": rule.runbook_url()}})
    }

    /// The rule that the labels are of: several may have one name.
    fn rule_of(&self, labels: &Labels) -> Alert {
        let mut rules = alerts().into_iter().filter(|rule| rule.name == self.alert);
        let fits = |rule: &Alert| {
            rule.labels
                .iter()
                .all(|(name, value)| labels.iter().all(|(other, theirs)| other != name || theirs == value))
        };
        rules.find(fits).unwrap_or_else(|| panic!("no rule is called {} with {labels:?}", self.alert))
    }
}

/// Runs the stories over some rules and fails with what promtool says.
pub(crate) fn tell(groups: &[Group], stories: &[Story]) {
    let dir = Throwaway::create("promtool").unwrap();
    let write = |name: &str, value: &Value| {
        std::fs::write(dir.path().join(name), yaml::document(value)).unwrap();
    };
    write("rules.yaml", &file(groups));
    let tests: Vec<Value> = stories.iter().map(Story::json).collect();
    write("tests.yaml", &json!({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": tests}));
    let told = promtool().current_dir(dir.path()).args(["test", "rules", "tests.yaml"]).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(told.status.success(), "{}{}", text(&told.stdout), text(&told.stderr));
}

#[test]
fn promtool_finds_no_fault_in_the_rules() {
    let dir = Throwaway::create("promtool").unwrap();
    std::fs::write(dir.path().join("rules.yaml"), yaml::document(&file(&all()))).unwrap();
    let told = promtool()
        .current_dir(dir.path())
        .args(["check", "rules", "--lint=all", "--lint-fatal", "rules.yaml"])
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
}
