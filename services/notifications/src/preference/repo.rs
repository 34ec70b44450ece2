//! All SQL of preferences.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::QuietHours;
use crate::zones;

pub(super) async fn find_quiet_hours(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
) -> Result<Option<QuietHours>, sqlx::Error> {
    sqlx::query_as!(
        QuietHours,
        r#"SELECT quiet_start AS "start", quiet_end AS "end" FROM preferences
            WHERE organization_id = $1 AND user_id = $2"#,
        organization_id.uuid(),
        user_id.uuid(),
    )
    .fetch_optional(tx)
    .await
}

/// Lists the quiet hours of those of some people who have any.
pub(super) async fn list_quiet_hours(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_ids: &[UserId],
) -> Result<HashMap<UserId, QuietHours>, sqlx::Error> {
    let user_ids: Vec<Uuid> = user_ids.iter().map(|user_id| user_id.uuid()).collect();
    let rows = sqlx::query!(
        "SELECT user_id, quiet_start, quiet_end FROM preferences
          WHERE organization_id = $1 AND user_id = ANY ($2)",
        organization_id.uuid(),
        &user_ids,
    )
    .fetch_all(tx)
    .await?;
    let hours = rows
        .into_iter()
        .map(|row| (row.user_id.into(), QuietHours { start: row.quiet_start, end: row.quiet_end }));
    Ok(hours.collect())
}

pub(super) async fn set_quiet_hours(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
    quiet_hours: Option<QuietHours>,
) -> Result<(), sqlx::Error> {
    let Some(QuietHours { start, end }) = quiet_hours else {
        sqlx::query!(
            "DELETE FROM preferences WHERE organization_id = $1 AND user_id = $2",
            organization_id.uuid(),
            user_id.uuid(),
        )
        .execute(tx)
        .await?;
        return Ok(());
    };
    sqlx::query!(
        "INSERT INTO preferences (organization_id, user_id, quiet_start, quiet_end) VALUES ($1, $2, $3, $4)
         ON CONFLICT ON CONSTRAINT preferences_pkey DO UPDATE SET quiet_start = $3, quiet_end = $4",
        organization_id.uuid(),
        user_id.uuid(),
        start,
        end,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The database knows the time zones of the world: what its clocks show then, and when they show the end. Where the end is
/// shown twice it is the second time, where it is never shown it is as long after the clocks were put forward.
pub(super) async fn find_end(
    tx: &mut PgConnection,
    quiet_hours: QuietHours,
    at: DateTime<Utc>,
    time_zone: &str,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    let QuietHours { start, end } = quiet_hours;
    let zone = if zones::is_known(tx, time_zone).await? { time_zone } else { "UTC" };
    sqlx::query_scalar!(
        r#"WITH place AS (SELECT $4::text AS zone),
           clock AS (
               SELECT zone, $1::timestamptz AT TIME ZONE zone AS local, ($1::timestamptz AT TIME ZONE zone)::time AS time
                 FROM place)
           SELECT greatest(
                      (local::date + (CASE WHEN time >= $2 AND $2 > $3 THEN 1 ELSE 0 END) + $3::time) AT TIME ZONE zone,
                      $1::timestamptz) AS "end!"
             FROM clock
            WHERE CASE WHEN $2::time < $3::time THEN time >= $2 AND time < $3 ELSE time >= $2 OR time < $3 END"#,
        at,
        start,
        end,
        zone,
    )
    .fetch_optional(tx)
    .await
}
