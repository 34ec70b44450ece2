//! The languages that spaces writes in.
//!
//! Owns which there are. The words themselves stand where they are used.

use service_kit::ids::{OrganizationId, UserId};
use service_kit::validate::Violations;
use sqlx::PgConnection;

service_kit::text_enum! {
    /// A language.
    pub(crate) enum Locale {
        /// English.
        En = "en",
        /// French.
        Fr = "fr",
        /// German.
        De = "de",
    }
}

impl Locale {
    /// Reads the language of a request; absent: the caller's.
    pub(crate) fn read(check: &mut Violations, field: &str, value: &str) -> Option<Self> {
        let locale = Self::find(value);
        if locale.is_none() && !value.is_empty() {
            check.add(field, "must be en, fr or de");
        }
        locale
    }
}

/// Returns a person's language; English for one that is none of these.
pub(crate) async fn of_person(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
) -> Result<Locale, sqlx::Error> {
    let locale = sqlx::query_scalar!(
        "SELECT locale FROM people WHERE organization_id = $1 AND user_id = $2",
        organization_id.uuid(),
        user_id.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(locale.as_deref().and_then(Locale::find).unwrap_or(Locale::En))
}
