//! What a client may tell of times and texts that go into a query: no more than the database takes. No I/O.

use chrono::{DateTime, Utc};
use serde::de::{Deserialize, Deserializer, Error};

/// Seconds of the years 0001 to 9999, which is what google.protobuf.Timestamp holds.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
const NANOS_MAX: u32 = 999_999_999;

/// Returns the time that a google.protobuf.Timestamp tells; nothing outside of its range.
pub(crate) fn time(seconds: i64, nanos: i32) -> Option<DateTime<Utc>> {
    let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos <= NANOS_MAX)?;
    SECONDS.contains(&seconds).then(|| DateTime::from_timestamp(seconds, nanos)).flatten()
}

/// Reads a time of a page token, which may have been edited; refuses what no timestamp holds.
pub(crate) fn key_time<'de, D: Deserializer<'de>>(from: D) -> Result<DateTime<Utc>, D::Error> {
    let told = DateTime::<Utc>::deserialize(from)?;
    let is_held = SECONDS.contains(&told.timestamp()) && told.timestamp_subsec_nanos() <= NANOS_MAX;
    is_held.then_some(told).ok_or_else(|| D::Error::custom("must be a time of the years 1 to 9999"))
}

/// Reads a text of a page token, which may have been edited; refuses the sign that the database does not take.
pub(crate) fn key_text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let told = String::deserialize(from)?;
    if told.contains('\0') { Err(D::Error::custom("must be text")) } else { Ok(told) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Key {
        #[serde(deserialize_with = "key_time")]
        #[expect(dead_code, reason = "it is read or refused")]
        time: DateTime<Utc>,
        #[serde(deserialize_with = "key_text")]
        #[expect(dead_code, reason = "it is read or refused")]
        text: String,
    }

    #[test]
    fn times_are_taken_within_the_range_of_timestamps_and_refused_beyond() {
        for (seconds, nanos) in [(-62_135_596_800, 0), (253_402_300_799, 999_999_999), (0, 0)] {
            assert!(time(seconds, nanos).is_some(), "{seconds} {nanos}");
        }
        let beyond =
            [(-62_135_596_801, 0), (253_402_300_800, 0), (0, -1), (59, 1_000_000_000), (i64::MAX, 0)];
        for (seconds, nanos) in beyond {
            assert!(time(seconds, nanos).is_none(), "{seconds} {nanos}");
        }
    }

    #[test]
    fn an_edited_token_holds_no_time_and_no_text_that_the_database_refuses() {
        let read = |time: &str, text: &str| {
            serde_json::from_value::<Key>(serde_json::json!({ "time": time, "text": text }))
        };
        assert!(read("0001-01-01T00:00:00Z", "a").is_ok());
        assert!(read("9999-12-31T23:59:59.999999999Z", "a").is_ok());
        for time in ["0000-12-31T23:59:59Z", "+10000-01-01T00:00:00Z", "2026-12-31T23:59:60Z"] {
            assert!(read(time, "a").is_err(), "{time}");
        }
        assert!(read("2026-01-01T00:00:00Z", "a\0").is_err());
    }
}
