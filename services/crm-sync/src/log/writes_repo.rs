//! All SQL on the records that logs become.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use service_kit::ids::OrganizationId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Attempt, LogId};
use crate::connectors::{CrmRef, CrmWrite};

service_kit::text_enum! {
    /// How a write fares.
    enum WriteState {
        /// Was never tried.
        Planned = "PLANNED",
        /// Was tried; whether it had its effect is not known.
        Begun = "BEGUN",
        /// Is in the CRM.
        Done = "DONE",
    }
}

/// What became of the beginning.
#[derive(Debug)]
pub(crate) enum Begun {
    /// These are to be written, each with whether it was begun before.
    Attempts(Vec<Attempt>),
    /// What was begun before is to be left alone for so long.
    Settling(Duration),
}

/// Notes which records a log becomes and that those which are not done are begun now. One that was begun before, and of
/// which nothing is known since, keeps its time until `settling` has passed from there: until then nothing is begun.
pub(crate) async fn begin(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    log_id: LogId,
    writes: Vec<CrmWrite>,
    now: DateTime<Utc>,
    settling: Duration,
) -> Result<Begun, sqlx::Error> {
    for (position, write) in (0_i32..).zip(&writes) {
        sqlx::query!(
            "INSERT INTO log_writes (organization_id, log_id, key, role, position, display_name, object, state)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 'PLANNED')
             ON CONFLICT (organization_id, key) DO NOTHING",
            organization_id.uuid(),
            log_id.uuid(),
            write.key,
            write.role,
            position,
            write.display_name,
            write.object,
        )
        .execute(&mut *tx)
        .await?;
    }
    let before = sqlx::query!(
        r#"SELECT key, state AS "state: WriteState", begin_time FROM log_writes
            WHERE organization_id = $1 AND log_id = $2"#,
        organization_id.uuid(),
        log_id.uuid(),
    )
    .fetch_all(&mut *tx)
    .await?;
    let open = before.iter().filter(|row| row.state == WriteState::Begun);
    let left =
        open.filter_map(|row| settling.checked_sub((now - row.begin_time?).to_std().unwrap_or_default()));
    if let Some(left) = left.max().filter(|left| !left.is_zero()) {
        return Ok(Begun::Settling(left));
    }
    let before: HashMap<Uuid, WriteState> = before.into_iter().map(|row| (row.key, row.state)).collect();
    sqlx::query!(
        "UPDATE log_writes SET state = 'BEGUN', begin_time = $3
          WHERE organization_id = $1 AND log_id = $2 AND state <> 'DONE'",
        organization_id.uuid(),
        log_id.uuid(),
        now,
    )
    .execute(tx)
    .await?;
    let attempt = |write: CrmWrite| match before.get(&write.key) {
        Some(WriteState::Done) => None,
        state => Some(Attempt { was_begun: state == Some(&WriteState::Begun), write }),
    };
    Ok(Begun::Attempts(writes.into_iter().filter_map(attempt).collect()))
}

/// Notes that a record is in the CRM.
pub(crate) async fn set_done(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    key: Uuid,
    record: &CrmRef,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE log_writes SET state = 'DONE', object = $3, record_id = $4, readable_id = $5, done_time = $6
          WHERE organization_id = $1 AND key = $2 AND state <> 'DONE'",
        organization_id.uuid(),
        key,
        record.object,
        record.record_id,
        record.readable_id,
        now,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes that the CRM refused writes: they had no effect, and need no time to show one.
pub(crate) async fn set_planned(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    keys: &[Uuid],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE log_writes SET state = 'PLANNED', begin_time = NULL
          WHERE organization_id = $1 AND key = ANY($2) AND state = 'BEGUN'",
        organization_id.uuid(),
        keys,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Finds the CRM's id of a log's main record, once all of its records are done.
pub(crate) async fn find_main_record(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    log_id: LogId,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT record_id AS "record_id!" FROM log_writes
            WHERE organization_id = $1 AND log_id = $2 AND role = 'main' AND state = 'DONE'
              AND NOT EXISTS (SELECT FROM log_writes open
                               WHERE open.organization_id = $1 AND open.log_id = $2 AND open.state <> 'DONE')"#,
        organization_id.uuid(),
        log_id.uuid(),
    )
    .fetch_optional(tx)
    .await
}
