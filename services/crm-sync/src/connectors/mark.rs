//! The mark by which a log is found again in a CRM that does not refuse a second record of its key.
//!
//! Owns its form. It stands at the end of a subject, where people see it and see past it.

use uuid::Uuid;

use super::text::cut;

/// The mark of a key: its last 48 bits, enough to tell one tenant's logs apart. The first ones of a UUIDv7 are the time,
/// which logs of one moment share.
pub(super) fn mark(key: Uuid) -> String {
    let digits: String = key.simple().to_string().chars().skip(20).collect();
    format!("[SS-{digits}]")
}

/// A subject of at most `max` UTF-16 units that ends with the mark.
pub(super) fn marked(subject: &str, key: Uuid, max: usize) -> String {
    let mark = mark(key);
    format!("{} {mark}", cut(subject, max.saturating_sub(mark.len() + 1)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_mark_stays_whole_whatever_the_subject() {
        let key = Uuid::from_u128(0x0123_4567_89ab_7000_8000_fedc_ba98_7654);
        assert_eq!(mark(key), "[SS-fedcba987654]");
        assert_eq!(marked("Space created", key, 765), "Space created [SS-fedcba987654]");
        let long = marked(&"é".repeat(800), key, 765);
        assert_eq!(long.encode_utf16().count(), 765);
        assert!(long.ends_with("… [SS-fedcba987654]"), "{long}");
    }

    #[test]
    fn logs_of_one_millisecond_have_marks_of_their_own() {
        let ids = testkit::ids();
        let marks: HashSet<String> = (0..1_000).map(|_| mark(ids.next())).collect();
        assert_eq!(marks.len(), 1_000);
    }
}
