//! Colleagues whom guests propose (R8.7): nobody is let in, the owner is asked.
//!
//! Owns how a proposal becomes a request for access, folded with one that waits already. How requests are answered is not
//! its own.

use messaging::outbox::{self, NewEvent};
use service_kit::ids::{Ids, UserId};
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::spaces::events::v1 as events;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Kind, internal_audience, person};
use crate::activity::ActivityKind;
use crate::space::{self, SpaceView};

/// How many proposals may wait for an answer in one space; more are swallowed.
const WAITING_MAX: i64 = 50;

/// Stores that a guest proposes a colleague, and asks the owner: once in 24 hours, and not where it was declined within
/// seven days, nor where too many proposals wait already.
pub(super) async fn propose(
    tx: &mut PgConnection,
    ids: &Ids,
    view: &mut SpaceView,
    proposer: &identity::Person,
    colleague: &identity::Person,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), sqlx::Error> {
    let (organization_id, space_id) = (view.space.organization_id, view.space.space_id);
    let address = colleague.email_address.as_str();
    let swallowed = sqlx::query_scalar!(
        r#"SELECT coalesce(bool_or(state = 'DECLINED' AND email_address = $3
                                   AND answer_time > now() - interval '7 days'), false)
                  OR count(*) FILTER (WHERE state = 'REQUESTED' AND lapse_time > now() AND email_address <> $3
                                        AND NOT is_verified AND proposer_user_id IS NOT NULL) >= $4 AS "swallowed!"
             FROM access_requests WHERE organization_id = $1 AND space_id = $2"#,
        organization_id.uuid(),
        space_id.uuid(),
        address,
        WAITING_MAX,
    )
    .fetch_one(&mut *tx)
    .await?;
    if swallowed {
        return Ok(());
    }
    let requester_user_id = Uuid::parse_str(&colleague.user_id).ok();
    let row = sqlx::query!(
        r#"INSERT INTO access_requests (organization_id, access_request_id, space_id, email_address, display_name,
                                        message, is_verified, proposer_user_id, requester_user_id, state,
                                        request_time, lapse_time, told_time, version, create_time)
           VALUES ($1, $2, $3, $4, $5, '', false, $6, $7, 'REQUESTED', now(), now() + interval '30 days', now(),
                   1, now())
           ON CONFLICT (organization_id, space_id, email_address) WHERE state = 'REQUESTED' DO UPDATE
              SET request_time = now(), lapse_time = now() + interval '30 days',
                  requester_user_id = coalesce(access_requests.requester_user_id, excluded.requester_user_id),
                  told_time = CASE WHEN access_requests.told_time > now() - interval '24 hours'
                                   THEN access_requests.told_time ELSE now() END,
                  version = access_requests.version + 1
         RETURNING access_request_id, display_name, message, version, told_time = now() AS "is_told!""#,
        organization_id.uuid(),
        ids.next::<Uuid>(),
        space_id.uuid(),
        address,
        colleague.display_name,
        view.viewer_user_id.uuid(),
        requester_user_id,
    )
    .fetch_one(&mut *tx)
    .await?;
    if !row.is_told {
        return Ok(());
    }
    let owner_user_id: UserId = view.space.owner_user_id;
    let event = events::AccessRequested {
        space: Some(space::events::snapshot(tx, &view.space, &view.url).await?),
        access_request_id: row.access_request_id.to_string(),
        email_address: address.to_owned(),
        display_name: row.display_name.clone(),
        message: row.message,
        proposer: Some(proposer.clone()),
        owner: Some(person(tx, organization_id, owner_user_id, Kind::Owner).await?),
        internal_audience: internal_audience(tx, &view.space, &[]).await?,
    };
    let new = NewEvent {
        event_id: ids.next(),
        organization_id,
        aggregate_id: row.access_request_id,
        aggregate_version: row.version,
        event: &event,
    };
    outbox::append(tx, new).await?;
    let object = Some((row.access_request_id, row.display_name));
    space::note(tx, ids, view, ActivityKind::AccessRequested, object, now).await
}
