//! Named points at which a test ends the process.
//!
//! Owns the list and what happens at a point. Does nothing unless built with the feature `failpoints`, which no
//! shipped build has.

/// The points of this crate. `FAILPOINTS="relay.after_confirm_before_mark=1*return"` ends the process at the first
/// visit; `fail`'s other actions (`sleep`, `off`, counts, chances) work as well.
pub const FAILPOINTS: &[&str] = &[
    "outbox.after_append",
    "relay.after_publish_before_confirm",
    "relay.after_confirm_before_mark",
    "inbox.before_commit",
    "inbox.after_commit_before_ack",
    "jobs.after_claim",
    "jobs.after_handler_before_complete",
    "jobs.after_complete",
];

/// Ends the process, as a crash would, where the point is set to `return`. Services place their own points by it.
#[cfg(feature = "failpoints")]
pub fn failpoint(name: &str) {
    fail::fail_point!(name, |_| {
        tracing::warn!(failpoint.name = name, "ending at a failpoint");
        std::process::abort()
    });
}

/// Does nothing in this build.
#[cfg(not(feature = "failpoints"))]
pub fn failpoint(_name: &str) {}

/// Reads the variable `FAILPOINTS`, once per process. [`crate::Messaging`] does so itself.
#[cfg(feature = "failpoints")]
pub fn arm_failpoints() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    // Kept for the life of the process: dropping it would clear the points.
    ONCE.call_once(|| std::mem::forget(fail::FailScenario::setup()));
}

/// Does nothing in this build.
#[cfg(not(feature = "failpoints"))]
pub fn arm_failpoints() {}
