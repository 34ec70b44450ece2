//! Who was shut out of a space or left it.
//!
//! Owns the table `departures`: events of a space arrive in any order, and what happened before somebody was out must not
//! reach them when it is told later. Kept as long as notices are. Must not be asked who may enter: that is spaces' alone.
//!
//! Events are applied side by side: what tells people of a space holds the space's lock with others, and what takes
//! somebody out holds it alone. So either the one sees what was told, or the other who is out.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

/// Notes that somebody is out of a space since a time; an earlier time changes nothing. To be called before anything that
/// withdraws what they were told.
pub(crate) async fn record(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    user_id: UserId,
    time: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", lock_of(space_id))
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        "INSERT INTO departures (organization_id, space_id, user_id, depart_time) VALUES ($1, $2, $3, $4)
         ON CONFLICT ON CONSTRAINT departures_pkey DO UPDATE
            SET depart_time = greatest(departures.depart_time, excluded.depart_time)",
        organization_id.uuid(),
        space_id.uuid(),
        user_id.uuid(),
        time,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Returns who of some people was out of a space at a time or has been since; true to the end of the transaction.
pub(crate) async fn list(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    user_ids: &[Uuid],
    time: DateTime<Utc>,
) -> Result<HashSet<UserId>, sqlx::Error> {
    // A statement of its own: the next one sees what was committed while this one waited.
    sqlx::query!("SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))", lock_of(space_id))
        .execute(&mut *tx)
        .await?;
    let gone = sqlx::query_scalar!(
        "SELECT user_id FROM departures
          WHERE organization_id = $1 AND space_id = $2 AND user_id = ANY($3) AND depart_time >= $4",
        organization_id.uuid(),
        space_id.uuid(),
        user_ids,
        time,
    )
    .fetch_all(tx)
    .await?;
    Ok(gone.into_iter().map(UserId::from).collect())
}

fn lock_of(space_id: SpaceId) -> String {
    format!("departures of {space_id}")
}
