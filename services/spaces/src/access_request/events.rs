//! Requests for access as the other services are told of them.
//!
//! The request is the aggregate: its events keep their order, and those of other requests do not wait.

use messaging::Event;
use messaging::outbox::{self, NewEvent};
use service_kit::ids::{Ids, OrganizationId};
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::spaces::events::v1 as events;
use sqlx::PgConnection;
use uuid::Uuid;

use super::entity::AccessRequest;
use super::repo::{self, Waiting};
use crate::participant::{Kind, internal_audience, person};
use crate::space::SpaceView;
use crate::space::events::snapshot;

async fn append<E: Event>(
    tx: &mut PgConnection,
    ids: &Ids,
    organization_id: OrganizationId,
    (aggregate_id, aggregate_version): (Uuid, i64),
    event: &E,
) -> Result<(), sqlx::Error> {
    let event_id = ids.next();
    outbox::append(tx, NewEvent { event_id, organization_id, aggregate_id, aggregate_version, event }).await
}

/// Tells that somebody asks: the owner by mail, all internal participants in the app.
pub(super) async fn requested(
    tx: &mut PgConnection,
    ids: &Ids,
    view: &SpaceView,
    (waiting, email_address): (&Waiting, &str),
) -> Result<(), sqlx::Error> {
    let organization_id = view.space.organization_id;
    let event = events::AccessRequested {
        space: Some(snapshot(tx, &view.space, &view.url).await?),
        access_request_id: waiting.access_request_id.to_string(),
        email_address: email_address.to_owned(),
        display_name: waiting.display_name.clone(),
        message: waiting.message.clone(),
        proposer: None,
        owner: Some(person(tx, organization_id, view.space.owner_user_id, Kind::Owner).await?),
        internal_audience: internal_audience(tx, &view.space, &[]).await?,
    };
    append(tx, ids, organization_id, (waiting.access_request_id, waiting.version), &event).await
}

/// Tells somebody who asks that they take part already.
pub(super) async fn takes_part_already(
    tx: &mut PgConnection,
    ids: &Ids,
    view: &SpaceView,
    person: identity::Person,
) -> Result<(), sqlx::Error> {
    // There is no request: each telling is an aggregate of its own.
    let access_request_id: Uuid = ids.next();
    let event = events::AccessGranted {
        space: Some(snapshot(tx, &view.space, &view.url).await?),
        access_request_id: access_request_id.to_string(),
        invitation_id: String::new(),
        person: Some(person),
        granter: None,
    };
    append(tx, ids, view.space.organization_id, (access_request_id, 1), &event).await
}

/// Tells that somebody was let in. `invitation_id`: what a guest activates; a colleague needs none.
pub(super) async fn granted(
    tx: &mut PgConnection,
    ids: &Ids,
    view: &SpaceView,
    (request, invitation_id): (&AccessRequest, Option<Uuid>),
    (person, granter): (identity::Person, identity::Person),
) -> Result<(), sqlx::Error> {
    let event = events::AccessGranted {
        space: Some(snapshot(tx, &view.space, &view.url).await?),
        access_request_id: request.access_request_id.to_string(),
        invitation_id: invitation_id.map(|id| id.to_string()).unwrap_or_default(),
        person: Some(person),
        granter: Some(granter),
    };
    append(tx, ids, view.space.organization_id, (request.access_request_id, request.version), &event).await
}

/// Tells that somebody was not let in.
pub(super) async fn declined(
    tx: &mut PgConnection,
    ids: &Ids,
    view: &SpaceView,
    request: &AccessRequest,
) -> Result<(), sqlx::Error> {
    let organization_id = view.space.organization_id;
    let event = events::AccessDeclined {
        space: Some(snapshot(tx, &view.space, &view.url).await?),
        access_request_id: request.access_request_id.to_string(),
        email_address: request.email_address.clone(),
        display_name: request.display_name.clone(),
        locale: repo::locale_of(tx, organization_id, &request.email_address).await?,
    };
    append(tx, ids, organization_id, (request.access_request_id, request.version), &event).await
}
