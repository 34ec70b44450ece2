//! What mails need of organisations: a copy of name, address and language, which follows identity's events, and the logo,
//! which assets is asked for.
//!
//! Must not change either: identity and assets own them.

mod logos;
mod repo;

use service_kit::db::Database;
use service_kit::error::CommonError;
use service_kit::ids::OrganizationId;
use service_kit::locale::Locale;
use sharedspaces_proto::identity::v1 as identity;
use sqlx::PgConnection;

pub(crate) use logos::Logos;

/// An organisation as its mails name it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Organization {
    /// Name people see.
    pub(crate) display_name: String,
    /// Its part of a space's address.
    pub(crate) slug: String,
    /// Where its links lead, without a slash at its end.
    pub(crate) base_url: String,
    /// Its language.
    pub(crate) locale: Locale,
}

impl From<identity::Organization> for Organization {
    fn from(told: identity::Organization) -> Self {
        let locale = Locale::of(&told.locale);
        Self { display_name: told.display_name, slug: told.slug, base_url: told.base_url, locale }
    }
}

/// The copies of all organisations, each seen by its own mails only.
#[derive(Clone, Debug)]
pub(crate) struct Organizations {
    database: Database,
}

impl Organizations {
    /// Returns the organisations of a database.
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }

    /// Finds an organisation; nothing where its events have not come yet.
    pub(crate) async fn find(
        &self,
        organization_id: OrganizationId,
    ) -> Result<Option<Organization>, CommonError> {
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move { Ok(repo::find(tx, organization_id).await?) })
            })
            .await
    }
}

/// Keeps what an event of this version told, in the transaction that applies it. An older event changes nothing.
pub(crate) async fn keep(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    told: identity::Organization,
    version: i64,
) -> Result<(), sqlx::Error> {
    repo::keep(tx, organization_id, &told.into(), version).await
}
