//! Which items show which files: all SQL of places.
//!
//! Owns `assets.is_shown`, which every change here brings up to date in its own transaction: the row of the file is
//! locked after the change and before the looking, so that of two changes the later one sees both.

use service_kit::ids::{OrganizationId, SpaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::AssetId;

/// In how many spaces it is asked whether somebody sees one that shows a file.
const MAX_SPACES: i64 = 32;

/// What an item shows, as spaces says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Placed {
    pub(crate) organization_id: OrganizationId,
    /// The item.
    pub(crate) place_id: Uuid,
    pub(crate) space_id: SpaceId,
    pub(crate) asset_id: Option<AssetId>,
    /// The item's version, which rises with each change.
    pub(crate) version: i64,
}

/// Notes what an item shows; what is older than what is known changes nothing.
pub(crate) async fn place(tx: &mut PgConnection, placed: Placed) -> Result<(), sqlx::Error> {
    let organization_id = placed.organization_id;
    let before = sqlx::query_scalar!(
        "SELECT asset_id FROM asset_places WHERE organization_id = $1 AND place_id = $2 FOR UPDATE",
        organization_id.uuid(),
        placed.place_id,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let changed = sqlx::query!(
        "INSERT INTO asset_places (organization_id, place_id, space_id, asset_id, version)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (organization_id, place_id) DO UPDATE
            SET space_id = excluded.space_id, asset_id = excluded.asset_id, version = excluded.version
          WHERE asset_places.version < excluded.version",
        organization_id.uuid(),
        placed.place_id,
        placed.space_id.uuid(),
        placed.asset_id.map(AssetId::uuid),
        placed.version,
    )
    .execute(&mut *tx)
    .await?;
    if changed.rows_affected() == 0 {
        return Ok(());
    }
    let concerned = [before.flatten(), placed.asset_id.map(AssetId::uuid)];
    let concerned: Vec<Uuid> = concerned.into_iter().flatten().collect();
    update_shown(tx, organization_id, &concerned).await
}

/// Finds the spaces that show a file, at most 32.
pub(crate) async fn find_spaces(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    asset_id: AssetId,
) -> Result<Vec<SpaceId>, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "SELECT DISTINCT space_id FROM asset_places WHERE organization_id = $1 AND asset_id = $2 LIMIT $3",
        organization_id.uuid(),
        asset_id.uuid(),
        MAX_SPACES,
    )
    .fetch_all(tx)
    .await?;
    Ok(found.into_iter().map(SpaceId::from).collect())
}

/// Tells whether an item of the space shows the file.
pub(crate) async fn is_placed_in(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    asset_id: AssetId,
    space_id: SpaceId,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM asset_places
                           WHERE organization_id = $1 AND asset_id = $2 AND space_id = $3) AS "is_placed!""#,
        organization_id.uuid(),
        asset_id.uuid(),
        space_id.uuid(),
    )
    .fetch_one(tx)
    .await
}

/// Brings up to date whether these files are shown.
async fn update_shown(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    asset_ids: &[Uuid],
) -> Result<(), sqlx::Error> {
    // A statement of its own: the next one sees what those have done who held these rows.
    sqlx::query!(
        "SELECT asset_id FROM assets WHERE organization_id = $1 AND asset_id = ANY($2) ORDER BY asset_id FOR UPDATE",
        organization_id.uuid(),
        asset_ids,
    )
    .fetch_all(&mut *tx)
    .await?;
    sqlx::query!(
        "UPDATE assets
            SET use_time = now(),
                is_shown = EXISTS (SELECT FROM asset_places AS place
                                    WHERE place.organization_id = $1 AND place.asset_id = assets.asset_id)
          WHERE organization_id = $1 AND asset_id = ANY($2)",
        organization_id.uuid(),
        asset_ids,
    )
    .execute(tx)
    .await?;
    Ok(())
}
