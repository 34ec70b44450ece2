//! Owns what the org remembers: grants, sessions and tasks, in memory and in one file.
//!
//! Decides nothing about a task's fields and nothing about a grant's rules.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::seed::{Record, record_id};
use crate::world::replace_file;

/// An authorisation code, waiting to be exchanged.
#[derive(Debug, Clone)]
pub(super) struct Code {
    pub(super) redirect_uri: String,
    pub(super) challenge: String,
    pub(super) scope: String,
    pub(super) expires_at: DateTime<Utc>,
}

/// All refresh tokens that came from one consent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Family {
    /// What was consented to.
    pub(super) scope: String,
    /// The refresh token that holds.
    pub(super) current: String,
    /// Those that were rotated away.
    pub(super) spent: BTreeSet<String>,
    /// Whether a refresh is being answered right now.
    #[serde(skip)]
    pub(super) in_progress: bool,
}

/// A session, known by its access token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Session {
    /// The family it was made from; none without offline access.
    pub(super) family: Option<String>,
    /// When it ends.
    pub(super) expires_at: DateTime<Utc>,
}

/// The memory of the org.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Book {
    #[serde(skip)]
    file: PathBuf,
    #[serde(skip)]
    pub(super) codes: BTreeMap<String, Code>,
    pub(super) families: BTreeMap<String, Family>,
    pub(super) sessions: BTreeMap<String, Session>,
    pub(super) tasks: Vec<Record>,
    last_task: u64,
}

impl Book {
    /// Opens the book of a file, empty if there is none yet.
    pub(super) fn open(file: &Path) -> anyhow::Result<Self> {
        let mut book: Self = match std::fs::read(file) {
            Ok(text) => serde_json::from_slice(&text)
                .with_context(|| format!("cannot understand {}", file.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::default(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        book.file = file.to_owned();
        Ok(book)
    }

    /// Writes the book down.
    pub(super) fn save(&self) -> std::io::Result<()> {
        replace_file(&self.file, &serde_json::to_vec(self)?)
    }

    /// Gives out the id of the next task.
    pub(super) fn next_task_id(&mut self) -> String {
        self.last_task += 1;
        record_id("00T", self.last_task)
    }

    /// Finds the family a refresh token belongs to, whether it still holds or not.
    pub(super) fn family_of(&self, token: &str) -> Option<String> {
        let known = |family: &Family| family.current == token || family.spent.contains(token);
        self.families.iter().find(|(_, family)| known(family)).map(|(name, _)| name.clone())
    }

    /// Ends a family with every session made from it.
    pub(super) fn end_family(&mut self, name: &str) {
        self.families.remove(name);
        self.sessions.retain(|_, session| session.family.as_deref() != Some(name));
    }
}
