//! Owns cutting a query into words, and what may stand in a string literal.

use super::super::reply::ApiError;
use super::malformed;

/// A piece of a query.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A keyword, a name with dots, a number or a date.
    Word(String),
    /// The inside of a quoted literal, its escapes still in place.
    Quoted(String),
    /// A comma, a bracket or a comparison.
    Sign(&'static str),
}

/// A piece of a LIKE pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pattern {
    /// `%`: any characters.
    Any,
    /// `_`: one character.
    One,
    /// This character.
    Exactly(char),
}

const SIGNS: [&str; 11] = ["<>", "!=", "<=", ">=", "=", "<", ">", "(", ")", ",", ":"];

/// Cuts a query into tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ApiError> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '\'' {
            let (inside, after) = quoted(rest.get(1..).unwrap_or_default())?;
            tokens.push(Token::Quoted(inside.to_owned()));
            rest = after;
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            tokens.push(Token::Sign(sign));
            rest = rest.get(sign.len()..).unwrap_or_default();
        } else {
            // Dates and numbers hold signs that names cannot.
            let number = first.is_ascii_digit() || first == '-' || first == '+';
            let part = |character: char| {
                character.is_ascii_alphanumeric()
                    || matches!(character, '_' | '.')
                    || (number && matches!(character, '-' | '+' | ':'))
            };
            let length = rest.find(|character| !part(character)).unwrap_or(rest.len());
            let (word, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            if word.is_empty() {
                return Err(malformed(format!("unexpected token: '{first}'")));
            }
            tokens.push(Token::Word(word.to_owned()));
            rest = after;
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

/// Finds the end of a literal, stepping over what a backslash protects.
fn quoted(text: &str) -> Result<(&str, &str), ApiError> {
    let mut escaped = false;
    for (place, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' => {
                let (inside, rest) = text.split_at_checked(place).unwrap_or((text, ""));
                return Ok((inside, rest.strip_prefix('\'').unwrap_or(rest)));
            }
            _other => {}
        }
    }
    Err(malformed("unterminated string literal"))
}

/// Reads the escapes of a literal; any but the documented ones is an error.
pub(super) fn literal(inside: &str) -> Result<String, ApiError> {
    let mut text = String::with_capacity(inside.len());
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        text.push(if character == '\\' { escape(characters.next())? } else { character });
    }
    Ok(text)
}

/// Reads the escapes of a pattern, where `\_` and `\%` stand for the character itself.
pub(super) fn pattern(inside: &str) -> Result<Vec<Pattern>, ApiError> {
    let mut pieces = Vec::new();
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        pieces.push(match character {
            '%' => Pattern::Any,
            '_' => Pattern::One,
            '\\' => match characters.next() {
                Some(wildcard @ ('%' | '_')) => Pattern::Exactly(wildcard),
                other => Pattern::Exactly(escape(other)?),
            },
            other => Pattern::Exactly(other),
        });
    }
    Ok(pieces)
}

fn escape(character: Option<char>) -> Result<char, ApiError> {
    Ok(match character {
        Some('n' | 'N') => '\n',
        Some('r' | 'R') => '\r',
        Some('t' | 'T') => '\t',
        Some('b' | 'B') => '\u{8}',
        Some('f' | 'F') => '\u{c}',
        Some(same @ ('"' | '\'' | '\\')) => same,
        _other => {
            return Err(malformed("Invalid string literal. Illegal character sequence after a backslash."));
        }
    })
}
