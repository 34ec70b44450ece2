//! How to go on for somebody who gave an address.
//!
//! Owns the answer before signing in and the budgets that bound what it tells. Whether an address is known is told only
//! where the organisation chose so, only while the budgets last, and never whether there is a password or who it is.

use chrono::TimeDelta;
use service_kit::address::EmailAddress;
use service_kit::db;
use sqlx::PgConnection;

use super::{SessionError, Sessions, nobody};
use crate::budget::{self, Bucket, Limit};
use crate::client::Client;
use crate::mac::MacKey;
use crate::organization::{self, SignInMode};
use crate::person;

/// Different addresses that one network may learn about by one link, within an hour.
pub(crate) const PER_NETWORK_AND_LINK: Limit = Limit { count: 10, window: TimeDelta::hours(1) };
/// Different addresses that anybody may learn about by one link, within a day.
pub(crate) const PER_LINK: Limit = Limit { count: 30, window: TimeDelta::days(1) };
/// The same whatever the link: identity does not know which links there are, so each may be an invented one.
pub(crate) const PER_NETWORK: Limit = Limit { count: 30, window: TimeDelta::hours(1) };
pub(crate) const PER_ORGANIZATION: Limit = Limit { count: 500, window: TimeDelta::days(1) };

/// Somebody gave an address, checked.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    /// The organisation's slug.
    pub(crate) slug: String,
    pub(crate) email_address: EmailAddress,
    /// Of the space whose link was opened; empty: none.
    pub(crate) space_address: String,
}

/// A way to go on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SignInOption {
    /// With a password.
    Password,
    /// By a mail with a link and a code.
    EmailLink,
    /// By asking for access.
    RequestAccess,
}

use SignInOption::{EmailLink, Password, RequestAccess};

/// The ways to go on, in the order to offer them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignInOptions(pub(crate) &'static [SignInOption]);

/// What is answered where nothing is told.
const ALL: SignInOptions = SignInOptions(&[Password, EmailLink, RequestAccess]);
const KNOWN: SignInOptions = SignInOptions(&[Password, EmailLink]);
const UNKNOWN: SignInOptions = SignInOptions(&[RequestAccess]);

impl Sessions {
    /// Tells how to go on. Without GUIDED nothing is looked up but the organisation.
    pub(crate) async fn start(&self, client: &Client, start: Start) -> Result<SignInOptions, SessionError> {
        let (mac, client) = (self.mac.clone(), client.clone());
        let work = self.database.transaction(nobody(), move |tx| {
            Box::pin(async move {
                let found = organization::repo::find_by_slug(tx, &start.slug).await?;
                let id = found.ok_or(SessionError::OrganizationNotFound)?;
                db::act_for(tx, id).await?;
                let organization = organization::repo::find(tx, id).await?;
                let organization = organization.ok_or(SessionError::OrganizationNotFound)?;
                if organization.sign_in_mode == SignInMode::VerifyFirst
                    || !is_within_budgets(tx, &mac, (&client, &start)).await?
                {
                    return Ok(ALL);
                }
                let known = person::repo::find_active_by_address(tx, id, &start.email_address).await?;
                Ok::<_, SessionError>(if known.is_some() { KNOWN } else { UNKNOWN })
            })
        });
        work.await
    }
}

/// Spends one of each budget for an address that is new to it.
async fn is_within_budgets(
    tx: &mut PgConnection,
    mac: &MacKey,
    (client, start): (&Client, &Start),
) -> Result<bool, sqlx::Error> {
    let (network, slug, link) = (client.network.as_str(), start.slug.as_str(), start.space_address.as_str());
    let budgets: [(&str, &[&str], Limit); 4] = [
        ("guide: network, link", &[network, slug, link], PER_NETWORK_AND_LINK),
        ("guide: link", &[slug, link], PER_LINK),
        ("guide: network", &[network, slug], PER_NETWORK),
        ("guide: organisation", &[slug], PER_ORGANIZATION),
    ];
    for (purpose, parts, limit) in budgets {
        let total = Bucket::new(mac, (purpose, parts), limit);
        let parts = [parts, &["address", start.email_address.as_str()]].concat();
        let one = Bucket::new(mac, (purpose, &parts), Limit { count: i32::MAX, ..limit });
        if !budget::spend_if_new(tx, &one, &total).await? {
            tracing::warn!(budget.name = purpose, "many addresses asked about, nothing is told for now");
            return Ok(false);
        }
    }
    Ok(true)
}
