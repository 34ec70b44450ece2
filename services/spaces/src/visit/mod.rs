//! Visits: who looked at a space, when, how long, and what they opened (R13.1).
//!
//! Owns visits of guests; members, previews and machines leave none. A visit begins with the first call, goes on with
//! each, and ends when nothing was heard of it for half an hour; then it is told, once. Times are the database's.

mod entity;
mod events;
mod repo;

use service_kit::caller::Caller;
use service_kit::clock::SharedClock;
use service_kit::db::Database;
use service_kit::error::CommonError;
use service_kit::ids::{Ids, OrganizationId, SpaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::activity::ActivityKind;
use crate::permission::{SpaceState, Viewer};
use crate::space::{self, SpaceError, SpaceView};

pub(crate) use entity::{Deed, GuestVisits, Insights, ItemDeeds, NEXT_CALL, QUIET};

/// The use cases of visits.
#[derive(Clone)]
pub(crate) struct Visits {
    database: Database,
    clock: SharedClock,
    ids: Ids,
}

impl Visits {
    /// Returns the use cases.
    pub(crate) fn new(database: Database, clock: SharedClock, ids: Ids) -> Self {
        Self { database, clock, ids }
    }

    /// Notes that the caller looks at a space. A member's call leaves no trace.
    pub(crate) async fn record(&self, caller: &Caller, space_id: SpaceId) -> Result<(), SpaceError> {
        let viewer = Viewer::from(caller);
        let this = self.clone();
        self.database
            .transaction(viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let mut view = space::visible(tx, &viewer, space_id).await?;
                    if view.standing.is_guest() {
                        this.go_on(tx, &mut view).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Returns who visited a space, to its internal participants.
    pub(crate) async fn insights(&self, caller: &Caller, space_id: SpaceId) -> Result<Insights, SpaceError> {
        let viewer = Viewer::from(caller);
        self.database
            .read(viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let view = space::visible(tx, &viewer, space_id).await?;
                    if !view.standing.is_internal() {
                        return Err(SpaceError::InternalParticipantsOnly);
                    }
                    Ok(repo::insights(tx, viewer.organization_id, space_id).await?)
                })
            })
            .await
    }

    /// Ends a visit of which nothing was heard for long enough, and tells it. False: somebody else did, or it goes on.
    pub(crate) async fn end(
        &self,
        organization_id: OrganizationId,
        visit_id: Uuid,
    ) -> Result<bool, CommonError> {
        let ids = self.ids.clone();
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    let Some(ended) = repo::end(tx, organization_id, visit_id, QUIET).await? else {
                        return Ok(false);
                    };
                    events::ended(tx, ids.next(), &ended).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Goes on with the visit of the guest who looks, or begins one; returns it.
    async fn go_on(&self, tx: &mut PgConnection, view: &mut SpaceView) -> Result<Uuid, sqlx::Error> {
        let (organization_id, space_id) = (view.space.organization_id, view.space.space_id);
        let user_id = view.viewer_user_id;
        if let Some(ended) = repo::end_of(tx, organization_id, space_id, user_id, QUIET).await? {
            events::ended(tx, self.ids.next(), &ended).await?;
        }
        let begun = repo::go_on(tx, organization_id, space_id, user_id, self.ids.next()).await?;
        if begun.is_new {
            space::note(tx, &self.ids, view, ActivityKind::SpaceVisited, None, self.clock.now()).await?;
            // After the space, which others lock before its participants.
            repo::note_begin(tx, organization_id, space_id, user_id).await?;
        }
        Ok(begun.visit_id)
    }

    /// Notes what a guest does with an item, in the transaction of it. Of members nothing is noted.
    pub(crate) async fn note(
        &self,
        tx: &mut PgConnection,
        view: &mut SpaceView,
        item_id: Uuid,
        title: &str,
        deed: Deed,
    ) -> Result<(), sqlx::Error> {
        if !view.standing.is_guest() {
            return Ok(());
        }
        let visit_id = self.go_on(tx, view).await?;
        repo::note(tx, view.space.organization_id, visit_id, item_id, title, deed).await
    }
}

/// Tells whether a visit of a space in this state is told.
fn is_told(state: SpaceState) -> bool {
    state == SpaceState::Active
}
