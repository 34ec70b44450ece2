//! All SQL of the copies of people.

use chrono::{DateTime, Utc};
use service_kit::fold::fold;
use service_kit::ids::{OrganizationId, UserId};
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
    /// What it tells of consent.
    pub(crate) consent: Consent,
}

/// What an event tells of somebody's consent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Consent {
    /// Nothing: what it says of the person may lag behind what they decided.
    Untold,
    /// It was given for a version of the notice.
    Given(i32),
    /// It was taken back.
    Withdrawn,
}

/// Keeps what an event told, unless something newer is known. What it says of the person and what it tells of consent are
/// of different ages: each is dated by itself. A withdrawn consent is remembered until another is given.
pub(crate) async fn keep(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    told: &Told<'_>,
) -> Result<(), anyhow::Error> {
    let person = Person::try_from(told.person)?;
    sqlx::query!(
        "INSERT INTO people (organization_id, user_id, email_address, display_name, name_folded, locale,
                             is_deactivated, consent_notice_version, version, job_title, company, phone, time_zone)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (organization_id, user_id) DO UPDATE
            SET email_address = excluded.email_address, display_name = excluded.display_name,
                name_folded = excluded.name_folded, locale = excluded.locale,
                is_deactivated = excluded.is_deactivated, job_title = excluded.job_title,
                company = excluded.company, phone = excluded.phone, time_zone = excluded.time_zone,
                consent_notice_version = CASE
                    WHEN people.consent_withdraw_time IS NULL
                    THEN greatest(people.consent_notice_version, excluded.consent_notice_version)
                    ELSE people.consent_notice_version END,
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
        person.profile.job_title,
        person.profile.company,
        person.profile.phone,
        person.profile.time_zone,
    )
    .execute(&mut *tx)
    .await?;
    match told.consent {
        Consent::Untold => {}
        Consent::Given(notice) => keep_consent(tx, organization_id, &person, notice, None, told).await?,
        Consent::Withdrawn => {
            keep_consent(tx, organization_id, &person, 0, Some(told.event_time), told).await?;
        }
    }
    Ok(())
}

async fn keep_consent(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    person: &Person,
    notice_version: i32,
    withdraw_time: Option<DateTime<Utc>>,
    told: &Told<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE people SET consent_notice_version = $3, consent_withdraw_time = $4, consent_version = $5
          WHERE organization_id = $1 AND user_id = $2 AND consent_version <= $5",
        organization_id.uuid(),
        person.user_id.uuid(),
        notice_version,
        withdraw_time,
        told.version,
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
    let locale = Some(person.profile.locale.as_str()).filter(|locale| !locale.is_empty());
    sqlx::query!(
        "INSERT INTO people (organization_id, user_id, email_address, display_name, name_folded, locale, job_title,
                             company, phone, time_zone)
         VALUES ($1, $2, $3, $4, $5, coalesce($6, 'en'), $7, $8, $9, $10)
         ON CONFLICT (organization_id, user_id) DO UPDATE
            SET email_address = excluded.email_address,
                display_name = coalesce(nullif(excluded.display_name, ''), people.display_name),
                name_folded = coalesce(nullif(excluded.name_folded, ''), people.name_folded),
                locale = coalesce($6, people.locale), job_title = excluded.job_title,
                company = excluded.company, phone = excluded.phone, time_zone = excluded.time_zone
          WHERE people.version = 0",
        organization_id.uuid(),
        person.user_id.uuid(),
        person.email_address,
        person.display_name,
        fold(&person.display_name),
        locale,
        person.profile.job_title,
        person.profile.company,
        person.profile.phone,
        person.profile.time_zone,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Returns how new the copy of somebody is; 0: none was told by an event.
pub(crate) async fn version_of(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
) -> Result<i64, sqlx::Error> {
    let version = sqlx::query_scalar!(
        "SELECT version FROM people WHERE organization_id = $1 AND user_id = $2",
        organization_id.uuid(),
        user_id.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(version.unwrap_or_default())
}

/// Keeps a profile that identity has just changed for us, unless an event told something in the meantime: that is, or is
/// followed by, the event of this change.
pub(crate) async fn keep_profile(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    told: &identity::Person,
    version: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE people
            SET display_name = $3, name_folded = $4, locale = $5, job_title = $6, company = $7, phone = $8,
                time_zone = $9
          WHERE organization_id = $1 AND user_id = $2::text::uuid AND version = $10",
        organization_id.uuid(),
        told.user_id,
        told.display_name,
        fold(&told.display_name),
        told.locale,
        told.job_title,
        told.company,
        told.phone,
        told.time_zone,
        version,
    )
    .execute(tx)
    .await?;
    Ok(())
}
