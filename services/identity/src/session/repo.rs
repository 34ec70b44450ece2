//! All SQL of sessions and refresh tokens. Expiry is decided by the database's clock.

use chrono::TimeDelta;
use service_kit::db::Database;
use service_kit::ids::{OrganizationId, UserId};
use service_kit::page::PageRequest;
use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;
use uuid::Uuid;

use super::entity::{
    Method, REFRESH_TOKEN_TTL, SESSION_TTL, Session, SessionKey, SessionPageKey, StoredToken,
};
use crate::token::Token;

/// Inserts a session.
pub(super) async fn insert(
    tx: &mut PgConnection,
    (key, user_id): (SessionKey, UserId),
    (method, device_label): (Method, &str),
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO sessions (organization_id, session_id, user_id, expire_time, method, device_label)
         VALUES ($1, $2, $3, now() + $4, $5, $6)",
        key.organization_id.uuid(),
        key.session_id,
        user_id.uuid(),
        interval(SESSION_TTL),
        method.as_str(),
        device_label,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Inserts a refresh token of a session; it does not outlive the session.
pub(super) async fn insert_token(
    tx: &mut PgConnection,
    key: SessionKey,
    token: &Token,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO refresh_tokens (organization_id, token_sha256, session_id, expire_time)
         SELECT organization_id, $3, session_id, least(now() + $4, expire_time)
           FROM sessions WHERE organization_id = $1 AND session_id = $2",
        key.organization_id.uuid(),
        key.session_id,
        token.sha256(),
        interval(REFRESH_TOKEN_TTL),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Finds a refresh token with its session, and holds both until the end of the unit of work.
pub(super) async fn find_token_for_update(
    tx: &mut PgConnection,
    token: &Token,
) -> Result<Option<StoredToken>, sqlx::Error> {
    sqlx::query_as!(
        StoredToken,
        r#"SELECT session_id, user_id AS "user_id: UserId", device_label, rotate_time IS NOT NULL AS "is_rotated!",
                  (revoke_time IS NULL AND sessions.expire_time > now() AND refresh_tokens.expire_time > now())
                      AS "is_alive!"
             FROM refresh_tokens JOIN sessions USING (organization_id, session_id)
            WHERE refresh_tokens.organization_id = $1 AND token_sha256 = $2
              FOR UPDATE"#,
        token.organization_id.uuid(),
        token.sha256(),
    )
    .fetch_optional(tx)
    .await
}

/// Tells whether a session of a person goes on, and holds it until the end of the unit of work.
pub(super) async fn hold(
    tx: &mut PgConnection,
    key: SessionKey,
    user_id: UserId,
) -> Result<bool, sqlx::Error> {
    let held = sqlx::query_scalar!(
        "SELECT session_id FROM sessions
          WHERE organization_id = $1 AND session_id = $2 AND user_id = $3
            AND revoke_time IS NULL AND expire_time > now()
            FOR SHARE",
        key.organization_id.uuid(),
        key.session_id,
        user_id.uuid(),
    );
    Ok(held.fetch_optional(tx).await?.is_some())
}

/// Marks a refresh token as exchanged, which uses its session.
pub(super) async fn rotate(
    tx: &mut PgConnection,
    token: &Token,
    session_id: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "WITH rotated AS (
             UPDATE refresh_tokens SET rotate_time = now()
              WHERE organization_id = $1 AND token_sha256 = $2 AND rotate_time IS NULL)
         UPDATE sessions SET last_use_time = now() WHERE organization_id = $1 AND session_id = $3",
        token.organization_id.uuid(),
        token.sha256(),
        session_id,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Ends a session, and with it every refresh token of it; one that has ended stays as it is.
pub(super) async fn revoke(tx: &mut PgConnection, key: SessionKey) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE sessions SET revoke_time = now()
          WHERE organization_id = $1 AND session_id = $2 AND revoke_time IS NULL",
        key.organization_id.uuid(),
        key.session_id,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Ends a session of a person, once; false where the person has no such session.
pub(super) async fn revoke_own(
    tx: &mut PgConnection,
    key: SessionKey,
    user_id: UserId,
) -> Result<bool, sqlx::Error> {
    let revoked = sqlx::query!(
        "UPDATE sessions SET revoke_time = coalesce(revoke_time, now())
          WHERE organization_id = $1 AND session_id = $2 AND user_id = $3",
        key.organization_id.uuid(),
        key.session_id,
        user_id.uuid(),
    );
    Ok(revoked.execute(tx).await?.rows_affected() == 1)
}

/// Ends every session of a person, but `but`.
pub(super) async fn revoke_all(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    (user_id, but): (UserId, Option<Uuid>),
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE sessions SET revoke_time = now()
          WHERE organization_id = $1 AND user_id = $2 AND revoke_time IS NULL AND session_id IS DISTINCT FROM $3",
        organization_id.uuid(),
        user_id.uuid(),
        but,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Lists the sessions of a person that have not ended, the last used first; one more than the page holds.
pub(super) async fn list(
    tx: &mut PgConnection,
    (organization_id, user_id): (OrganizationId, UserId),
    page: &PageRequest<SessionPageKey>,
) -> Result<Vec<Session>, sqlx::Error> {
    sqlx::query_as!(
        Session,
        r#"SELECT session_id, method AS "method: Method", device_label, create_time, last_use_time,
                  least(last_use_time + $3, expire_time) AS "expire_time!"
             FROM sessions
            WHERE organization_id = $1 AND user_id = $2
              AND revoke_time IS NULL AND least(last_use_time + $3, expire_time) > now()
              AND ($4::timestamptz IS NULL OR (last_use_time, session_id) < ($4, $5::uuid))
            ORDER BY last_use_time DESC, session_id DESC
            LIMIT $6"#,
        organization_id.uuid(),
        user_id.uuid(),
        interval(REFRESH_TOKEN_TTL),
        page.after.map(|(time, _)| time),
        page.after.map(|(_, id)| id),
        page.limit(),
    )
    .fetch_all(tx)
    .await
}

/// Lists those of some sessions that go on: neither ended nor expired, of people who have a way in.
pub(super) async fn list_alive(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    session_ids: &[Uuid],
) -> Result<Vec<SessionKey>, sqlx::Error> {
    sqlx::query_as!(
        SessionKey,
        r#"SELECT organization_id AS "organization_id: OrganizationId", session_id
             FROM sessions JOIN people USING (organization_id, user_id)
            WHERE organization_id = $1 AND session_id = ANY($2) AND deactivate_time IS NULL
              AND revoke_time IS NULL AND least(last_use_time + $3, sessions.expire_time) > now()"#,
        organization_id.uuid(),
        session_ids,
        interval(REFRESH_TOKEN_TTL),
    )
    .fetch_all(tx)
    .await
}

/// Deletes sessions that ended more than 30 days ago, of every organisation, at most 1,000; returns how many.
pub(crate) async fn delete_ended(database: &Database) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query_scalar!(r#"SELECT delete_ended_sessions() AS "deleted!""#)
        .fetch_one(database.pool())
        .await?;
    Ok(u64::try_from(deleted).unwrap_or_default())
}

fn interval(length: TimeDelta) -> PgInterval {
    PgInterval { months: 0, days: 0, microseconds: length.num_microseconds().unwrap_or(i64::MAX) }
}
