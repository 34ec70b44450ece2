//! Events on their way, against a bare loop over the same messages.
//!
//! Owns the section on relay and consumer: identity finds a full outbox and publishes it; spaces finds a full queue,
//! takes it into its inbox, and applies it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use journeys::outside::within;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use messaging::Event;
use prost::{Message as _, Name};
use service_kit::clock::{Clock, SystemClock};
use service_kit::ids::Ids;
use sharedspaces_proto::identity::events::v1::GuestCreated;
use sharedspaces_proto::identity::v1::{Person, PersonKind};
use sqlx::PgPool;
use uuid::Uuid;
use xtask::process::say;

use crate::broker::{Bare, Message};
use crate::inserts;
use crate::stage::Stage;

const COUNT: usize = 20_000;
const AIM: f64 = 0.7;
const PATIENCE: Duration = Duration::from_secs(60);
/// How long applying is watched, at most.
const APPLY_FOR: Duration = Duration::from_secs(15);
pub(crate) const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Relay and consumer, each against lapin alone.
pub(crate) async fn relay_and_consumer(stage: &mut Stage) -> anyhow::Result<()> {
    let (identity, spaces) = (stage.superuser("identity").await?, stage.superuser("spaces").await?);
    stage.stop("spaces")?;
    stage.stop("identity")?;
    let events = guests();
    sqlx::query("TRUNCATE outbox").execute(&identity).await?;
    sqlx::query("TRUNCATE inbox").execute(&spaces).await?;
    append(&identity, &events).await?;

    say("Relay …");
    stage.restart("identity", "run")?;
    within(PATIENCE, "an empty outbox", async || {
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE publish_time IS NULL")
            .fetch_one(&identity)
            .await?;
        Ok((left == 0).then_some(()))
    })
    .await?;
    let relayed = between(&identity, RELAYED).await?;
    stage.memory.note(&stage.world)?;
    let addresses = &stage.world.addresses;
    let bare = Bare::open(&addresses.broker_url, &addresses.broker_prefix, GuestCreated::ROUTING_KEY).await?;
    let messages: Vec<Message> = events.iter().map(message).collect();
    let published = bare.publish(&messages).await?;
    stage.report.add_rate("Relay, events", relayed, Some((published, "lapin, publish")), Some(AIM));

    say("Consumer …");
    stage.restart("spaces", "run")?;
    let expected = i64::try_from(COUNT)?;
    within(PATIENCE, "a full inbox", async || {
        let taken: i64 = sqlx::query_scalar("SELECT count(*) FROM inbox").fetch_one(&spaces).await?;
        Ok((taken == expected).then_some(()))
    })
    .await?;
    let consumed = between(&spaces, CONSUMED).await?;
    let applied = watch_applying(&spaces).await?;
    stage.memory.note(&stage.world)?;
    // Nothing else may be under way while the limit is measured.
    stage.stop("spaces")?;
    let dead: i64 =
        sqlx::query_scalar("SELECT count(*) FROM jobs WHERE state = 'dead'").fetch_one(&spaces).await?;
    ensure!(dead == 0, "{dead} events could not be applied");
    sqlx::query("TRUNCATE inbox, jobs").execute(&spaces).await?;
    let taken = bare.consume(COUNT).await?;
    bare.close().await?;
    let stored = inserts::measure(&spaces, &events).await?;
    let what = "Consumer, events into inbox and jobs, while they are applied";
    stage.report.add_rate(what, consumed, Some((taken, "lapin, consume")), Some(AIM));
    let both = 1.0 / (1.0 / taken + 1.0 / stored);
    let of = format!("lapin, and the same INSERTs at {stored:.0} one after the other");
    stage.report.add_rate("the same", consumed, Some((both, &of)), None);
    stage.report.add_rate("Runner, events applied", applied, None, None);
    stage.restart("spaces", "run")
}

/// A row marks when its batch ended, so the first batch is before what is measured.
const RELAYED: &str = "
    SELECT count(*) FILTER (WHERE publish_time > first), extract(epoch FROM max(publish_time) - first)::float8
      FROM outbox, (SELECT min(publish_time) AS first FROM outbox) AS f GROUP BY first";
/// A row marks when its batch began, so the last batch is behind what is measured.
const CONSUMED: &str = "
    SELECT count(*) FILTER (WHERE receive_time < last), extract(epoch FROM last - min(receive_time))::float8
      FROM inbox, (SELECT max(receive_time) AS last FROM inbox) AS l GROUP BY last";

/// Returns the rate of the rows between the first and the last batch, by the database's own clock.
async fn between(database: &PgPool, sql: &'static str) -> anyhow::Result<f64> {
    let (count, seconds): (i64, f64) = sqlx::query_as(sql).fetch_one(database).await?;
    if seconds <= 0.0 {
        bail!("all went in one batch: too few events for a rate");
    }
    Ok(f64::from(i32::try_from(count)?) / seconds)
}

/// Watches jobs being done, until none is left or the time is over; returns the jobs a second.
async fn watch_applying(database: &PgPool) -> anyhow::Result<f64> {
    let open = async || -> anyhow::Result<i32> {
        let open: i64 =
            sqlx::query_scalar("SELECT count(*) FROM jobs WHERE state <> 'dead'").fetch_one(database).await?;
        Ok(i32::try_from(open)?)
    };
    let (first, begin) = (open().await?, Instant::now());
    loop {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let left = open().await?;
        let seconds = begin.elapsed().as_secs_f64();
        if left == 0 || begin.elapsed() >= APPLY_FOR {
            return Ok(f64::from(first - left) / seconds);
        }
    }
}

/// An event as identity would write it: each of a guest and an organisation of its own.
pub(crate) struct Guest {
    pub(crate) event_id: Uuid,
    pub(crate) organization_id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) body: Vec<u8>,
}

fn guests() -> Vec<Guest> {
    let ids = Ids::new(Arc::new(SystemClock));
    let guest = |_| {
        let (event_id, organization_id, user_id): (Uuid, Uuid, Uuid) = (ids.next(), ids.next(), ids.next());
        let event = GuestCreated {
            organization_id: organization_id.to_string(),
            person: Some(Person {
                user_id: user_id.to_string(),
                kind: PersonKind::Guest.into(),
                email_address: format!("{user_id}@buyer.example"),
                display_name: "Gina Guest".to_owned(),
                locale: "en".to_owned(),
                ..Person::default()
            }),
        };
        Guest { event_id, organization_id, user_id, body: event.encode_to_vec() }
    };
    (0..COUNT).map(guest).collect()
}

async fn append(database: &PgPool, guests: &[Guest]) -> anyhow::Result<()> {
    let column = |id: fn(&Guest) -> Uuid| guests.iter().map(id).collect::<Vec<_>>();
    let bodies: Vec<&[u8]> = guests.iter().map(|guest| guest.body.as_slice()).collect();
    sqlx::query(
        "INSERT INTO outbox (event_id, routing_key, type, organization_id, aggregate_id, aggregate_version, body,
                             traceparent)
         SELECT event_id, $5, $6, organization_id, user_id, 1, body, $7
           FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bytea[])
             AS g (event_id, organization_id, user_id, body)",
    )
    .bind(column(|guest| guest.event_id))
    .bind(column(|guest| guest.organization_id))
    .bind(column(|guest| guest.user_id))
    .bind(bodies)
    .bind(GuestCreated::ROUTING_KEY)
    .bind(GuestCreated::full_name())
    .bind(TRACEPARENT)
    .execute(database)
    .await?;
    sqlx::query("CHECKPOINT").execute(database).await?;
    Ok(())
}

/// Returns what goes over the wire for an event, as the relay sends it.
fn message(guest: &Guest) -> Message {
    let text = |value: String| AMQPValue::LongString(value.into());
    let mut headers = FieldTable::default();
    headers.insert("organisation_id".into(), text(guest.organization_id.to_string()));
    headers.insert("aggregate_id".into(), text(guest.user_id.to_string()));
    headers.insert("aggregate_version".into(), AMQPValue::LongLongInt(1));
    headers.insert("traceparent".into(), text(TRACEPARENT.to_owned()));
    let properties = BasicProperties::default()
        .with_message_id(guest.event_id.to_string().into())
        .with_type(GuestCreated::full_name().into())
        .with_content_type("application/x-protobuf".into())
        .with_timestamp(u64::try_from(SystemClock.now().timestamp()).unwrap_or_default())
        .with_delivery_mode(2)
        .with_headers(headers);
    Message { body: guest.body.clone(), properties }
}
