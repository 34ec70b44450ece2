//! All SQL on organisations.

use service_kit::ids::OrganizationId;
use sqlx::PgConnection;

use super::{LoggingMode, Plan};

/// Finds an organisation's plan.
pub(super) async fn find_plan(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<Option<Plan>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT plan AS "plan: Plan" FROM organizations WHERE organization_id = $1"#,
        organization_id.uuid(),
    )
    .fetch_optional(tx)
    .await
}

/// Keeps an organisation's plan as it was at a version; what is not newer than what is kept changes nothing.
pub(crate) async fn keep(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    plan: Plan,
    version: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO organizations (organization_id, plan, version) VALUES ($1, $2, $3)
         ON CONFLICT (organization_id) DO UPDATE SET plan = excluded.plan, version = excluded.version
         WHERE organizations.version < excluded.version",
        organization_id.uuid(),
        plan.as_str(),
        version,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Holds the organisation's row until the transaction ends, so that what counts its connections counts alone.
pub(crate) async fn lock(tx: &mut PgConnection, organization_id: OrganizationId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "SELECT organization_id FROM organizations WHERE organization_id = $1 FOR UPDATE",
        organization_id.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(())
}

/// Tells whether an organisation's logs are written; off where it is not known.
pub(crate) async fn logging_mode(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<LoggingMode, sqlx::Error> {
    let mode = sqlx::query_scalar!(
        r#"SELECT logging_mode AS "logging_mode: LoggingMode" FROM organizations WHERE organization_id = $1"#,
        organization_id.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(mode.unwrap_or(LoggingMode::Off))
}

/// Sets whether an organisation's logs are written.
pub(crate) async fn set_logging_mode(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    mode: LoggingMode,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE organizations SET logging_mode = $2 WHERE organization_id = $1",
        organization_id.uuid(),
        mode.as_str(),
    )
    .execute(tx)
    .await?;
    Ok(())
}
