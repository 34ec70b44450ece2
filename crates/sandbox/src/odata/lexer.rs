//! Owns cutting a condition into words and literals.

use super::Wrong;

/// A piece of a condition and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

/// What a piece is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A keyword, a path, a number, a date or a GUID.
    Word(String),
    /// The inside of a quoted literal with its quotes undone, and the word right before it.
    Text(Option<String>, String),
    /// A bracket or a comma.
    Sign(char),
    /// A list in square brackets of texts in double quotes.
    List(Vec<String>),
}

/// Cuts a condition into tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Wrong> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let at = text.len() - rest.len();
        let Some(first) = rest.chars().next() else {
            return Ok(tokens);
        };
        let kind = match first {
            '\'' => {
                let (inside, after) = quoted(rest, at)?;
                rest = after;
                Kind::Text(None, inside)
            }
            '(' | ')' | ',' | '=' => {
                rest = rest.get(1..).unwrap_or_default();
                Kind::Sign(first)
            }
            '[' => {
                let end = rest.find(']').ok_or(Wrong::Unterminated(at))?;
                let list = serde_json::from_str(rest.get(..=end).unwrap_or_default());
                rest = rest.get(end + 1..).unwrap_or_default();
                Kind::List(list.map_err(|_| Wrong::Syntax(at))?)
            }
            _word => {
                let part = |character: char| {
                    character.is_alphanumeric() || matches!(character, '_' | '.' | '-' | '+' | ':' | '/')
                };
                let length = rest.find(|character| !part(character)).unwrap_or(rest.len());
                if length == 0 {
                    return Err(Wrong::Syntax(at));
                }
                let (word, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
                rest = after;
                if after.starts_with('\'') {
                    let (inside, after) = quoted(after, at + length)?;
                    rest = after;
                    Kind::Text(Some(word.to_owned()), inside)
                } else {
                    Kind::Word(word.to_owned())
                }
            }
        };
        tokens.push(Token { at, kind });
    }
}

/// Reads a literal that begins with a quote; two quotes inside stand for one.
fn quoted(text: &str, at: usize) -> Result<(String, &str), Wrong> {
    let mut inside = String::new();
    let mut rest = text.get(1..).unwrap_or_default();
    loop {
        let (before, after) = rest.split_once('\'').ok_or(Wrong::Unterminated(at))?;
        inside.push_str(before);
        match after.strip_prefix('\'') {
            Some(more) => {
                inside.push('\'');
                rest = more;
            }
            None => return Ok((inside, after)),
        }
    }
}
