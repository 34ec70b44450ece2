//! All SQL on data keys.

use service_kit::ids::OrganizationId;
use sqlx::PgConnection;

use super::secrets::WrappedKey;

/// Lists an organisation's data keys.
pub(super) async fn list(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<Vec<WrappedKey>, sqlx::Error> {
    sqlx::query_as!(
        WrappedKey,
        "SELECT key_version, wrapped_key FROM data_keys WHERE organization_id = $1 ORDER BY key_version",
        organization_id.uuid(),
    )
    .fetch_all(tx)
    .await
}

/// Lists an organisation's data keys and keeps others from changing them until the transaction ends.
pub(super) async fn lock_all(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<Vec<WrappedKey>, sqlx::Error> {
    sqlx::query_as!(
        WrappedKey,
        "SELECT key_version, wrapped_key FROM data_keys WHERE organization_id = $1 ORDER BY key_version FOR UPDATE",
        organization_id.uuid(),
    )
    .fetch_all(tx)
    .await
}

/// Keeps a data key, unless there is one of this version.
pub(super) async fn insert(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    key_version: i32,
    wrapped_key: &[u8],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO data_keys (organization_id, key_version, wrapped_key) VALUES ($1, $2, $3)
         ON CONFLICT (organization_id, key_version) DO NOTHING",
        organization_id.uuid(),
        key_version,
        wrapped_key,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Replaces how a data key is wrapped.
pub(super) async fn set_wrapped(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    key_version: i32,
    wrapped_key: &[u8],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE data_keys SET wrapped_key = $3 WHERE organization_id = $1 AND key_version = $2",
        organization_id.uuid(),
        key_version,
        wrapped_key,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Lists the organisations that have secrets, whoever's turn it is.
pub(super) async fn list_organizations(pool: &sqlx::PgPool) -> Result<Vec<OrganizationId>, sqlx::Error> {
    let rows = sqlx::query_scalar!(
        r#"SELECT organization_id AS "organization_id!" FROM list_organizations_with_secrets()"#
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(OrganizationId::from).collect())
}
