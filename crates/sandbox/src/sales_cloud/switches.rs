//! Owns the lasting ways in which the tenant can be made to behave.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::SalesCloud;
use super::schema::{COLLECTIONS, EXTRA_REFERENCES};
use crate::crm::Crm;
use crate::watch::Limit;
use crate::world::lock;

/// The records of a page, at most.
const PAGE: usize = 100;
/// The calls of a day, as somebody saw them on a test tenant.
const DAILY_CALLS: u64 = 30_000;
/// The window of the limit of calls, where only the calls are given.
const WINDOW_SECONDS: u64 = 60;

/// What is posted to switch the behaviour; what is absent stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Switches {
    /// Always `sales_cloud`.
    #[expect(dead_code, reason = "read when the kind of request is told apart, and accepted here")]
    target: String,
    /// Whether the user's password is refused.
    locked: Option<bool>,
    /// Which references a task has beside the account.
    task_references: Option<Vec<String>>,
    /// How many records a page has at most.
    page_size: Option<usize>,
    /// How many calls are left of the day.
    daily_quota: Option<u64>,
    /// How many calls are allowed in a window, from now on.
    request_limit: Option<usize>,
    /// How long the window is.
    window_seconds: Option<u64>,
    /// How long every call takes at least.
    latency_ms: Option<u64>,
}

/// How the tenant behaves now.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Settings {
    pub(super) locked: bool,
    pub(super) task_references: Vec<String>,
    pub(super) page_size: usize,
    pub(super) daily_quota: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            locked: false,
            task_references: EXTRA_REFERENCES.iter().map(|(name, _)| (*name).to_owned()).collect(),
            page_size: PAGE,
            daily_quota: DAILY_CALLS,
        }
    }
}

impl Crm for SalesCloud {
    fn name(&self) -> &'static str {
        "sales_cloud"
    }

    fn switch(&self, body: Value) -> Result<(), String> {
        let switches: Switches = serde_json::from_value(body).map_err(|error| format!("body: {error}"))?;
        if switches.page_size == Some(0) {
            return Err("page_size: must be at least 1".to_owned());
        }
        let known = |name: &String| EXTRA_REFERENCES.iter().any(|(known, _)| known == name);
        if !switches.task_references.iter().flatten().all(known) {
            return Err("task_references: must be of primaryContact, opportunity and lead".to_owned());
        }
        if let Some(milliseconds) = switches.latency_ms {
            self.watch.set_latency_ms(milliseconds);
        }
        if let Some(calls) = switches.request_limit {
            let window = Duration::from_secs(switches.window_seconds.unwrap_or(WINDOW_SECONDS));
            *lock(&self.limit) = Some(Limit::new(calls, window));
        }
        let mut settings = lock(&self.settings);
        settings.locked = switches.locked.unwrap_or(settings.locked);
        settings.page_size = switches.page_size.unwrap_or(settings.page_size);
        settings.daily_quota = switches.daily_quota.unwrap_or(settings.daily_quota);
        if let Some(references) = switches.task_references {
            settings.task_references = references;
        }
        Ok(())
    }

    fn settings(&self) -> Value {
        json!({"now": *lock(&self.settings), "latency_ms": self.watch.latency_ms()})
    }

    fn reset(&self) {
        *lock(&self.settings) = Settings::default();
        *lock(&self.limit) = None;
        self.watch.set_latency_ms(0);
    }

    fn records(&self) -> Value {
        let shelf = lock(&self.shelf);
        let collections = COLLECTIONS.iter().map(|collection| {
            let rows = shelf.rows(collection.name).map(|(_, row)| json!(row)).collect();
            (collection.name.to_owned(), Value::Array(rows))
        });
        Value::Object(collections.collect())
    }

    fn calls(&self) -> Value {
        self.watch.calls()
    }
}
