//! Spaces: creating, reading and changing them.
//!
//! Owns the use cases; each opens and commits its transaction. The rules are in `entity`, who may what in
//! [`crate::permission`], the SQL in `repo` and `list_repo`. `look` shows logos, `lifecycle` archives, deletes and hands
//! over, `access` answers questions of rights, `list` finds, `description` tells crm-sync what to log.

mod access;
mod address;
mod description;
mod entity;
mod error;
pub(crate) mod events;
mod lifecycle;
mod list;
mod list_repo;
mod look;
pub(crate) mod repo;

use chrono::{DateTime, Utc};
use service_kit::caller::{Call, Caller};
use service_kit::clock::SharedClock;
use service_kit::db::{Database, Reply};
use service_kit::error::CommonError;
use service_kit::ids::{Ids, SpaceId};
use service_kit::peers::PeerChannel;
use sharedspaces_proto::assets::v1::logo_service_client::LogoServiceClient;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::activity::{self, ActivityKind, NewActivity};
use crate::organization;
use crate::participant;
use crate::permission::{Permission, Viewer, admission};
use crate::theme::{self, Look};

pub(crate) use access::Explanation;
pub(crate) use address::Address;
pub(crate) use description::Description;
pub(crate) use entity::{
    Changed, CrmTarget, CustomerLogo, DESCRIPTION_MAX, LOGO_HEIGHT_MAX, LOGO_HEIGHT_MIN, Lifecycle,
    LogoDisplay, LogoDisplayChange, LogoFormat, NewSpace, Notifications, Space, SpaceChange, SpaceContent,
    SpaceView, Step, TITLE_MAX,
};
pub use error::SpaceError;
pub(crate) use list::{ListKey, ListQuery, Order, QUERY_MAX, Summary};

/// The use cases of spaces.
#[derive(Clone)]
pub(crate) struct Spaces {
    database: Database,
    clock: SharedClock,
    ids: Ids,
    logos: LogoServiceClient<PeerChannel>,
}

/// A space as somebody sees it, with its look.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Shown {
    /// The space.
    pub(crate) view: SpaceView,
    /// How it is drawn.
    pub(crate) look: Look,
}

impl Spaces {
    /// Returns the use cases; `logos` is where uploaded logos are asked for.
    pub(crate) fn new(
        database: Database,
        clock: SharedClock,
        ids: Ids,
        logos: LogoServiceClient<PeerChannel>,
    ) -> Self {
        Self { database, clock, ids, logos }
    }

    /// Creates a space with the caller as its owner.
    pub(crate) async fn create<R: Reply<Shown>>(&self, call: &Call, new: NewSpace) -> Result<R, SpaceError> {
        let caller = call.caller()?.clone();
        let random = Address::from_random(
            self.ids
                .secret_bytes()
                .map_err(|error| SpaceError::from(CommonError::Unexpected(error.into())))?,
        );
        let space = Space::create(self.ids.next(), &caller, new.space, random, self.clock.now());
        let ids = self.ids.clone();
        self.database
            .write(call, caller.organization_id, move |tx| {
                Box::pin(async move {
                    let organization = organization::find(tx, caller.organization_id)
                        .await?
                        .ok_or(SpaceError::OrganizationNotReady)?;
                    if new.crm_target.is_some() && !organization.has_crm {
                        return Err(SpaceError::PlanRequired);
                    }
                    found_theme(tx, &space, space.theme_id).await?;
                    repo::insert(tx, &space).await?;
                    participant::repo::insert_owner(tx, ids.next(), &space).await?;
                    let (space_id, now) = (space.space_id, space.create_time);
                    let url = organization.space_url(space.address.as_str());
                    events::created(tx, ids.next(), &space, &url, new.crm_target.as_ref()).await?;
                    let mut view = visible(tx, &Viewer::from(&caller), space_id).await?;
                    note(tx, &ids, &mut view, ActivityKind::SpaceCreated, None, now).await?;
                    show(tx, view).await
                })
            })
            .await
    }

    /// Returns a space as the caller may see it.
    pub(crate) async fn get(&self, caller: &Caller, space_id: SpaceId) -> Result<Shown, SpaceError> {
        let viewer = Viewer::from(caller);
        self.database
            .read(viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let view = visible(tx, &viewer, space_id).await?;
                    show(tx, view).await
                })
            })
            .await
    }

    /// Changes title, description, toggles, theme or notification defaults.
    pub(crate) async fn update<R: Reply<Shown>>(
        &self,
        call: &Call,
        space_id: SpaceId,
        change: SpaceChange,
    ) -> Result<R, SpaceError> {
        let viewer = Viewer::from(call.caller()?);
        let (now, ids) = (self.clock.now(), self.ids.clone());
        self.database
            .write(call, viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let mut view = changing(tx, &viewer, space_id, Permission::Edit).await?;
                    found_theme(tx, &view.space, change.theme_id.flatten()).await?;
                    let changed = view.space.change(change, now)?;
                    if !changed.is_empty() {
                        repo::update(tx, &view.space).await?;
                    }
                    for part in changed {
                        let object = match part {
                            Changed::Title => Some((space_id.uuid(), view.space.title.clone())),
                            _ => None,
                        };
                        note(tx, &ids, &mut view, part.into(), object, now).await?;
                    }
                    show(tx, view).await
                })
            })
            .await
    }
}

impl From<Changed> for ActivityKind {
    fn from(changed: Changed) -> Self {
        match changed {
            Changed::Title => Self::SpaceRenamed,
            Changed::Description => Self::DescriptionChanged,
            Changed::Sharing => Self::SharingChanged,
            Changed::Look => Self::LookChanged,
            Changed::Notifications => Self::NotificationDefaultsChanged,
        }
    }
}

/// Reads a space as somebody sees it. Whoever takes no part gets what a random id gets; a guest learns that the space is
/// archived, or that consent is needed.
pub(crate) async fn visible(
    tx: &mut PgConnection,
    viewer: &Viewer,
    space_id: SpaceId,
) -> Result<SpaceView, SpaceError> {
    let view = repo::find_visible(tx, viewer, space_id).await?.ok_or(SpaceError::NotFound)?;
    admission(view.standing, view.space.lifecycle.state())?;
    Ok(view)
}

/// Reads a space, which nobody else changes until the transaction ends, for a change that needs `permission`.
pub(crate) async fn changing(
    tx: &mut PgConnection,
    viewer: &Viewer,
    space_id: SpaceId,
    permission: Permission,
) -> Result<SpaceView, SpaceError> {
    repo::lock(tx, viewer.organization_id, space_id).await?;
    let view = visible(tx, viewer, space_id).await?;
    view.require(permission)?;
    Ok(view)
}

/// Adds to the timeline what the viewer did.
pub(crate) async fn note(
    tx: &mut PgConnection,
    ids: &Ids,
    view: &mut SpaceView,
    kind: ActivityKind,
    object: Option<(Uuid, String)>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let new = NewActivity {
        activity_id: ids.next(),
        organization_id: view.space.organization_id,
        space_id: view.space.space_id,
        kind,
        actor: Some((view.viewer_user_id, view.viewer_name.clone())),
        object,
        create_time: now,
    };
    activity::append(tx, new).await?;
    view.space.last_activity_time = view.space.last_activity_time.max(now);
    Ok(())
}

/// Adds the look of a space.
pub(crate) async fn show(tx: &mut PgConnection, view: SpaceView) -> Result<Shown, SpaceError> {
    let look = theme::look(tx, view.space.organization_id, view.space.theme_id).await?;
    Ok(Shown { view, look })
}

/// Refuses a theme that the organisation does not have.
async fn found_theme(tx: &mut PgConnection, space: &Space, theme_id: Option<Uuid>) -> Result<(), SpaceError> {
    match theme_id {
        Some(theme_id) if !theme::exists(tx, space.organization_id, theme_id).await? => {
            Err(SpaceError::ThemeNotFound)
        }
        _ => Ok(()),
    }
}
