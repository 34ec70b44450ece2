//! What is shown where: all SQL of places, of the organisation's own logo and of people's pictures.
//!
//! Owns `logos.is_shown`, which every change here brings up to date in its own transaction: the row of the logo is
//! locked after the change and before the looking, so that of two changes the later one sees both.

use service_kit::ids::{OrganizationId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::LogoId;

/// What a place shows, as spaces says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Placed {
    pub(crate) organization_id: OrganizationId,
    /// The space or theme.
    pub(crate) place_id: Uuid,
    pub(crate) logo_id: Option<LogoId>,
    /// The place's version, which rises with each change.
    pub(crate) version: i64,
}

/// Notes what a place shows; what is older than what is known changes nothing.
pub(crate) async fn place(tx: &mut PgConnection, placed: Placed) -> Result<(), sqlx::Error> {
    let organization_id = placed.organization_id;
    let before = sqlx::query_scalar!(
        "SELECT logo_id FROM logo_places WHERE organization_id = $1 AND place_id = $2 FOR UPDATE",
        organization_id.uuid(),
        placed.place_id,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let changed = sqlx::query!(
        "INSERT INTO logo_places (organization_id, place_id, logo_id, version) VALUES ($1, $2, $3, $4)
         ON CONFLICT (organization_id, place_id) DO UPDATE
            SET logo_id = excluded.logo_id, version = excluded.version
          WHERE logo_places.version < excluded.version",
        organization_id.uuid(),
        placed.place_id,
        placed.logo_id.map(LogoId::uuid),
        placed.version,
    )
    .execute(&mut *tx)
    .await?;
    if changed.rows_affected() == 0 {
        return Ok(());
    }
    // From here on it is known what of the space's own logos it shows.
    let told = sqlx::query_scalar!(
        "UPDATE logos SET awaits_place = false
          WHERE organization_id = $1 AND space_id = $2 AND awaits_place RETURNING logo_id",
        organization_id.uuid(),
        placed.place_id,
    )
    .fetch_all(&mut *tx)
    .await?;
    let concerned = [before.flatten(), placed.logo_id.map(LogoId::uuid)];
    let concerned: Vec<Uuid> = concerned.into_iter().flatten().chain(told).collect();
    update_shown(tx, organization_id, &concerned).await
}

/// Finds those of the logos that some place shows.
pub(crate) async fn find_placed(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    logo_ids: &[Uuid],
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT DISTINCT logo_id AS "logo_id!" FROM logo_places WHERE organization_id = $1 AND logo_id = ANY($2)"#,
        organization_id.uuid(),
        logo_ids,
    )
    .fetch_all(tx)
    .await
}

/// Finds the organisation's own logo.
pub(crate) async fn find_own(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<Option<LogoId>, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "SELECT logo_id FROM organization_logos WHERE organization_id = $1",
        organization_id.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(found.map(LogoId::from))
}

/// Makes a logo the organisation's own, in the place of the one before.
pub(crate) async fn set_own(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    logo_id: LogoId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO organization_logos (organization_id, logo_id) VALUES ($1, $2)
         ON CONFLICT (organization_id) DO UPDATE SET logo_id = excluded.logo_id",
        organization_id.uuid(),
        logo_id.uuid(),
    )
    .execute(&mut *tx)
    .await?;
    update_own_shown(tx, organization_id).await
}

/// Takes the organisation's own logo away, where there is one.
pub(crate) async fn remove_own(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM organization_logos WHERE organization_id = $1", organization_id.uuid())
        .execute(&mut *tx)
        .await?;
    update_own_shown(tx, organization_id).await
}

/// Brings up to date whether the organisation's logos are shown, the one of now and all from before that say so: two
/// that were uploaded at once do not know of one another.
async fn update_own_shown(tx: &mut PgConnection, organization_id: OrganizationId) -> Result<(), sqlx::Error> {
    let concerned = sqlx::query_scalar!(
        "SELECT logo_id FROM logos WHERE organization_id = $1 AND kind = 'ORGANIZATION' AND is_shown
         UNION SELECT logo_id FROM organization_logos WHERE organization_id = $1",
        organization_id.uuid(),
    )
    .fetch_all(&mut *tx)
    .await?;
    let concerned: Vec<Uuid> = concerned.into_iter().flatten().collect();
    update_shown(tx, organization_id, &concerned).await
}

/// Finds the pictures that these people have.
pub(crate) async fn find_of_people(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_ids: &[Uuid],
) -> Result<Vec<(UserId, LogoId)>, sqlx::Error> {
    let found = sqlx::query!(
        r#"SELECT user_id AS "user_id: UserId", logo_id AS "logo_id: LogoId" FROM profile_pictures
            WHERE organization_id = $1 AND user_id = ANY($2)"#,
        organization_id.uuid(),
        user_ids,
    )
    .fetch_all(tx)
    .await?;
    Ok(found.into_iter().map(|row| (row.user_id, row.logo_id)).collect())
}

/// Makes a logo a person's picture, in the place of the one before.
pub(crate) async fn set_of_person(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
    logo_id: LogoId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO profile_pictures (organization_id, user_id, logo_id) VALUES ($1, $2, $3)
         ON CONFLICT (organization_id, user_id) DO UPDATE SET logo_id = excluded.logo_id",
        organization_id.uuid(),
        user_id.uuid(),
        logo_id.uuid(),
    )
    .execute(&mut *tx)
    .await?;
    update_shown_of(tx, organization_id, user_id).await
}

/// Takes a person's picture away, where there is one.
pub(crate) async fn remove_of_person(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM profile_pictures WHERE organization_id = $1 AND user_id = $2",
        organization_id.uuid(),
        user_id.uuid(),
    )
    .execute(&mut *tx)
    .await?;
    update_shown_of(tx, organization_id, user_id).await
}

/// Brings up to date whether a person's pictures are shown, as [`update_own_shown`] does for an organisation.
async fn update_shown_of(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
) -> Result<(), sqlx::Error> {
    let concerned = sqlx::query_scalar!(
        "SELECT logo_id FROM logos
          WHERE organization_id = $1 AND uploader_user_id = $2 AND kind = 'PERSON' AND is_shown
         UNION SELECT logo_id FROM profile_pictures WHERE organization_id = $1 AND user_id = $2",
        organization_id.uuid(),
        user_id.uuid(),
    )
    .fetch_all(&mut *tx)
    .await?;
    let concerned: Vec<Uuid> = concerned.into_iter().flatten().collect();
    update_shown(tx, organization_id, &concerned).await
}

/// Brings up to date whether these logos are shown.
async fn update_shown(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    logo_ids: &[Uuid],
) -> Result<(), sqlx::Error> {
    // A statement of its own: the next one sees what those have done who held these rows.
    sqlx::query!(
        "SELECT logo_id FROM logos WHERE organization_id = $1 AND logo_id = ANY($2) ORDER BY logo_id FOR UPDATE",
        organization_id.uuid(),
        logo_ids,
    )
    .fetch_all(&mut *tx)
    .await?;
    sqlx::query!(
        "UPDATE logos
            SET use_time = now(),
                is_shown = awaits_place
                    OR EXISTS (SELECT FROM organization_logos AS own
                                WHERE own.organization_id = $1 AND own.logo_id = logos.logo_id)
                    OR EXISTS (SELECT FROM profile_pictures AS picture
                                WHERE picture.organization_id = $1 AND picture.logo_id = logos.logo_id)
                    OR EXISTS (SELECT FROM logo_places AS place
                                WHERE place.organization_id = $1 AND place.logo_id = logos.logo_id)
          WHERE organization_id = $1 AND logo_id = ANY($2)",
        organization_id.uuid(),
        logo_ids,
    )
    .execute(tx)
    .await?;
    Ok(())
}
