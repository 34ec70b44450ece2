//! All SQL of spaces.

use chrono::{DateTime, Utc};
use service_kit::db::violated_constraint;
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::{Address, CustomerLogo, Sharing, Space, SpaceView};
use super::error::SpaceError;
use crate::participant::Kind;

pub(crate) async fn insert(tx: &mut PgConnection, space: &Space) -> Result<(), SpaceError> {
    let inserted = sqlx::query!(
        "INSERT INTO spaces (organization_id, space_id, title, address, description, allow_download,
                             allow_invite, allow_upload, owner_user_id, version, create_time, update_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        space.organization_id.uuid(),
        space.space_id.uuid(),
        space.title,
        space.address.as_str(),
        space.description,
        space.sharing.download,
        space.sharing.invite,
        space.sharing.upload,
        space.owner_user_id.uuid(),
        space.version,
        space.create_time,
        space.update_time,
    )
    .execute(tx)
    .await;
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if violated_constraint(&error) == Some("spaces_address_key") => {
            Err(SpaceError::AddressTaken)
        }
        Err(error) => Err(error.into()),
    }
}

/// Waits until nobody else changes the space. Whether it exists, or may be seen, is told by reading it afterwards.
pub(crate) async fn lock(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "SELECT 1 AS one FROM spaces WHERE organization_id = $1 AND space_id = $2 FOR NO KEY UPDATE",
        organization_id.uuid(),
        space_id.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(())
}

pub(crate) async fn update(tx: &mut PgConnection, space: &Space) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE spaces
            SET title = $3, description = $4, allow_download = $5, allow_invite = $6, allow_upload = $7,
                logo_id = $8, logo_width_px = $9, logo_height_px = $10, version = $11, update_time = $12
          WHERE organization_id = $1 AND space_id = $2",
        space.organization_id.uuid(),
        space.space_id.uuid(),
        space.title,
        space.description,
        space.sharing.download,
        space.sharing.invite,
        space.sharing.upload,
        space.logo.map(|logo| logo.logo_id),
        space.logo.map(|logo| logo.width_px),
        space.logo.map(|logo| logo.height_px),
        space.version,
        space.update_time,
    )
    .execute(tx)
    .await?;
    Ok(())
}

struct Row {
    title: String,
    address: String,
    description: String,
    allow_download: bool,
    allow_invite: bool,
    allow_upload: bool,
    owner_user_id: Uuid,
    logo_id: Option<Uuid>,
    logo_width_px: Option<i32>,
    logo_height_px: Option<i32>,
    version: i64,
    create_time: DateTime<Utc>,
    update_time: DateTime<Utc>,
    url: String,
    kind: Kind,
}

/// Finds a space with the part a person takes in it, in one query; who is invited and holds a session takes part.
pub(crate) async fn find_visible(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
    space_id: SpaceId,
) -> Result<Option<SpaceView>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT s.title, s.address, s.description, s.allow_download, s.allow_invite, s.allow_upload,
                  s.owner_user_id, s.logo_id, s.logo_width_px, s.logo_height_px, s.version, s.create_time,
                  s.update_time, o.base_url || '/' || o.slug || '/' || s.address AS "url!", p.kind AS "kind: Kind"
             FROM spaces s
             JOIN participants p
               ON p.organization_id = s.organization_id AND p.space_id = s.space_id AND p.user_id = $3
             JOIN organizations o ON o.organization_id = s.organization_id
            WHERE s.organization_id = $1 AND s.space_id = $2"#,
        organization_id.uuid(),
        space_id.uuid(),
        user_id.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| row.into_view(organization_id, space_id)))
}

impl Row {
    fn into_view(self, organization_id: OrganizationId, space_id: SpaceId) -> SpaceView {
        let logo = match (self.logo_id, self.logo_width_px, self.logo_height_px) {
            (Some(logo_id), Some(width_px), Some(height_px)) => {
                Some(CustomerLogo { logo_id, width_px, height_px })
            }
            _ => None,
        };
        let space = Space {
            organization_id,
            space_id,
            title: self.title,
            address: Address::stored(self.address),
            description: self.description,
            sharing: Sharing {
                download: self.allow_download,
                invite: self.allow_invite,
                upload: self.allow_upload,
            },
            owner_user_id: self.owner_user_id.into(),
            logo,
            version: self.version,
            create_time: self.create_time,
            update_time: self.update_time,
        };
        SpaceView::of(space, self.url, self.kind)
    }
}
