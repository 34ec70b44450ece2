//! Events of this service, written with the change they tell of.
//!
//! Owns appending. Must not publish: that is the relay's, after the commit.

use service_kit::ids::OrganizationId;
use service_kit::telemetry::propagation;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::events::Event;
use crate::failpoint;

/// An event to append.
#[derive(Clone, Copy, Debug)]
pub struct NewEvent<'a, E> {
    /// Unique; a second event with the same id is refused (constraint `outbox_event_id_key`).
    pub event_id: Uuid,
    /// Whose it is; the event's own content must say the same.
    pub organization_id: OrganizationId,
    /// What changed; the events of one aggregate are applied in order.
    pub aggregate_id: Uuid,
    /// The aggregate's version after the change.
    pub aggregate_version: i64,
    /// The event.
    pub event: &'a E,
}

/// Appends an event in the writer's transaction, with the current trace context, and wakes the relay on commit.
/// Errors: [`sqlx::Error::Encode`] where the event's content names another organisation.
pub async fn append<E: Event>(tx: &mut PgConnection, new: NewEvent<'_, E>) -> Result<(), sqlx::Error> {
    if new.event.organization_id() != new.organization_id.to_string() {
        let message = format!("{} does not carry the id of its own organisation", E::full_name());
        return Err(sqlx::Error::Encode(message.into()));
    }
    sqlx::query(
        "WITH appended AS (
             INSERT INTO outbox (event_id, routing_key, type, organization_id, aggregate_id, aggregate_version,
                                 body, traceparent)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             RETURNING id)
         SELECT pg_notify('outbox', '') FROM appended",
    )
    .bind(new.event_id)
    .bind(E::ROUTING_KEY)
    .bind(E::full_name())
    .bind(new.organization_id)
    .bind(new.aggregate_id)
    .bind(new.aggregate_version)
    .bind(new.event.encode_to_vec())
    .bind(propagation::current_traceparent())
    .execute(tx)
    .await?;
    failpoint("outbox.after_append");
    Ok(())
}
