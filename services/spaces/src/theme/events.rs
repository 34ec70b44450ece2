//! Themes as assets is told of them.

use messaging::outbox::{self, NewEvent};
use sharedspaces_proto::spaces::events::v1 as events;
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::Theme;

/// Tells which banner a theme shows now.
pub(super) async fn banner_placed(
    tx: &mut PgConnection,
    event_id: Uuid,
    theme: &Theme,
) -> Result<(), sqlx::Error> {
    let event = events::LogoPlaced {
        organization_id: theme.organization_id.to_string(),
        place_id: theme.theme_id.to_string(),
        logo_id: theme.banner_logo_id.map(|logo_id| logo_id.to_string()).unwrap_or_default(),
    };
    let new = NewEvent {
        event_id,
        organization_id: theme.organization_id,
        aggregate_id: theme.theme_id,
        aggregate_version: theme.version,
        event: &event,
    };
    outbox::append(tx, new).await
}
