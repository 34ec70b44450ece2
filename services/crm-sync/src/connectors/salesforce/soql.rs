//! Literals of SOQL ("Quoted String Escape Sequences").
//!
//! Owns the one way in which what people type gets into a query. A query is a constant text with these literals in it;
//! must not be bypassed by formatting text into a query.

use std::fmt::{self, Display, Formatter, Write};

/// A LIKE pattern, quotes included, that matches what contains the text literally.
pub(super) struct Contains<'a>(pub(super) &'a str);

impl Display for Contains<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("'%")?;
        for character in self.0.chars() {
            match character {
                // Each character is looked at once, so that no escape is escaped again.
                '\\' | '\'' | '%' | '_' => {
                    f.write_char('\\')?;
                    f.write_char(character)?;
                }
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                // No other control character has an escape; none has a place in a name.
                control if control.is_control() => f.write_char(' ')?,
                other => f.write_char(other)?,
            }
        }
        f.write_str("%'")
    }
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
    fn control_characters_without_an_escape_become_spaces() {
        assert_eq!(Contains("a\u{0}b\u{7f}c").to_string(), "'%a b c%'");
    }
}
