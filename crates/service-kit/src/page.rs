//! Keyset paging (AIP-158).
//!
//! Owns the page request and the opaque token, which is the last row's key. Must not know any table.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::clock::is_timestamp;
use crate::validate::Violations;

const DEFAULT_SIZE: i32 = 50;
const MAX_SIZE: i32 = 100;

/// Which page is asked for. `K` is the key of the last row of the page before.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PageRequest<K> {
    /// At most this many rows.
    pub size: i64,
    /// Rows after this key.
    pub after: Option<K>,
}

impl<K: DeserializeOwned> PageRequest<K> {
    /// Reads `page_size` (0–100, 0 meaning 50) and `page_token` of a request.
    pub fn read(check: &mut Violations, page_size: i32, page_token: &str) -> Self {
        if !(0..=MAX_SIZE).contains(&page_size) {
            check.add("page_size", format!("must be 0 to {MAX_SIZE}"));
        }
        let size = if page_size == 0 { DEFAULT_SIZE } else { page_size };
        let after = match page_token {
            "" => None,
            token => read_token(token),
        };
        if after.is_none() && !page_token.is_empty() {
            check.add("page_token", "must be the next_page_token of the page before");
        }
        Self { size: i64::from(size), after }
    }

    /// Returns how many rows to read: one more than asked for tells whether another page follows.
    pub fn limit(&self) -> i64 {
        self.size + 1
    }
}

/// Returns the opaque token that a key is handed out as; other places where somebody goes on from use it too.
pub fn token<K: Serialize>(key: &K) -> String {
    // A key is made of ids, times, numbers and names, which JSON always takes.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
}

/// Reads the key in a token. One that was edited may hold a text or a time that no database takes, and is none either.
pub fn read_token<K: DeserializeOwned>(token: &str) -> Option<K> {
    let key: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    if is_storable(&key) { serde_json::from_value(key).ok() } else { None }
}

fn is_storable(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.contains('\0') && text.parse().map_or(true, is_timestamp),
        Value::Array(values) => values.iter().all(is_storable),
        Value::Object(fields) => fields.values().all(is_storable),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// One page of rows.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Leads to the next page; empty on the last.
    pub next_page_token: String,
}

impl<T> Page<T> {
    /// Cuts what was read with [`PageRequest::limit`] to a page and its token.
    pub fn cut<K: Serialize>(mut rows: Vec<T>, request: &PageRequest<K>, key: impl Fn(&T) -> K) -> Self {
        let size = usize::try_from(request.size).unwrap_or_default();
        let more = rows.len() > size;
        rows.truncate(size);
        let next_page_token = match rows.last() {
            Some(last) if more => token(&key(last)),
            _ => String::new(),
        };
        Self { items: rows, next_page_token }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;

    #[test]
    fn a_page_leads_to_the_next_until_the_last() {
        let mut check = Violations::default();
        let first = PageRequest::<i64>::read(&mut check, 2, "");
        let page = Page::cut(vec![1_i64, 2, 3], &first, |row| *row);
        assert_eq!(page.items, [1, 2]);
        let second = PageRequest::<i64>::read(&mut check, 2, &page.next_page_token);
        assert_eq!(second.after, Some(2));
        assert_eq!(Page::cut(vec![3_i64], &second, |row| *row).next_page_token, "");
        assert!(check.into_result().is_ok());
    }

    #[test]
    fn an_edited_token_holds_no_time_and_no_text_that_the_database_refuses() {
        let read = |time: &str, name: &str| {
            let mut check = Violations::default();
            let token = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&(time, name)).unwrap());
            PageRequest::<(DateTime<Utc>, String)>::read(&mut check, 0, &token).after.is_some()
        };
        assert!(read("0001-01-01T00:00:00Z", "Zoë") && read("9999-12-31T23:59:59.999999Z", ""));
        assert!(!read("2026-11-22T00:00:00Z", "a\0b"));
        for time in ["0000-12-31T23:59:59Z", "+10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z"] {
            assert!(!read(time, ""), "{time}");
        }
    }

    #[test]
    fn a_page_size_beyond_its_limits_and_a_forged_token_are_refused() {
        for (size, token, good) in [(100, "", true), (101, "", false), (-1, "", false), (0, "!", false)] {
            let mut check = Violations::default();
            PageRequest::<i64>::read(&mut check, size, token);
            assert_eq!(check.into_result().is_ok(), good, "{size} {token:?}");
        }
    }
}
