//! All SQL of the copies of organisations.

use service_kit::ids::OrganizationId;
use sqlx::PgConnection;

use super::Organization;

/// Keeps what an event of this version told of an organisation, unless something newer is known.
pub(crate) async fn keep(
    tx: &mut PgConnection,
    organization: &Organization,
    version: i64,
) -> Result<(), sqlx::Error> {
    let plan = if organization.has_crm { "ULTIMATE" } else { "PLUS" };
    sqlx::query!(
        "INSERT INTO organizations (organization_id, slug, base_url, plan, version) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (organization_id) DO UPDATE
            SET slug = excluded.slug, base_url = excluded.base_url, plan = excluded.plan,
                version = excluded.version
          WHERE organizations.version <= excluded.version",
        organization.organization_id.uuid(),
        organization.slug,
        organization.base_url,
        plan,
        version,
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
        r#"SELECT organization_id, slug, base_url, plan = 'ULTIMATE' AS "has_crm!"
             FROM organizations WHERE organization_id = $1"#,
        organization_id.uuid(),
    )
    .fetch_optional(tx)
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
