//! Owns the mails that were taken: in memory for reading, and below a directory so that they outlive a restart.
//!
//! Knows nothing of SMTP and of pages.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::message::Message;
use crate::world::{lock, now, replace_file};

/// What SMTP said about a mail, beside the mail itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Envelope {
    /// The reverse path; empty for a notice about a delivery.
    pub(crate) from: String,
    /// The recipients that were accepted.
    pub(crate) to: Vec<String>,
}

/// One mail.
#[derive(Debug)]
pub(crate) struct Mail {
    /// Its number, from 1.
    pub(crate) id: u64,
    /// When the final dot came.
    pub(crate) received_at: DateTime<Utc>,
    /// Who it was for.
    pub(crate) envelope: Envelope,
    /// The bytes, as received.
    pub(crate) raw: Bytes,
    /// The bytes, read.
    pub(crate) message: Message,
}

impl Mail {
    /// Tells whether an address is among the recipients; case does not count.
    pub(crate) fn is_for(&self, address: &str) -> bool {
        self.envelope.to.iter().any(|to| to.eq_ignore_ascii_case(address))
    }
}

/// The file beside each `.eml`.
#[derive(Serialize, Deserialize)]
struct Slip {
    received_at: DateTime<Utc>,
    envelope: Envelope,
}

struct Mails {
    next_id: u64,
    list: Vec<Arc<Mail>>,
}

/// All mails, oldest first.
pub(crate) struct Mailbox {
    dir: PathBuf,
    mails: Mutex<Mails>,
}

impl Mailbox {
    /// Opens the mailbox of a directory, with the mails of earlier runs.
    pub(crate) fn open(dir: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let mut list = Vec::new();
        for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
            let path = entry?.path();
            let id = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            if let (Some(id), Some("json")) = (id, path.extension().and_then(|end| end.to_str())) {
                list.push(Arc::new(
                    load(id, &path).with_context(|| format!("cannot read {}", path.display()))?,
                ));
            }
        }
        list.sort_by_key(|mail| mail.id);
        let next_id = list.last().map_or(1, |mail| mail.id + 1);
        Ok(Self { dir: dir.to_owned(), mails: Mutex::new(Mails { next_id, list }) })
    }

    /// Keeps a mail; the slip is written last, so a half-written mail is not found again.
    pub(crate) fn keep(&self, envelope: Envelope, raw: Bytes) -> std::io::Result<u64> {
        let message = Message::read(&raw);
        let received_at = now();
        let mut mails = lock(&self.mails);
        let id = mails.next_id;
        let slip = serde_json::to_vec(&Slip { received_at, envelope: envelope.clone() })?;
        replace_file(&self.file(id, "eml"), &raw)?;
        replace_file(&self.file(id, "json"), &slip)?;
        mails.next_id += 1;
        mails.list.push(Arc::new(Mail { id, received_at, envelope, raw, message }));
        Ok(id)
    }

    /// Lists the mails newest first, of one recipient if given.
    pub(crate) fn list(&self, to: Option<&str>) -> Vec<Arc<Mail>> {
        let mails = lock(&self.mails);
        mails.list.iter().rev().filter(|mail| to.is_none_or(|to| mail.is_for(to))).cloned().collect()
    }

    /// Finds one mail.
    pub(crate) fn find(&self, id: u64) -> Option<Arc<Mail>> {
        lock(&self.mails).list.iter().find(|mail| mail.id == id).cloned()
    }

    /// Throws all mails away; numbers go on from where they were.
    pub(crate) fn clear(&self) -> std::io::Result<()> {
        let mut mails = lock(&self.mails);
        for mail in mails.list.drain(..) {
            fs::remove_file(self.file(mail.id, "json"))?;
            fs::remove_file(self.file(mail.id, "eml"))?;
        }
        Ok(())
    }

    fn file(&self, id: u64, end: &str) -> PathBuf {
        self.dir.join(format!("{id:06}.{end}"))
    }
}

fn load(id: u64, slip: &Path) -> anyhow::Result<Mail> {
    let Slip { received_at, envelope } = serde_json::from_slice(&fs::read(slip)?)?;
    let raw = Bytes::from(fs::read(slip.with_extension("eml"))?);
    let message = Message::read(&raw);
    Ok(Mail { id, received_at, envelope, raw, message })
}
