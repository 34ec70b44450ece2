//! All SQL of the copies of people.

use chrono::{DateTime, Utc};
use service_kit::fold::fold;
use service_kit::ids::OrganizationId;
use sharedspaces_proto::identity::v1 as identity;
use sqlx::PgConnection;

use super::Person;

/// A person as an event told, and how new that is.
pub(crate) struct Told<'a> {
    /// The person.
    pub(crate) person: &'a identity::Person,
    /// The person's version in identity.
    pub(crate) version: i64,
    /// When it came about.
    pub(crate) event_time: DateTime<Utc>,
    /// Whether it tells that consent was taken back.
    pub(crate) is_withdrawal: bool,
}

/// Keeps what an event told, unless something newer is known. A withdrawn consent is remembered until another is given.
pub(crate) async fn keep(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    told: &Told<'_>,
) -> Result<(), anyhow::Error> {
    let person = Person::try_from(told.person)?;
    sqlx::query!(
        "INSERT INTO people (organization_id, user_id, email_address, display_name, name_folded, locale,
                             is_deactivated, consent_notice_version, consent_withdraw_time, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $10 THEN $11::timestamptz END, $9)
         ON CONFLICT (organization_id, user_id) DO UPDATE
            SET email_address = excluded.email_address, display_name = excluded.display_name,
                name_folded = excluded.name_folded, locale = excluded.locale,
                is_deactivated = excluded.is_deactivated,
                consent_notice_version = excluded.consent_notice_version,
                consent_withdraw_time = CASE
                    WHEN excluded.consent_notice_version > 0 THEN NULL
                    WHEN $10 OR people.consent_notice_version > 0 THEN $11
                    ELSE people.consent_withdraw_time END,
                version = excluded.version
          WHERE people.version <= excluded.version",
        organization_id.uuid(),
        person.user_id.uuid(),
        person.email_address,
        person.display_name,
        fold(&person.display_name),
        told.person.locale,
        person.is_deactivated,
        told.person.consent_notice_version,
        told.version,
        told.is_withdrawal,
        told.event_time,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Keeps what identity answered, until its first event: an answer does not say how new it is.
pub(crate) async fn keep_answer(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    person: &Person,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO people (organization_id, user_id, email_address, display_name, name_folded)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (organization_id, user_id) DO UPDATE
            SET email_address = excluded.email_address,
                display_name = coalesce(nullif(excluded.display_name, ''), people.display_name),
                name_folded = coalesce(nullif(excluded.name_folded, ''), people.name_folded)
          WHERE people.version = 0",
        organization_id.uuid(),
        person.user_id.uuid(),
        person.email_address,
        person.display_name,
        fold(&person.display_name),
    )
    .execute(tx)
    .await?;
    Ok(())
}
