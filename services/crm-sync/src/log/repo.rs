//! All SQL on logs.

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, UserId};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::{CrmLog, ListLogs, LockedLog, LogId, LogKind, LogState, LogToWrite, NewLog, Target, WrittenLog};
use crate::connectors::{LogEntry, Provider, RecordType, Snapshot};

/// Inserts a log. False: it is there already.
pub(crate) async fn insert(tx: &mut PgConnection, new: &NewLog) -> Result<bool, sqlx::Error> {
    let state = if new.failure.is_some() { LogState::Failed } else { LogState::Pending };
    let inserted = sqlx::query!(
        "INSERT INTO logs (log_id, organization_id, space_id, kind, connection_id, record_type, record_id, record_name,
                           snapshot, state, reason, job_id, create_time, pending_time, requester_user_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14)
         ON CONFLICT (organization_id, log_id) DO NOTHING",
        new.log_id.uuid(),
        new.organization_id.uuid(),
        new.space_id.uuid(),
        new.kind.as_str(),
        new.target.connection_id.uuid(),
        new.target.record_type.as_str(),
        new.target.record_id,
        new.target.record_name,
        Json(&new.snapshot) as _,
        state.as_str(),
        new.failure.unwrap_or_default(),
        new.job_id,
        new.create_time,
        new.requester_user_id.map(UserId::uuid),
    )
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

struct Row {
    log_id: Uuid,
    space_id: Uuid,
    kind: LogKind,
    connection_id: Uuid,
    record_type: RecordType,
    record_id: String,
    record_name: String,
    state: LogState,
    reason: String,
    crm_record_id: Option<String>,
    create_time: DateTime<Utc>,
    logged_time: Option<DateTime<Utc>>,
    provider: Option<Provider>,
    instance_url: Option<String>,
}

impl TryFrom<Row> for CrmLog {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let connection = match (row.provider, row.instance_url) {
            (Some(provider), Some(url)) => {
                let url =
                    url.parse().map_err(|_| sqlx::Error::Decode("logs: unreadable instance_url".into()))?;
                Some((provider, url))
            }
            _ => None,
        };
        Ok(Self {
            log_id: row.log_id.into(),
            space_id: row.space_id.into(),
            kind: row.kind,
            target: Target {
                connection_id: row.connection_id.into(),
                record_type: row.record_type,
                record_id: row.record_id,
                record_name: row.record_name,
            },
            state: row.state,
            reason: row.reason,
            crm_record_id: row.crm_record_id,
            connection,
            create_time: row.create_time,
            logged_time: row.logged_time,
        })
    }
}

/// Lists a space's logs, newest first, one more than the page holds.
pub(super) async fn list(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    list: &ListLogs,
) -> Result<Vec<CrmLog>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT l.log_id, l.space_id, l.kind AS "kind: LogKind", l.connection_id,
                  l.record_type AS "record_type: RecordType", l.record_id, l.record_name,
                  l.state AS "state: LogState", l.reason, l.crm_record_id, l.create_time, l.logged_time,
                  c.provider AS "provider?: Provider", c.instance_url AS "instance_url?"
             FROM logs l
             LEFT JOIN connections c ON c.organization_id = l.organization_id AND c.connection_id = l.connection_id
            WHERE l.organization_id = $1 AND l.space_id = $2
              AND ($3::timestamptz IS NULL OR (l.create_time, l.log_id) < ($3, $4))
            ORDER BY l.create_time DESC, l.log_id DESC
            LIMIT $5"#,
        organization_id.uuid(),
        list.space_id.uuid(),
        list.page.after.as_ref().map(|key| key.create_time),
        list.page.after.as_ref().map(|key| key.log_id.uuid()),
        list.page.limit(),
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(CrmLog::try_from).collect()
}

/// Finds a log.
pub(super) async fn find(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    log_id: LogId,
) -> Result<Option<CrmLog>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT l.log_id, l.space_id, l.kind AS "kind: LogKind", l.connection_id,
                  l.record_type AS "record_type: RecordType", l.record_id, l.record_name,
                  l.state AS "state: LogState", l.reason, l.crm_record_id, l.create_time, l.logged_time,
                  c.provider AS "provider?: Provider", c.instance_url AS "instance_url?"
             FROM logs l
             LEFT JOIN connections c ON c.organization_id = l.organization_id AND c.connection_id = l.connection_id
            WHERE l.organization_id = $1 AND l.log_id = $2"#,
        organization_id.uuid(),
        log_id.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    row.map(CrmLog::try_from).transpose()
}

/// Reads a log's state and keeps others from changing it until the transaction ends.
pub(super) async fn lock(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    log_id: LogId,
) -> Result<Option<LockedLog>, sqlx::Error> {
    sqlx::query_as!(
        LockedLog,
        r#"SELECT state AS "state: LogState", job_id FROM logs
            WHERE organization_id = $1 AND log_id = $2 FOR UPDATE"#,
        organization_id.uuid(),
        log_id.uuid(),
    )
    .fetch_optional(tx)
    .await
}

/// Sets a log to wait for another try, by a job.
pub(super) async fn set_pending(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    log_id: LogId,
    job_id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE logs SET state = 'PENDING', reason = '', job_id = $3, pending_time = $4
          WHERE organization_id = $1 AND log_id = $2",
        organization_id.uuid(),
        log_id.uuid(),
        job_id,
        now,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes that a waiting log is about to be written, and returns it; nothing where it does not wait any more.
pub(crate) async fn begin_try(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    log_id: LogId,
    now: DateTime<Utc>,
) -> Result<Option<LogToWrite>, sqlx::Error> {
    let row = sqlx::query!(
        r#"UPDATE logs SET tries = tries + 1, last_try_time = $3
            WHERE organization_id = $1 AND log_id = $2 AND state = 'PENDING'
        RETURNING connection_id, record_type AS "record_type: RecordType", record_id,
                  snapshot AS "snapshot: Json<Snapshot>", pending_time"#,
        organization_id.uuid(),
        log_id.uuid(),
        now,
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| LogToWrite {
        connection_id: row.connection_id.into(),
        entry: LogEntry {
            log_id,
            snapshot: row.snapshot.0,
            record_type: row.record_type,
            record_id: row.record_id,
        },
        pending_time: row.pending_time,
    }))
}

/// Notes that a log is in the CRM, and returns it; nothing where that is noted already.
pub(super) async fn set_logged(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    log_id: LogId,
    crm_record_id: &str,
    now: DateTime<Utc>,
) -> Result<Option<WrittenLog>, sqlx::Error> {
    let row = sqlx::query!(
        "UPDATE logs SET state = 'LOGGED', reason = '', crm_record_id = $3, logged_time = $4
          WHERE organization_id = $1 AND log_id = $2 AND state <> 'LOGGED'
        RETURNING space_id, record_name, requester_user_id",
        organization_id.uuid(),
        log_id.uuid(),
        crm_record_id,
        now,
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| WrittenLog {
        log_id,
        space_id: row.space_id.into(),
        record_name: row.record_name,
        requester_user_id: row.requester_user_id.map(UserId::from),
        logged_time: now,
    }))
}

/// Notes why a log waits or has failed. What is in the CRM stays so.
pub(crate) async fn set_state(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    log_id: LogId,
    state: LogState,
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE logs SET state = $3, reason = $4
          WHERE organization_id = $1 AND log_id = $2 AND state = 'PENDING'",
        organization_id.uuid(),
        log_id.uuid(),
        state.as_str(),
        reason,
    )
    .execute(tx)
    .await?;
    Ok(())
}
