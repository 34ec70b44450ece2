//! All SQL on organisations.

use service_kit::ids::OrganizationId;
use sqlx::PgConnection;

use super::Plan;

/// Finds an organisation's plan.
pub(super) async fn find_plan(
    tx: &mut PgConnection,
    organization: OrganizationId,
) -> Result<Option<Plan>, sqlx::Error> {
    let plan = sqlx::query_scalar!(
        "SELECT plan FROM organizations WHERE organization_id = $1",
        organization.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(plan.and_then(|plan| Plan::parse(&plan)))
}

/// Keeps an organisation's plan; repeating it changes nothing.
pub(crate) async fn keep(
    tx: &mut PgConnection,
    organization: OrganizationId,
    plan: Plan,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO organizations (organization_id, plan) VALUES ($1, $2)
         ON CONFLICT (organization_id) DO UPDATE SET plan = excluded.plan",
        organization.uuid(),
        plan.as_str(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Holds the organisation's row until the transaction ends, so that what counts its connections counts alone.
pub(crate) async fn lock(tx: &mut PgConnection, organization: OrganizationId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "SELECT organization_id FROM organizations WHERE organization_id = $1 FOR UPDATE",
        organization.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(())
}
