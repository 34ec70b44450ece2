//! Gathering what happens in a short while into one mail.
//!
//! Owns the rows that are open: at most one per person, space and kind, to which more of the kind is added until the job
//! that sends it closes it. What comes after that opens another. Must not decide who gets a mail.

use std::time::Duration;

use chrono::{DateTime, Utc};
use service_kit::error::CommonError;
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use sqlx::PgConnection;

use super::sending::MAYBE_SENT;
use super::{DeliveryId, Mail, MailKind, NewDelivery, enqueue, plan};
use crate::preference;

/// How many things one mail names; of others it tells how many there are.
const MOST: i32 = 50;
/// How long an owner is told no more of who asks for access once they were.
const ASKED_WINDOW: Duration = Duration::from_secs(15 * 60);
/// Why a mail was withdrawn.
const GONE: &str = "the person is not in the space any more";

/// How long the first waits for others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gathering {
    /// Of comments, content and new joiners.
    pub(crate) window: Duration,
}

impl Mail {
    /// Returns the field of its list, where others of its kind are gathered into it.
    fn list(&self) -> Option<&'static str> {
        match self {
            Self::AccessRequested { .. } => Some("requests"),
            Self::NewJoiner { .. } => Some("people"),
            Self::NewComment { .. } => Some("comments"),
            Self::NewContent { .. } => Some("items"),
            Self::GuestInvitation { .. }
            | Self::ColleagueInvitation { .. }
            | Self::InvitationAccepted { .. }
            | Self::AccountLink { .. }
            | Self::Reminder { .. }
            | Self::AccessGranted { .. }
            | Self::AccessDeclined { .. }
            | Self::VisitSummary { .. }
            | Self::SecurityNotice { .. } => None,
        }
    }
}

/// Returns when muteable mails are due that wait for others, for each of some people, in their order: at the end of the
/// window, or of quiet hours then.
pub(crate) async fn due_times(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    people: &[(UserId, &str)],
    window: Duration,
) -> Result<Vec<DateTime<Utc>>, sqlx::Error> {
    let end =
        sqlx::query_scalar!(r#"SELECT now() + make_interval(secs => $1) AS "end!""#, window.as_secs_f64())
            .fetch_one(&mut *tx)
            .await?;
    preference::not_before_for(tx, organization_id, people, end).await
}

/// Adds what a mail says to the one that is gathered for its recipient, or begins that one, which is sent when it is due.
pub(crate) async fn gather(tx: &mut PgConnection, new: &NewDelivery) -> Result<(), CommonError> {
    let (Some(list), Some(space)) = (new.mail.list(), new.mail.space()) else { return plan(tx, new).await };
    let mail = serde_json::to_value(&new.mail).map_err(|error| CommonError::Unexpected(error.into()))?;
    // Where the open row is closed while this waits for its lock, it is none any more, and this becomes a row of its own.
    let open = sqlx::query!(
        r#"INSERT INTO deliveries AS open (organization_id, delivery_id, job_id, kind, recipient_user_id, mail,
                                           create_time, space_id, due_time, is_open)
           SELECT $1, $2, $2, $3, $4, $5, $6, $7, $8, true
            WHERE NOT EXISTS (SELECT FROM deliveries WHERE organization_id = $1 AND delivery_id = $2)
           ON CONFLICT (organization_id, recipient_user_id, space_id, kind) WHERE is_open DO UPDATE
              SET mail = CASE
                  WHEN jsonb_array_length(open.mail -> $9) < $10
                  THEN jsonb_set(open.mail, ARRAY[$9], (open.mail -> $9) || (excluded.mail -> $9))
                  ELSE jsonb_set(open.mail, '{more}', to_jsonb(coalesce((open.mail ->> 'more')::integer, 0) + 1)) END
           RETURNING delivery_id, coalesce(extract(epoch FROM due_time - now())::float8, 0) AS "wait!""#,
        new.organization_id.uuid(),
        new.delivery_id.uuid(),
        new.mail.kind() as MailKind,
        new.recipient_user_id.map(UserId::uuid),
        mail,
        new.event_time,
        space.space_id.uuid(),
        new.due_time,
        list,
        MOST,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let id = new.delivery_id;
    if let Some(open) = open.filter(|open| DeliveryId::from(open.delivery_id) == id) {
        enqueue(tx, id.uuid(), new.organization_id, id, new.mail.kind(), open.wait).await?;
    }
    Ok(())
}

/// Plans a mail at once, or, where its recipient got one of its kind and space in the last 15 minutes, gathers it until
/// they are over: at most one in 15 minutes.
pub(crate) async fn gather_after_first(tx: &mut PgConnection, new: &NewDelivery) -> Result<(), CommonError> {
    let (Some(space), Some(recipient)) = (new.mail.space(), new.recipient_user_id) else {
        return plan(tx, new).await;
    };
    let kind = new.mail.kind();
    // Two at once must not both be the first.
    let queue = format!("{} {} {recipient} {kind:?}", new.organization_id, space.space_id);
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", queue).execute(&mut *tx).await?;
    let last = sqlx::query!(
        r#"SELECT max(coalesce(due_time, create_time)) + make_interval(secs => $5) AS next,
                  coalesce(bool_or(is_open), false) AS "is_open!", now() AS "now!"
             FROM deliveries
            WHERE organization_id = $1 AND recipient_user_id = $2 AND space_id = $3 AND kind = $4"#,
        new.organization_id.uuid(),
        recipient.uuid(),
        space.space_id.uuid(),
        kind as MailKind,
        ASKED_WINDOW.as_secs_f64(),
    )
    .fetch_one(&mut *tx)
    .await?;
    let due_time = last.next.map_or(last.now, |next| next.max(last.now));
    let new = NewDelivery { due_time: Some(due_time), ..new.clone() };
    if last.is_open || due_time > last.now { gather(tx, &new).await } else { plan(tx, &new).await }
}

/// Withdraws what waits for somebody about a space that they are out of, as far as it happened before that. What is being
/// handed over, or was by a try that came to no known end, may have arrived: that is said of it.
pub(crate) async fn withdraw(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    user_id: UserId,
    until: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE deliveries
            SET state = CASE WHEN handover_time IS NULL THEN 'NOT_DUE' ELSE 'SENT' END,
                reason = CASE WHEN handover_time IS NULL THEN $5 ELSE $6 || $5 END,
                sent_time = handover_time, is_open = false
          WHERE organization_id = $1 AND space_id = $2 AND recipient_user_id = $3 AND state = 'PENDING'
            AND create_time <= $4",
        organization_id.uuid(),
        space_id.uuid(),
        user_id.uuid(),
        until,
        GONE,
        MAYBE_SENT,
    )
    .execute(tx)
    .await?;
    Ok(())
}
