//! Duplicating a space: first what would be copied, then the copy.
//!
//! Owns the use cases. A copy is made in one transaction, by a list of what is copied; all else starts anew. Must not
//! copy anything that people did in the space: who takes part, what guests added, the timeline.

mod entity;
mod repo;

use service_kit::caller::{Call, Caller};
use service_kit::clock::SharedClock;
use service_kit::db::{Database, Reply};
use service_kit::error::CommonError;
use service_kit::fold::fold;
use service_kit::ids::{Ids, SpaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::locale::{self, Locale};
use crate::permission::{Permission, Viewer};
use crate::space::{self, Address, Shown, SpaceError, SpaceView};

use entity::CopyPlan;
pub(crate) use entity::{Description, Part};
use repo::NewCopy;

/// The use cases of duplication.
#[derive(Clone)]
pub(crate) struct Duplications {
    database: Database,
    clock: SharedClock,
    ids: Ids,
}

impl Duplications {
    /// Returns the use cases.
    pub(crate) fn new(database: Database, clock: SharedClock, ids: Ids) -> Self {
        Self { database, clock, ids }
    }

    /// Tells what duplicating a space would copy, and how many there are of it.
    pub(crate) async fn describe(
        &self,
        caller: &Caller,
        space_id: SpaceId,
        locale: Option<Locale>,
    ) -> Result<Description, SpaceError> {
        let viewer = Viewer::from(caller);
        self.database
            .read(viewer.organization_id, move |tx| {
                Box::pin(async move {
                    let view = space::visible(tx, &viewer, space_id).await?;
                    view.require(Permission::Duplicate)?;
                    let locale = locale_or_own(tx, &viewer, locale).await?;
                    let counts = repo::count(tx, viewer.organization_id, space_id).await?;
                    Ok(Description { title: entity::title_of_copy(&view.space.title, locale), counts })
                })
            })
            .await
    }

    /// Makes a new space of the caller's.
    pub(crate) async fn duplicate<R: Reply<Shown>>(
        &self,
        call: &Call,
        space_id: SpaceId,
        locale: Option<Locale>,
    ) -> Result<R, SpaceError> {
        let viewer = Viewer::from(call.caller()?);
        let address = Address::from_random(
            self.ids
                .secret_bytes()
                .map_err(|error| SpaceError::from(CommonError::Unexpected(error.into())))?,
        );
        let this = self.clone();
        self.database
            .write(call, viewer.organization_id, move |tx| {
                Box::pin(async move { this.copy(tx, &viewer, space_id, locale, &address).await })
            })
            .await
    }

    async fn copy(
        &self,
        tx: &mut PgConnection,
        viewer: &Viewer,
        source_id: SpaceId,
        locale: Option<Locale>,
        address: &Address,
    ) -> Result<Shown, SpaceError> {
        // Nothing of the source changes while it is copied.
        space::repo::lock(tx, viewer.organization_id, source_id).await?;
        let source = space::visible(tx, viewer, source_id).await?;
        source.require(Permission::Duplicate)?;
        let locale = locale_or_own(tx, viewer, locale).await?;
        let title = entity::title_of_copy(&source.space.title, locale);
        let copy = NewCopy {
            organization_id: viewer.organization_id,
            source_id,
            space_id: self.ids.next(),
            title: &title,
            title_folded: &fold(&title),
            address,
            owner_user_id: viewer.user_id,
            owner_name: &source.viewer_name,
            now: self.clock.now(),
        };
        repo::copy_space(tx, &copy).await?;
        let items = repo::list_items(tx, viewer.organization_id, source_id).await?;
        repo::copy_items(tx, &copy, &CopyPlan::of(&items, || self.ids.next())).await?;
        repo::insert_owner(tx, &copy, self.ids.next()).await?;
        let view = space::visible(tx, viewer, copy.space_id).await?;
        self.tell(tx, &view).await?;
        space::show(tx, view).await
    }

    /// Tells the others of the copy, and assets that one more place shows the logo.
    async fn tell(&self, tx: &mut PgConnection, view: &SpaceView) -> Result<(), SpaceError> {
        let event_id: Uuid = self.ids.next();
        space::events::created(tx, event_id, &view.space, &view.url, None).await?;
        if view.space.logo.is_some() {
            space::events::logo_placed(tx, self.ids.next(), &view.space).await?;
        }
        Ok(())
    }
}

async fn locale_or_own(
    tx: &mut PgConnection,
    viewer: &Viewer,
    locale: Option<Locale>,
) -> Result<Locale, sqlx::Error> {
    match locale {
        Some(locale) => Ok(locale),
        None => locale::of_person(tx, viewer.organization_id, viewer.user_id).await,
    }
}
