//! All SQL of sharing policies.

use chrono::{DateTime, Utc};
use service_kit::ids::OrganizationId;
use sqlx::PgConnection;

use super::Policy;
use crate::permission::Sharing;

/// Finds the policy; where nobody decided anything, everything is allowed.
pub(super) async fn find(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<Policy, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT allow_download, allow_invite, allow_upload, version, update_time
           FROM sharing_policies WHERE organization_id = $1",
        organization_id.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map_or_else(Policy::default, |row| Policy {
        allowed: Sharing { download: row.allow_download, invite: row.allow_invite, upload: row.allow_upload },
        version: row.version,
        update_time: (row.version > 0).then_some(row.update_time),
    }))
}

/// Lets one admin at a time change the policy; makes the row to wait for where there is none yet.
pub(super) async fn lock(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO sharing_policies (organization_id, allow_download, allow_invite, allow_upload, version,
                                       update_time)
         VALUES ($1, true, true, true, 0, $2)
         ON CONFLICT (organization_id) DO UPDATE SET version = sharing_policies.version",
        organization_id.uuid(),
        now,
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn update(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    policy: &Policy,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE sharing_policies
            SET allow_download = $2, allow_invite = $3, allow_upload = $4, version = $5,
                update_time = coalesce($6, update_time)
          WHERE organization_id = $1",
        organization_id.uuid(),
        policy.allowed.download,
        policy.allowed.invite,
        policy.allowed.upload,
        policy.version,
        policy.update_time,
    )
    .execute(tx)
    .await?;
    Ok(())
}
