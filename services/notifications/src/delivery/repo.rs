//! All SQL of deliveries.

use chrono::{DateTime, NaiveDateTime, Utc};
use service_kit::error::CommonError;
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::{Delivery, DeliveryId, Filter, MailKind, NewDelivery, Setback, State};
use super::{DeliveryError, Found, PageKey};
use crate::zones;

struct Row {
    delivery_id: Uuid,
    kind: MailKind,
    recipient_user_id: Option<Uuid>,
    email_address: String,
    state: State,
    reason: String,
    attempts: i32,
    create_time: DateTime<Utc>,
    sent_time: Option<DateTime<Utc>>,
    space_id: Option<Uuid>,
    due_time: Option<DateTime<Utc>>,
}

impl From<Row> for Delivery {
    fn from(row: Row) -> Self {
        Self {
            delivery_id: DeliveryId::from(row.delivery_id),
            kind: row.kind,
            recipient_user_id: row.recipient_user_id.map(UserId::from),
            email_address: row.email_address,
            state: row.state,
            reason: row.reason,
            attempts: row.attempts,
            create_time: row.create_time,
            sent_time: row.sent_time,
            space_id: row.space_id.map(SpaceId::from),
            due_time: row.due_time,
        }
    }
}

/// Returns how many seconds it waits before it is due, by the database's clock; nothing where it is there already.
pub(super) async fn insert(tx: &mut PgConnection, new: &NewDelivery) -> Result<Option<f64>, CommonError> {
    let mail = serde_json::to_value(&new.mail).map_err(|error| CommonError::Unexpected(error.into()))?;
    let wait = sqlx::query_scalar!(
        r#"INSERT INTO deliveries (organization_id, delivery_id, job_id, kind, recipient_user_id, mail, create_time,
                                   space_id, due_time)
           VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8)
           ON CONFLICT ON CONSTRAINT deliveries_pkey DO NOTHING
           RETURNING coalesce(extract(epoch FROM due_time - now())::float8, 0) AS "wait!""#,
        new.organization_id.uuid(),
        new.delivery_id.uuid(),
        new.mail.kind() as MailKind,
        new.recipient_user_id.map(UserId::uuid),
        mail,
        new.event_time,
        new.mail.space().map(|space| space.space_id.uuid()),
        new.due_time,
    )
    .fetch_optional(tx)
    .await?;
    Ok(wait)
}

pub(super) async fn list(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    filter: &Filter,
    after: Option<PageKey>,
    limit: i64,
) -> Result<Vec<Delivery>, sqlx::Error> {
    let (after_time, after_id) = after.unzip();
    let states: Vec<String> = filter.states.iter().map(|state| state.as_str().to_owned()).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT delivery_id, kind AS "kind: MailKind", recipient_user_id, email_address,
                  state AS "state: State", reason, attempts, create_time, sent_time,
                  space_id, due_time
             FROM deliveries
            WHERE organization_id = $1
              AND ($2::timestamptz IS NULL OR (create_time, delivery_id) < ($2, $3::uuid))
              AND (cardinality($5::text[]) = 0 OR state = ANY ($5))
              AND ($6::text IS NULL OR email_address = $6)
              AND ($7::uuid IS NULL OR space_id = $7)
            ORDER BY create_time DESC, delivery_id DESC
            LIMIT $4"#,
        organization_id.uuid(),
        after_time,
        after_id.map(DeliveryId::uuid),
        limit,
        &states,
        filter.email_address.as_deref(),
        filter.space_id.map(SpaceId::uuid),
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(Delivery::from).collect())
}

pub(super) async fn get_for_update(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    id: DeliveryId,
) -> Result<(Delivery, Uuid), DeliveryError> {
    let row = sqlx::query!(
        r#"SELECT delivery_id, kind AS "kind: MailKind", recipient_user_id, email_address,
                  state AS "state: State", reason, attempts, create_time, sent_time,
                  space_id, due_time, job_id
             FROM deliveries
            WHERE organization_id = $1 AND delivery_id = $2
              FOR UPDATE"#,
        organization_id.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    let row = row.ok_or(DeliveryError::NotFound)?;
    let delivery = Delivery::from(Row {
        delivery_id: row.delivery_id,
        kind: row.kind,
        recipient_user_id: row.recipient_user_id,
        email_address: row.email_address,
        state: row.state,
        reason: row.reason,
        attempts: row.attempts,
        create_time: row.create_time,
        sent_time: row.sent_time,
        space_id: row.space_id,
        due_time: row.due_time,
    });
    Ok((delivery, row.job_id))
}

pub(super) async fn find(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    id: DeliveryId,
) -> Result<Option<Found>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT delivery_id, kind AS "kind: MailKind", recipient_user_id, email_address,
                  state AS "state: State", reason, attempts, create_time, sent_time,
                  space_id, due_time, mail, job_id, handover_time, clock_timestamp() AS "now!"
             FROM deliveries
            WHERE organization_id = $1 AND delivery_id = $2"#,
        organization_id.uuid(),
        id.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    // serde's own words would repeat what the mail says.
    let mail =
        serde_json::from_value(row.mail).map_err(|_| Setback::permanent("what the mail says cannot be read"));
    let delivery = Delivery::from(Row {
        delivery_id: row.delivery_id,
        kind: row.kind,
        recipient_user_id: row.recipient_user_id,
        email_address: row.email_address,
        state: row.state,
        reason: row.reason,
        attempts: row.attempts,
        create_time: row.create_time,
        sent_time: row.sent_time,
        space_id: row.space_id,
        due_time: row.due_time,
    });
    Ok(Some(Found { delivery, mail, job_id: row.job_id, handover_time: row.handover_time, now: row.now }))
}

pub(super) async fn title_of(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    user_id: UserId,
) -> Result<String, sqlx::Error> {
    let title = sqlx::query_scalar!(
        "SELECT mail -> 'space' ->> 'title' FROM deliveries
          WHERE organization_id = $1 AND space_id = $2 AND recipient_user_id = $3
          ORDER BY create_time DESC, delivery_id DESC
          LIMIT 1",
        organization_id.uuid(),
        space_id.uuid(),
        user_id.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(title.flatten().unwrap_or_default())
}

/// The database knows the time zones of the world, and so keeps them up to date with the rest of the system.
pub(super) async fn find_local_time(
    tx: &mut PgConnection,
    time: DateTime<Utc>,
    zone: &str,
) -> Result<Option<NaiveDateTime>, sqlx::Error> {
    if !zones::is_known(tx, zone).await? {
        return Ok(None);
    }
    sqlx::query_scalar!(r#"SELECT $1::timestamptz AT TIME ZONE $2::text AS "local!""#, time, zone)
        .fetch_one(tx)
        .await
        .map(Some)
}

pub(super) async fn set_pending(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    id: DeliveryId,
    job_id: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE deliveries SET state = 'PENDING', reason = '', attempts = 0, job_id = $3
          WHERE organization_id = $1 AND delivery_id = $2",
        organization_id.uuid(),
        id.uuid(),
        job_id,
    )
    .execute(tx)
    .await?;
    Ok(())
}
