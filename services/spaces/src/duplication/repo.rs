//! All SQL of duplication. What is copied is named column by column: a new column is not copied until it is named here.

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::{CopyPlan, Counts, SourceItem};
use crate::item::Origin;
use crate::space::Address;

/// A space to be made of another.
pub(super) struct NewCopy<'a> {
    pub(super) organization_id: OrganizationId,
    pub(super) source_id: SpaceId,
    pub(super) space_id: SpaceId,
    pub(super) title: &'a str,
    pub(super) title_folded: &'a str,
    pub(super) address: &'a Address,
    pub(super) owner_user_id: UserId,
    pub(super) owner_name: &'a str,
    pub(super) now: DateTime<Utc>,
}

pub(super) async fn count(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
) -> Result<Counts, sqlx::Error> {
    sqlx::query_as!(
        Counts,
        r#"SELECT (SELECT count(*) FROM spaces
                    WHERE organization_id = $1 AND space_id = $2 AND logo_id IS NOT NULL) AS "logos!",
                  (SELECT count(*) FROM items
                    WHERE organization_id = $1 AND space_id = $2 AND origin = 'INTERNAL') AS "internal_items!",
                  (SELECT count(*) FROM items
                    WHERE organization_id = $1 AND space_id = $2 AND origin = 'EXTERNAL') AS "external_items!",
                  (SELECT count(*) FROM participants
                    WHERE organization_id = $1 AND space_id = $2 AND state IN ('INVITED', 'ACTIVE'))
                  AS "participants!",
                  (SELECT count(*) FROM activities
                    WHERE organization_id = $1 AND space_id = $2 AND kind = 'CRM_LOGGED') AS "crm_logs!",
                  (SELECT count(*) FROM activities
                    WHERE organization_id = $1 AND space_id = $2) AS "activities!""#,
        organization_id.uuid(),
        space_id.uuid(),
    )
    .fetch_one(tx)
    .await
}

pub(super) async fn copy_space(tx: &mut PgConnection, copy: &NewCopy<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO spaces (organization_id, space_id, title, title_folded, address, owner_user_id, version,
                             create_time, update_time, last_activity_time,
                             description, allow_download, allow_invite, allow_upload, theme_id,
                             notify_visit_summaries, notify_new_joiners, notify_comments, logo_id, logo_width_px,
                             logo_height_px, logo_format, customer_logo_height_px, organization_logo_height_px,
                             transparent_background)
         SELECT organization_id, $3, $4, $5, $6, $7, 1, $8, $8, $8,
                description, allow_download, allow_invite, allow_upload, theme_id,
                notify_visit_summaries, notify_new_joiners, notify_comments, logo_id, logo_width_px,
                logo_height_px, logo_format, customer_logo_height_px, organization_logo_height_px,
                transparent_background
           FROM spaces WHERE organization_id = $1 AND space_id = $2",
        copy.organization_id.uuid(),
        copy.source_id.uuid(),
        copy.space_id.uuid(),
        copy.title,
        copy.title_folded,
        copy.address.as_str(),
        copy.owner_user_id.uuid(),
        copy.now,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Lists what a space holds, in the order of places.
pub(super) async fn list_items(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
) -> Result<Vec<SourceItem>, sqlx::Error> {
    sqlx::query_as!(
        SourceItem,
        r#"SELECT item_id, folder_id, origin AS "origin: Origin" FROM items
            WHERE organization_id = $1 AND space_id = $2
            ORDER BY position"#,
        organization_id.uuid(),
        space_id.uuid(),
    )
    .fetch_all(tx)
    .await
}

/// Copies items as planned. Whoever duplicates is who added them: the people of the source take no part in the copy.
pub(super) async fn copy_items(
    tx: &mut PgConnection,
    copy: &NewCopy<'_>,
    plan: &CopyPlan,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"INSERT INTO items (organization_id, item_id, space_id, folder_id, position, origin, adder_user_id,
                              adder_display_name, version, create_time, update_time,
                              kind, title, description, url, asset_id)
           SELECT i.organization_id, c.copy_id, $3, c.folder_id, c.position, 'INTERNAL', $4, $5, 1, $6, $6,
                  i.kind, i.title, i.description, i.url, i.asset_id
             FROM unnest($7::uuid[], $8::uuid[], $9::uuid[], $10::integer[])
                  AS c (item_id, copy_id, folder_id, position)
             JOIN items i ON i.organization_id = $1 AND i.space_id = $2 AND i.item_id = c.item_id
            WHERE i.origin = 'INTERNAL'"#,
        copy.organization_id.uuid(),
        copy.source_id.uuid(),
        copy.space_id.uuid(),
        copy.owner_user_id.uuid(),
        copy.owner_name,
        copy.now,
        &plan.item_ids,
        &plan.copy_ids,
        &plan.folder_ids as &[Option<Uuid>],
        &plan.positions,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Makes whoever duplicates the owner, and the only one who takes part.
pub(super) async fn insert_owner(
    tx: &mut PgConnection,
    copy: &NewCopy<'_>,
    participant_id: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO participants (organization_id, participant_id, space_id, user_id, kind, state, create_time)
         VALUES ($1, $2, $3, $4, 'OWNER', 'ACTIVE', $5)",
        copy.organization_id.uuid(),
        participant_id,
        copy.space_id.uuid(),
        copy.owner_user_id.uuid(),
        copy.now,
    )
    .execute(tx)
    .await?;
    Ok(())
}
