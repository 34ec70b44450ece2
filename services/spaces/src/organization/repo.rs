//! All SQL of the copies of organisations.

use service_kit::ids::OrganizationId;
use sqlx::PgConnection;

use super::Organization;

/// Keeps what is known of an organisation, in place of what was known before.
pub(crate) async fn keep(tx: &mut PgConnection, organization: &Organization) -> Result<(), sqlx::Error> {
    let plan = if organization.has_crm { "ULTIMATE" } else { "PLUS" };
    sqlx::query!(
        "INSERT INTO organizations (organization_id, slug, base_url, plan) VALUES ($1, $2, $3, $4)
         ON CONFLICT (organization_id) DO UPDATE
            SET slug = excluded.slug, base_url = excluded.base_url, plan = excluded.plan",
        organization.organization_id.uuid(),
        organization.slug,
        organization.base_url,
        plan,
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
