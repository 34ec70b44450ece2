//! All SQL of logos and their smaller sizes. What is shown where is `places`'s.

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, SpaceId};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::entity::{Format, Kind, Logo, LogoId, PendingLogo, Rendition, Small, View};

/// Inserts a logo that is on its way.
pub(crate) async fn insert_pending(tx: &mut PgConnection, logo: &PendingLogo) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO logos (organization_id, logo_id, kind, space_id, uploader_user_id, file_name, format, width_px,
                            height_px, size_bytes, sha256, can_be_transparent, awaits_place, is_shown)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, false, false)",
        logo.organization_id.uuid(),
        logo.logo_id.uuid(),
        logo.purpose.kind().as_str(),
        logo.purpose.space_id().map(SpaceId::uuid),
        logo.uploader_user_id.uuid(),
        logo.file_name,
        logo.format.as_str(),
        logo.width_px,
        logo.height_px,
        logo.size_bytes,
        logo.sha256,
        logo.can_be_transparent,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Marks a pending logo as ready; its smaller sizes are stored. Returns nothing where it was abandoned meanwhile.
pub(crate) async fn mark_ready(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    logo_id: LogoId,
) -> Result<Option<Logo>, sqlx::Error> {
    sqlx::query_as!(
        Logo,
        r#"UPDATE logos SET state = 'READY', is_rendered = true
            WHERE organization_id = $1 AND logo_id = $2 AND state = 'PENDING'
           RETURNING organization_id AS "organization_id: OrganizationId", logo_id AS "logo_id: LogoId",
                     kind AS "kind: Kind", space_id AS "space_id: SpaceId", format AS "format: Format", width_px,
                     height_px, size_bytes, can_be_transparent, is_rendered, create_time"#,
        organization_id.uuid(),
        logo_id.uuid(),
    )
    .fetch_optional(tx)
    .await
}

/// Notes that the smaller sizes of a logo are stored. False: the logo is no longer there.
pub(crate) async fn mark_rendered(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    logo_id: LogoId,
    can_be_transparent: bool,
) -> Result<bool, sqlx::Error> {
    let marked = sqlx::query!(
        "UPDATE logos SET is_rendered = true, can_be_transparent = $3
          WHERE organization_id = $1 AND logo_id = $2 AND state = 'READY'",
        organization_id.uuid(),
        logo_id.uuid(),
        can_be_transparent,
    )
    .execute(tx)
    .await?;
    Ok(marked.rows_affected() == 1)
}

/// Inserts the smaller sizes of a logo; those that are there stay as they are.
pub(crate) async fn insert_small(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    all: &[Small],
) -> Result<(), sqlx::Error> {
    for small in all {
        sqlx::query!(
            "INSERT INTO logo_renditions (organization_id, logo_id, rendition, transparent, width_px, height_px,
                                          size_bytes)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            organization_id.uuid(),
            small.logo_id.uuid(),
            small.view.rendition.as_str(),
            small.view.is_transparent,
            small.width_px,
            small.height_px,
            small.size_bytes,
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Finds those of the logos that are ready.
pub(crate) async fn find_ready(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    logo_ids: &[Uuid],
) -> Result<Vec<Logo>, sqlx::Error> {
    sqlx::query_as!(
        Logo,
        r#"SELECT organization_id AS "organization_id: OrganizationId", logo_id AS "logo_id: LogoId",
                  kind AS "kind: Kind", space_id AS "space_id: SpaceId", format AS "format: Format", width_px,
                  height_px, size_bytes, can_be_transparent, is_rendered, create_time
             FROM logos
            WHERE organization_id = $1 AND logo_id = ANY($2) AND state = 'READY'"#,
        organization_id.uuid(),
        logo_ids,
    )
    .fetch_all(tx)
    .await
}

/// Finds the smaller sizes of the logos.
pub(crate) async fn find_small(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    logo_ids: &[Uuid],
) -> Result<Vec<Small>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT logo_id, rendition AS "rendition: Rendition", transparent, width_px, height_px, size_bytes
             FROM logo_renditions WHERE organization_id = $1 AND logo_id = ANY($2)"#,
        organization_id.uuid(),
        logo_ids,
    )
    .fetch_all(tx)
    .await?;
    let small = rows.into_iter().map(|row| Small {
        logo_id: row.logo_id.into(),
        view: View { rendition: row.rendition, is_transparent: row.transparent },
        width_px: row.width_px,
        height_px: row.height_px,
        size_bytes: row.size_bytes,
    });
    Ok(small.collect())
}

/// Finds a logo that may be shown in a space, or, where none is given, one that belongs to no space. It counts as used
/// from now on, and one of the space's own as shown until the space tells otherwise, so that it is there when it is shown.
pub(crate) async fn find_for_use(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: Option<SpaceId>,
    logo_id: LogoId,
) -> Result<Option<Logo>, sqlx::Error> {
    sqlx::query_as!(
        Logo,
        r#"UPDATE logos
              SET use_time = now(),
                  awaits_place = awaits_place OR coalesce(space_id = $3, false),
                  is_shown = is_shown OR coalesce(space_id = $3, false)
            WHERE organization_id = $1 AND logo_id = $2 AND state = 'READY'
              AND CASE WHEN $3::uuid IS NULL THEN kind IN ('ORGANIZATION', 'BANNER')
                       ELSE space_id = $3 OR EXISTS (
                            SELECT FROM logo_places AS place
                             WHERE place.organization_id = $1 AND place.place_id = $3 AND place.logo_id = $2) END
           RETURNING organization_id AS "organization_id: OrganizationId", logo_id AS "logo_id: LogoId",
                     kind AS "kind: Kind", space_id AS "space_id: SpaceId", format AS "format: Format", width_px,
                     height_px, size_bytes, can_be_transparent, is_rendered, create_time"#,
        organization_id.uuid(),
        logo_id.uuid(),
        space_id.map(SpaceId::uuid),
    )
    .fetch_optional(tx)
    .await
}

/// Marks logos of any organisation as abandoned that nothing has shown for a day, at most 100; returns how many. Acts
/// through a function of that name.
pub(crate) async fn abandon_unshown(pool: &PgPool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT abandon_unshown_logos() AS "count!""#).fetch_one(pool).await
}

/// Returns the database's time, by which the rounds below are told apart.
pub(crate) async fn begin_round(pool: &PgPool) -> Result<DateTime<Utc>, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(pool).await
}

/// Claims what is abandoned of any organisation and was not claimed in this round, at most 100. Acts through a function
/// of that name.
pub(crate) async fn claim_abandoned(
    pool: &PgPool,
    round: DateTime<Utc>,
) -> Result<Vec<(OrganizationId, LogoId)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT organization_id AS "organization_id!", logo_id AS "logo_id!" FROM claim_abandoned_logos($1)"#,
        round,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (row.organization_id.into(), row.logo_id.into())).collect())
}

/// Claims a logo of any organisation that has no smaller sizes, for five minutes. Acts through a function of that name.
pub(crate) async fn claim_unrendered(pool: &PgPool) -> Result<Option<(OrganizationId, LogoId)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT organization_id AS "organization_id!", logo_id AS "logo_id!" FROM claim_unrendered_logo()"#
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| (row.organization_id.into(), row.logo_id.into())))
}

/// Deletes the row of an abandoned logo, and those of its smaller sizes.
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
