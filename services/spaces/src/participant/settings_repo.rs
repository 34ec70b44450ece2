//! All SQL of which mails of a space each participant gets.

use service_kit::ids::SpaceId;
use sqlx::PgConnection;

use super::settings::OwnSettings;
use crate::permission::Viewer;

/// Finds what somebody chose; nothing where they chose nothing.
pub(super) async fn find(
    tx: &mut PgConnection,
    viewer: &Viewer,
    space_id: SpaceId,
) -> Result<OwnSettings, sqlx::Error> {
    let found = sqlx::query_as!(
        OwnSettings,
        r#"SELECT notify_visit_summaries AS visit_summaries, notify_new_joiners AS new_joiners,
                  notify_comments AS comments, notify_new_content AS new_content
             FROM participants WHERE organization_id = $1 AND space_id = $2 AND user_id = $3"#,
        viewer.organization_id.uuid(),
        space_id.uuid(),
        viewer.user_id.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(found.unwrap_or_default())
}

/// Stores what somebody chose; what is absent stays as it is. It stays when they leave and come back.
pub(super) async fn update(
    tx: &mut PgConnection,
    viewer: &Viewer,
    space_id: SpaceId,
    change: OwnSettings,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE participants
            SET notify_visit_summaries = coalesce($4, notify_visit_summaries),
                notify_new_joiners = coalesce($5, notify_new_joiners),
                notify_comments = coalesce($6, notify_comments),
                notify_new_content = coalesce($7, notify_new_content)
          WHERE organization_id = $1 AND space_id = $2 AND user_id = $3",
        viewer.organization_id.uuid(),
        space_id.uuid(),
        viewer.user_id.uuid(),
        change.visit_summaries,
        change.new_joiners,
        change.comments,
        change.new_content,
    )
    .execute(tx)
    .await?;
    Ok(())
}
