//! Privacy notices and the ledger of consent.
//!
//! Owns the notices of an organisation (each version once per language) and the rows that prove who agreed to which of
//! them. Both are evidence: rows are added, never changed. Must not decide who may enter a space.

mod entity;
mod error;
pub(crate) mod repo;

use service_kit::db::{self, Database};
use service_kit::ids::{Ids, OrganizationId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::locale::Locale;
use crate::organization::{self, Organization};

pub(crate) use entity::{Consent, Notice};
pub use error::ConsentError;

/// The use cases of consent.
#[derive(Clone)]
pub(crate) struct Consents {
    database: Database,
}

impl Consents {
    /// Returns the use cases.
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Returns the notice in force of the organisation that a slug leads to, in its own language where none is asked for.
    pub(crate) async fn notice(&self, slug: String, locale: Option<Locale>) -> Result<Notice, ConsentError> {
        self.database
            .read(OrganizationId::from(Uuid::nil()), move |tx| {
                Box::pin(async move {
                    let id = organization::repo::find_by_slug(tx, &slug).await?;
                    let id = id.ok_or(ConsentError::OrganizationNotFound)?;
                    db::act_for(tx, id).await?;
                    let organization = organization::repo::find(tx, id).await?;
                    let organization = organization.ok_or(ConsentError::OrganizationNotFound)?;
                    Ok(repo::get_in_force(tx, id, locale.unwrap_or(organization.locale)).await?)
                })
            })
            .await
    }
}

/// Publishes the built-in notice as version 1, in each language.
pub(crate) async fn publish_built_in(
    tx: &mut PgConnection,
    ids: &Ids,
    organization: &Organization,
) -> Result<(), sqlx::Error> {
    for locale in Locale::ALL {
        repo::insert_notice(
            tx,
            organization.organization_id,
            &Notice::built_in(ids.next(), organization, locale),
        )
        .await?;
    }
    Ok(())
}
