//! The directory: members found while somebody types.
//!
//! Owns which words a member is found by, and the search. Words are folded here and compared byte by byte in the database,
//! as a range of the index. Must not show guests, or members without a way in.

use std::collections::{BTreeMap, BTreeSet};

use service_kit::caller::Caller;
use service_kit::fold::{fold, words};

use super::{Member, People, Person, PersonError, changes};

/// Longest query, in characters.
pub(crate) const SEARCH_QUERY_MAX: usize = 254;
/// Most members that one search finds.
pub(crate) const SEARCH_MAX: i32 = 10;

/// What is searched for.
#[derive(Clone)]
pub(crate) struct MemberSearch {
    /// Folded; a member must have a word that begins with each.
    pub(super) words: Vec<String>,
    pub(super) limit: i64,
}

impl MemberSearch {
    /// Returns a search for the words of a query.
    pub(crate) fn new(query: &str, limit: i64) -> Self {
        let folded = fold(query);
        let words: BTreeSet<&str> = words(&folded).collect();
        Self { words: words.into_iter().map(str::to_owned).collect(), limit }
    }
}

/// Returns the words a member is found by, and whether each is of the name.
pub(super) fn words_of(person: &Person) -> BTreeMap<String, bool> {
    let (name, address) = (fold(&person.display_name), fold(person.email_address.as_str()));
    let of_address = words(&address).map(|word| (word.to_owned(), false));
    // Last, so that a word of both counts as one of the name.
    of_address.chain(words(&name).map(|word| (word.to_owned(), true))).collect()
}

impl People {
    /// Finds members by the beginnings of words of their name or address, the best first. A query without a word finds
    /// nobody.
    pub(crate) async fn search_members(
        &self,
        caller: &Caller,
        search: MemberSearch,
    ) -> Result<Vec<Member>, PersonError> {
        let id = caller.organization_id;
        if search.words.is_empty() {
            return Ok(Vec::new());
        }
        self.database
            .read(id, move |tx| {
                Box::pin(async move {
                    let found = match search.words.as_slice() {
                        [word] => changes::search_word(tx, id, (word, search.limit)).await?,
                        _ => changes::search(tx, id, &search).await?,
                    };
                    Ok(found.into_iter().map(Member::try_from).collect::<Result<_, _>>()?)
                })
            })
            .await
    }
}
