//! Keyset paging (AIP-158).
//!
//! Owns the page request and the opaque token, which is the last row's key. Must not know any table.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

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
            token => URL_SAFE_NO_PAD.decode(token).ok().and_then(|key| serde_json::from_slice(&key).ok()),
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
            // A key is made of ids, times and names, which JSON always takes.
            Some(last) if more => URL_SAFE_NO_PAD.encode(serde_json::to_vec(&key(last)).unwrap_or_default()),
            _ => String::new(),
        };
        Self { items: rows, next_page_token }
    }
}

#[cfg(test)]
mod tests {
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
    fn a_page_size_beyond_its_limits_and_a_forged_token_are_refused() {
        for (size, token, good) in [(100, "", true), (101, "", false), (-1, "", false), (0, "!", false)] {
            let mut check = Violations::default();
            PageRequest::<i64>::read(&mut check, size, token);
            assert_eq!(check.into_result().is_ok(), good, "{size} {token:?}");
        }
    }
}
