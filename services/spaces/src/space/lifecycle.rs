//! Archiving, reactivating, deleting and handing over a space.

use service_kit::caller::Call;
use service_kit::db::Reply;
use service_kit::ids::{SpaceId, UserId};

use super::{Lifecycle, Shown, SpaceError, SpaceView, Spaces, Step, changing, note, repo, show, visible};
use crate::activity::ActivityKind;
use crate::participant::{self, Kind, State};
use crate::permission::{Permission, Viewer};

impl Step {
    /// Returns what a person needs to take the step.
    fn permission(self) -> Permission {
        match self {
            Self::Archive | Self::Reactivate => Permission::Archive,
            Self::Delete => Permission::Delete,
        }
    }

    fn activity(self) -> ActivityKind {
        match self {
            Self::Archive => ActivityKind::SpaceArchived,
            Self::Reactivate => ActivityKind::SpaceReactivated,
            Self::Delete => ActivityKind::SpaceDeleted,
        }
    }
}

impl Spaces {
    /// Archives, reactivates or deletes a space; where it stands there already, nothing changes.
    pub(crate) async fn step<R: Reply<Shown>>(
        &self,
        call: &Call,
        space_id: SpaceId,
        step: Step,
    ) -> Result<R, SpaceError> {
        let viewer = Viewer::from(call.caller()?);
        let (now, ids) = (self.clock.now(), self.ids.clone());
        self.database
            .write(call, viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let mut view = changing(tx, &viewer, space_id, step.permission()).await?;
                    if view.space.step(step, now)? {
                        let purge_time = repo::update_state(tx, &view.space).await?;
                        if let Lifecycle::Deleted { purge_time: stands, .. } = &mut view.space.lifecycle {
                            *stands = purge_time;
                        }
                        note(tx, &ids, &mut view, step.activity(), None, now).await?;
                        tracing::info!(space.id = %space_id, space.step = ?step, "space changed its state");
                    }
                    show(tx, view).await
                })
            })
            .await
    }

    /// Makes an active internal participant the owner; the owner until now stays as an internal participant.
    pub(crate) async fn transfer<R: Reply<Shown>>(
        &self,
        call: &Call,
        space_id: SpaceId,
        user_id: UserId,
    ) -> Result<R, SpaceError> {
        let viewer = Viewer::from(call.caller()?);
        let (now, ids) = (self.clock.now(), self.ids.clone());
        self.database
            .write(call, viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let mut view = changing(tx, &viewer, space_id, Permission::Transfer).await?;
                    if view.space.owner_user_id != user_id {
                        let name = hand_over(tx, &mut view, user_id, now).await?;
                        let object = Some((user_id.uuid(), name));
                        note(tx, &ids, &mut view, ActivityKind::OwnershipTransferred, object, now).await?;
                    }
                    let view = visible(tx, &viewer, space_id).await?;
                    show(tx, view).await
                })
            })
            .await
    }
}

/// Hands a space over and returns the new owner's name.
async fn hand_over(
    tx: &mut sqlx::PgConnection,
    view: &mut SpaceView,
    user_id: UserId,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<String, SpaceError> {
    let (organization_id, space_id) = (view.space.organization_id, view.space.space_id);
    let taker = participant::repo::find_by_user(tx, organization_id, space_id, user_id)
        .await?
        .filter(|taker| taker.kind == Kind::Internal && taker.state == State::Active)
        .filter(|taker| !taker.person.is_deactivated)
        .ok_or(SpaceError::NewOwnerNotInternal)?;
    // In this order: a space has one owner at a time, which the database holds us to.
    let giver = view.space.owner_user_id;
    participant::repo::set_kind(tx, organization_id, space_id, giver, Kind::Internal).await?;
    participant::repo::set_kind(tx, organization_id, space_id, user_id, Kind::Owner).await?;
    view.space.hand_over(user_id, now);
    repo::update(tx, &view.space).await?;
    Ok(taker.person.display_name)
}
