//! Where time comes from.
//!
//! Owns the clock that is passed to all code that needs the time, so that tests can set it. Leases and expiries that
//! several processes share are decided by the database's clock instead.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

/// Seconds of the years 1 to 9999.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
const NANOS_MAX: u32 = 999_999_999;

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

/// Returns the time that is told on the wire; nothing outside of what google.protobuf.Timestamp holds.
pub fn time(told: &prost_types::Timestamp) -> Option<DateTime<Utc>> {
    let nanos = u32::try_from(told.nanos).ok()?;
    DateTime::from_timestamp(told.seconds, nanos).filter(|time| is_timestamp(*time))
}

/// Tells whether google.protobuf.Timestamp holds a time: the years 1 to 9999, without leap seconds.
pub(crate) fn is_timestamp(time: DateTime<Utc>) -> bool {
    SECONDS.contains(&time.timestamp()) && time.timestamp_subsec_nanos() <= NANOS_MAX
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_within_the_range_of_timestamps_and_refused_beyond() {
        let told = |(seconds, nanos)| time(&prost_types::Timestamp { seconds, nanos });
        for within in [(-62_135_596_800, 0), (253_402_300_799, 999_999_999), (0, 0)] {
            assert!(told(within).is_some_and(|time| timestamp(time).seconds == within.0), "{within:?}");
        }
        let beyond =
            [(-62_135_596_801, 0), (253_402_300_800, 0), (0, -1), (59, 1_000_000_000), (i64::MAX, 0)];
        for beyond in beyond {
            assert!(told(beyond).is_none(), "{beyond:?}");
        }
    }
}
