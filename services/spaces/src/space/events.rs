//! Spaces as the other services are told of them.

use messaging::outbox::{self, NewEvent};
use service_kit::clock::timestamp;
use sharedspaces_proto::spaces::events::v1 as events;
use sharedspaces_proto::spaces::v1 as pb;
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::{CrmTarget, Space};
use crate::theme;

/// Returns what other services may keep of a space, without its description: that may be long, and an invitation of a
/// hundred people is a hundred events.
pub(crate) async fn snapshot(
    tx: &mut PgConnection,
    space: &Space,
    url: &str,
) -> Result<events::SpaceSnapshot, sqlx::Error> {
    let look = theme::look(tx, space.organization_id, space.theme_id).await?;
    Ok(events::SpaceSnapshot {
        organization_id: space.organization_id.to_string(),
        space_id: space.space_id.to_string(),
        title: space.title.clone(),
        url: url.to_owned(),
        description: String::new(),
        owner_user_id: space.owner_user_id.to_string(),
        create_time: Some(timestamp(space.create_time)),
        colors: Some(look.colors.into()),
    })
}

pub(crate) async fn created(
    tx: &mut PgConnection,
    event_id: Uuid,
    space: &Space,
    url: &str,
    crm_target: Option<&CrmTarget>,
) -> Result<(), sqlx::Error> {
    let told = snapshot(tx, space, url).await?;
    let described = events::SpaceSnapshot { description: space.description.clone(), ..told };
    let event =
        events::SpaceCreated { space: Some(described), crm_target: crm_target.map(pb::CrmTarget::from) };
    outbox::append(
        tx,
        NewEvent {
            event_id,
            organization_id: space.organization_id,
            aggregate_id: space.space_id.uuid(),
            aggregate_version: space.version,
            event: &event,
        },
    )
    .await
}

/// Tells which logo the space shows now.
pub(crate) async fn logo_placed(
    tx: &mut PgConnection,
    event_id: Uuid,
    space: &Space,
) -> Result<(), sqlx::Error> {
    let event = events::LogoPlaced {
        organization_id: space.organization_id.to_string(),
        place_id: space.space_id.to_string(),
        logo_id: space.logo.map(|logo| logo.logo_id.to_string()).unwrap_or_default(),
    };
    outbox::append(
        tx,
        NewEvent {
            event_id,
            organization_id: space.organization_id,
            aggregate_id: space.space_id.uuid(),
            aggregate_version: space.version,
            event: &event,
        },
    )
    .await
}
