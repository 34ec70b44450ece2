//! Owns the records of a CRM look-alike: in memory, and in a journal that outlives a restart.
//!
//! Knows no rules: a set is a name, a key is text, a row is what was put there.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The fields of a record.
pub(crate) type Row = Map<String, Value>;

/// What becomes of one record; without a row it goes away.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) set: String,
    pub(crate) key: String,
    pub(crate) row: Option<Row>,
}

impl Change {
    /// A record that is put in, or takes the place of the one with its key.
    pub(crate) fn put(set: &str, key: &str, row: Row) -> Self {
        Self { set: set.to_owned(), key: key.to_owned(), row: Some(row) }
    }

    /// A record that goes away.
    pub(crate) fn remove(set: &str, key: &str) -> Self {
        Self { set: set.to_owned(), key: key.to_owned(), row: None }
    }
}

/// One set, in the order in which its records came.
#[derive(Default)]
struct Table {
    numbers: BTreeMap<String, u64>,
    rows: BTreeMap<u64, (String, Row)>,
}

/// All records of one look-alike.
pub(crate) struct Shelf {
    journal: File,
    tables: BTreeMap<String, Table>,
    last: u64,
}

impl Shelf {
    /// Opens a journal and lays what it says over the records that are always there.
    pub(crate) fn open(path: &Path, seeds: Vec<Change>) -> anyhow::Result<Self> {
        let written = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let mut options = OpenOptions::new();
        let journal = options.append(true).create(true).mode(0o600).open(path)?;
        let mut shelf = Self { journal, tables: BTreeMap::new(), last: 0 };
        seeds.into_iter().for_each(|change| shelf.apply(change));
        for line in written.lines() {
            // A line holds one commit, so half a line is a commit that never was.
            if let Ok(changes) = serde_json::from_str::<Vec<Change>>(line) {
                changes.into_iter().for_each(|change| shelf.apply(change));
            }
        }
        if !written.is_empty() && !written.ends_with('\n') {
            shelf.journal.write_all(b"\n")?;
        }
        Ok(shelf)
    }

    /// Finds a record.
    pub(crate) fn get(&self, set: &str, key: &str) -> Option<&Row> {
        let table = self.tables.get(set)?;
        table.rows.get(table.numbers.get(key)?).map(|(_, row)| row)
    }

    /// The records of a set with their keys, oldest first.
    pub(crate) fn rows<'a>(
        &'a self,
        set: &str,
    ) -> impl DoubleEndedIterator<Item = (&'a str, &'a Row)> + use<'a> {
        self.tables
            .get(set)
            .into_iter()
            .flat_map(|table| table.rows.values())
            .map(|(key, row)| (key.as_str(), row))
    }

    /// Makes all changes or, if they cannot be written down, none.
    pub(crate) fn commit(&mut self, changes: Vec<Change>) -> io::Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut line = serde_json::to_vec(&changes)?;
        line.push(b'\n');
        self.journal.write_all(&line)?;
        changes.into_iter().for_each(|change| self.apply(change));
        Ok(())
    }

    fn apply(&mut self, change: Change) {
        self.last += 1;
        let number = self.last;
        let table = self.tables.entry(change.set).or_default();
        match change.row {
            Some(row) => {
                let number = *table.numbers.entry(change.key.clone()).or_insert(number);
                table.rows.insert(number, (change.key, row));
            }
            None => {
                if let Some(number) = table.numbers.remove(&change.key) {
                    table.rows.remove(&number);
                }
            }
        }
    }
}

/// Changes that take effect together or not at all.
pub(crate) struct Draft<'a> {
    shelf: &'a Shelf,
    changes: Vec<Change>,
}

impl<'a> Draft<'a> {
    /// Begins with what is there.
    pub(crate) fn new(shelf: &'a Shelf) -> Self {
        Self { shelf, changes: Vec::new() }
    }

    /// What was there at the beginning.
    pub(crate) fn shelf(&self) -> &'a Shelf {
        self.shelf
    }

    /// Finds a record as it would be.
    pub(crate) fn get(&self, set: &str, key: &str) -> Option<&Row> {
        match self.changes.iter().rev().find(|change| change.set == set && change.key == key) {
            Some(change) => change.row.as_ref(),
            None => self.shelf.get(set, key),
        }
    }

    /// Finds the key of a record as it would be, by the text in one of its fields.
    pub(crate) fn key_by(&self, set: &str, field: &str, text: &str) -> Option<String> {
        let same = |row: &Row| row.get(field).and_then(Value::as_str) == Some(text);
        let known = self.shelf.rows(set).map(|(key, _)| key);
        let drafted =
            self.changes.iter().filter(|change| change.set == set).map(|change| change.key.as_str());
        known.chain(drafted).find(|key| self.get(set, key).is_some_and(same)).map(str::to_owned)
    }

    /// Adds a change.
    pub(crate) fn push(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// Gives the changes, for committing.
    pub(crate) fn into_changes(self) -> Vec<Change> {
        self.changes
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(value: &Value) -> Row {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn reopened_shelf_holds_what_was_committed_and_drops_half_a_line() {
        let path = std::env::temp_dir().join(format!("shelf-{}", crate::world::token(9).unwrap()));
        let seeds = || vec![Change::put("a", "seed", row(&json!({"n": 0})))];
        let mut shelf = Shelf::open(&path, seeds()).unwrap();
        shelf.commit(vec![Change::put("a", "x", row(&json!({"n": 1})))]).unwrap();
        shelf.commit(vec![Change::remove("a", "seed")]).unwrap();
        drop(shelf);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"[{\"set\":\"a\",\"key\":\"half").unwrap();
        let mut shelf = Shelf::open(&path, seeds()).unwrap();
        shelf.commit(vec![Change::put("a", "y", row(&json!({"n": 2})))]).unwrap();
        let shelf = Shelf::open(&path, seeds()).unwrap();
        let keys: Vec<&str> = shelf.rows("a").map(|(key, _)| key).collect();
        assert_eq!(keys, ["x", "y"]);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn draft_shows_its_own_changes_and_leaves_the_shelf_alone() {
        let path = std::env::temp_dir().join(format!("shelf-{}", crate::world::token(9).unwrap()));
        let shelf = Shelf::open(&path, vec![Change::put("a", "x", row(&json!({"k": "old"})))]).unwrap();
        let mut draft = Draft::new(&shelf);
        draft.push(Change::put("a", "x", row(&json!({"k": "new"}))));
        assert_eq!(draft.key_by("a", "k", "new").as_deref(), Some("x"));
        assert_eq!(draft.key_by("a", "k", "old"), None);
        draft.push(Change::remove("a", "x"));
        assert!(draft.get("a", "x").is_none() && shelf.get("a", "x").is_some());
        std::fs::remove_file(&path).unwrap();
    }
}
