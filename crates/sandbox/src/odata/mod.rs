//! Owns what the CRMs that speak OData have in common: query options, conditions and paths with keys.
//!
//! Knows no entity and no field, and words no error: that is for each CRM.

mod condition;
mod lexer;
mod options;
mod parser;

use http::Uri;

pub(crate) use condition::{Condition, Wildcards};
pub(crate) use options::Options;
pub(crate) use parser::parse;

/// Which version of OData a condition is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Values as `guid'…'` and `datetimeoffset'…'`.
    V2,
    /// Values as they are, and Dataverse's own functions.
    V4,
}

/// What is wrong with a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// A literal that begins here has no end.
    Unterminated(usize),
    /// Something that cannot stand here.
    Syntax(usize),
    /// A function that is not there.
    Function(String),
}

/// One part of a path: a name, perhaps with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) key: Option<Key>,
}

/// A key: alone, or of a named field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) field: Option<String>,
    pub(crate) value: String,
}

/// Reads a path of segments, still percent-encoded; None if it is none.
pub(crate) fn path(text: &str) -> Option<Vec<Segment>> {
    text.split('/').map(segment).collect()
}

fn segment(text: &str) -> Option<Segment> {
    let text = decoded(text);
    let Some((name, rest)) = text.split_once('(') else {
        return Some(Segment { name: text, key: None });
    };
    let inside = rest.strip_suffix(')')?;
    let (field, value) = match inside.split_once('=') {
        Some((field, value)) if !field.contains('\'') => (Some(field.to_owned()), value),
        _alone => (None, inside),
    };
    let quoted = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\''));
    let value = match quoted {
        Some(quoted) if quoted.replace("''", "").contains('\'') => return None,
        Some(quoted) => quoted.replace("''", "'"),
        None => value.to_owned(),
    };
    (!name.is_empty()).then(|| Segment { name: name.to_owned(), key: Some(Key { field, value }) })
}

/// Undoes percent-encoding.
pub(crate) fn decoded(text: &str) -> String {
    let text = text.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(text.as_bytes()).map(|(name, _)| name.into_owned()).collect()
}

/// What follows `root` in an address, and its query.
pub(crate) fn below<'a>(uri: &'a Uri, root: &str) -> (&'a str, &'a str) {
    (uri.path().strip_prefix(root).unwrap_or_default(), uri.query().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_gives_names_and_keys_with_quotes_undone() {
        let read = path("tasks(new_key='a%27%27b=c')/owner").unwrap();
        let key = Key { field: Some("new_key".to_owned()), value: "a'b=c".to_owned() };
        assert_eq!(read[0], Segment { name: "tasks".to_owned(), key: Some(key) });
        assert_eq!(read[1], Segment { name: "owner".to_owned(), key: None });
        assert_eq!(path("Tasks('a+b')").unwrap()[0].key.as_ref().unwrap().value, "a+b");
        assert!(path("Tasks('a'b')").is_none() && path("Tasks('a'").is_none() && path("('a')").is_none());
    }
}
