//! Questions of rights: for other services, and for people.

use service_kit::caller::Caller;
use service_kit::ids::{SpaceId, UserId};
use uuid::Uuid;

use super::{Shown, SpaceError, Spaces, repo, show, visible};
use crate::participant;
use crate::permission::{Permission, Refusal, Standing, Viewer, admission};

/// Whether somebody has a permission, and who says no.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Explanation {
    /// The permission.
    pub(crate) permission: Permission,
    /// Everybody who withholds it; nobody: it is granted.
    pub(crate) refused_by: Vec<Refusal>,
}

impl Spaces {
    /// Returns what a person may do in a space at this moment; nothing where they are not let in.
    pub(crate) async fn check_access(
        &self,
        viewer: Viewer,
        space_id: SpaceId,
    ) -> Result<Vec<Permission>, SpaceError> {
        let found = self
            .database
            .read(viewer.organization_id, move |tx| {
                Box::pin(async move { visible(tx, &viewer, space_id).await })
            })
            .await;
        match found {
            Ok(view) => Ok(view.permissions()),
            Err(SpaceError::NotFound | SpaceError::Archived | SpaceError::ConsentRequired) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Returns which of these logos a person may see, because a space shows them that the person is let into.
    pub(crate) async fn check_logo_access(
        &self,
        viewer: Viewer,
        logo_ids: Vec<Uuid>,
    ) -> Result<Vec<Uuid>, SpaceError> {
        let asked = logo_ids.clone();
        let shown = self
            .database
            .read(viewer.organization_id, move |tx| {
                Box::pin(
                    async move { Ok::<_, SpaceError>(repo::find_shown_logos(tx, &viewer, &asked).await?) },
                )
            })
            .await?;
        let seen = |logo_id: &Uuid| {
            shown.iter().any(|logo| {
                let standing =
                    Standing { kind: logo.kind, is_admin: viewer.is_admin, has_consent: logo.has_consent };
                logo.logo_id == *logo_id && admission(standing, logo.state).is_ok()
            })
        };
        Ok(logo_ids.into_iter().filter(seen).collect())
    }

    /// Returns a space as a guest would see it, to somebody who may edit it. Nothing is written.
    pub(crate) async fn preview(&self, caller: &Caller, space_id: SpaceId) -> Result<Shown, SpaceError> {
        let viewer = Viewer::from(caller);
        self.database
            .read(viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let view = visible(tx, &viewer, space_id).await?;
                    view.require(Permission::Edit)?;
                    show(tx, view.seen_by_guest()).await
                })
            })
            .await
    }

    /// Returns the address to share, to somebody who may invite.
    pub(crate) async fn share_link(&self, caller: &Caller, space_id: SpaceId) -> Result<String, SpaceError> {
        let view = self.get(caller, space_id).await?.view;
        view.require(Permission::Invite)?;
        Ok(view.url)
    }

    /// Tells for each permission whether somebody has it; one's own, or for internal participants anybody's.
    pub(crate) async fn explain(
        &self,
        caller: &Caller,
        space_id: SpaceId,
        user_id: Option<UserId>,
    ) -> Result<Vec<Explanation>, SpaceError> {
        let viewer = Viewer::from(caller);
        self.database
            .read(viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let view = visible(tx, &viewer, space_id).await?;
                    let standing = match user_id {
                        Some(user_id) if user_id != viewer.user_id => {
                            if !view.standing.is_internal() {
                                return Err(SpaceError::InternalParticipantsOnly);
                            }
                            let other = participant::repo::find_by_user(
                                tx,
                                viewer.organization_id,
                                space_id,
                                user_id,
                            )
                            .await?
                            .filter(|other| other.state.takes_part())
                            .ok_or(SpaceError::ParticipantNotFound)?;
                            Standing::of(other.kind)
                        }
                        _ => view.standing,
                    };
                    let explain = |permission| Explanation {
                        permission,
                        refused_by: view.refusals_of(standing, permission),
                    };
                    Ok(Permission::ALL.into_iter().map(explain).collect())
                })
            })
            .await
    }
}
