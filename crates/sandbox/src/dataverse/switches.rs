//! Owns the lasting ways in which the environment can be made to behave.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Dataverse;
use crate::crm::Crm;
use crate::shelf::Change;
use crate::watch::Limit;
use crate::world::lock;

/// The requests of one user in a window, and the window in seconds, as documented.
const REQUESTS: usize = 6_000;
const WINDOW_SECONDS: u64 = 300;
/// The requests of one user at the same time, as documented.
const CONCURRENT: usize = 52;
/// How long an access token lasts, in seconds.
const TOKEN_LIFE_SECONDS: i64 = 3_599;

/// What is posted to switch the behaviour; what is absent stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Switches {
    /// Always `dataverse`.
    #[expect(dead_code, reason = "read when the kind of request is told apart, and accepted here")]
    target: String,
    /// Ends every access token; refresh tokens go on to hold.
    #[serde(default)]
    expire_all_tokens: bool,
    /// Ends every grant and token.
    #[serde(default)]
    revoke_all_refresh_tokens: bool,
    /// How long tokens last that are issued from now on.
    token_life_seconds: Option<i64>,
    /// Whether the client's secret is past its end.
    secret_expired: Option<bool>,
    /// Whether there is an application user.
    app_user: Option<bool>,
    /// Whether the Sales app is installed: opportunities and leads.
    sales_app: Option<bool>,
    /// How many requests a user may make in a window, from now on.
    request_limit: Option<usize>,
    /// How long the window is.
    window_seconds: Option<u64>,
    /// How many requests a user may make at the same time.
    concurrency_limit: Option<usize>,
    /// How long every call of the Web API takes at least.
    latency_ms: Option<u64>,
}

/// How the environment behaves now.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Settings {
    pub(super) token_life_seconds: i64,
    pub(super) secret_expired: bool,
    pub(super) app_user: bool,
    pub(super) sales_app: bool,
    pub(super) request_limit: usize,
    pub(super) window_seconds: u64,
    pub(super) concurrency_limit: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            token_life_seconds: TOKEN_LIFE_SECONDS,
            secret_expired: false,
            app_user: true,
            sales_app: true,
            request_limit: REQUESTS,
            window_seconds: WINDOW_SECONDS,
            concurrency_limit: CONCURRENT,
        }
    }
}

impl Settings {
    /// The limits of every user, begun anew.
    pub(super) fn limit(&self) -> Limit {
        Limit::new(self.request_limit, Duration::from_secs(self.window_seconds))
    }
}

impl Crm for Dataverse {
    fn name(&self) -> &'static str {
        "dataverse"
    }

    fn switch(&self, body: Value) -> Result<(), String> {
        let switches: Switches = serde_json::from_value(body).map_err(|error| format!("body: {error}"))?;
        if switches.expire_all_tokens || switches.revoke_all_refresh_tokens {
            self.end_tokens(switches.revoke_all_refresh_tokens)
                .map_err(|error| format!("cannot be kept: {error}"))?;
        }
        if let Some(milliseconds) = switches.latency_ms {
            self.watch.set_latency_ms(milliseconds);
        }
        let mut settings = lock(&self.settings);
        settings.token_life_seconds = switches.token_life_seconds.unwrap_or(settings.token_life_seconds);
        settings.secret_expired = switches.secret_expired.unwrap_or(settings.secret_expired);
        settings.app_user = switches.app_user.unwrap_or(settings.app_user);
        settings.sales_app = switches.sales_app.unwrap_or(settings.sales_app);
        settings.concurrency_limit = switches.concurrency_limit.unwrap_or(settings.concurrency_limit);
        if switches.request_limit.is_some() || switches.window_seconds.is_some() {
            settings.request_limit = switches.request_limit.unwrap_or(settings.request_limit);
            settings.window_seconds = switches.window_seconds.unwrap_or(settings.window_seconds);
            lock(&self.limits).clear();
        }
        Ok(())
    }

    fn settings(&self) -> Value {
        json!({"now": *lock(&self.settings), "latency_ms": self.watch.latency_ms()})
    }

    fn reset(&self) {
        *lock(&self.settings) = Settings::default();
        lock(&self.limits).clear();
        self.watch.set_latency_ms(0);
    }

    fn records(&self) -> Value {
        let shelf = lock(&self.shelf);
        let sets = super::schema::ENTITIES.iter().map(|entity| {
            let rows = shelf.rows(entity.set).map(|(_, row)| json!(row)).collect();
            (entity.set.to_owned(), Value::Array(rows))
        });
        Value::Object(sets.collect())
    }

    fn calls(&self) -> Value {
        self.watch.calls()
    }
}

impl Dataverse {
    fn end_tokens(&self, grants_too: bool) -> std::io::Result<()> {
        let mut shelf = lock(&self.shelf);
        let sets: &[&str] = if grants_too { &[super::TOKENS, super::GRANTS] } else { &[super::TOKENS] };
        let ended = sets.iter().flat_map(|set| shelf.rows(set).map(|(key, _)| Change::remove(set, key)));
        let ended: Vec<Change> = ended.collect();
        shelf.commit(ended)
    }
}
