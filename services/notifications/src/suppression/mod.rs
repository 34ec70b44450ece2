//! Addresses that get no mails any more but those their people ask for, because a mail server refused them for good.
//!
//! Owns the table `suppressions`. Must not send and must not judge a refusal: who talks to the mail server does.

mod repo;

use chrono::{DateTime, Utc};
use service_kit::address::EmailAddress;
use service_kit::caller::{Call, Caller};
use service_kit::db::{Database, Reply};
use service_kit::page::{Page, PageRequest};
use service_kit::text_enum;

pub(crate) use repo::{insert, is_suppressed};

use crate::delivery::DeliveryError;

text_enum! {
    /// Why an address gets no mails.
    pub(crate) enum SuppressionReason {
        /// The mail server refused it for good.
        Bounced = "BOUNCED",
    }
}

/// An address that gets no mails.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Suppression {
    /// The address, normalised.
    pub(crate) email_address: String,
    /// Why.
    pub(crate) reason: SuppressionReason,
    /// The codes of the mail server's refusal.
    pub(crate) detail: String,
    /// Since when.
    pub(crate) create_time: DateTime<Utc>,
}

/// That an address gets mails again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Removed;

/// The key of the last suppression of a page: its time and its address.
pub(crate) type PageKey = (DateTime<Utc>, String);

/// The suppressed addresses of all organisations, each seen by its own only.
#[derive(Clone, Debug)]
pub(crate) struct Suppressions {
    database: Database,
}

impl Suppressions {
    /// Returns the suppressed addresses of a database.
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Lists an organisation's, the newest first.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        page: PageRequest<PageKey>,
    ) -> Result<Page<Suppression>, DeliveryError> {
        let organization_id = caller.organization_id;
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    let rows = repo::list(tx, organization_id, page.after.as_ref(), page.limit()).await?;
                    let key = |row: &Suppression| (row.create_time, row.email_address.clone());
                    Ok(Page::cut(rows, &page, key))
                })
            })
            .await
    }

    /// Lets an address get mails again; one that does so anyway, too.
    pub(crate) async fn remove<R: Reply<Removed>>(
        &self,
        call: &Call,
        address: EmailAddress,
    ) -> Result<R, DeliveryError> {
        let organization_id = call.caller()?.organization_id;
        self.database
            .write(call, organization_id, move |tx| {
                Box::pin(async move {
                    repo::delete(tx, organization_id, address.as_str()).await?;
                    Ok::<_, DeliveryError>(Removed)
                })
            })
            .await
    }
}
