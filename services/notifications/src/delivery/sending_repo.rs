//! All SQL of sending.

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::{DeliveryId, MailKind, State, Told};
use super::sending::{MAX_PER_ORGANIZATION, MAX_PER_PERSON, Outcome, Sendable};

/// A mail that is put off.
pub(super) struct Move {
    pub(super) id: DeliveryId,
    pub(super) job_id: Uuid,
    pub(super) next_job_id: Uuid,
    pub(super) until: DateTime<Utc>,
    pub(super) reason: String,
}

/// Ends gathering into a mail that is due. Whoever gathers into it at this moment has the row until they are done.
pub(super) async fn close(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    id: DeliveryId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE deliveries SET is_open = false
          WHERE organization_id = $1 AND delivery_id = $2 AND is_open
            AND (due_time IS NULL OR due_time <= clock_timestamp())",
        organization_id.uuid(),
        id.uuid(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn lock_counts(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
        format!("mails of {organization_id}"),
    )
    .fetch_one(tx)
    .await?;
    Ok(())
}

/// Returns when to look again for room for a mail that can be muted; nothing where there is room now. At least a minute
/// passes, and each mail looks at a moment of its own within five minutes: those that wait do not all wake at once.
pub(super) async fn find_room(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    id: DeliveryId,
    recipient: Option<UserId>,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"WITH counted AS MATERIALIZED (
               SELECT counted_time, recipient_user_id FROM deliveries
                WHERE organization_id = $1 AND counted_time > clock_timestamp() - interval '1 hour'
                  AND delivery_id <> $2),
           full_until AS (
               SELECT greatest(
                          (SELECT counted_time FROM counted ORDER BY counted_time DESC OFFSET $4::bigint - 1 LIMIT 1),
                          (SELECT counted_time FROM counted WHERE recipient_user_id = $3
                            ORDER BY counted_time DESC OFFSET $5::bigint - 1 LIMIT 1)) + interval '1 hour' AS room)
           SELECT greatest(room, clock_timestamp() + interval '1 minute') + $6::bigint * interval '1 second' AS "until!"
             FROM full_until
            WHERE room IS NOT NULL"#,
        organization_id.uuid(),
        id.uuid(),
        recipient.map(UserId::uuid),
        MAX_PER_ORGANIZATION,
        MAX_PER_PERSON,
        spread(id),
    )
    .fetch_optional(tx)
    .await
}

/// Returns a number of seconds within five minutes, the same each time for the same mail.
fn spread(id: DeliveryId) -> i64 {
    i64::try_from(id.uuid().as_u128() % 300).unwrap_or_default()
}

/// Notes that a mail is being handed over; false where it does not wait for this job any more.
pub(super) async fn begin(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    sendable: &Sendable,
    is_counted: bool,
) -> Result<bool, sqlx::Error> {
    let begun = sqlx::query!(
        "UPDATE deliveries
            SET handover_time = coalesce(handover_time, clock_timestamp()),
                counted_time = CASE WHEN $3 THEN clock_timestamp() END
          WHERE organization_id = $1 AND delivery_id = $2 AND job_id = $4 AND state = 'PENDING'",
        organization_id.uuid(),
        sendable.delivery_id.uuid(),
        is_counted,
        sendable.job_id,
    )
    .execute(tx)
    .await?;
    Ok(begun.rows_affected() > 0)
}

/// Returns how many seconds it waits, by the database's clock; nothing where it does not wait for this job.
pub(super) async fn put_off(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    moved: &Move,
) -> Result<Option<f64>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"UPDATE deliveries SET due_time = $4, reason = $5, job_id = $6
            WHERE organization_id = $1 AND delivery_id = $2 AND job_id = $3 AND state = 'PENDING'
           RETURNING extract(epoch FROM $4::timestamptz - now())::float8 AS "wait!""#,
        organization_id.uuid(),
        moved.id.uuid(),
        moved.job_id,
        moved.until,
        moved.reason,
        moved.next_job_id,
    )
    .fetch_optional(tx)
    .await
}

pub(super) async fn record(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    id: DeliveryId,
    told: &Told,
    outcome: &Outcome,
) -> Result<(), sqlx::Error> {
    let (state, reason, sent_time) = match outcome {
        Outcome::Sent(time) => (State::Sent, "", Some(*time)),
        Outcome::MaybeSent(time, reason) => (State::Sent, reason.as_str(), Some(*time)),
        Outcome::Waiting(reason) => (State::Pending, reason.as_str(), None),
        Outcome::Failed(reason) => (State::Failed, reason.as_str(), None),
        Outcome::NotDue(reason) => (State::NotDue, reason.as_str(), None),
    };
    sqlx::query!(
        "UPDATE deliveries
            SET state = $3, reason = $4, sent_time = $5, attempts = attempts + 1, is_open = is_open AND $3 = 'PENDING',
                email_address = coalesce($6, email_address), kind = coalesce($7, kind),
                recipient_user_id = coalesce($8, recipient_user_id),
                handover_time = CASE WHEN $9 THEN coalesce(handover_time, clock_timestamp()) END
          WHERE organization_id = $1 AND delivery_id = $2
            -- What was withdrawn while the mail server took it has arrived all the same.
            AND (state = 'PENDING' OR ($3 = 'SENT' AND state = 'NOT_DUE' AND handover_time IS NOT NULL))",
        organization_id.uuid(),
        id.uuid(),
        state as State,
        reason,
        sent_time,
        told.email_address.as_deref(),
        told.kind.map(MailKind::as_str),
        told.recipient_user_id.map(UserId::uuid),
        told.may_have_arrived,
    )
    .execute(tx)
    .await?;
    Ok(())
}
