//! All SQL of signing keys. The database's clock decides what is in use.

use sqlx::PgConnection;

use super::entity::{NewKey, StoredKey};

/// "identity" in ASCII: held while looking whether a key must be made.
const LOCK: i64 = 0x6964_656e_7469_7479;

/// Waits until nobody else looks whether a key must be made; until the end of the unit of work.
pub(super) async fn lock(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT pg_advisory_xact_lock($1)", LOCK).execute(tx).await?;
    Ok(())
}

/// Lists the keys that are not retired, the oldest first.
pub(super) async fn list(tx: &mut PgConnection) -> Result<Vec<StoredKey>, sqlx::Error> {
    sqlx::query_as!(
        StoredKey,
        r#"SELECT kid, public_key, sealed_private_key, not_before <= now() AS "signs!"
             FROM signing_keys
            WHERE retire_after IS NULL OR retire_after > now()
            ORDER BY not_before, kid"#
    )
    .fetch_all(tx)
    .await
}

/// Inserts a key that signs from now on.
pub(super) async fn insert(tx: &mut PgConnection, new: &NewKey) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO signing_keys (kid, public_key, sealed_private_key) VALUES ($1, $2, $3)",
        new.kid,
        new.public_key,
        new.sealed_private_key,
    )
    .execute(tx)
    .await?;
    Ok(())
}
