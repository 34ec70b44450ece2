//! Where time comes from.
//!
//! Owns the clock that is passed to all code that needs the time, so that tests can set it. Leases and expiries that
//! several processes share are decided by the database's clock instead.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Returns the time now, in whole microseconds, which is what PostgreSQL keeps.
    fn now(&self) -> DateTime<Utc>;
}

/// A clock that is passed around.
pub type SharedClock = Arc<dyn Clock>;

/// Returns a time as it is on the wire.
pub fn timestamp(time: DateTime<Utc>) -> prost_types::Timestamp {
    // Below a second there are fewer nanoseconds than an i32 holds.
    let nanos = i32::try_from(time.timestamp_subsec_nanos()).unwrap_or_default();
    prost_types::Timestamp { seconds: time.timestamp(), nanos }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        #[expect(clippy::disallowed_methods, reason = "the one place where the machine's time is read")]
        let now = Utc::now();
        now.duration_trunc(TimeDelta::microseconds(1)).unwrap_or(now)
    }
}

/// A clock that stands still until it is moved; for tests.
#[derive(Debug)]
pub struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    /// Returns a clock that stands at `now`.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self(Mutex::new(now))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
