//! Idempotency keys: the same key gives the same reply.
//!
//! Owns the table `idempotency_keys`. The key, the hash of the request and the reply are written in the transaction of
//! the effect, so that a key without an effect, or an effect without its key, cannot be. A second call with the key of
//! one that still runs waits at the unique index until that one ends. Kept 24 hours.

use sqlx::{PgConnection, PgPool};

use crate::caller::IdempotencyKey;
use crate::error::CommonError;
use crate::ids::OrganizationId;

/// Claims a key, or returns the reply that stands under it.
pub(super) async fn claim(
    tx: &mut PgConnection,
    organization: OrganizationId,
    key: &IdempotencyKey,
) -> Result<Option<Vec<u8>>, CommonError> {
    let claimed = sqlx::query(
        "INSERT INTO idempotency_keys (organization_id, principal, method, key, request_sha256)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (organization_id, principal, method, key) DO UPDATE
            SET request_sha256 = excluded.request_sha256, reply = NULL, create_time = now()
          WHERE idempotency_keys.create_time < now() - interval '24 hours'",
    )
    .bind(organization)
    .bind(&key.principal)
    .bind(key.method)
    .bind(&key.key)
    .bind(&key.request_sha256)
    .execute(&mut *tx)
    .await?;
    if claimed.rows_affected() == 1 {
        return Ok(None);
    }
    find(tx, organization, key).await
}

/// Finds the reply that stands under a key that is still kept.
pub(super) async fn find(
    tx: &mut PgConnection,
    organization: OrganizationId,
    key: &IdempotencyKey,
) -> Result<Option<Vec<u8>>, CommonError> {
    let found: Option<(Vec<u8>, Option<Vec<u8>>)> = sqlx::query_as(
        "SELECT request_sha256, reply FROM idempotency_keys
          WHERE organization_id = $1 AND principal = $2 AND method = $3 AND key = $4
            AND create_time >= now() - interval '24 hours'",
    )
    .bind(organization)
    .bind(&key.principal)
    .bind(key.method)
    .bind(&key.key)
    .fetch_optional(tx)
    .await?;
    match found {
        Some((request_sha256, _)) if request_sha256 != key.request_sha256 => {
            Err(CommonError::IdempotencyKeyReused)
        }
        Some((_, reply)) => Ok(Some(reply.unwrap_or_default())),
        None => Ok(None),
    }
}

/// Keeps the reply under its key.
pub(super) async fn keep(
    tx: &mut PgConnection,
    organization: OrganizationId,
    key: &IdempotencyKey,
    reply: &[u8],
) -> Result<(), CommonError> {
    sqlx::query(
        "UPDATE idempotency_keys SET reply = $5
          WHERE organization_id = $1 AND principal = $2 AND method = $3 AND key = $4",
    )
    .bind(organization)
    .bind(&key.principal)
    .bind(key.method)
    .bind(&key.key)
    .bind(reply)
    .execute(tx)
    .await?;
    Ok(())
}

/// Deletes keys older than 24 hours, at most 1,000; returns how many. Uses the function of that name, which acts over
/// all organisations.
pub async fn delete_expired(pool: &PgPool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT delete_expired_idempotency_keys()").fetch_one(pool).await
}
