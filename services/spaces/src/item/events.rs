//! Items as the other services are told of them: files and links that somebody adds; folders hold nothing to tell, and
//! what is copied with a space is no news.

use messaging::outbox::{self, NewEvent};
use service_kit::clock::timestamp;
use service_kit::ids::Ids;
use sharedspaces_proto::spaces::events::v1 as events;
use sqlx::PgConnection;

use super::entity::{Item, ItemKind, Origin};
use crate::participant::{self, Kind, MuteableMail};
use crate::space::SpaceView;
use crate::space::events::snapshot;

/// Tells of a file or link that was added, and who is told by mail.
pub(super) async fn added(
    tx: &mut PgConnection,
    ids: &Ids,
    view: &SpaceView,
    item: &Item,
) -> Result<(), sqlx::Error> {
    if item.kind == ItemKind::Folder {
        return Ok(());
    }
    let organization_id = view.space.organization_id;
    let kind = view.standing.kind.unwrap_or(Kind::Internal);
    let adder = item.adder_user_id;
    let event = events::ItemAdded {
        space: Some(snapshot(tx, &view.space, &view.url).await?),
        item_id: item.item_id.to_string(),
        title: item.title.clone(),
        is_external: item.origin == Origin::External,
        adder: Some(participant::person(tx, organization_id, adder, kind).await?),
        audience: participant::audience(tx, &view.space, MuteableMail::NewContent, &[adder]).await?,
        event_time: Some(timestamp(item.create_time)),
    };
    let new = NewEvent {
        event_id: ids.next(),
        organization_id,
        aggregate_id: item.item_id,
        aggregate_version: item.version,
        event: &event,
    };
    outbox::append(tx, new).await
}
