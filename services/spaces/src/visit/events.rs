//! What others are told of visits.

use messaging::outbox::{self, NewEvent};
use service_kit::clock::timestamp;
use sharedspaces_proto::spaces::events::v1 as events;
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::{Ended, TITLES_MAX};
use super::{is_told, repo};
use crate::participant::{self, Kind, MuteableMail};
use crate::permission::Viewer;
use crate::space;

/// Tells that a visit ended, unless its space is archived or gone meanwhile.
pub(super) async fn ended(tx: &mut PgConnection, event_id: Uuid, ended: &Ended) -> Result<(), sqlx::Error> {
    let organization_id = ended.organization_id;
    let system =
        Viewer { organization_id, user_id: ended.user_id, is_admin: true, consent_notice_version: 0 };
    let Some(view) = space::repo::find_visible(tx, &system, ended.space_id).await? else { return Ok(()) };
    let visitor = participant::person(tx, organization_id, ended.user_id, Kind::External).await?;
    if !is_told(view.space.lifecycle.state()) {
        return Ok(());
    }
    let mail = MuteableMail::VisitSummaries;
    let audience = participant::audience(tx, &view.space, mail, &[ended.user_id]).await?;
    let snapshot = space::events::snapshot(tx, &view.space, &view.url).await?;
    let (opened_titles, downloaded_titles) =
        repo::list_titles(tx, organization_id, ended.visit_id, TITLES_MAX).await?;
    let event = events::VisitEnded {
        space: Some(snapshot),
        visit_id: ended.visit_id.to_string(),
        visitor: Some(visitor),
        start_time: Some(timestamp(ended.start_time)),
        end_time: Some(timestamp(ended.last_time)),
        opened_titles,
        downloaded_titles,
        audience,
    };
    let new = NewEvent {
        event_id,
        organization_id,
        aggregate_id: ended.visit_id,
        aggregate_version: 1,
        event: &event,
    };
    outbox::append(tx, new).await
}
