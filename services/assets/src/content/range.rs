//! Parts of a file that are asked for (RFC 9110, §14).
//!
//! Owns reading `Range`. Several ranges at once, and what is not understood, are answered with the whole, which the
//! standard allows.

/// Which bytes are to be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Span {
    /// All.
    Whole,
    /// From the first to the last, both included.
    Part(i64, i64),
    /// There is nothing there.
    Beyond,
}

impl Span {
    /// Reads what is asked for of a file of this size, which is at least 1.
    pub(super) fn read(range: Option<&str>, size: i64) -> Self {
        let asked = range.and_then(|range| range.trim().strip_prefix("bytes="));
        let Some((first, last)) = asked.and_then(|asked| asked.split_once('-')) else { return Self::Whole };
        match (number(first), number(last)) {
            (None, Some(length)) if first.trim().is_empty() => match length {
                0 => Self::Beyond,
                length => Self::Part(size.saturating_sub(length).max(0), size - 1),
            },
            (Some(first), None) if last.trim().is_empty() => Self::up_to(first, size - 1, size),
            (Some(first), Some(last)) if first <= last => Self::up_to(first, last, size),
            _ => Self::Whole,
        }
    }

    fn up_to(first: i64, last: i64, size: i64) -> Self {
        if first < size { Self::Part(first, last.min(size - 1)) } else { Self::Beyond }
    }
}

/// Reads digits alone; what is too large for any file counts as its end.
fn number(text: &str) -> Option<i64> {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_the_standard_says() {
        for (range, expected) in [
            ("bytes=0-0", Span::Part(0, 0)),
            ("bytes=0-9", Span::Part(0, 9)),
            ("bytes=0-10", Span::Part(0, 9)),
            ("bytes=9-", Span::Part(9, 9)),
            ("bytes=10-", Span::Beyond),
            ("bytes=10-20", Span::Beyond),
            ("bytes=-1", Span::Part(9, 9)),
            ("bytes=-10", Span::Part(0, 9)),
            ("bytes=-11", Span::Part(0, 9)),
            ("bytes=-0", Span::Beyond),
            ("bytes=5-4", Span::Whole),
            ("bytes=0-1,3-4", Span::Whole),
            ("bytes=-", Span::Whole),
            ("bytes=+1-2", Span::Whole),
            ("bytes=--1", Span::Whole),
            ("lines=0-1", Span::Whole),
            ("", Span::Whole),
            ("bytes=0-99999999999999999999", Span::Part(0, 9)),
            ("bytes=99999999999999999999-", Span::Beyond),
        ] {
            assert_eq!(Span::read(Some(range), 10), expected, "{range}");
        }
        assert_eq!(Span::read(None, 10), Span::Whole);
    }
}
