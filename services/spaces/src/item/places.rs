//! Which item shows which file, as assets is told of it, so that assets keeps what is shown and nothing else.
//!
//! Owns the events: one per item, in the transaction of what changed, with the version that the item has after it, or
//! would have had. Must be called for every way in which an item comes or goes.

use messaging::outbox::{self, NewEvent};
use service_kit::ids::{Ids, OrganizationId, SpaceId};
use sharedspaces_proto::spaces::events::v1::AssetPlaced;
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::Item;
use super::repo;

/// What an item shows.
pub(super) struct Place {
    pub(super) item_id: Uuid,
    pub(super) asset_id: Uuid,
    pub(super) version: i64,
}

/// Tells of an item that was added, where it is a file.
pub(super) async fn added(
    tx: &mut PgConnection,
    ids: &Ids,
    organization_id: OrganizationId,
    item: &Item,
) -> Result<(), sqlx::Error> {
    let Some(file) = &item.file else { return Ok(()) };
    let place = Place { item_id: item.item_id, asset_id: file.asset_id, version: item.version };
    tell(tx, ids, organization_id, item.space_id, &place, Some(file.asset_id)).await
}

/// Tells that an item, and what lies in it, is about to be removed.
pub(super) async fn gone_with(
    tx: &mut PgConnection,
    ids: &Ids,
    organization_id: OrganizationId,
    space_id: SpaceId,
    item_id: Uuid,
) -> Result<(), sqlx::Error> {
    for place in repo::list_files_in(tx, organization_id, space_id, item_id).await? {
        let after = Place { version: place.version + 1, ..place };
        tell(tx, ids, organization_id, space_id, &after, None).await?;
    }
    Ok(())
}

/// Tells that all a space holds is about to be removed.
pub(crate) async fn gone_with_space(
    tx: &mut PgConnection,
    ids: &Ids,
    organization_id: OrganizationId,
    space_id: SpaceId,
) -> Result<(), sqlx::Error> {
    for place in repo::list_files(tx, organization_id, space_id).await? {
        let after = Place { version: place.version + 1, ..place };
        tell(tx, ids, organization_id, space_id, &after, None).await?;
    }
    Ok(())
}

/// Tells of all files of a space that was just made of another.
pub(crate) async fn copied(
    tx: &mut PgConnection,
    ids: &Ids,
    organization_id: OrganizationId,
    space_id: SpaceId,
) -> Result<(), sqlx::Error> {
    for place in repo::list_files(tx, organization_id, space_id).await? {
        tell(tx, ids, organization_id, space_id, &place, Some(place.asset_id)).await?;
    }
    Ok(())
}

async fn tell(
    tx: &mut PgConnection,
    ids: &Ids,
    organization_id: OrganizationId,
    space_id: SpaceId,
    place: &Place,
    shown: Option<Uuid>,
) -> Result<(), sqlx::Error> {
    let event = AssetPlaced {
        organization_id: organization_id.to_string(),
        place_id: place.item_id.to_string(),
        space_id: space_id.to_string(),
        asset_id: shown.map(|asset_id| asset_id.to_string()).unwrap_or_default(),
    };
    let new = NewEvent {
        event_id: ids.next(),
        organization_id,
        aggregate_id: place.item_id,
        aggregate_version: place.version,
        event: &event,
    };
    outbox::append(tx, new).await
}
