//! Texts that people gave, made harmless for a mail.
//!
//! Owns taking out what moves text about or ends a line, and keeping mail programs from making links of what looks like
//! one: who invites must not be able to send strangers links in our name. What is shown still reads the same.
//! Escaping is the templates' part.

use std::fmt;

use service_kit::validate::is_control;
use url::Url;

use crate::delivery::Setback;

/// Seen by nobody; ends what mail programs take for an address.
const BREAK: char = '\u{200b}';

/// A text of one line, such as a title or a name. Shows itself with its links broken.
#[derive(Clone, Debug)]
pub(super) struct Line(String);

impl Line {
    /// Makes any text one line: what ends lines or moves text about becomes a space.
    pub(super) fn new(text: &str) -> Self {
        let spaced: String = text.chars().map(|c| if is_control(c) { ' ' } else { c }).collect();
        Self(spaced.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Tells whether there is nothing to show.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the beginning of the line for a header, as [`Self::plain`] does, with `…` where something is left out:
    /// at most so many characters.
    pub(super) fn short(&self, max: usize) -> String {
        let plain = self.plain();
        if plain.chars().count() <= max {
            return plain;
        }
        let kept: String = plain.chars().take(max.saturating_sub(1)).collect();
        format!("{}…", kept.trim_end())
    }

    /// Returns the line for a header: nothing is made a link there, but what looks like an encoded word (RFC 2047) would
    /// be read as one, and could bring back what [`Self::new`] took out.
    pub(super) fn plain(&self) -> String {
        self.0.replace("=?", &format!("={BREAK}?"))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&unlinked(&self.0))
    }
}

/// What somebody wrote: several lines of plain text, such as the personal note (R8.3).
#[derive(Clone, Debug)]
pub(super) struct Note(Vec<Line>);

impl Note {
    pub(super) fn new(text: &str) -> Self {
        let ends_line = |c| matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let text = text.replace("\r\n", "\n");
        Self(text.trim().split(ends_line).map(Line::new).collect())
    }

    /// Tells whether there is nothing to show.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(Line::is_empty)
    }

    /// Returns the lines; each shows itself with its links broken.
    pub(super) fn lines(&self) -> &[Line] {
        &self.0
    }
}

/// Several things to show, as many as fit into a mail.
#[derive(Clone, Debug)]
pub(super) struct Several<T> {
    /// Those that are shown, in their order.
    pub(super) shown: Vec<T>,
    /// How many more there are.
    pub(super) more: usize,
}

/// Most things that a mail shows of one sort.
const MAX_SHOWN: usize = 20;

impl<T> Several<T> {
    pub(super) fn of<S>(all: &[S], show: impl FnMut(&S) -> T) -> Self {
        let shown: Vec<T> = all.iter().take(MAX_SHOWN).map(show).collect();
        Self { more: all.len() - shown.len(), shown }
    }

    /// Returns how many there are in all.
    pub(super) fn len(&self) -> usize {
        self.shown.len() + self.more
    }

    /// Tells whether there is nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }
}

/// Where a mail's button leads.
#[derive(Clone)]
pub(super) struct Link(Url);

impl Link {
    /// Takes an address of the web only, so that no mail can carry `javascript:` or the like.
    pub(super) fn try_new(text: &str) -> Result<Self, Setback> {
        Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "https" | "http") && url.username().is_empty())
            .map(Self)
            .ok_or_else(|| Setback::permanent("the link of the mail is not an address of the web"))
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// A code to type, shown in two groups: `123 456`.
#[derive(Clone)]
pub(super) struct Code(String);

impl Code {
    /// Takes six digits and nothing else.
    pub(super) fn try_new(text: &str) -> Result<Self, Setback> {
        let is_code = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
        let (first, second) = text.split_at_checked(3).filter(|_| is_code).ok_or_else(not_a_code)?;
        Ok(Self(format!("{first} {second}")))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn not_a_code() -> Setback {
    Setback::permanent("the code of the mail is not six digits")
}

/// Puts a break after each dot before a letter (`example.com`), each colon after a letter (`https://`, `tel:1`) and each
/// `@`. Numbers, times and ends of sentences stay as they are.
fn unlinked(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        out.push(c);
        let follows = rest.peek().copied().unwrap_or(' ');
        let is_link = match c {
            // Also the dots of other scripts, which domain names may have (UTS #46).
            '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}' => !before.is_whitespace() && follows.is_alphabetic(),
            ':' | '\u{ff1a}' => before.is_alphabetic() && !follows.is_whitespace(),
            '@' | '\u{ff20}' => !follows.is_whitespace(),
            _ => false,
        };
        if is_link {
            out.push(BREAK);
        }
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_an_address_is_broken() {
        for (text, broken) in [
            ("http://evil", "http:|//evil"),
            ("see www.evil.com/x", "see www.|evil.|com/x"),
            ("a@evil.com", "a@|evil.|com"),
            ("HTTPS://EVIL.COM", "HTTPS:|//EVIL.|COM"),
            ("evil\u{3002}com", "evil\u{3002}|com"),
            ("évil.cöm", "évil.|cöm"),
            ("javascript:alert(1)", "javascript:|alert(1)"),
            ("mailto:a@b", "mailto:|a@|b"),
        ] {
            assert_eq!(unlinked(text).replace(BREAK, "|"), broken);
        }
    }

    #[test]
    fn ordinary_sentences_stay_as_they_are() {
        for text in ["Version 2.0 at 12:30.", "Hello. You, too: yes!", "1,000.50 €", "", "…"] {
            assert_eq!(unlinked(text), text);
        }
    }

    #[test]
    fn a_line_has_no_control_characters_and_a_note_keeps_its_lines() {
        let line = Line::new(" a\r\nBcc: x@y\u{2028}b\u{0}\u{202e}c ");
        assert_eq!(line.plain(), "a Bcc: x@y b c");
        let note = Note::new("one\r\n\r\ntwo\u{2028}three\u{85}\tfour\n");
        let lines: Vec<_> = note.lines().iter().map(Line::to_string).collect();
        assert_eq!(lines, ["one", "", "two", "three", "four"]);
        assert!(Note::new(" \r\n ").is_empty());
    }

    #[test]
    fn what_looks_like_an_encoded_word_is_none_in_a_header() {
        let plain = Line::new("=?utf-8?q?=0D=0ABcc:_eve?=").plain();
        assert_eq!(plain.replace(BREAK, "|"), "=|?utf-8?q?=0D=0ABcc:_eve?=");
    }

    #[test]
    fn a_line_too_long_for_a_subject_is_cut_between_characters() {
        let line = |length: usize| Line::new(&"é".repeat(length));
        assert_eq!(line(60).short(60), "é".repeat(60));
        assert_eq!(line(61).short(60), format!("{}…", "é".repeat(59)));
        assert_eq!(Line::new("one two three").short(5), "one…");
        assert_eq!(Line::new("").short(60), "");
    }

    #[test]
    fn a_mail_shows_twenty_of_a_sort_and_counts_the_rest() {
        let several = |count: usize| Several::of(&vec![(); count], |()| "x");
        for (count, shown, more) in [(0, 0, 0), (1, 1, 0), (20, 20, 0), (21, 20, 1), (50, 20, 30)] {
            let several = several(count);
            assert_eq!((several.shown.len(), several.more, several.len()), (shown, more, count));
            assert_eq!(several.is_empty(), count == 0);
        }
    }

    #[test]
    fn a_code_is_six_digits_and_shown_in_two_groups() {
        assert_eq!(Code::try_new("012345").ok().unwrap().to_string(), "012 345");
        for bad in ["", "12345", "1234567", "12 345", "12345a", "١٢٣٤٥٦", "éé12", "<b>123"] {
            assert!(Code::try_new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_link_is_an_address_of_the_web_or_refused() {
        let link = Link::try_new("https://acme.test/i#t=\"><script>").unwrap().to_string();
        assert!(!link.contains(['"', '<', '>']), "{link}");
        for bad in
            ["", "javascript:alert(1)", "data:text/html,x", "/relative", "https://user@evil.test/", "ftp://x"]
        {
            assert!(Link::try_new(bad).is_err(), "{bad}");
        }
    }
}
