//! Events of other services, as they arrive.
//!
//! Owns reading a delivery strictly, and the table `inbox`, whose unique event id folds what is delivered twice. An event
//! of a kind that only a later release knows becomes a job as well, which waits for a process of that release: so it is
//! neither lost nor overtaken by what follows it. Must not apply an event: that is its job's, in a transaction of its own.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable};
use serde::{Deserialize, Serialize};
use service_kit::ids::OrganizationId;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::failpoint;
use crate::jobs::EVENT_MAX_ATTEMPTS;
use crate::runner::Handlers;

/// The length of a `traceparent` of version 00 (W3C Trace Context).
const TRACEPARENT_LENGTH: usize = 55;

/// How many events of kinds that this release does not know may wait as jobs: each costs every look for work a step.
const UNKNOWN_MAX: i64 = 10_000;

/// An event as it arrived, read and checked.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(crate) organization_id: OrganizationId,
    pub(crate) envelope: Envelope,
    /// `event:<routing key>`.
    pub(crate) job_name: String,
    pub(crate) traceparent: Option<String>,
    pub(crate) body: Vec<u8>,
    /// False: only a later release knows this kind.
    pub(crate) is_known: bool,
}

/// What is kept beside an event's body until it is applied.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Envelope {
    pub(crate) event_id: Uuid,
    pub(crate) aggregate_id: Uuid,
    pub(crate) aggregate_version: i64,
    pub(crate) event_time: DateTime<Utc>,
}

/// Reads a delivery of `producer`. The error says why it cannot be taken, without any of its content.
pub(crate) fn read(
    delivery: &Delivery,
    handlers: &Handlers,
    producer: &str,
) -> Result<Incoming, &'static str> {
    let properties = &delivery.properties;
    let id = properties.message_id().as_ref().ok_or("no message_id")?;
    let event_id = Uuid::parse_str(id.as_str()).map_err(|_| "message_id is not a UUID")?;
    let kind = properties.kind().as_ref().ok_or("no type")?;
    let handler = handlers.find_event(kind.as_str());
    let job_name = match handler {
        Some(handler) => handler.job_name.clone(),
        None => {
            later_job_name(kind.as_str(), delivery.routing_key.as_str(), producer).ok_or("unknown type")?
        }
    };
    let headers = properties.headers().as_ref().ok_or("no headers")?;
    let organization = uuid_of(headers, "organisation_id").ok_or("organisation_id is not a UUID")?;
    if let Some(handler) = handler {
        let named = (handler.organization_of)(&delivery.data).map_err(|_| "the body is not of its type")?;
        if Uuid::parse_str(&named) != Ok(organization) {
            return Err("the body belongs to another organisation");
        }
    }
    let traceparent = text_of(headers, "traceparent")
        .filter(|text| text.len() == TRACEPARENT_LENGTH && text.chars().all(|c| c.is_ascii_graphic()));
    Ok(Incoming {
        organization_id: organization.into(),
        envelope: Envelope {
            event_id,
            aggregate_id: uuid_of(headers, "aggregate_id").ok_or("aggregate_id is not a UUID")?,
            aggregate_version: match headers.inner().get("aggregate_version") {
                Some(AMQPValue::LongLongInt(version)) => *version,
                _ => return Err("aggregate_version is not a number"),
            },
            event_time: time_of(event_id, *properties.timestamp()).ok_or("no time")?,
        },
        job_name,
        traceparent,
        body: delivery.data.clone(),
        is_known: handler.is_some(),
    })
}

/// Names the job of an event that a later release of `producer` sends, as the later release of this service names it.
fn later_job_name(kind: &str, routing_key: &str, producer: &str) -> Option<String> {
    let package = format!("sharedspaces.{}.events.", producer.replace('-', ""));
    let is_of_producer = kind.starts_with(&package) && routing_key.strip_prefix(producer)?.starts_with('.');
    is_of_producer.then(|| format!("event:{routing_key}"))
}

/// Tells when an event came about: to the millisecond where its id says so (UUIDv7), else to the second.
fn time_of(event_id: Uuid, timestamp: Option<u64>) -> Option<DateTime<Utc>> {
    let of_id =
        event_id.get_timestamp().filter(|_| event_id.get_version_num() == 7).map(|time| time.to_unix());
    let (seconds, nanoseconds) = of_id.or(timestamp.map(|seconds| (seconds, 0)))?;
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanoseconds)
}

fn uuid_of(headers: &FieldTable, name: &str) -> Option<Uuid> {
    Uuid::parse_str(&text_of(headers, name)?).ok()
}

fn text_of(headers: &FieldTable, name: &str) -> Option<String> {
    match headers.inner().get(name)? {
        AMQPValue::LongString(text) => String::from_utf8(text.as_bytes().to_vec()).ok(),
        _ => None,
    }
}

/// Writes inbox and job rows of a batch in one transaction; what has been taken before is left out. Returns the ids of
/// what was not taken: events of unknown kinds where too many wait already.
pub(crate) async fn store(
    pool: &PgPool,
    consumer: &str,
    handlers: &Handlers,
    batch: &[Incoming],
) -> anyhow::Result<HashSet<Uuid>> {
    let mut tx = pool.begin().await?;
    let mut refused = HashSet::new();
    if batch.iter().any(|event| !event.is_known) && is_full(&mut tx, handlers).await? {
        let unknown = batch.iter().filter(|event| !event.is_known);
        refused.extend(unknown.map(|event| event.envelope.event_id));
    }
    let mut seen = refused.clone();
    let batch: Vec<&Incoming> = batch.iter().filter(|event| seen.insert(event.envelope.event_id)).collect();
    let ids: Vec<Uuid> = batch.iter().map(|event| event.envelope.event_id).collect();
    let names: Vec<&str> = batch.iter().map(|event| event.job_name.as_str()).collect();
    let organizations: Vec<Uuid> = batch.iter().map(|event| event.organization_id.uuid()).collect();
    let keys: Vec<String> =
        batch.iter().map(|event| format!("event:{}", event.envelope.aggregate_id)).collect();
    let payloads: Vec<serde_json::Value> =
        batch.iter().map(|event| serde_json::to_value(&event.envelope)).collect::<Result<_, _>>()?;
    let bodies: Vec<&[u8]> = batch.iter().map(|event| event.body.as_slice()).collect();
    let traceparents: Vec<Option<&str>> = batch.iter().map(|event| event.traceparent.as_deref()).collect();
    sqlx::query(
        "WITH arrived AS (
             SELECT * FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::jsonb[], $7::bytea[],
                                  $8::text[])
               WITH ORDINALITY AS e (event_id, name, organization_id, queue_key, payload, body, traceparent, n)),
         fresh AS (
             INSERT INTO inbox (consumer, event_id) SELECT $1, event_id FROM arrived
             ON CONFLICT DO NOTHING RETURNING event_id)
         INSERT INTO jobs (name, organization_id, queue_key, payload, event, traceparent, max_attempts)
         SELECT name, organization_id, queue_key, payload, body, traceparent, $9
           FROM arrived JOIN fresh USING (event_id) ORDER BY n",
    )
    .bind(consumer)
    .bind(&ids)
    .bind(&names)
    .bind(&organizations)
    .bind(&keys)
    .bind(&payloads)
    .bind(&bodies)
    .bind(&traceparents)
    .bind(EVENT_MAX_ATTEMPTS)
    .execute(&mut *tx)
    .await?;
    sqlx::query("SELECT pg_notify('jobs', '')").execute(&mut *tx).await?;
    failpoint("inbox.before_commit");
    tx.commit().await?;
    Ok(refused)
}

/// Tells whether as many events of unknown kinds wait as may.
async fn is_full(tx: &mut PgConnection, handlers: &Handlers) -> Result<bool, sqlx::Error> {
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM (
             SELECT FROM jobs WHERE state = 'pending' AND event IS NOT NULL AND name <> ALL($1) LIMIT $2) AS unknown",
    )
    .bind(handlers.names())
    .bind(UNKNOWN_MAX)
    .fetch_one(tx)
    .await?;
    Ok(count >= UNKNOWN_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_is_kept_only_where_its_own_producer_sends_it() {
        let name = |kind, key| later_job_name(kind, key, "crm-sync");
        let kept = name("sharedspaces.crmsync.events.v2.LogMoved", "crm-sync.log.moved.v2");
        assert_eq!(kept.unwrap(), "event:crm-sync.log.moved.v2");
        assert!(name("sharedspaces.spaces.events.v1.LogMoved", "crm-sync.log.moved.v1").is_none());
        assert!(name("sharedspaces.crmsync.events.v1.LogMoved", "spaces.log.moved.v1").is_none());
        assert!(name("sharedspaces.crmsync.events.v1.LogMoved", "crm-syncs.log.moved.v1").is_none());
        assert!(name("sharedspaces.crmsync.v1.Log", "crm-sync.log.moved.v1").is_none());
    }
}
