//! Small things that several pages show.
//!
//! Owns moments, people and sizes as templates draw them.

use chrono::{DateTime, Utc};
use prost_types::{Duration, Timestamp};

/// A moment: for machines and the script, which shows it in the person's time zone; and for people without it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moment {
    pub(crate) iso: String,
    pub(crate) text: String,
}

impl From<Option<Timestamp>> for Moment {
    fn from(timestamp: Option<Timestamp>) -> Self {
        let time = timestamp.and_then(|at| DateTime::<Utc>::from_timestamp(at.seconds, 0));
        let Some(time) = time else { return Self::default() };
        Self {
            iso: time.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            text: time.format("%Y-%m-%d %H:%M UTC").to_string(),
        }
    }
}

/// Somebody, as a circle with their picture or initials, and a name.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) initials: String,
    /// One of eight tints, the same for the same person.
    pub(crate) tint: u32,
    /// Address of their picture, for a minute; empty where there is none, or none was asked for.
    pub(crate) picture: String,
}

impl Person {
    /// Returns somebody by their name, else by their address.
    pub(crate) fn new(name: &str, email_address: &str) -> Self {
        let shown = if name.is_empty() { email_address } else { name };
        let initials = shown.split([' ', '.', '@']).filter_map(|word| word.chars().next()).take(2);
        Self {
            name: shown.to_owned(),
            initials: initials.flat_map(char::to_uppercase).collect(),
            tint: shown.bytes().map(u32::from).sum::<u32>() % 8,
            picture: String::new(),
        }
    }

    /// Returns them with their picture.
    pub(crate) fn with(self, picture: Option<&String>) -> Self {
        Self { picture: picture.cloned().unwrap_or_default(), ..self }
    }
}

/// Writes a size: `3.4 MB`.
pub(crate) fn size(bytes: i64) -> String {
    let steps = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match steps.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => {
            let tenths = bytes.saturating_mul(10) / unit;
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} B"),
    }
}

/// Whole minutes, rounded up.
pub(crate) fn minutes(duration: Option<&Duration>) -> i64 {
    duration.map_or(0, |duration| (duration.seconds.max(0) + 59) / 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_initials_are_short() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1_000), "1.0 kB");
        assert_eq!(size(3_456_789), "3.4 MB");
        assert_eq!(Person::new("Gina Maria Guest", "").initials, "GM");
        assert_eq!(Person::new("", "gina.guest@buyer.example").initials, "GG");
    }
}
