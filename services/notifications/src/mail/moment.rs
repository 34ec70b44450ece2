//! A moment in words.
//!
//! Owns dates and times as each language writes them, always with the time zone they are of.

use chrono::{DateTime, Datelike, NaiveDateTime, Utc};

use super::text::Line;

const ENGLISH: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const FRENCH: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];
const GERMAN: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];

/// When something happened, as clocks of a time zone show it.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    local: NaiveDateTime,
    zone: Line,
}

impl Moment {
    /// Returns a moment in UTC, and says so.
    pub(crate) fn utc(time: DateTime<Utc>) -> Self {
        Self::local(time.naive_utc(), "UTC")
    }

    /// Returns a moment as the clocks of `zone` show it.
    pub(crate) fn local(local: NaiveDateTime, zone: &str) -> Self {
        Self { local, zone: Line::new(zone) }
    }

    /// Says it in English.
    pub(super) fn en(&self) -> String {
        format!("{} {} {}, {}", self.local.day(), self.month(&ENGLISH), self.local.year(), self.clock())
    }

    /// Says it in French.
    pub(super) fn fr(&self) -> String {
        let day = self.local.day();
        let day = if day == 1 { "1er".to_owned() } else { day.to_string() };
        format!("{day} {} {} à {}", self.month(&FRENCH), self.local.year(), self.clock())
    }

    /// Says it in German.
    pub(super) fn de(&self) -> String {
        format!("{}. {} {}, {}", self.local.day(), self.month(&GERMAN), self.local.year(), self.clock())
    }

    fn month(&self, names: &[&'static str; 12]) -> &'static str {
        usize::try_from(self.local.month0())
            .ok()
            .and_then(|month| names.get(month))
            .copied()
            .unwrap_or_default()
    }

    fn clock(&self) -> String {
        format!("{} ({})", self.local.format("%H:%M"), self.zone)
    }
}

/// How long something took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    minutes: u64,
}

impl Span {
    /// Returns the time between two moments; none where they are the wrong way round.
    pub(crate) fn between(start: DateTime<Utc>, end: DateTime<Utc>) -> Self {
        Self { minutes: u64::try_from((end - start).num_minutes()).unwrap_or_default() }
    }

    /// Says it in English.
    pub(super) fn en(self) -> String {
        self.words("less than a minute", ["hour", "hours"], ["minute", "minutes"])
    }

    /// Says it in French.
    pub(super) fn fr(self) -> String {
        self.words("moins d’une minute", ["heure", "heures"], ["minute", "minutes"])
    }

    /// Says it in German.
    pub(super) fn de(self) -> String {
        self.words("weniger als eine Minute", ["Stunde", "Stunden"], ["Minute", "Minuten"])
    }

    /// Each pair is a word for one and a word for more.
    fn words(self, none: &str, hour: [&str; 2], minute: [&str; 2]) -> String {
        let say = |count: u64, [one, more]: [&str; 2]| {
            (count > 0).then(|| format!("{count} {}", if count == 1 { one } else { more }))
        };
        let said = [say(self.minutes / 60, hour), say(self.minutes % 60, minute)];
        let said: Vec<String> = said.into_iter().flatten().collect();
        if said.is_empty() { none.to_owned() } else { said.join(" ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_each_language_does_with_its_zone() {
        let time = DateTime::from_timestamp(1_772_323_500, 0).unwrap();
        let utc = Moment::utc(time);
        assert_eq!(utc.en(), "1 March 2026, 00:05 (UTC)");
        assert_eq!(utc.fr(), "1er mars 2026 à 00:05 (UTC)");
        let local = Moment::local(time.naive_utc() + chrono::TimeDelta::days(300), "Europe/Zurich");
        assert_eq!(local.de(), "26. Dezember 2026, 00:05 (Europe/Zurich)");
        assert_eq!(local.fr(), "26 décembre 2026 à 00:05 (Europe/Zurich)");
    }

    #[test]
    fn a_span_is_said_in_hours_and_minutes_one_or_many() {
        let start = DateTime::from_timestamp(1_772_323_500, 0).unwrap();
        let span = |seconds| Span::between(start, start + chrono::TimeDelta::seconds(seconds));
        for (seconds, en, fr, de) in [
            (-60, "less than a minute", "moins d’une minute", "weniger als eine Minute"),
            (59, "less than a minute", "moins d’une minute", "weniger als eine Minute"),
            (60, "1 minute", "1 minute", "1 Minute"),
            (1_620, "27 minutes", "27 minutes", "27 Minuten"),
            (3_660, "1 hour 1 minute", "1 heure 1 minute", "1 Stunde 1 Minute"),
            (7_200, "2 hours", "2 heures", "2 Stunden"),
        ] {
            assert_eq!((span(seconds).en().as_str(), span(seconds).fr().as_str()), (en, fr));
            assert_eq!(span(seconds).de(), de);
        }
    }
}
