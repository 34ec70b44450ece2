//! All SQL of notices and consents. The service's role may neither change nor delete a row of either table.

use service_kit::ids::OrganizationId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Consent, Notice};
use crate::locale::Locale;

/// Inserts a notice.
pub(super) async fn insert_notice(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    notice: &Notice,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO privacy_notices
                (organization_id, privacy_notice_id, version, locale, text, sha256, publish_time, is_material)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        organization_id.uuid(),
        notice.privacy_notice_id,
        notice.version,
        notice.locale.as_str(),
        notice.text,
        notice.sha256,
        notice.publish_time,
        notice.is_material,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Returns the notice in force: the highest version, in the language asked for, else in the organisation's own.
pub(crate) async fn get_in_force(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    locale: Locale,
) -> Result<Notice, sqlx::Error> {
    sqlx::query_as!(
        Notice,
        r#"SELECT privacy_notice_id, version, locale AS "locale: Locale", text, sha256, publish_time,
                  is_material
             FROM privacy_notices
            WHERE organization_id = $1
            ORDER BY version DESC, locale = $2 DESC,
                  locale = (SELECT locale FROM organizations WHERE organization_id = $1) DESC, locale
            LIMIT 1"#,
        organization_id.uuid(),
        locale.as_str(),
    )
    .fetch_one(tx)
    .await
}

/// Finds a notice by its id, where it is in force: of the highest version, in whichever language.
pub(crate) async fn find_in_force(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    privacy_notice_id: Uuid,
) -> Result<Option<Notice>, sqlx::Error> {
    sqlx::query_as!(
        Notice,
        r#"SELECT privacy_notice_id, version, locale AS "locale: Locale", text, sha256, publish_time,
                  is_material
             FROM privacy_notices
            WHERE organization_id = $1 AND privacy_notice_id = $2
              AND version = (SELECT max(version) FROM privacy_notices WHERE organization_id = $1)"#,
        organization_id.uuid(),
        privacy_notice_id,
    )
    .fetch_optional(tx)
    .await
}

/// Appends to the ledger that somebody agreed, by entering through an invitation.
pub(crate) async fn append(tx: &mut PgConnection, consent: Consent<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO consents (organization_id, consent_id, user_id, privacy_notice_id, notice_version,
                               notice_locale, notice_sha256, action, via)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'GIVEN', 'INVITATION')",
        consent.organization_id.uuid(),
        consent.consent_id,
        consent.user_id.uuid(),
        consent.notice.privacy_notice_id,
        consent.notice.version,
        consent.notice.locale.as_str(),
        consent.notice.sha256,
    )
    .execute(tx)
    .await?;
    Ok(())
}
