//! Events of spaces: which logos and files are shown somewhere, so that the others can be collected.

use messaging::jobs::JobError;
use messaging::{Messaging, Received};
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::events::v1::{AssetPlaced, LogoPlaced};
use sqlx::PgConnection;

use crate::asset;
use crate::logo::{self, Placed};

/// Subscribes to the events of spaces.
pub(crate) fn subscribe(messaging: Messaging) -> Messaging {
    messaging
        .on(|tx, received: Received<LogoPlaced>| Box::pin(logo_placed(tx, received)))
        .on(|tx, received: Received<AssetPlaced>| Box::pin(asset_placed(tx, received)))
}

/// Notes what a place shows now; an older event than the last one of that place changes nothing.
pub(crate) async fn logo_placed(
    tx: &mut PgConnection,
    received: Received<LogoPlaced>,
) -> Result<(), JobError> {
    let placed = Placed::try_from(received).map_err(JobError::dead)?;
    logo::place(tx, placed).await?;
    Ok(())
}

/// Notes what an item shows now; an older event than the last one of that item changes nothing.
pub(crate) async fn asset_placed(
    tx: &mut PgConnection,
    received: Received<AssetPlaced>,
) -> Result<(), JobError> {
    let placed = asset::Placed::try_from(received).map_err(JobError::dead)?;
    asset::place(tx, placed).await?;
    Ok(())
}

impl TryFrom<Received<AssetPlaced>> for asset::Placed {
    type Error = Violations;

    fn try_from(received: Received<AssetPlaced>) -> Result<Self, Violations> {
        let Received { organization_id, aggregate_version: version, event, .. } = received;
        let mut check = Violations::default();
        let place_id = check.id("place_id", &event.place_id);
        let space_id = check.id("space_id", &event.space_id);
        let asset_id = match event.asset_id.as_str() {
            "" => None,
            asset_id => Some(check.id("asset_id", asset_id)),
        };
        check.into_result().map(|()| Self { organization_id, place_id, space_id, asset_id, version })
    }
}

impl TryFrom<Received<LogoPlaced>> for Placed {
    type Error = Violations;

    fn try_from(received: Received<LogoPlaced>) -> Result<Self, Violations> {
        let Received { organization_id, aggregate_version: version, event, .. } = received;
        let mut check = Violations::default();
        let place_id = check.id("place_id", &event.place_id);
        let logo_id = match event.logo_id.as_str() {
            "" => None,
            logo_id => Some(check.id("logo_id", logo_id)),
        };
        check.into_result().map(|()| Self { organization_id, place_id, logo_id, version })
    }
}
