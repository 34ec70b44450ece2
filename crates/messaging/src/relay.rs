//! Publishing what stands in the outbox.
//!
//! Owns the relay: one leader per database, held by an advisory lock on a connection of its own, on which also all its
//! statements run, so that a leader that has lost the lock can mark nothing. Rows are found by their own state, never
//! by a cursor: transactions commit out of order. A row is marked when, and only when, the broker has confirmed it; a
//! crash in between publishes it again, and the inbox of each consumer folds the two.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation};
use service_kit::db::Database;
use service_kit::ids::OrganizationId;
use sqlx::{ConnectOptions, FromRow, PgConnection};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::Span;
use uuid::Uuid;

use crate::connection::{Broker, Pause, Session};
use crate::metrics::{self, METRICS};
use crate::wake::POLL_EVERY;
use crate::{failpoint, topology};

const LINK: &str = "relay";
const BATCH: usize = 500;
const CONFIRM_WITHIN: Duration = Duration::from_secs(5);
const STATEMENT_WITHIN: Duration = Duration::from_secs(10);
const KEEP_HOUSE_EVERY: Duration = Duration::from_secs(10);
/// How long the relay goes on for the sake of jobs that are ending; more than the runner takes.
const OUTLIVE_JOBS: Duration = Duration::from_secs(12);
/// "outbox" in ASCII: who holds this lock leads.
const LEADER_LOCK: i64 = 0x6f75_7462_6f78;
const PERSISTENT: u8 = 2;

/// Publishes the events of one service.
pub(crate) struct Relay {
    pub(crate) database: Database,
    pub(crate) broker: Arc<Broker>,
    pub(crate) wake: Arc<Notify>,
    /// Cancelled when the last job has ended, and with it the last event it appends.
    pub(crate) jobs_ended: CancellationToken,
}

#[derive(Debug, FromRow)]
struct Row {
    id: i64,
    event_id: Uuid,
    routing_key: String,
    r#type: String,
    organization_id: OrganizationId,
    aggregate_id: Uuid,
    aggregate_version: i64,
    body: Vec<u8>,
    traceparent: Option<String>,
    create_time: DateTime<Utc>,
}

impl Relay {
    /// Publishes until told to stop, then once more what is left.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        let mut pause = Pause::new();
        self.broker.note(LINK, false).await;
        let end = self.end_after(stop);
        while !end.is_cancelled() {
            let Err(error) = self.session(&end, &mut pause).await else { return };
            tracing::warn!(error.chain = %format!("{error:#}"), "relay interrupted");
            self.broker.note(LINK, false).await;
            if stop.is_cancelled() {
                // The rows stay, and another process or the next start publishes them.
                return;
            }
            pause.wait(stop).await;
        }
    }

    /// Returns a token that is cancelled when the process stops and its jobs have ended.
    fn end_after(&self, stop: &CancellationToken) -> CancellationToken {
        let end = CancellationToken::new();
        let (stop, jobs_ended, ended) = (stop.clone(), self.jobs_ended.clone(), end.clone());
        tokio::spawn(async move {
            stop.cancelled().await;
            // Ends by itself where the runner does not.
            let _in_time = tokio::time::timeout(OUTLIVE_JOBS, jobs_ended.cancelled()).await;
            ended.cancel();
        });
        end
    }

    /// Connects, waits to lead, and publishes; returns when told to end.
    async fn session(&self, end: &CancellationToken, pause: &mut Pause) -> anyhow::Result<()> {
        let session = self.broker.open(LINK).await?;
        let mut leader = within(connect(&self.database)).await?;
        while !within(try_lead(&mut leader)).await? {
            session.ensure_open()?;
            tokio::select! {
                () = end.cancelled() => return Ok(()),
                () = tokio::time::sleep(POLL_EVERY) => {}
            }
        }
        tracing::info!("relay leads");
        pause.reset();
        self.lead(&session, &mut leader, end).await?;
        session.close().await;
        Ok(())
    }

    async fn lead(
        &self,
        session: &Session,
        leader: &mut PgConnection,
        end: &CancellationToken,
    ) -> anyhow::Result<()> {
        let mut keep_house_at = Instant::now();
        loop {
            // Looked at first, so that a whole round follows the end of the last writer.
            let is_last = end.is_cancelled();
            let rows = within(pending(leader)).await?;
            let is_full = rows.len() == BATCH;
            if !rows.is_empty() {
                self.publish(session, leader, &rows).await?;
            }
            if Instant::now() >= keep_house_at {
                within(keep_house(leader)).await?;
                keep_house_at = Instant::now() + KEEP_HOUSE_EVERY;
            }
            if is_full {
                continue;
            }
            if is_last {
                return Ok(());
            }
            tokio::select! {
                () = end.cancelled() => {}
                () = self.wake.notified() => {}
                () = tokio::time::sleep(POLL_EVERY) => {}
            }
            session.ensure_open()?;
        }
    }

    /// Publishes a batch and marks what was confirmed. Errors where any confirmation is missing: the rest is
    /// published again over a new connection.
    async fn publish(
        &self,
        session: &Session,
        leader: &mut PgConnection,
        rows: &[Row],
    ) -> anyhow::Result<()> {
        let exchange = topology::exchange(self.broker.prefix());
        let deadline = Instant::now() + CONFIRM_WITHIN;
        let mut confirms = Vec::with_capacity(rows.len());
        let mut sendings = Vec::with_capacity(rows.len());
        for row in rows {
            let sending = Sending::begin(row);
            match timeout_at(deadline, publish_row(&session.channel, &exchange, row)).await {
                Ok(Ok(confirm)) => confirms.push(confirm),
                Ok(Err(error)) => return Err(error).context("the broker took no event"),
                Err(_) => break,
            }
            sendings.push(sending);
        }
        failpoint("relay.after_publish_before_confirm");
        let mut answers = Vec::with_capacity(confirms.len());
        for (confirm, sending) in confirms.into_iter().zip(&mut sendings) {
            answers.push(timeout_at(deadline, confirm).await.ok().and_then(Result::ok));
            sending.took = Some(sending.started.elapsed());
        }
        let settled = settle(rows, answers);
        failpoint("relay.after_confirm_before_mark");
        within(mark(leader, &settled)).await?;
        for (row, sending) in rows.iter().zip(sendings) {
            sending.end(row, settled.error_of(row.id));
        }
        if !settled.refused.is_empty() {
            tracing::warn!(
                events.count = settled.refused.len(),
                "the broker has no queue for events, trying later"
            );
        }
        if settled.is_whole {
            return Ok(());
        }
        bail!("the broker did not confirm in time")
    }
}

/// What became of a batch.
#[derive(Debug, Default, Eq, PartialEq)]
struct Settled {
    published: Vec<i64>,
    refused: Vec<i64>,
    is_whole: bool,
}

impl Settled {
    /// Tells in a word why an event does not count as published.
    fn error_of(&self, id: i64) -> Option<&'static str> {
        if self.published.contains(&id) {
            None
        } else if self.refused.contains(&id) {
            Some("refused")
        } else {
            Some("unconfirmed")
        }
    }
}

/// An event on its way to the broker, as it is observed.
struct Sending {
    span: Span,
    started: Instant,
    took: Option<Duration>,
}

impl Sending {
    fn begin(row: &Row) -> Self {
        let id = row.event_id.to_string();
        let span = metrics::send_span(&row.routing_key, &id, row.traceparent.as_deref());
        Self { span, started: Instant::now(), took: None }
    }

    fn end(self, row: &Row, error: Option<&'static str>) {
        let destination = metrics::destination_of(&row.routing_key);
        if let Some(error) = error {
            metrics::mark_failed(&self.span, error);
        }
        METRICS.sent.add(1, &metrics::message_attributes(&destination, metrics::PUBLISH, error));
        let took = self.took.unwrap_or_else(|| self.started.elapsed());
        metrics::measure_operation(&destination, (metrics::PUBLISH, "send"), took, error);
    }
}

/// Tells what the broker has taken. Lapin hands a returned message to whichever confirmation it resolves next, not to
/// its own, so that `Ack(None)` alone proves nothing in a batch: a return is matched by the event id it carries. Only
/// when all have been answered has every return been seen with certainty; before, `Ack(None)` is asked for as well.
fn settle(rows: &[Row], answers: Vec<Option<Confirmation>>) -> Settled {
    let mut returned: HashSet<String> = HashSet::new();
    let is_whole = answers.len() == rows.len() && answers.iter().all(Option::is_some);
    let mut acks = Vec::with_capacity(answers.len());
    for answer in answers {
        let (is_ack, message) = match answer {
            Some(Confirmation::Ack(message)) => (Some(true), message),
            Some(Confirmation::Nack(message)) => (Some(false), message),
            Some(Confirmation::NotRequested) | None => (None, None),
        };
        acks.push((is_ack, message.is_some()));
        let id = message.and_then(|message| message.delivery.properties.message_id().clone());
        returned.extend(id.map(String::from));
    }
    let mut settled = Settled { is_whole, ..Settled::default() };
    for (row, (is_ack, carries_return)) in rows.iter().zip(acks) {
        let is_returned = returned.contains(&row.event_id.to_string());
        match is_ack {
            Some(_) if is_returned => settled.refused.push(row.id),
            Some(true) if is_whole || !carries_return => settled.published.push(row.id),
            Some(false) => settled.refused.push(row.id),
            Some(true) | None => {}
        }
    }
    settled
}

async fn publish_row(channel: &Channel, exchange: &str, row: &Row) -> lapin::Result<lapin::PublisherConfirm> {
    let text = |value: String| AMQPValue::LongString(value.into());
    let mut headers = FieldTable::default();
    headers.insert("organisation_id".into(), text(row.organization_id.to_string()));
    headers.insert("aggregate_id".into(), text(row.aggregate_id.to_string()));
    headers.insert("aggregate_version".into(), AMQPValue::LongLongInt(row.aggregate_version));
    if let Some(traceparent) = &row.traceparent {
        headers.insert("traceparent".into(), text(traceparent.clone()));
    }
    let properties = BasicProperties::default()
        .with_message_id(row.event_id.to_string().into())
        .with_type(row.r#type.as_str().into())
        .with_content_type("application/x-protobuf".into())
        .with_timestamp(u64::try_from(row.create_time.timestamp()).unwrap_or_default())
        .with_delivery_mode(PERSISTENT)
        .with_headers(headers);
    let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    channel
        .basic_publish(exchange.into(), row.routing_key.as_str().into(), mandatory, &row.body, properties)
        .await
}

/// Connects to be the leader. The server ends a session that stays idle, so that a leader that hangs, or that the
/// network has cut off, leads no more; one that works is never idle for as long.
async fn connect(database: &Database) -> Result<PgConnection, sqlx::Error> {
    let mut leader = database.pool().connect_options().connect().await?;
    sqlx::query("SET idle_session_timeout = '15s'").execute(&mut leader).await?;
    Ok(leader)
}

/// Bounds a statement from this side too: a connection may be gone without a word.
async fn within<T>(statement: impl Future<Output = Result<T, sqlx::Error>>) -> anyhow::Result<T> {
    Ok(timeout(STATEMENT_WITHIN, statement).await.context("the database did not answer in time")??)
}

async fn try_lead(leader: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(LEADER_LOCK).fetch_one(leader).await
}

/// Returns what is due, oldest first. What follows an event of its aggregate that was refused waits until that one has
/// been published, so that the order within the aggregate stands.
async fn pending(leader: &mut PgConnection) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as(
        "SELECT id, event_id, routing_key, type, organization_id, aggregate_id, aggregate_version, body,
                traceparent, create_time
           FROM outbox AS event
          WHERE publish_time IS NULL AND retry_time <= now()
            AND NOT EXISTS (
                SELECT FROM outbox AS older
                 WHERE older.aggregate_id = event.aggregate_id AND older.id < event.id
                   AND older.publish_time IS NULL AND older.refusals > 0)
          ORDER BY id LIMIT $1",
    )
    .bind(i64::try_from(BATCH).unwrap_or(1))
    .fetch_all(leader)
    .await
}

/// Marks what was published, and puts off what was refused: 1 s, doubled up to 30 s.
async fn mark(leader: &mut PgConnection, settled: &Settled) -> Result<(), sqlx::Error> {
    if !settled.published.is_empty() {
        sqlx::query("UPDATE outbox SET publish_time = now() WHERE id = ANY($1)")
            .bind(&settled.published)
            .execute(&mut *leader)
            .await?;
    }
    if !settled.refused.is_empty() {
        sqlx::query(
            "UPDATE outbox
                SET refusals = refusals + 1,
                    retry_time = now() + interval '1 second' * least(30, 2 ^ least(refusals, 5))
              WHERE id = ANY($1)",
        )
        .bind(&settled.refused)
        .execute(leader)
        .await?;
    }
    Ok(())
}

/// Deletes what need not be kept, in small batches: the rest waits for the next round.
async fn keep_house(leader: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM outbox WHERE id IN (
             SELECT id FROM (SELECT id, publish_time FROM outbox ORDER BY id LIMIT 5000) AS oldest
              WHERE publish_time < now() - interval '7 days')",
    )
    .execute(&mut *leader)
    .await?;
    sqlx::query(
        "DELETE FROM inbox WHERE ctid IN (
             SELECT ctid FROM inbox WHERE receive_time < now() - interval '30 days' LIMIT 5000)",
    )
    .execute(leader)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use lapin::message::{BasicReturnMessage, Delivery};

    use super::*;

    fn row(id: i64) -> Row {
        Row {
            id,
            event_id: Uuid::from_u128(u128::try_from(id).unwrap()),
            routing_key: String::new(),
            r#type: String::new(),
            organization_id: Uuid::nil().into(),
            aggregate_id: Uuid::nil(),
            aggregate_version: 1,
            body: Vec::new(),
            traceparent: None,
            create_time: DateTime::UNIX_EPOCH,
        }
    }

    fn return_of(id: i64) -> BasicReturnMessage {
        let mut delivery = Delivery::mock(0, "".into(), "".into(), false, Vec::new());
        delivery.properties = BasicProperties::default().with_message_id(row(id).event_id.to_string().into());
        BasicReturnMessage { delivery, reply_code: 312, reply_text: "NO_ROUTE".into() }
    }

    #[test]
    fn a_return_is_charged_to_the_event_it_carries_whichever_confirmation_brings_it() {
        let rows = [row(1), row(2), row(3)];
        let answers = vec![
            Some(Confirmation::Ack(Some(return_of(3)))),
            Some(Confirmation::Nack(None)),
            Some(Confirmation::Ack(None)),
        ];
        let settled = settle(&rows, answers);
        assert_eq!(settled, Settled { published: vec![1], refused: vec![2, 3], is_whole: true });
    }

    #[test]
    fn in_a_batch_with_open_answers_only_what_is_certain_counts_as_published() {
        let rows = [row(1), row(2), row(3), row(4)];
        let answers = vec![Some(Confirmation::Ack(None)), Some(Confirmation::Ack(Some(return_of(3)))), None];
        let settled = settle(&rows, answers);
        assert_eq!(settled, Settled { published: vec![1], refused: vec![], is_whole: false });
    }

    #[test]
    fn a_confirmation_that_was_never_asked_for_proves_nothing() {
        let settled = settle(&[row(1)], vec![Some(Confirmation::NotRequested)]);
        assert_eq!((settled.published, settled.refused), (vec![], vec![]));
    }
}
