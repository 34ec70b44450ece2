//! The mark by which a log is found again in a CRM that has no field for its key.
//!
//! Owns its form. It stands at the end of a subject, where people see it and see past it.

use uuid::Uuid;

use super::text::cut;

/// The mark of a key: the first 48 bits, enough to tell one tenant's logs apart.
pub(super) fn mark(key: Uuid) -> String {
    let digits: String = key.simple().to_string().chars().take(12).collect();
    format!("[SS-{digits}]")
}

/// A subject of at most `max` UTF-16 units that ends with the mark.
pub(super) fn marked(subject: &str, key: Uuid, max: usize) -> String {
    let mark = mark(key);
    format!("{} {mark}", cut(subject, max.saturating_sub(mark.len() + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stays_whole_whatever_the_subject() {
        let key = Uuid::from_u128(0x0123_4567_89ab_4000_8000_0000_0000_0007);
        assert_eq!(mark(key), "[SS-0123456789ab]");
        assert_eq!(marked("Space created", key, 765), "Space created [SS-0123456789ab]");
        let long = marked(&"é".repeat(800), key, 765);
        assert_eq!(long.encode_utf16().count(), 765);
        assert!(long.ends_with("… [SS-0123456789ab]"), "{long}");
    }
}
