//! Literals of SOQL ("Quoted String Escape Sequences").
//!
//! Owns the one way in which what people type gets into a query. A query is a constant text with these literals in it;
//! must not be bypassed by formatting text into a query.

use std::fmt::{self, Display, Formatter, Write};

/// A literal, quotes included, that means the text itself.
pub(super) struct Literal<'a>(pub(super) &'a str);

impl Display for Literal<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('\'')?;
        self.0.chars().try_for_each(|character| write_escaped(f, character))?;
        f.write_char('\'')
    }
}

/// A list of literals in parentheses, for IN; there must be at least one.
pub(super) struct AnyOf<'a>(pub(super) &'a [String]);

impl Display for AnyOf<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, text) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "(" } else { ", " })?;
            Literal(text).fmt(f)?;
        }
        f.write_char(')')
    }
}

/// A LIKE pattern, quotes included, that matches what contains the text literally.
pub(super) struct Contains<'a>(pub(super) &'a str);

impl Display for Contains<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("'%")?;
        for character in self.0.chars() {
            // The two wildcards may be escaped in LIKE only.
            if matches!(character, '%' | '_') {
                f.write_char('\\')?;
                f.write_char(character)?;
            } else {
                write_escaped(f, character)?;
            }
        }
        f.write_str("%'")
    }
}

/// Each character is looked at once, so that no escape is escaped again.
fn write_escaped(f: &mut Formatter<'_>, character: char) -> fmt::Result {
    match character {
        '\\' | '\'' => {
            f.write_char('\\')?;
            f.write_char(character)
        }
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        // No other control character has an escape; none has a place in a name.
        control if control.is_control() => f.write_char(' '),
        other => f.write_char(other),
    }
}

/// Makes the words of a search (parameterizedSearch) of what people type: letters and digits only, each word as the
/// beginning of one, so that none of the reserved characters of SOSL is left. Nothing where too little is left to search.
pub(super) fn search_words(text: &str) -> Option<String> {
    let words: Vec<String> = text
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| format!("{word}*"))
        .collect();
    let length: usize = words.iter().map(|word| word.chars().count() - 1).sum();
    (length >= 2).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads one literal as Salesforce does; gives the text between the outer wildcards and what follows the literal.
    fn read(literal: &str) -> (String, &str) {
        let mut text = String::new();
        let mut characters = literal.strip_prefix('\'').unwrap().char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '\'' => {
                    let inside =
                        text.strip_prefix("\u{1}").unwrap().strip_suffix("\u{1}").unwrap().to_owned();
                    return (inside, &literal[at + 2..]);
                }
                // A bare wildcard is marked, so that one from inside is told from an escaped one.
                '%' => text.push('\u{1}'),
                '_' => text.push('\u{2}'),
                '\\' => match characters.next().unwrap().1 {
                    'n' => text.push('\n'),
                    'r' => text.push('\r'),
                    't' => text.push('\t'),
                    escaped @ ('\\' | '\'' | '%' | '_') => text.push(escaped),
                    other => panic!("illegal escape \\{other}"),
                },
                other => text.push(other),
            }
        }
        panic!("the literal does not end: {literal}")
    }

    #[test]
    fn a_name_is_written_as_a_plain_literal() {
        assert_eq!(Contains("Contoso").to_string(), "'%Contoso%'");
        assert_eq!(Contains("O'Hara").to_string(), r"'%O\'Hara%'");
        assert_eq!(Contains(r"\'").to_string(), r"'%\\\'%'");
    }

    #[test]
    fn hostile_text_stays_inside_its_literal_and_means_itself() {
        let pieces =
            ["'", "\\", "%", "_", "\"", " OR Name != '", "x", "%27", "\u{2019}", "é", "\n", "\\'", "''", ")"];
        let mut hostile: Vec<String> = vec![
            "' OR Name LIKE '%".to_owned(),
            r"x\' OR Name != '".to_owned(),
            r"\".to_owned(),
            r"\\".to_owned(),
            r"\\'".to_owned(),
            "100%".to_owned(),
            "under_score".to_owned(),
            "a' LIMIT 2000 --".to_owned(),
            "{!x}".to_owned(),
            String::new(),
        ];
        for first in pieces {
            for second in pieces {
                for third in pieces {
                    hostile.push(format!("{first}{second}{third}"));
                }
            }
        }
        for text in hostile {
            let query = format!("{} ORDER BY Name", Contains(&text));
            let (read, rest) = read(&query);
            assert_eq!((read.as_str(), rest), (text.as_str(), " ORDER BY Name"));
        }
    }

    #[test]
    fn literals_and_lists_mean_the_text_itself() {
        assert_eq!(Literal(r"x\' OR Email != '").to_string(), r"'x\\\' OR Email != \''");
        assert_eq!(Literal("a_b%@x.test").to_string(), "'a_b%@x.test'");
        let addresses = ["o'hara@x.test".to_owned(), "b@x.test".to_owned()];
        assert_eq!(AnyOf(&addresses).to_string(), r"('o\'hara@x.test', 'b@x.test')");
    }

    #[test]
    fn a_search_holds_words_and_no_operator() {
        assert_eq!(search_words("Nora O'Ha").as_deref(), Some("Nora* O* Ha*"));
        assert_eq!(search_words("nora.field@con").as_deref(), Some("nora* field* con*"));
        assert_eq!(search_words("a} RETURNING User(Id) {*?").as_deref(), Some("a* RETURNING* User* Id*"));
        assert_eq!(search_words("é?"), None);
    }

    #[test]
    fn control_characters_without_an_escape_become_spaces() {
        assert_eq!(Contains("a\u{0}b\u{7f}c").to_string(), "'%a b c%'");
    }
}
