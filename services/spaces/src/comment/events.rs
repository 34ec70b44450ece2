//! Comments as the other services are told of them.

use messaging::outbox::{self, NewEvent};
use service_kit::clock::timestamp;
use service_kit::ids::Ids;
use sharedspaces_proto::spaces::events::v1 as events;
use sqlx::PgConnection;

use super::entity::Comment;
use crate::participant::{self, Kind, MuteableMail};
use crate::space::SpaceView;
use crate::space::events::snapshot;

/// How much of a comment is told, in characters.
const EXCERPT_MAX: usize = 500;

/// Tells of a comment that was added to an item of this title, and who is told by mail.
pub(super) async fn added(
    tx: &mut PgConnection,
    ids: &Ids,
    view: &SpaceView,
    comment: &Comment,
    item_title: &str,
) -> Result<(), sqlx::Error> {
    let organization_id = view.space.organization_id;
    let kind = view.standing.kind.unwrap_or(Kind::Internal);
    let author = comment.author_user_id;
    let event = events::CommentAdded {
        space: Some(snapshot(tx, &view.space, &view.url).await?),
        comment_id: comment.comment_id.to_string(),
        item_id: comment.item_id.to_string(),
        item_title: item_title.to_owned(),
        excerpt: comment.text.chars().take(EXCERPT_MAX).collect(),
        author: Some(participant::person(tx, organization_id, author, kind).await?),
        audience: participant::audience(tx, &view.space, MuteableMail::Comments, &[author]).await?,
        mentioned_user_ids: comment.mentioned_user_ids.iter().map(ToString::to_string).collect(),
        event_time: Some(timestamp(comment.create_time)),
    };
    let new = NewEvent {
        event_id: ids.next(),
        organization_id,
        aggregate_id: comment.comment_id,
        aggregate_version: comment.version,
        event: &event,
    };
    outbox::append(tx, new).await
}
