//! All SQL of signing keys. The database's clock decides what is in use.

use chrono::TimeDelta;
use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;

use super::entity::{NewKey, NextKey, StoredKey};

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

/// Finds the key whose time to sign has not come yet.
pub(super) async fn find_next(tx: &mut PgConnection) -> Result<Option<NextKey>, sqlx::Error> {
    sqlx::query_as!(
        NextKey,
        "SELECT kid, not_before FROM signing_keys WHERE not_before > now() ORDER BY not_before DESC LIMIT 1"
    )
    .fetch_optional(tx)
    .await
}

/// Tells whether the newest key has signed for so long that the next one is due.
pub(super) async fn is_due(tx: &mut PgConnection, age: TimeDelta) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT coalesce(max(not_before) <= now() - $1::interval, true) AS "is_due!"
             FROM signing_keys WHERE retire_after IS NULL OR retire_after > now()"#,
        interval(age)
    )
    .fetch_one(tx)
    .await
}

/// Inserts a key that is published now and signs after `lead`, and retires all others `overlap` after that.
pub(super) async fn insert_next(
    tx: &mut PgConnection,
    new: &NewKey,
    (lead, overlap): (TimeDelta, TimeDelta),
) -> Result<NextKey, sqlx::Error> {
    sqlx::query!(
        "UPDATE signing_keys SET retire_after = now() + $1::interval + $2::interval WHERE retire_after IS NULL",
        interval(lead),
        interval(overlap),
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query_as!(
        NextKey,
        "INSERT INTO signing_keys (kid, public_key, sealed_private_key, not_before)
         VALUES ($1, $2, $3, now() + $4::interval)
         RETURNING kid, not_before",
        new.kid,
        new.public_key,
        new.sealed_private_key,
        interval(lead),
    )
    .fetch_one(tx)
    .await
}

/// Deletes keys a day after they were retired: nothing is left to sign or to verify with them.
pub(super) async fn delete_retired(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM signing_keys WHERE retire_after < now() - interval '1 day'")
        .execute(tx)
        .await?;
    Ok(())
}

fn interval(length: TimeDelta) -> PgInterval {
    PgInterval { months: 0, days: 0, microseconds: length.num_microseconds().unwrap_or(i64::MAX) }
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
