//! The database and nothing else, for a consumer: inbox and job rows of a batch in one transaction, batch after batch.
//!
//! Owns the statement, which must be what `messaging::inbox` sends; nobody applies the jobs meanwhile.

use std::time::Instant;

use messaging::Event;
use service_kit::clock::{Clock, SystemClock};
use sharedspaces_proto::identity::events::v1::GuestCreated;
use sqlx::PgPool;
use uuid::Uuid;

use crate::messages::{Guest, TRACEPARENT};

/// As the consumers have it.
const BATCH: usize = 200;
const MAX_ATTEMPTS: i32 = 20;

const STORE: &str = "
    WITH arrived AS (
        SELECT * FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::jsonb[], $7::bytea[], $8::text[])
          WITH ORDINALITY AS e (event_id, name, organization_id, queue_key, payload, body, traceparent, n)),
    fresh AS (
        INSERT INTO inbox (consumer, event_id) SELECT $1, event_id FROM arrived
        ON CONFLICT DO NOTHING RETURNING event_id)
    INSERT INTO jobs (name, organization_id, queue_key, payload, event, traceparent, max_attempts)
    SELECT name, organization_id, queue_key, payload, body, traceparent, $9
      FROM arrived JOIN fresh USING (event_id) ORDER BY n";

/// Stores all events and removes them again; returns the events a second.
pub(crate) async fn measure(database: &PgPool, guests: &[Guest]) -> anyhow::Result<f64> {
    let begin = Instant::now();
    for batch in guests.chunks(BATCH) {
        store(database, batch).await?;
    }
    let rate = f64::from(u32::try_from(guests.len())?) / begin.elapsed().as_secs_f64();
    sqlx::query("TRUNCATE inbox, jobs").execute(database).await?;
    Ok(rate)
}

async fn store(database: &PgPool, batch: &[Guest]) -> anyhow::Result<()> {
    let column = |id: fn(&Guest) -> Uuid| batch.iter().map(id).collect::<Vec<_>>();
    let name = format!("event:{}", GuestCreated::ROUTING_KEY);
    let keys: Vec<String> = batch.iter().map(|guest| format!("event:{}", guest.user_id)).collect();
    let payload = |guest: &Guest| {
        serde_json::json!({
            "event_id": guest.event_id, "aggregate_id": guest.user_id, "aggregate_version": 1,
            "event_time": SystemClock.now(),
        })
    };
    let mut tx = database.begin().await?;
    sqlx::query(STORE)
        .bind("spaces")
        .bind(column(|guest| guest.event_id))
        .bind(vec![name.as_str(); batch.len()])
        .bind(column(|guest| guest.organization_id))
        .bind(keys)
        .bind(batch.iter().map(payload).collect::<Vec<_>>())
        .bind(batch.iter().map(|guest| guest.body.as_slice()).collect::<Vec<_>>())
        .bind(vec![TRACEPARENT; batch.len()])
        .bind(MAX_ATTEMPTS)
        .execute(&mut *tx)
        .await?;
    sqlx::query("SELECT pg_notify('jobs', '')").execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}
