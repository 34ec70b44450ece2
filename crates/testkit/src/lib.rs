//! Test support: a real database per test, a broker prefix per test, tokens, and waiting without sleeping.
//!
//! A dev-dependency only. Must not know messaging or any service: they use it in their own tests. What is missing in
//! the environment is told by one sentence and a panic, because a test cannot go on without it.
#![expect(clippy::panic, clippy::expect_used, reason = "a test that cannot be set up fails")]

mod broker;
pub mod certificates;
mod database;
mod eventually;
pub mod forge;
#[cfg(test)]
mod kit;
mod peers;
mod people;
mod tokens;

pub use broker::{amqp_url, broker_config, broker_prefix};
pub use database::TestDatabase;
pub use eventually::{Found, eventually, eventually_within};
pub use peers::peers;
pub use people::{call, caller, caller_of, clock, ids};
pub use service_kit::clock::ManualClock;
pub use tokens::{ISSUER, TestKeys};

/// Reads a variable that the test run sets.
fn required(variable: &str) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests have no settings; their servers come by two variables"
    )]
    let value = std::env::var(variable);
    value.unwrap_or_else(|_| panic!("run through cargo xtask test, or set {variable}"))
}
