//! A prefix per test on a shared broker.
//!
//! Owns names only; it opens no connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use secrecy::SecretString;
use service_kit::config::BrokerConfig;

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Returns the broker's address. Panics where `TEST_AMQP_URL` is not set.
pub fn amqp_url() -> String {
    crate::required("TEST_AMQP_URL")
}

/// Returns a prefix that no other test has, for the names of exchange and queues.
pub fn broker_prefix() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("t{}-{}-{count}.", since.as_millis(), std::process::id())
}

/// Returns the broker's settings with a prefix of its own.
pub fn broker_config() -> BrokerConfig {
    BrokerConfig { url: SecretString::from(amqp_url()), prefix: broker_prefix() }
}
