//! The rules of quiet hours. No I/O.

use chrono::{NaiveTime, Timelike};
use service_kit::validate::Violations;

/// When muteable mails wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct QuietHours {
    /// When they begin, by the clock where the person is.
    pub(crate) start: NaiveTime,
    /// When they end; before the start: the next morning. Never the start.
    pub(crate) end: NaiveTime,
}

impl QuietHours {
    /// Reads two times; anything but `HH:MM` from 00:00 to 23:59 is refused, and so are two that are the same.
    pub(crate) fn read(check: &mut Violations, field: &str, start: &str, end: &str) -> Option<Self> {
        let start_field = format!("{field}.start");
        let end_field = format!("{field}.end");
        let start = read_time(check, &start_field, start);
        let end = read_time(check, &end_field, end);
        let (start, end) = start.zip(end)?;
        if start == end {
            check.add(end_field, "must not be the same as the start");
            return None;
        }
        Some(Self { start, end })
    }
}

/// What a person wants.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Preferences {
    /// When muteable mails wait; absent: never.
    pub(crate) quiet_hours: Option<QuietHours>,
}

/// What to change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Change {
    /// The new quiet hours; absent: none any more.
    pub(crate) quiet_hours: Option<QuietHours>,
}

/// Writes a time as it is read.
pub(crate) fn write_time(time: NaiveTime) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

fn read_time(check: &mut Violations, field: &str, text: &str) -> Option<NaiveTime> {
    // Exactly five characters: the parser alone would take `7:5` and spaces.
    let time = (text.len() == 5).then(|| NaiveTime::parse_from_str(text, "%H:%M").ok()).flatten();
    let time = time.filter(|time| write_time(*time) == text);
    if time.is_none() {
        check.add(field, "must be a time such as 07:30, from 00:00 to 23:59");
    }
    time
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(start: &str, end: &str) -> Result<QuietHours, String> {
        let mut check = Violations::default();
        let read = QuietHours::read(&mut check, "quiet_hours", start, end);
        check.into_result().map(|()| read.unwrap()).map_err(|violations| violations.to_string())
    }

    #[test]
    fn times_are_taken_from_midnight_to_the_minute_before_in_either_order() {
        for (start, end) in [("00:00", "23:59"), ("23:59", "00:00"), ("22:00", "07:30"), ("12:00", "12:01")] {
            let hours = read(start, end).unwrap();
            assert_eq!((write_time(hours.start).as_str(), write_time(hours.end).as_str()), (start, end));
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_its_field() {
        for bad in
            ["", "24:00", "12:60", "7:30", "07:3", "07.30", "07:30:00", " 7:30", "+7:30", "٠٧:٣٠", "-1:00"]
        {
            assert!(read(bad, "12:00").unwrap_err().contains("quiet_hours.start"), "{bad:?}");
            assert!(read("12:00", bad).unwrap_err().contains("quiet_hours.end"), "{bad:?}");
        }
    }

    #[test]
    fn an_end_that_is_the_start_is_refused() {
        assert_eq!(read("07:30", "07:30").unwrap_err(), "quiet_hours.end: must not be the same as the start");
    }
}
