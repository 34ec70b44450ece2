//! Getting out of one kind of mail of one space (RFC 8058).
//!
//! Owns the links and what using one does: spaces is told, which owns who gets what. Must not sign anybody in.

mod error;
mod links;

use crate::delivery::{Deliveries, MailKind};
use crate::recipients::Recipients;

pub use error::UnsubscribeError;
pub(crate) use links::{Links, Wish};

/// Takes people out of mails.
#[derive(Clone)]
pub(crate) struct Unsubscribing {
    links: Links,
    recipients: Recipients,
    deliveries: Deliveries,
}

/// What somebody gets no more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Unsubscribed {
    /// Which mails.
    pub(crate) kind: MailKind,
    /// What the space is called; empty where no mail about it was ever planned.
    pub(crate) space_title: String,
}

impl Unsubscribing {
    /// Returns what reads links and tells spaces.
    pub(crate) fn new(links: Links, recipients: Recipients, deliveries: Deliveries) -> Self {
        Self { links, recipients, deliveries }
    }

    /// Takes whom a link names out of what it names. Doing it again changes nothing.
    pub(crate) async fn unsubscribe(&self, token: &str) -> Result<Unsubscribed, UnsubscribeError> {
        let wish = self.links.read(token).ok_or(UnsubscribeError::LinkRefused)?;
        let kind = MailKind::of_muteable(wish.mail).ok_or(UnsubscribeError::LinkRefused)?;
        self.recipients.mute(wish).await?;
        let Wish { organization_id, space_id, user_id, mail: _ } = wish;
        let space_title = self.deliveries.title_of(organization_id, space_id, user_id).await?;
        Ok(Unsubscribed { kind, space_title })
    }
}
