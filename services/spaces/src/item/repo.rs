//! All SQL of items.

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, SpaceId};
use service_kit::page::PageRequest;
use sqlx::PgConnection;
use uuid::Uuid;

use super::described::Lying;
use super::entity::{Item, ItemFile, ItemKey, ItemKind, Origin, Tree};
use super::places::Place;

/// Reads which folder lies in which, and how many items the space has.
pub(super) async fn tree(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
) -> Result<Tree, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT item_id, folder_id, kind AS "kind: ItemKind" FROM items
            WHERE organization_id = $1 AND space_id = $2"#,
        organization_id.uuid(),
        space_id.uuid(),
    )
    .fetch_all(tx)
    .await?;
    let item_count = rows.len();
    let folders = rows.into_iter().filter(|row| row.kind == ItemKind::Folder);
    Ok(Tree { folders: folders.map(|row| (row.item_id, row.folder_id)).collect(), item_count })
}

/// Counts what a folder holds directly, which is the place after its last.
pub(super) async fn count_in(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    folder_id: Option<Uuid>,
) -> Result<i32, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*)::integer AS "count!" FROM items
            WHERE organization_id = $1 AND space_id = $2 AND folder_id IS NOT DISTINCT FROM $3"#,
        organization_id.uuid(),
        space_id.uuid(),
        folder_id,
    )
    .fetch_one(tx)
    .await
}

pub(super) async fn insert(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    item: &Item,
) -> Result<(), sqlx::Error> {
    let file = item.file.as_ref();
    sqlx::query!(
        "INSERT INTO items (organization_id, item_id, space_id, folder_id, kind, position, title, description, url,
                            origin, adder_user_id, adder_display_name, version, create_time, update_time, asset_id,
                            file_name, content_type, size_bytes)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
        organization_id.uuid(),
        item.item_id,
        item.space_id.uuid(),
        item.folder_id,
        item.kind.as_str(),
        item.position,
        item.title,
        item.description,
        item.url,
        item.origin.as_str(),
        item.adder_user_id.uuid(),
        item.adder_display_name,
        item.version,
        item.create_time,
        item.update_time,
        file.map(|file| file.asset_id),
        file.map(|file| file.file_name.as_str()),
        file.map(|file| file.content_type.as_str()),
        file.map(|file| file.size_bytes),
    )
    .execute(tx)
    .await?;
    Ok(())
}

struct Row {
    item_id: Uuid,
    folder_id: Option<Uuid>,
    kind: ItemKind,
    position: i32,
    title: String,
    description: String,
    url: Option<String>,
    origin: Origin,
    adder_user_id: Uuid,
    adder_display_name: String,
    asset_id: Option<Uuid>,
    file_name: Option<String>,
    content_type: Option<String>,
    size_bytes: Option<i64>,
    item_count: i64,
    comment_count: i64,
    version: i64,
    create_time: DateTime<Utc>,
    update_time: DateTime<Utc>,
}

impl Row {
    fn into_item(self, space_id: SpaceId) -> Item {
        let file = match (self.asset_id, self.file_name, self.content_type, self.size_bytes) {
            (Some(asset_id), Some(file_name), Some(content_type), Some(size_bytes)) => {
                Some(ItemFile { asset_id, file_name, content_type, size_bytes })
            }
            // The table has all four of a file or none.
            _ => None,
        };
        Item {
            item_id: self.item_id,
            space_id,
            folder_id: self.folder_id,
            kind: self.kind,
            position: self.position,
            title: self.title,
            description: self.description,
            url: self.url,
            file,
            origin: self.origin,
            adder_user_id: self.adder_user_id.into(),
            adder_display_name: self.adder_display_name,
            item_count: self.item_count,
            comment_count: self.comment_count,
            version: self.version,
            create_time: self.create_time,
            update_time: self.update_time,
        }
    }
}

/// Finds an item of a space.
pub(crate) async fn find(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    item_id: Uuid,
) -> Result<Option<Item>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT i.item_id, i.folder_id, i.kind AS "kind: ItemKind", i.position, i.title, i.description, i.url,
                  i.origin AS "origin: Origin", i.adder_user_id, i.adder_display_name, i.version, i.create_time,
                  i.update_time, i.asset_id, i.file_name, i.content_type, i.size_bytes,
                  (SELECT count(*) FROM items c
                    WHERE c.organization_id = $1 AND c.space_id = $2 AND c.folder_id = i.item_id) AS "item_count!",
                  (SELECT count(*) FROM comments c
                    WHERE c.organization_id = $1 AND c.space_id = $2 AND c.item_id = i.item_id
                      AND c.delete_time IS NULL) AS "comment_count!"
             FROM items i
            WHERE i.organization_id = $1 AND i.space_id = $2 AND i.item_id = $3"#,
        organization_id.uuid(),
        space_id.uuid(),
        item_id,
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| row.into_item(space_id)))
}

/// Lists what is in a folder, in its order: after an item where it stands now, or from where it stood if it is gone.
pub(super) async fn list(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    folder_id: Option<Uuid>,
    page: &PageRequest<ItemKey>,
) -> Result<Vec<Item>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT i.item_id, i.folder_id, i.kind AS "kind: ItemKind", i.position, i.title, i.description, i.url,
                  i.origin AS "origin: Origin", i.adder_user_id, i.adder_display_name, i.version, i.create_time,
                  i.update_time, i.asset_id, i.file_name, i.content_type, i.size_bytes,
                  (SELECT count(*) FROM items c
                    WHERE c.organization_id = $1 AND c.space_id = $2 AND c.folder_id = i.item_id) AS "item_count!",
                  (SELECT count(*) FROM comments c
                    WHERE c.organization_id = $1 AND c.space_id = $2 AND c.item_id = i.item_id
                      AND c.delete_time IS NULL) AS "comment_count!"
             FROM items i
            WHERE i.organization_id = $1 AND i.space_id = $2 AND i.folder_id IS NOT DISTINCT FROM $3
              AND ($4::integer IS NULL
                   OR i.position > coalesce((SELECT a.position FROM items a
                                              WHERE a.organization_id = $1 AND a.space_id = $2 AND a.item_id = $6
                                                AND a.folder_id IS NOT DISTINCT FROM $3), $4 - 1))
            ORDER BY i.position
            LIMIT $5"#,
        organization_id.uuid(),
        space_id.uuid(),
        folder_id,
        page.after.map(|key| key.position),
        page.limit(),
        page.after.map(|key| key.item_id),
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| row.into_item(space_id)).collect())
}

pub(super) async fn update(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    item: &Item,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE items
            SET folder_id = $4, position = $5, title = $6, description = $7, url = $8, version = $9,
                update_time = $10
          WHERE organization_id = $1 AND space_id = $2 AND item_id = $3",
        organization_id.uuid(),
        item.space_id.uuid(),
        item.item_id,
        item.folder_id,
        item.position,
        item.title,
        item.description,
        item.url,
        item.version,
        item.update_time,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Moves what stands at or after a place by `by` places: 1 makes room, -1 closes a gap.
pub(super) async fn shift(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    folder_id: Option<Uuid>,
    from: i32,
    by: i32,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE items SET position = position + $5
          WHERE organization_id = $1 AND space_id = $2 AND folder_id IS NOT DISTINCT FROM $3 AND position >= $4",
        organization_id.uuid(),
        space_id.uuid(),
        folder_id,
        from,
        by,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Deletes an item, and with a folder all that is in it.
pub(super) async fn delete(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    item_id: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM items WHERE organization_id = $1 AND space_id = $2 AND item_id = $3",
        organization_id.uuid(),
        space_id.uuid(),
        item_id,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Lists the files among an item and all that lies in it, at any depth.
pub(super) async fn list_files_in(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    item_id: Uuid,
) -> Result<Vec<Place>, sqlx::Error> {
    sqlx::query_as!(
        Place,
        r#"WITH RECURSIVE held AS (
               SELECT item_id, asset_id, version FROM items
                WHERE organization_id = $1 AND space_id = $2 AND item_id = $3
               UNION ALL
               SELECT i.item_id, i.asset_id, i.version FROM items i JOIN held h ON i.folder_id = h.item_id
                WHERE i.organization_id = $1 AND i.space_id = $2)
           SELECT item_id AS "item_id!", asset_id AS "asset_id!", version AS "version!" FROM held
            WHERE asset_id IS NOT NULL"#,
        organization_id.uuid(),
        space_id.uuid(),
        item_id,
    )
    .fetch_all(tx)
    .await
}

/// Lists all files of a space.
pub(super) async fn list_files(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
) -> Result<Vec<Place>, sqlx::Error> {
    sqlx::query_as!(
        Place,
        r#"SELECT item_id, asset_id AS "asset_id!", version FROM items
            WHERE organization_id = $1 AND space_id = $2 AND asset_id IS NOT NULL
            ORDER BY item_id"#,
        organization_id.uuid(),
        space_id.uuid(),
    )
    .fetch_all(tx)
    .await
}

/// Lists all that a space holds; what lies in one folder comes in its order.
pub(super) async fn list_lying(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
) -> Result<Vec<Lying>, sqlx::Error> {
    sqlx::query_as!(
        Lying,
        r#"SELECT item_id, folder_id, kind AS "kind: ItemKind", title, origin AS "origin: Origin"
             FROM items WHERE organization_id = $1 AND space_id = $2 ORDER BY position"#,
        organization_id.uuid(),
        space_id.uuid(),
    )
    .fetch_all(tx)
    .await
}
