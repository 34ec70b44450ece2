//! All SQL on the links of spaces.

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, SpaceId};
use sqlx::PgConnection;

use super::Target;
use super::entity::SpaceLink;
use super::repo::located;
use crate::connectors::{Provider, RecordType};

/// Finds which record a space is linked to.
pub(crate) async fn find(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
) -> Result<Option<SpaceLink>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT s.connection_id, s.record_type AS "record_type: RecordType", s.record_id, s.record_name,
                  c.provider AS "provider?: Provider", c.instance_url AS "instance_url?"
             FROM space_links s
             LEFT JOIN connections c ON c.organization_id = s.organization_id AND c.connection_id = s.connection_id
            WHERE s.organization_id = $1 AND s.space_id = $2"#,
        organization_id.uuid(),
        space_id.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    row.map(|row| {
        Ok(SpaceLink {
            target: Target {
                connection_id: row.connection_id.into(),
                record_type: row.record_type,
                record_id: row.record_id,
                record_name: row.record_name,
            },
            connection: located(row.provider, row.instance_url.as_deref())?,
        })
    })
    .transpose()
}

/// Links a space to a record, in place of what it was linked to.
pub(super) async fn set(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    target: &Target,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO space_links (organization_id, space_id, connection_id, record_type, record_id, record_name,
                                  update_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (organization_id, space_id) DO UPDATE
            SET connection_id = excluded.connection_id, record_type = excluded.record_type,
                record_id = excluded.record_id, record_name = excluded.record_name,
                update_time = excluded.update_time",
        organization_id.uuid(),
        space_id.uuid(),
        target.connection_id.uuid(),
        target.record_type.as_str(),
        target.record_id,
        target.record_name,
        now,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Links a space that is linked to nothing.
pub(crate) async fn set_first(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    target: &Target,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO space_links (organization_id, space_id, connection_id, record_type, record_id, record_name,
                                  update_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (organization_id, space_id) DO NOTHING",
        organization_id.uuid(),
        space_id.uuid(),
        target.connection_id.uuid(),
        target.record_type.as_str(),
        target.record_id,
        target.record_name,
        now,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes a space's link away.
pub(super) async fn delete(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM space_links WHERE organization_id = $1 AND space_id = $2",
        organization_id.uuid(),
        space_id.uuid(),
    )
    .execute(tx)
    .await?;
    Ok(())
}
