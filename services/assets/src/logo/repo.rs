//! All SQL of logos.

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, SpaceId};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

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
        name_of(logo.format),
        logo.width_px,
        logo.height_px,
        logo.size_bytes,
        logo.sha256,
    )
    .execute(tx)
    .await?;
    Ok(())
}

struct Row {
    organization_id: Uuid,
    logo_id: Uuid,
    space_id: Uuid,
    format: String,
    width_px: i32,
    height_px: i32,
    size_bytes: i64,
    create_time: DateTime<Utc>,
}

impl TryFrom<Row> for Logo {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        Ok(Self {
            organization_id: row.organization_id.into(),
            logo_id: row.logo_id.into(),
            space_id: row.space_id.into(),
            format: format_of(&row.format)?,
            width_px: row.width_px,
            height_px: row.height_px,
            size_bytes: row.size_bytes,
            create_time: row.create_time,
        })
    }
}

/// Marks a pending logo as ready. Returns nothing where it was abandoned meanwhile.
pub(crate) async fn mark_ready(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    logo_id: LogoId,
) -> Result<Option<Logo>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "UPDATE logos SET state = 'READY' WHERE organization_id = $1 AND logo_id = $2 AND state = 'PENDING'
         RETURNING organization_id, logo_id, space_id, format, width_px, height_px, size_bytes, create_time",
        organization_id.uuid(),
        logo_id.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    row.map(Logo::try_from).transpose()
}

/// Finds a logo that is ready; of any space where none is given.
pub(crate) async fn find_ready(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: Option<SpaceId>,
    logo_id: LogoId,
) -> Result<Option<Logo>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT organization_id, logo_id, space_id, format, width_px, height_px, size_bytes, create_time
           FROM logos
          WHERE organization_id = $1 AND logo_id = $2 AND state = 'READY' AND ($3::uuid IS NULL OR space_id = $3)",
        organization_id.uuid(),
        logo_id.uuid(),
        space_id.map(SpaceId::uuid),
    )
    .fetch_optional(tx)
    .await?;
    row.map(Logo::try_from).transpose()
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

fn name_of(format: Format) -> &'static str {
    match format {
        Format::Png => "PNG",
        Format::Jpeg => "JPEG",
        Format::Webp => "WEBP",
    }
}

fn format_of(name: &str) -> Result<Format, sqlx::Error> {
    [Format::Png, Format::Jpeg, Format::Webp]
        .into_iter()
        .find(|format| name_of(*format) == name)
        .ok_or_else(|| sqlx::Error::Decode(format!("unknown image format {name}").into()))
}
