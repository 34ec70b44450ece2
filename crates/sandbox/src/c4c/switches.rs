//! Owns the lasting ways in which the tenant can be made to behave.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::schema::SETS;
use super::{C4c, SESSIONS, TOKENS};
use crate::crm::Crm;
use crate::shelf::Change;
use crate::watch::Limit;
use crate::world::lock;

/// The records of a page that the client did not size, as documented.
const PAGE: usize = 1_000;
/// How long an access token lasts, in seconds.
const TOKEN_LIFE_SECONDS: i64 = 3_600;
/// The window of the limit of calls, where only the calls are given.
const WINDOW_SECONDS: u64 = 60;

/// What is posted to switch the behaviour; what is absent stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Switches {
    /// Always `c4c`.
    #[expect(dead_code, reason = "read when the kind of request is told apart, and accepted here")]
    target: String,
    /// Ends every access token, and every session with its CSRF token.
    #[serde(default)]
    expire_all_tokens: bool,
    /// How long tokens last that are issued from now on.
    token_life_seconds: Option<i64>,
    /// Whether the user is a technical one, who needs no CSRF token and can get none.
    technical_user: Option<bool>,
    /// Whether an administrator added the field for the log's id to Tasks.
    custom_field: Option<bool>,
    /// Whether a single record is wrapped in `results`, as the tenants are that were seen.
    wrap_single: Option<bool>,
    /// How many records a page has that the client did not size.
    page_size: Option<usize>,
    /// How many calls are allowed in a window, from now on.
    request_limit: Option<usize>,
    /// How long the window is.
    window_seconds: Option<u64>,
    /// How long every call of the OData service takes at least.
    latency_ms: Option<u64>,
}

/// How the tenant behaves now.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Settings {
    pub(super) token_life_seconds: i64,
    pub(super) technical_user: bool,
    pub(super) custom_field: bool,
    pub(super) wrap_single: bool,
    pub(super) page_size: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            token_life_seconds: TOKEN_LIFE_SECONDS,
            technical_user: false,
            custom_field: true,
            wrap_single: true,
            page_size: PAGE,
        }
    }
}

impl Crm for C4c {
    fn name(&self) -> &'static str {
        "c4c"
    }

    fn switch(&self, body: Value) -> Result<(), String> {
        let switches: Switches = serde_json::from_value(body).map_err(|error| format!("body: {error}"))?;
        if switches.page_size == Some(0) {
            return Err("page_size: must be at least 1".to_owned());
        }
        if switches.expire_all_tokens {
            let mut shelf = lock(&self.shelf);
            let ended = [TOKENS, SESSIONS]
                .into_iter()
                .flat_map(|set| shelf.rows(set).map(move |(key, _)| Change::remove(set, key)));
            let ended = ended.collect();
            shelf.commit(ended).map_err(|error| format!("cannot be kept: {error}"))?;
        }
        if let Some(milliseconds) = switches.latency_ms {
            self.watch.set_latency_ms(milliseconds);
        }
        if let Some(calls) = switches.request_limit {
            let window = Duration::from_secs(switches.window_seconds.unwrap_or(WINDOW_SECONDS));
            *lock(&self.limit) = Some(Limit::new(calls, window));
        }
        let mut settings = lock(&self.settings);
        settings.token_life_seconds = switches.token_life_seconds.unwrap_or(settings.token_life_seconds);
        settings.technical_user = switches.technical_user.unwrap_or(settings.technical_user);
        settings.custom_field = switches.custom_field.unwrap_or(settings.custom_field);
        settings.wrap_single = switches.wrap_single.unwrap_or(settings.wrap_single);
        settings.page_size = switches.page_size.unwrap_or(settings.page_size);
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
        let children = SETS.iter().flat_map(|set| set.children).map(super::body::rows_of);
        let sets = SETS.iter().map(|set| set.name.to_owned()).chain(children).map(|set| {
            let rows = shelf.rows(&set).map(|(_, row)| json!(row)).collect();
            (set.clone(), Value::Array(rows))
        });
        Value::Object(sets.collect())
    }

    fn calls(&self) -> Value {
        self.watch.calls()
    }
}
