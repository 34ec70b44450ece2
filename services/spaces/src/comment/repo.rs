//! All SQL of comments. A deleted comment keeps its row without a word, so that deleting it again is no error.

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::page::PageRequest;
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::{Comment, CommentKey, Trace};

pub(super) async fn insert(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    comment: &Comment,
) -> Result<(), sqlx::Error> {
    let mentioned: Vec<Uuid> = comment.mentioned_user_ids.iter().map(|user_id| user_id.uuid()).collect();
    sqlx::query!(
        "INSERT INTO comments (organization_id, comment_id, space_id, item_id, author_user_id, author_display_name,
                               text, mentioned_user_ids, version, create_time, update_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        organization_id.uuid(),
        comment.comment_id,
        comment.space_id.uuid(),
        comment.item_id,
        comment.author_user_id.uuid(),
        comment.author_display_name,
        comment.text,
        &mentioned,
        comment.version,
        comment.create_time,
        comment.update_time,
    )
    .execute(tx)
    .await?;
    Ok(())
}

struct Row {
    comment_id: Uuid,
    item_id: Uuid,
    author_user_id: Uuid,
    author_display_name: String,
    text: String,
    mentioned_user_ids: Vec<Uuid>,
    version: i64,
    create_time: DateTime<Utc>,
    update_time: DateTime<Utc>,
}

impl Row {
    fn into_comment(self, space_id: SpaceId) -> Comment {
        Comment {
            comment_id: self.comment_id,
            space_id,
            item_id: self.item_id,
            author_user_id: self.author_user_id.into(),
            author_display_name: self.author_display_name,
            text: self.text,
            mentioned_user_ids: self.mentioned_user_ids.into_iter().map(UserId::from).collect(),
            version: self.version,
            create_time: self.create_time,
            update_time: self.update_time,
        }
    }
}

/// Finds a comment that was not deleted.
pub(super) async fn find(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    comment_id: Uuid,
) -> Result<Option<Comment>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT comment_id, item_id, author_user_id, author_display_name, text, mentioned_user_ids, version,
                create_time, update_time
           FROM comments
          WHERE organization_id = $1 AND space_id = $2 AND comment_id = $3 AND delete_time IS NULL",
        organization_id.uuid(),
        space_id.uuid(),
        comment_id,
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| row.into_comment(space_id)))
}

/// Finds what is left of a comment, deleted or not.
pub(super) async fn find_trace(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    comment_id: Uuid,
) -> Result<Option<Trace>, sqlx::Error> {
    sqlx::query_as!(
        Trace,
        r#"SELECT item_id, author_user_id, delete_time IS NOT NULL AS "is_deleted!" FROM comments
            WHERE organization_id = $1 AND space_id = $2 AND comment_id = $3"#,
        organization_id.uuid(),
        space_id.uuid(),
        comment_id,
    )
    .fetch_optional(tx)
    .await
}

pub(super) async fn list(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    item_id: Uuid,
    page: &PageRequest<CommentKey>,
) -> Result<Vec<Comment>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT comment_id, item_id, author_user_id, author_display_name, text, mentioned_user_ids, version,
                create_time, update_time
           FROM comments
          WHERE organization_id = $1 AND space_id = $2 AND item_id = $3 AND delete_time IS NULL
            AND ($4::timestamptz IS NULL OR (create_time, comment_id) > ($4, $5::uuid))
          ORDER BY create_time, comment_id
          LIMIT $6",
        organization_id.uuid(),
        space_id.uuid(),
        item_id,
        page.after.map(|key| key.create_time),
        page.after.map(|key| key.comment_id),
        page.limit(),
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| row.into_comment(space_id)).collect())
}

/// Stores what may change of a comment.
pub(super) async fn update(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    comment: &Comment,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE comments SET text = $4, version = $5, update_time = $6
          WHERE organization_id = $1 AND space_id = $2 AND comment_id = $3",
        organization_id.uuid(),
        comment.space_id.uuid(),
        comment.comment_id,
        comment.text,
        comment.version,
        comment.update_time,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Deletes a comment, and forgets what it said.
pub(super) async fn delete(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    comment_id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE comments SET text = '', mentioned_user_ids = '{}', delete_time = $4, version = version + 1
          WHERE organization_id = $1 AND space_id = $2 AND comment_id = $3",
        organization_id.uuid(),
        space_id.uuid(),
        comment_id,
        now,
    )
    .execute(tx)
    .await?;
    Ok(())
}
