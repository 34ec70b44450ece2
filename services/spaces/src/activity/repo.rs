//! All SQL of activities.

use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::page::PageRequest;
use sqlx::PgConnection;

use super::entity::{Activity, ActivityKey, ActivityKind, NewActivity, shown_name};

/// Adds to the timeline, and notes when something last happened. A CRM log that is told twice is added
/// once; to a space that is gone nothing is added.
pub(super) async fn append(tx: &mut PgConnection, new: &NewActivity) -> Result<(), sqlx::Error> {
    let actor_name = new.actor.as_ref().map_or("", |(_, name)| shown_name(name));
    let object_name = new
        .object
        .as_ref()
        .map_or("", |(_, name)| if new.kind.is_about_a_person() { shown_name(name) } else { name });
    sqlx::query!(
        "WITH added AS (
            INSERT INTO activities (organization_id, space_id, activity_id, kind, is_internal, actor_user_id,
                                    actor_display_name, object_id, object_name, create_time)
            SELECT organization_id, space_id, $3, $4, $5, $6, $7, $8, $9, $10
              FROM spaces WHERE organization_id = $1 AND space_id = $2
            ON CONFLICT (organization_id, space_id, object_id) WHERE kind = 'CRM_LOGGED' DO NOTHING
            RETURNING 1)
         UPDATE spaces SET last_activity_time = greatest(last_activity_time, $10)
          WHERE organization_id = $1 AND space_id = $2 AND EXISTS (SELECT FROM added)",
        new.organization_id.uuid(),
        new.space_id.uuid(),
        new.activity_id,
        new.kind.as_str(),
        new.kind.is_internal(),
        new.actor.as_ref().map(|(user_id, _)| user_id.uuid()),
        actor_name,
        new.object.as_ref().map(|(object_id, _)| *object_id),
        object_name,
        new.create_time,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Finds a person's name as it is now; empty where they gave none or are not known yet.
pub(super) async fn find_display_name(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
) -> Result<String, sqlx::Error> {
    let name = sqlx::query_scalar!(
        "SELECT display_name FROM people WHERE organization_id = $1 AND user_id = $2",
        organization_id.uuid(),
        user_id.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(name.unwrap_or_default())
}

/// Lists what happened, the newest first.
pub(super) async fn list(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    with_internal: bool,
    page: &PageRequest<ActivityKey>,
) -> Result<Vec<Activity>, sqlx::Error> {
    sqlx::query_as!(
        Activity,
        r#"SELECT activity_id, kind AS "kind: ActivityKind", actor_user_id, actor_display_name, object_id,
                  object_name, create_time
             FROM activities
            WHERE organization_id = $1 AND space_id = $2 AND ($3 OR NOT is_internal)
              AND ($4::timestamptz IS NULL OR (create_time, activity_id) < ($4, $5::uuid))
            ORDER BY create_time DESC, activity_id DESC
            LIMIT $6"#,
        organization_id.uuid(),
        space_id.uuid(),
        with_internal,
        page.after.map(|key| key.create_time),
        page.after.map(|key| key.activity_id),
        page.limit(),
    )
    .fetch_all(tx)
    .await
}
