//! Events of spaces: which logos are shown somewhere, so that the others can be collected.

use messaging::jobs::JobError;
use messaging::{Messaging, Received};
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::events::v1::LogoPlaced;
use sqlx::PgConnection;

use crate::logo::{self, Placed};

/// Subscribes to the events of spaces.
pub(crate) fn subscribe(messaging: Messaging) -> Messaging {
    messaging.on(|tx, received: Received<LogoPlaced>| Box::pin(logo_placed(tx, received)))
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
