//! Prometheus' rules.
//!
//! Owns what every alert has: a summary, a severity, and the address of a page that says what to do. Must not know a
//! metric.

use serde_json::{Map, Value, json};

use crate::{cause, objective};

/// Where docs/runbooks/ is published; a platform that publishes it elsewhere replaces this by a patch.
pub const RUNBOOKS: &str = "https://sharedspaces.example/docs/runbooks";

/// Rules that are evaluated together, one after the other.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// How often; absent: as often as Prometheus does by default.
    pub interval: Option<&'static str>,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// A rule.
#[derive(Clone, Debug)]
pub enum Rule {
    /// Keeps what an expression gives under a name of its own.
    Record {
        /// The name.
        name: String,
        /// The expression.
        expr: String,
        /// Labels that are added.
        labels: Vec<(&'static str, String)>,
    },
    /// Calls somebody.
    Alert(Alert),
}

impl Rule {
    /// Returns its expression.
    #[must_use]
    pub fn expr(&self) -> &str {
        match self {
            Self::Record { expr, .. } => expr,
            Self::Alert(alert) => &alert.expr,
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::Record { name, expr, labels } => {
                let mut rule = json!({"record": name, "expr": expr});
                if let (false, Some(object)) = (labels.is_empty(), rule.as_object_mut()) {
                    object.insert("labels".to_owned(), named(labels));
                }
                rule
            }
            Self::Alert(alert) => alert.json(),
        }
    }
}

/// How urgent an alert is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// Somebody is woken.
    Page,
    /// Somebody looks at it in working hours.
    Ticket,
}

impl Severity {
    /// Returns the label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
        }
    }
}

/// An alert.
#[derive(Clone, Debug)]
pub struct Alert {
    /// Its name, which its runbook has too.
    pub name: &'static str,
    /// What must not be.
    pub expr: String,
    /// For how long, before somebody is called.
    pub wait: &'static str,
    /// How urgent it is.
    pub severity: Severity,
    /// What is wrong, in a sentence with the labels' values.
    pub summary: String,
    /// Labels that are added.
    pub labels: Vec<(&'static str, String)>,
}

impl Alert {
    /// Returns the address of the page that says what to do.
    #[must_use]
    pub fn runbook_url(&self) -> String {
        format!("{RUNBOOKS}/{}.md", self.name)
    }

    fn json(&self) -> Value {
        let mut labels = self.labels.clone();
        labels.push(("severity", self.severity.as_str().to_owned()));
        json!({
            "alert": self.name,
            "expr": self.expr,
            "for": self.wait,
            "labels": named(&labels),
            "annotations": {"summary": self.summary, "runbook_url": self.runbook_url()},
        })
    }
}

fn named(labels: &[(&'static str, String)]) -> Value {
    let labels: Map<String, Value> =
        labels.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    Value::Object(labels)
}

/// Returns all rules.
#[must_use]
pub fn all() -> Vec<Group> {
    let mut groups = objective::groups();
    groups.extend(cause::groups());
    groups
}

/// Returns all alerts.
#[must_use]
pub fn alerts() -> Vec<Alert> {
    let rules = all().into_iter().flat_map(|group| group.rules);
    rules
        .filter_map(|rule| match rule {
            Rule::Alert(alert) => Some(alert),
            Rule::Record { .. } => None,
        })
        .collect()
}

/// Returns groups as a file of rules has them.
#[must_use]
pub fn file(groups: &[Group]) -> Value {
    let groups: Vec<Value> = groups
        .iter()
        .map(|group| {
            let rules: Vec<Value> = group.rules.iter().map(Rule::json).collect();
            let mut value = json!({"name": group.name, "rules": rules});
            if let (Some(interval), Some(object)) = (group.interval, value.as_object_mut()) {
                object.insert("interval".to_owned(), json!(interval));
            }
            value
        })
        .collect();
    json!({"groups": groups})
}

/// Returns the first command of a runbook: what stands alone in its first block of shell.
#[must_use]
pub fn first_command(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("\n```sh\n")?;
    let (block, _) = rest.split_once("\n```\n")?;
    (!block.is_empty() && !block.contains('\n')).then_some(block)
}
