//! All SQL of notices.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::locale::Locale;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::entity::{Hearer, News, Notice, NoticeId, NoticeKind};

/// The channel that tells whose notices changed; its payload is the person.
pub(super) const CHANNEL: &str = "notices";

struct Row {
    notice_id: Uuid,
    position: i64,
    kind: NoticeKind,
    space_id: Uuid,
    space_title: String,
    actor_user_id: Option<Uuid>,
    actor_display_name: String,
    object_id: Option<Uuid>,
    object_name: String,
    locale: Locale,
    is_read: bool,
    create_time: DateTime<Utc>,
}

impl From<Row> for Notice {
    fn from(row: Row) -> Self {
        Self {
            notice_id: NoticeId::from(row.notice_id),
            position: row.position,
            kind: row.kind,
            space_id: row.space_id.into(),
            space_title: row.space_title,
            actor_user_id: row.actor_user_id.map(UserId::from),
            actor_display_name: row.actor_display_name,
            object_id: row.object_id,
            object_name: row.object_name,
            locale: row.locale,
            is_read: row.is_read,
            create_time: row.create_time,
        }
    }
}

/// Tells some people; who was told of the event before is told nothing more. Positions are given in the order of the
/// people's ids, so that two events never wait for each other.
pub(super) async fn insert(
    tx: &mut PgConnection,
    news: &News,
    hearers: &BTreeMap<UserId, Hearer>,
) -> Result<(), sqlx::Error> {
    let ids =
        |hearer: &Hearer| NoticeId::of(news.event_id, news.event_time, hearer.user_id, hearer.kind).uuid();
    let users: Vec<Uuid> = hearers.keys().map(|user_id| user_id.uuid()).collect();
    let notices: Vec<Uuid> = hearers.values().map(ids).collect();
    let kinds: Vec<String> = hearers.values().map(|hearer| hearer.kind.as_str().to_owned()).collect();
    let locales: Vec<String> = hearers.values().map(|hearer| hearer.locale.as_str().to_owned()).collect();
    sqlx::query!(
        "WITH told AS (
             SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[])
                 AS told (user_id, notice_id, kind, locale)),
         feeds AS (
             INSERT INTO notice_feeds (organization_id, user_id, last_position)
             SELECT $1, user_id, floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint
               FROM told ORDER BY user_id
             ON CONFLICT ON CONSTRAINT notice_feeds_pkey DO UPDATE
                SET last_position = greatest(notice_feeds.last_position + 1, excluded.last_position)
             RETURNING user_id, last_position),
         inserted AS (
             INSERT INTO notices (organization_id, notice_id, user_id, position, event_id, kind, space_id, space_title,
                                  actor_user_id, actor_display_name, object_id, object_name, locale, create_time)
             SELECT $1, notice_id, user_id, last_position, $6, kind, $7, $8, $9, $10, $11, $12, locale, $13
               FROM told JOIN feeds USING (user_id)
             ON CONFLICT DO NOTHING
             RETURNING user_id)
         SELECT pg_notify('notices', user_id::text) FROM inserted",
        news.organization_id.uuid(),
        &users,
        &notices,
        &kinds,
        &locales,
        news.event_id,
        news.space_id.uuid(),
        news.space_title,
        news.actor_user_id.map(UserId::uuid),
        news.actor_display_name,
        news.object_id,
        news.object_name,
        news.event_time,
    )
    .fetch_all(tx)
    .await?;
    Ok(())
}

/// The newest first, before a position.
pub(super) async fn list(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
    before: Option<i64>,
    unread_only: bool,
    limit: i64,
) -> Result<Vec<Notice>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT notice_id, position, kind AS "kind: NoticeKind", space_id, space_title, actor_user_id,
                  actor_display_name, object_id, object_name, locale AS "locale: Locale", is_read, create_time
             FROM notices
            WHERE organization_id = $1 AND user_id = $2 AND NOT is_hidden AND position < coalesce($3, 9223372036854775807)
              AND NOT (is_read AND $4)
            ORDER BY position DESC
            LIMIT $5"#,
        organization_id.uuid(),
        user_id.uuid(),
        before,
        unread_only,
        limit,
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(Notice::from).collect())
}

/// The oldest first, after a position.
pub(super) async fn list_after(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
    after: i64,
    limit: i64,
) -> Result<Vec<Notice>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT notice_id, position, kind AS "kind: NoticeKind", space_id, space_title, actor_user_id,
                  actor_display_name, object_id, object_name, locale AS "locale: Locale", is_read, create_time
             FROM notices
            WHERE organization_id = $1 AND user_id = $2 AND NOT is_hidden AND position > $3
            ORDER BY position
            LIMIT $4"#,
        organization_id.uuid(),
        user_id.uuid(),
        after,
        limit,
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(Notice::from).collect())
}

/// Returns the position of the person's last notice; 0: there was none.
pub(super) async fn last_position(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
) -> Result<i64, sqlx::Error> {
    let last = sqlx::query_scalar!(
        "SELECT last_position FROM notice_feeds WHERE organization_id = $1 AND user_id = $2",
        organization_id.uuid(),
        user_id.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(last.unwrap_or_default())
}

/// Counts what is unread, as far as `most`.
pub(super) async fn count_unread(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
    most: i64,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM (
               SELECT FROM notices
                WHERE organization_id = $1 AND user_id = $2 AND NOT is_read AND NOT is_hidden LIMIT $3) AS unread"#,
        organization_id.uuid(),
        user_id.uuid(),
        most,
    )
    .fetch_one(tx)
    .await
}

pub(super) async fn mark_read(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
    named: &[Uuid],
    up_to: Option<NoticeId>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "WITH marked AS (
             UPDATE notices SET is_read = true
              WHERE organization_id = $1 AND user_id = $2 AND NOT is_read AND NOT is_hidden
                AND (notice_id = ANY($3) OR position <= (
                     SELECT last.position FROM notices AS last
                      WHERE last.organization_id = $1 AND last.user_id = $2 AND last.notice_id = $4))
             RETURNING user_id)
         SELECT pg_notify('notices', user_id::text) FROM marked LIMIT 1",
        organization_id.uuid(),
        user_id.uuid(),
        named,
        up_to.map(NoticeId::uuid),
    )
    .fetch_all(tx)
    .await?;
    Ok(())
}

pub(super) async fn hide(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    user_id: UserId,
    until: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "WITH hidden AS (
             UPDATE notices SET is_hidden = true
              WHERE organization_id = $1 AND user_id = $2 AND space_id = $3 AND NOT is_hidden AND create_time <= $4
             RETURNING user_id)
         SELECT pg_notify('notices', user_id::text) FROM hidden LIMIT 1",
        organization_id.uuid(),
        user_id.uuid(),
        space_id.uuid(),
        until,
    )
    .fetch_all(tx)
    .await?;
    Ok(())
}

pub(super) async fn delete_old(pool: &PgPool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT delete_old_notices() AS "count!""#).fetch_one(pool).await
}
