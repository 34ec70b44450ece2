//! All SQL on logs.

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, UserId};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::entity::{WaitingLog, WrittenRecord};
use super::{Content, CrmLog, ListLogs, LockedLog, LogId, LogKind, LogState, NewLog, Target, WrittenLog};
use crate::connection::ConnectionId;
use crate::connectors::{PersonRef, Provider, RecordType};

/// Inserts a log. False: it is there already.
pub(crate) async fn insert(tx: &mut PgConnection, new: &NewLog) -> Result<bool, sqlx::Error> {
    let state = if new.failure.is_some() { LogState::Failed } else { LogState::Pending };
    let inserted = sqlx::query!(
        "INSERT INTO logs (log_id, organization_id, space_id, kind, connection_id, record_type, record_id, record_name,
                           snapshot, state, reason, job_id, create_time, pending_time, requester_user_id, people,
                           is_matched)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14, $15, $16)
         ON CONFLICT (organization_id, log_id) DO NOTHING",
        new.log_id.uuid(),
        new.organization_id.uuid(),
        new.space_id.uuid(),
        new.kind.as_str(),
        new.target.connection_id.uuid(),
        new.target.record_type.as_str(),
        new.target.record_id,
        new.target.record_name,
        Json(&new.content) as _,
        state.as_str(),
        new.failure.unwrap_or_default(),
        new.job_id,
        new.create_time,
        new.requester_user_id.map(UserId::uuid),
        Json(&new.people) as _,
        new.is_matched(),
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
    content: Json<Content>,
    people: Json<Vec<PersonRef>>,
    state: LogState,
    reason: String,
    due_time: Option<DateTime<Utc>>,
    crm_record_id: Option<String>,
    requester_user_id: Option<Uuid>,
    create_time: DateTime<Utc>,
    logged_time: Option<DateTime<Utc>>,
    records: Json<Vec<WrittenRecord>>,
    provider: Option<Provider>,
    instance_url: Option<String>,
    paused_until: Option<DateTime<Utc>>,
    pause_reason: Option<String>,
}

impl TryFrom<Row> for CrmLog {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let mut records = row.records.0;
        if let (true, Some(record_id)) = (records.is_empty(), row.crm_record_id) {
            // Written before writes were kept: one record.
            records.push(WrittenRecord {
                role: crate::connectors::MAIN_ROLE.to_owned(),
                display_name: row.content.title.clone(),
                object: String::new(),
                record_id: Some(record_id),
                readable_id: None,
            });
        }
        // A waiting log of a paused connection waits for the end of the pause, whatever it was told before.
        let is_deferred = row.state == LogState::Pending && row.paused_until.is_some();
        let (state, reason, due_time) = if is_deferred {
            (LogState::Deferred, row.pause_reason.unwrap_or_default(), row.paused_until)
        } else {
            (row.state, row.reason, row.due_time.filter(|_| row.state == LogState::Pending))
        };
        Ok(Self {
            log_id: row.log_id.into(),
            space_id: row.space_id.into(),
            kind: row.kind,
            title: row.content.log_title(row.kind),
            target: Target {
                connection_id: row.connection_id.into(),
                record_type: row.record_type,
                record_id: row.record_id,
                record_name: row.record_name,
            },
            people: row.people.0,
            state,
            reason,
            due_time,
            records,
            requester_user_id: row.requester_user_id.map(UserId::from),
            connection: located(row.provider, row.instance_url.as_deref())?,
            create_time: row.create_time,
            logged_time: row.logged_time,
        })
    }
}

/// Where a connection's records are; nothing where there is no connection.
pub(super) fn located(
    provider: Option<Provider>,
    instance_url: Option<&str>,
) -> Result<Option<(Provider, url::Url)>, sqlx::Error> {
    let (Some(provider), Some(url)) = (provider, instance_url) else { return Ok(None) };
    let url = url.parse().map_err(|_| sqlx::Error::Decode("logs: unreadable instance_url".into()))?;
    Ok(Some((provider, url)))
}

/// Lists a space's logs, newest first, one more than the page holds.
pub(super) async fn list(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    list: &ListLogs,
) -> Result<Vec<CrmLog>, sqlx::Error> {
    let after = list.page.after.as_ref();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT l.log_id, l.space_id, l.kind AS "kind: LogKind", l.connection_id,
                  l.record_type AS "record_type: RecordType", l.record_id, l.record_name,
                  l.snapshot AS "content: Json<Content>", l.people AS "people: Json<Vec<PersonRef>>",
                  l.state AS "state: LogState", l.reason, l.due_time, l.crm_record_id, l.requester_user_id,
                  l.create_time, l.logged_time,
                  (SELECT coalesce(jsonb_agg(to_jsonb(w) ORDER BY w.position), '[]') FROM log_writes w
                    WHERE w.organization_id = l.organization_id AND w.log_id = l.log_id)
                      AS "records!: Json<Vec<WrittenRecord>>",
                  c.provider AS "provider?: Provider", c.instance_url AS "instance_url?",
                  CASE WHEN c.paused_until > now() THEN c.paused_until END AS paused_until,
                  c.pause_reason AS "pause_reason?"
             FROM logs l
             LEFT JOIN connections c ON c.organization_id = l.organization_id AND c.connection_id = l.connection_id
            WHERE l.organization_id = $1 AND l.space_id = $2
              AND ($3::timestamptz IS NULL OR (l.create_time, l.log_id) < ($3, $4))
            ORDER BY l.create_time DESC, l.log_id DESC
            LIMIT $5"#,
        organization_id.uuid(),
        list.space_id.uuid(),
        after.map(|key| key.create_time),
        after.map(|key| key.log_id.uuid()),
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
                  l.snapshot AS "content: Json<Content>", l.people AS "people: Json<Vec<PersonRef>>",
                  l.state AS "state: LogState", l.reason, l.due_time, l.crm_record_id, l.requester_user_id,
                  l.create_time, l.logged_time,
                  (SELECT coalesce(jsonb_agg(to_jsonb(w) ORDER BY w.position), '[]') FROM log_writes w
                    WHERE w.organization_id = l.organization_id AND w.log_id = l.log_id)
                      AS "records!: Json<Vec<WrittenRecord>>",
                  c.provider AS "provider?: Provider", c.instance_url AS "instance_url?",
                  CASE WHEN c.paused_until > now() THEN c.paused_until END AS paused_until,
                  c.pause_reason AS "pause_reason?"
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
        r#"SELECT state AS "state: LogState", job_id, connection_id AS "connection_id: ConnectionId" FROM logs
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
        "UPDATE logs SET state = 'PENDING', reason = '', job_id = $3, pending_time = $4, tries = 0, due_time = NULL
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

/// Tells whether a log waits for a job, and how long it is not to be tried yet, by the database's clock. Nothing: it does
/// not wait, or another job goes on with it.
pub(crate) async fn find_wait(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    log_id: LogId,
    job_id: Uuid,
) -> Result<Option<(ConnectionId, f64)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT connection_id, greatest(coalesce(extract(epoch FROM due_time - now()), 0), 0)::float8 AS "seconds!"
             FROM logs WHERE organization_id = $1 AND log_id = $2 AND job_id = $3 AND state = 'PENDING'"#,
        organization_id.uuid(),
        log_id.uuid(),
        job_id,
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| (row.connection_id.into(), row.seconds)))
}

/// Notes that a waiting log is tried, and returns it; nothing where it does not wait any more.
pub(crate) async fn begin_try(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    log_id: LogId,
    now: DateTime<Utc>,
) -> Result<Option<WaitingLog>, sqlx::Error> {
    let row = sqlx::query!(
        r#"UPDATE logs SET tries = tries + 1, last_try_time = $3
            WHERE organization_id = $1 AND log_id = $2 AND state = 'PENDING'
        RETURNING kind AS "kind: LogKind", connection_id, record_type AS "record_type: RecordType", record_id,
                  record_name, snapshot AS "content: Json<Content>", people AS "people: Json<Vec<PersonRef>>",
                  is_matched, match_note, pending_time, create_time, tries"#,
        organization_id.uuid(),
        log_id.uuid(),
        now,
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| WaitingLog {
        log_id,
        kind: row.kind,
        target: Target {
            connection_id: row.connection_id.into(),
            record_type: row.record_type,
            record_id: row.record_id,
            record_name: row.record_name,
        },
        content: row.content.0,
        people: row.people.0,
        is_matched: row.is_matched,
        match_note: row.match_note,
        pending_time: row.pending_time,
        create_time: row.create_time,
        tries: row.tries,
    }))
}

/// Keeps whom an invitation's log is on, once: later tries write the same records.
pub(crate) async fn set_people(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    log_id: LogId,
    people: &[PersonRef],
    match_note: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE logs SET people = $3, match_note = $4, is_matched = true
          WHERE organization_id = $1 AND log_id = $2 AND NOT is_matched",
        organization_id.uuid(),
        log_id.uuid(),
        Json(people) as _,
        match_note,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Fails the waiting logs of a connection that an admin ended.
pub(crate) async fn fail_waiting(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    connection: ConnectionId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE logs SET state = 'FAILED', due_time = NULL,
                reason = 'An admin has ended the connection to the CRM: connect it again, then retry.'
          WHERE organization_id = $1 AND connection_id = $2 AND state IN ('PENDING', 'RECONNECT_NEEDED')",
        organization_id.uuid(),
        connection.uuid(),
    )
    .execute(tx)
    .await?;
    Ok(())
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
        "UPDATE logs SET state = 'LOGGED', reason = '', due_time = NULL, crm_record_id = $3, logged_time = $4
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

/// Notes why a log waits, and for how long, or has failed. What is in the CRM stays so. `job_id` is the job that goes on
/// with it, where that is another one.
pub(crate) async fn set_state(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    log_id: LogId,
    state: LogState,
    reason: &str,
    wait_seconds: Option<f64>,
    job_id: Option<Uuid>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE logs SET state = $3, reason = $4, due_time = now() + make_interval(secs => $5),
                job_id = coalesce($6, job_id)
          WHERE organization_id = $1 AND log_id = $2 AND state = 'PENDING'",
        organization_id.uuid(),
        log_id.uuid(),
        state.as_str(),
        reason,
        wait_seconds,
        job_id,
    )
    .execute(tx)
    .await?;
    Ok(())
}
