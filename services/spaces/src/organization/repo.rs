//! All SQL of the copies of organisations.

use service_kit::ids::OrganizationId;
use sqlx::PgConnection;

use super::{Organization, SignInMode};

/// Keeps what an event of this version told of an organisation, unless something newer is known.
pub(crate) async fn keep(
    tx: &mut PgConnection,
    organization: &Organization,
    version: i64,
) -> Result<(), sqlx::Error> {
    let plan = if organization.has_crm { "ULTIMATE" } else { "PLUS" };
    sqlx::query!(
        "INSERT INTO organizations (organization_id, slug, base_url, plan, version, sign_in_mode, locale)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (organization_id) DO UPDATE
            SET slug = excluded.slug, base_url = excluded.base_url, plan = excluded.plan,
                sign_in_mode = excluded.sign_in_mode, locale = excluded.locale, version = excluded.version
          WHERE organizations.version <= excluded.version",
        organization.organization_id.uuid(),
        organization.slug,
        organization.base_url,
        plan,
        version,
        organization.sign_in_mode.as_str(),
        organization.locale,
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub(crate) async fn find(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<Option<Organization>, sqlx::Error> {
    sqlx::query_as!(
        Organization,
        r#"SELECT organization_id, slug, base_url, plan = 'ULTIMATE' AS "has_crm!",
                  sign_in_mode AS "sign_in_mode: SignInMode", locale
             FROM organizations WHERE organization_id = $1"#,
        organization_id.uuid(),
    )
    .fetch_optional(tx)
    .await
}

/// Finds which organisation a slug leads to, for somebody of whom no organisation is known yet.
pub(crate) async fn find_by_slug(
    tx: &mut PgConnection,
    slug: &str,
) -> Result<Option<OrganizationId>, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT find_organization_by_slug($1) AS "organization_id: OrganizationId""#, slug)
        .fetch_one(tx)
        .await
}

/// Keeps which privacy notice is the oldest whose consent still stands; it never goes back. False: the organisation is
/// not known yet.
pub(crate) async fn require_notice(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    version: i32,
) -> Result<bool, sqlx::Error> {
    let kept = sqlx::query!(
        "UPDATE organizations SET required_notice_version = greatest(required_notice_version, $2)
          WHERE organization_id = $1",
        organization_id.uuid(),
        version,
    )
    .execute(tx)
    .await?;
    Ok(kept.rows_affected() == 1)
}
