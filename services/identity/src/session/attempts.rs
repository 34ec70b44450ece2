//! Slowing down who guesses passwords.
//!
//! Owns the counters of failures in a row. They are keyed by a keyed hash of slug and address, whether there is such an
//! account or not, so that neither the table nor the answers tell who has one. An attempt is counted as failed *before*
//! the password is looked at, and a success takes the count away: a hundred guesses at once are a hundred failures.
//! While an account is blocked nothing is counted, so that nobody can keep somebody else out for ever.

use std::time::Duration;

use service_kit::address::EmailAddress;
use service_kit::db::Database;
use sqlx::PgConnection;

use crate::budget::Spent;
use crate::mac::MacKey;

/// After this many failures in a row the next attempt has to wait: 1 s, then twice as long each time, up to 15 minutes.
pub(super) const FAILURES_ALLOWED: i32 = 5;
/// 2 to the power of this, in seconds, is more than 15 minutes.
const DOUBLINGS_MAX: i32 = 10;
const DELETE_AT_ONCE: i64 = 1_000;

/// Names an account in the counters, whether there is one or not.
pub(crate) fn account(mac: &MacKey, slug: &str, address: &EmailAddress) -> Vec<u8> {
    mac.hash("sign-in attempts", &[slug.as_bytes(), address.as_str().as_bytes()]).to_vec()
}

/// Counts an attempt as failed for now, or tells how long the account is blocked.
pub(crate) async fn take(tx: &mut PgConnection, account: &[u8]) -> Result<Result<(), Spent>, sqlx::Error> {
    let taken = sqlx::query!(
        "INSERT INTO sign_in_attempts AS a (account, failures, blocked_until, update_time)
         VALUES ($1, 1, '-infinity', now())
         ON CONFLICT (account) DO UPDATE
            SET failures = least(a.failures, 1000) + 1,
                update_time = now(),
                blocked_until = CASE
                    WHEN a.failures + 1 < $2 THEN '-infinity'
                    ELSE now() + least(interval '15 minutes',
                                       interval '1 second' * power(2, least(a.failures + 1 - $2, $3)))
                END
          WHERE a.blocked_until <= now()",
        account,
        FAILURES_ALLOWED,
        DOUBLINGS_MAX,
    );
    if taken.execute(&mut *tx).await?.rows_affected() == 0 {
        return Ok(Err(Spent { wait: wait_of(tx, account).await? }));
    }
    Ok(Ok(()))
}

/// Returns how long a blocked account still has to wait, in whole seconds, at least one: the block may have ended, or
/// been forgotten, since it was met.
async fn wait_of(tx: &mut PgConnection, account: &[u8]) -> Result<Duration, sqlx::Error> {
    let seconds = sqlx::query_scalar!(
        r#"SELECT ceil(extract(epoch FROM greatest(blocked_until, now()) - now()))::bigint AS "seconds!"
             FROM sign_in_attempts WHERE account = $1"#,
        account,
    )
    .fetch_optional(tx)
    .await?;
    Ok(Duration::from_secs(seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0).max(1)))
}

/// Forgets the failures of an account, after a success.
pub(crate) async fn forget(tx: &mut PgConnection, account: &[u8]) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM sign_in_attempts WHERE account = $1", account).execute(tx).await?;
    Ok(())
}

/// Deletes counters that nobody added to for a day, at most 1,000; returns how many.
pub(crate) async fn delete_stale(database: &Database) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query!(
        "DELETE FROM sign_in_attempts WHERE ctid IN (
                SELECT ctid FROM sign_in_attempts WHERE update_time < now() - interval '1 day' LIMIT $1)",
        DELETE_AT_ONCE,
    );
    Ok(deleted.execute(database.pool()).await?.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::world::World;

    #[tokio::test]
    async fn the_wait_is_a_second_where_the_block_is_over_or_forgotten_by_the_time_it_is_read() {
        let world = World::new().await;
        for blocked_until in ["-infinity", "2000-01-01"] {
            let account = blocked_until.as_bytes();
            sqlx::query(
                "INSERT INTO sign_in_attempts (account, failures, blocked_until, update_time)
                 VALUES ($1, 1, $2::text::timestamptz, now())",
            )
            .bind(account)
            .bind(blocked_until)
            .execute(&world.all)
            .await
            .unwrap();
            let mut connection = world.all.acquire().await.unwrap();
            assert_eq!(wait_of(&mut connection, account).await.unwrap(), Duration::from_secs(1));
        }
        let mut connection = world.all.acquire().await.unwrap();
        assert_eq!(wait_of(&mut connection, b"unknown").await.unwrap(), Duration::from_secs(1));
    }
}
