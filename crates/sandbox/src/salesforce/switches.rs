//! Owns the lasting ways in which the org can be made to behave: rotation, uniqueness, quota; and its two clean sweeps.

use serde::{Deserialize, Serialize};

use super::Salesforce;

/// The daily calls of an org nobody set otherwise.
const DAILY_CALLS: u64 = 15_000;
/// The records of a page.
const BATCH: usize = 2_000;

/// What is posted to switch the org's behaviour; what is absent stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Switches {
    /// Always `salesforce`.
    #[expect(dead_code, reason = "read when the kind of request is told apart, and accepted here")]
    target: String,
    /// Ends every session; refresh tokens go on to hold.
    #[serde(default)]
    expire_all_tokens: bool,
    /// Ends every grant and session.
    #[serde(default)]
    revoke_all_refresh_tokens: bool,
    /// Whether each refresh replaces the refresh token, and reuse ends the grant.
    rotation: Option<bool>,
    /// Whether the external id field is unique.
    unique: Option<bool>,
    /// How many calls are allowed from now on.
    daily_quota: Option<u64>,
    /// How many records a page of a query has.
    batch_size: Option<usize>,
    /// How long every call of the REST API takes at least.
    latency_ms: Option<u64>,
}

/// How the org behaves now.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Settings {
    pub(super) rotation: bool,
    pub(super) unique: bool,
    pub(super) daily_quota: u64,
    pub(super) calls_used: u64,
    pub(super) batch_size: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { rotation: false, unique: true, daily_quota: DAILY_CALLS, calls_used: 0, batch_size: BATCH }
    }
}

impl Salesforce {
    /// Switches the org's behaviour.
    pub(crate) fn switch(&self, switches: &Switches) -> std::io::Result<()> {
        if switches.expire_all_tokens || switches.revoke_all_refresh_tokens {
            let mut book = self.book();
            book.sessions.clear();
            if switches.revoke_all_refresh_tokens {
                book.families.clear();
            }
            book.save()?;
        }
        if let Some(milliseconds) = switches.latency_ms {
            self.watch.set_latency_ms(milliseconds);
        }
        let mut settings = self.settings();
        settings.rotation = switches.rotation.unwrap_or(settings.rotation);
        settings.unique = switches.unique.unwrap_or(settings.unique);
        settings.batch_size = switches.batch_size.map_or(settings.batch_size, |size| size.max(1));
        if let Some(quota) = switches.daily_quota {
            settings.daily_quota = quota;
            settings.calls_used = 0;
        }
        Ok(())
    }

    /// Tells how the org behaves now.
    pub(crate) fn current_settings(&self) -> Settings {
        self.settings().clone()
    }

    /// Puts the behaviour back to what it was at start.
    pub(crate) fn reset_settings(&self) {
        self.watch.set_latency_ms(0);
        *self.settings() = Settings::default();
    }
}
