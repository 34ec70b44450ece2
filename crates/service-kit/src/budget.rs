//! Budgets: how often something may be done within a window of time.
//!
//! Owns what is done to the table `budgets`, which each service that counts creates in a migration of its own, and which holds over replicas and restarts. What is counted is named by a keyed hash, whether
//! there is such a thing or not, and it is counted before anything is looked up: neither the table nor an answer tells
//! who has an account. A window begins with its first count and is decided by the database's clock. Must not know what
//! the counts are for.

use std::time::Duration;

use chrono::TimeDelta;
use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;

use crate::client::Client;
use crate::db::Database;
use crate::mac::MacKey;

const DELETE_AT_ONCE: i64 = 1_000;

/// How many there may be within a window.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// How many.
    pub count: i32,
    /// Within which time from the first.
    pub window: TimeDelta,
}

/// What is counted, and up to where.
#[derive(Clone, Debug)]
pub struct Bucket {
    key: Vec<u8>,
    limit: Limit,
}

/// A budget is spent.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    /// Until its window ends.
    pub wait: Duration,
}

impl Bucket {
    /// Names a bucket by its purpose and what is counted.
    pub fn new(mac: &MacKey, (purpose, parts): (&str, &[&str]), limit: Limit) -> Self {
        let parts: Vec<&[u8]> =
            [purpose.as_bytes()].into_iter().chain(parts.iter().map(|p| p.as_bytes())).collect();
        Self { key: mac.hash("budget", &parts).to_vec(), limit }
    }

    /// Names the bucket of a client's network.
    pub fn of_network(mac: &MacKey, purpose: &str, client: &Client, limit: Limit) -> Self {
        Self::new(mac, (purpose, &[client.network.as_str()]), limit)
    }
}

/// Counts one; `None` where the window's limit is reached, of which nothing more is counted.
async fn count(tx: &mut PgConnection, bucket: &Bucket) -> Result<Option<i32>, sqlx::Error> {
    sqlx::query_scalar(
        "INSERT INTO budgets AS b (bucket, window_start, window_end, count) VALUES ($1, now(), now() + $2, 1)
         ON CONFLICT (bucket) DO UPDATE
            SET count = CASE WHEN b.window_end > now() THEN b.count + 1 ELSE 1 END,
                window_start = CASE WHEN b.window_end > now() THEN b.window_start ELSE now() END,
                window_end = CASE WHEN b.window_end > now() THEN b.window_end ELSE now() + $2 END
          WHERE b.window_end <= now() OR b.count < $3
         RETURNING count",
    )
    .bind(&bucket.key)
    .bind(interval(bucket.limit.window))
    .bind(bucket.limit.count)
    .fetch_optional(tx)
    .await
}

/// Spends one of each, or tells how long to wait. Always in the order network, organisation, address, so that two calls
/// at once cannot wait for each other in a circle. What was spent is kept with the caller's unit of work.
pub async fn spend(tx: &mut PgConnection, buckets: &[Bucket]) -> Result<Result<(), Spent>, sqlx::Error> {
    for bucket in buckets {
        if count(tx, bucket).await?.is_none() {
            return Ok(Err(Spent { wait: wait_of(tx, bucket).await? }));
        }
    }
    Ok(Ok(()))
}

/// Spends one of `total` where `one` is new within its own window; tells whether there was any left. For budgets of
/// different things, such as addresses, where doing the same again costs nothing.
pub async fn spend_if_new(tx: &mut PgConnection, one: &Bucket, total: &Bucket) -> Result<bool, sqlx::Error> {
    if count(tx, one).await? != Some(1) {
        return Ok(true);
    }
    let is_left = count(tx, total).await?.is_some();
    if !is_left {
        // It stays new: asking again must not look like something that was paid for.
        give_back(tx, std::slice::from_ref(one)).await?;
    }
    Ok(is_left)
}

/// Gives one back to each, after it turned out not to be what the budget is for.
pub async fn give_back(tx: &mut PgConnection, buckets: &[Bucket]) -> Result<(), sqlx::Error> {
    for bucket in buckets {
        sqlx::query(
            "UPDATE budgets SET count = count - 1 WHERE bucket = $1 AND window_end > now() AND count > 0",
        )
        .bind(&bucket.key)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Returns how long a window still lasts, in whole seconds, at least one.
async fn wait_of(tx: &mut PgConnection, bucket: &Bucket) -> Result<Duration, sqlx::Error> {
    let seconds: Option<i64> = sqlx::query_scalar(
        "SELECT ceil(extract(epoch FROM greatest(window_end, now()) - now()))::bigint
           FROM budgets WHERE bucket = $1",
    )
    .bind(&bucket.key)
    .fetch_optional(tx)
    .await?;
    Ok(Duration::from_secs(seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0).max(1)))
}

/// Deletes budgets whose window has ended, at most 1,000; returns how many.
pub async fn delete_ended(database: &Database) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query(
        "DELETE FROM budgets WHERE ctid IN (SELECT ctid FROM budgets WHERE window_end < now() LIMIT $1)",
    )
    .bind(DELETE_AT_ONCE);
    Ok(deleted.execute(database.pool()).await?.rows_affected())
}

fn interval(length: TimeDelta) -> PgInterval {
    PgInterval { months: 0, days: 0, microseconds: length.num_microseconds().unwrap_or(i64::MAX) }
}
