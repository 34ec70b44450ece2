//! All SQL of suppressions.

use chrono::{DateTime, Utc};
use service_kit::ids::OrganizationId;
use sqlx::PgConnection;

use super::{PageKey, Suppression, SuppressionReason};

/// Notes that a mail server has refused an address for good. One that is noted already stays as it is.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    email_address: &str,
    detail: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO suppressions (organization_id, email_address, reason, detail) VALUES ($1, $2, $3, $4)
         ON CONFLICT ON CONSTRAINT suppressions_pkey DO NOTHING",
        organization_id.uuid(),
        email_address,
        SuppressionReason::Bounced as SuppressionReason,
        detail,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Tells whether an address gets only what its person asks for.
pub(crate) async fn is_suppressed(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    email_address: &str,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM suppressions WHERE organization_id = $1 AND email_address = $2) AS "is!""#,
        organization_id.uuid(),
        email_address,
    )
    .fetch_one(tx)
    .await
}

pub(super) async fn list(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    after: Option<&PageKey>,
    limit: i64,
) -> Result<Vec<Suppression>, sqlx::Error> {
    let (after_time, after_address): (Option<DateTime<Utc>>, Option<&str>) =
        after.map(|(time, address)| (*time, address.as_str())).unzip();
    sqlx::query_as!(
        Suppression,
        r#"SELECT email_address, reason AS "reason: SuppressionReason", detail, create_time FROM suppressions
            WHERE organization_id = $1
              AND ($2::timestamptz IS NULL OR (create_time, email_address) < ($2, $3::text))
            ORDER BY create_time DESC, email_address DESC
            LIMIT $4"#,
        organization_id.uuid(),
        after_time,
        after_address,
        limit,
    )
    .fetch_all(tx)
    .await
}

pub(super) async fn delete(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    email_address: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM suppressions WHERE organization_id = $1 AND email_address = $2",
        organization_id.uuid(),
        email_address,
    )
    .execute(tx)
    .await?;
    Ok(())
}
