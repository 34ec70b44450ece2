//! All SQL of logos.

use service_kit::ids::{OrganizationId, SpaceId};
use sqlx::{PgConnection, PgPool};

use super::entity::{Format, Logo, LogoId, PendingLogo};

/// Inserts a logo that is on its way.
pub(crate) async fn insert_pending(tx: &mut PgConnection, logo: &PendingLogo) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO logos (organization_id, logo_id, space_id, uploader_user_id, file_name, format, width_px,
                            height_px, size_bytes, sha256)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        logo.organization_id.uuid(),
        logo.logo_id.uuid(),
        logo.space_id.uuid(),
        logo.uploader_user_id.uuid(),
        logo.file_name,
        logo.format.as_str(),
        logo.width_px,
        logo.height_px,
        logo.size_bytes,
        logo.sha256,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Marks a pending logo as ready. Returns nothing where it was abandoned meanwhile.
pub(crate) async fn mark_ready(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    logo_id: LogoId,
) -> Result<Option<Logo>, sqlx::Error> {
    sqlx::query_as!(
        Logo,
        r#"UPDATE logos SET state = 'READY' WHERE organization_id = $1 AND logo_id = $2 AND state = 'PENDING'
           RETURNING organization_id AS "organization_id: OrganizationId", logo_id AS "logo_id: LogoId",
                     space_id AS "space_id: SpaceId", format AS "format: Format", width_px, height_px, size_bytes,
                     create_time"#,
        organization_id.uuid(),
        logo_id.uuid(),
    )
    .fetch_optional(tx)
    .await
}

/// Finds a logo that is ready; of any space where none is given.
pub(crate) async fn find_ready(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: Option<SpaceId>,
    logo_id: LogoId,
) -> Result<Option<Logo>, sqlx::Error> {
    sqlx::query_as!(
        Logo,
        r#"SELECT organization_id AS "organization_id: OrganizationId", logo_id AS "logo_id: LogoId",
                  space_id AS "space_id: SpaceId", format AS "format: Format", width_px, height_px, size_bytes,
                  create_time
             FROM logos
            WHERE organization_id = $1 AND logo_id = $2 AND state = 'READY'
              AND ($3::uuid IS NULL OR space_id = $3)"#,
        organization_id.uuid(),
        logo_id.uuid(),
        space_id.map(SpaceId::uuid),
    )
    .fetch_optional(tx)
    .await
}

/// Claims uploads of any organisation that were abandoned, the oldest 100. Acts through a function of that name.
pub(crate) async fn claim_abandoned(pool: &PgPool) -> Result<Vec<(OrganizationId, LogoId)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT organization_id AS "organization_id!", logo_id AS "logo_id!" FROM claim_abandoned_logos()"#
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (row.organization_id.into(), row.logo_id.into())).collect())
}

/// Deletes the row of an abandoned upload.
pub(crate) async fn delete_abandoned(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    logo_id: LogoId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM logos WHERE organization_id = $1 AND logo_id = $2 AND state = 'ABANDONED'",
        organization_id.uuid(),
        logo_id.uuid(),
    )
    .execute(tx)
    .await?;
    Ok(())
}
