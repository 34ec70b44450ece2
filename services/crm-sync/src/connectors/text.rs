//! Texts as CRMs take and give them.
//!
//! Owns cutting what is too long, and making harmless what a CRM says in its own words. Knows no CRM.

/// How much of a CRM's own words is passed on, in characters.
const WORDS_MAX: usize = 300;

/// Cuts a text to `max` UTF-16 units, the strictest way to count, at a character, and shows that it was cut.
pub(super) fn cut(text: &str, max: usize) -> String {
    if text.encode_utf16().count() <= max {
        return text.to_owned();
    }
    let mut units = 0;
    let fits = |character: &char| {
        units += character.len_utf16();
        units < max
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push('…');
    cut
}

/// A CRM's own words for a person to read: one line, no control characters, of bounded length; a full stop if it said
/// nothing.
pub(super) fn quoted(message: &str) -> String {
    let text: String =
        message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS_MAX).collect();
    if text.trim().is_empty() { ".".to_owned() } else { format!(": “{}”.", text.trim()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_up_to_its_limit_and_cut_at_a_character_beyond() {
        assert_eq!(cut("abcd", 4), "abcd");
        assert_eq!(cut("abcde", 4), "abc…");
        assert_eq!(cut("ab🚀", 4), "ab🚀");
        assert_eq!(cut("abc🚀", 4), "abc…");
        assert_eq!(cut("a🚀🚀", 4), "a🚀…");
    }

    #[test]
    fn what_a_crm_says_is_passed_on_bounded_and_on_one_line() {
        assert_eq!(quoted("a\r\nb"), ": “a  b”.");
        assert_eq!(quoted(" \n"), ".");
        assert!(quoted(&"x".repeat(1_000)).chars().count() < 310);
    }
}
