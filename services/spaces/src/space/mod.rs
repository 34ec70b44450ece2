//! Spaces: creating, reading and changing them.
//!
//! Owns the use cases; each opens and commits its transaction. The rules are in `entity`, the SQL in `repo`.

mod entity;
mod error;
pub(crate) mod events;
pub(crate) mod repo;

use service_kit::caller::{Call, Caller};
use service_kit::clock::SharedClock;
use service_kit::db::{Database, Reply};
use service_kit::error::CommonError;
use service_kit::ids::{Ids, OrganizationId, SpaceId, UserId};
use service_kit::peers::PeerChannel;
use sharedspaces_proto::assets::v1 as assets;
use sharedspaces_proto::assets::v1::logo_service_client::LogoServiceClient;
use sqlx::PgConnection;
use tonic::Code;
use uuid::Uuid;

use crate::organization;
use crate::participant;

pub(crate) use entity::{
    Address, CrmTarget, CustomerLogo, DESCRIPTION_MAX, NewSpace, Permission, Sharing, Space, SpaceChange,
    SpaceContent, SpaceView, TITLE_MAX,
};
pub use error::SpaceError;

/// The use cases of spaces.
#[derive(Clone)]
pub(crate) struct Spaces {
    database: Database,
    clock: SharedClock,
    ids: Ids,
    logos: LogoServiceClient<PeerChannel>,
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
    pub(crate) async fn create<R: Reply<SpaceView>>(
        &self,
        call: &Call,
        new: NewSpace,
    ) -> Result<R, SpaceError> {
        let caller = call.caller()?.clone();
        let random = Address::from_random(
            self.ids
                .secret_bytes()
                .map_err(|error| SpaceError::from(CommonError::Unexpected(error.into())))?,
        );
        let space = Space::create(self.ids.next(), &caller, new.space, random, self.clock.now());
        let (owner_id, event_id): (Uuid, Uuid) = (self.ids.next(), self.ids.next());
        self.database
            .write(call, caller.organization_id, move |tx| {
                Box::pin(async move {
                    let organization = organization::find(tx, caller.organization_id)
                        .await?
                        .ok_or(SpaceError::OrganizationNotReady)?;
                    if new.crm_target.is_some() && !organization.has_crm {
                        return Err(SpaceError::PlanRequired);
                    }
                    repo::insert(tx, &space).await?;
                    participant::repo::insert_owner(tx, owner_id, &space).await?;
                    let url = organization.space_url(space.address.as_str());
                    events::created(tx, event_id, &space, &url, new.crm_target.as_ref()).await?;
                    Ok(SpaceView::of(space, url, participant::Kind::Owner))
                })
            })
            .await
    }

    /// Returns a space as the caller may see it.
    pub(crate) async fn get(&self, caller: &Caller, space_id: SpaceId) -> Result<SpaceView, SpaceError> {
        let (organization_id, user_id) = (caller.organization_id, caller.user_id);
        self.database
            .read(organization_id, move |tx| Box::pin(visible(tx, organization_id, user_id, space_id)))
            .await
    }

    /// Changes title, description or toggles.
    pub(crate) async fn update<R: Reply<SpaceView>>(
        &self,
        call: &Call,
        space_id: SpaceId,
        change: SpaceChange,
    ) -> Result<R, SpaceError> {
        self.edit(call, space_id, move |space, now| space.change(change, now)).await
    }

    /// Shows an uploaded logo in the header.
    pub(crate) async fn set_logo<R: Reply<SpaceView>>(
        &self,
        call: &Call,
        space_id: SpaceId,
        logo_id: Uuid,
    ) -> Result<R, SpaceError> {
        let caller = call.caller()?;
        if let Some(reply) = self.database.replay(call, caller.organization_id).await? {
            return Ok(reply);
        }
        if !self.get(caller, space_id).await?.may(Permission::Edit) {
            return Err(SpaceError::InternalParticipantsOnly);
        }
        let logo = self.describe_logo(caller.organization_id, space_id, logo_id).await?;
        self.edit(call, space_id, move |space, now| {
            space.show_logo(logo, now);
            Ok(())
        })
        .await
    }

    /// Returns what a person may do in a space at this moment; nothing where they take no part.
    pub(crate) async fn check_access(
        &self,
        organization_id: OrganizationId,
        user_id: UserId,
        space_id: SpaceId,
    ) -> Result<Vec<Permission>, SpaceError> {
        let found = self
            .database
            .read(organization_id, move |tx| Box::pin(visible(tx, organization_id, user_id, space_id)))
            .await;
        match found {
            Ok(view) => Ok(view.permissions()),
            Err(SpaceError::NotFound) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Loads the space for change, lets `edit` decide, and stores the outcome.
    async fn edit<R, F>(&self, call: &Call, space_id: SpaceId, edit: F) -> Result<R, SpaceError>
    where
        R: Reply<SpaceView>,
        F: FnOnce(&mut Space, chrono::DateTime<chrono::Utc>) -> Result<(), SpaceError> + Send + 'static,
    {
        let caller = call.caller()?.clone();
        let now = self.clock.now();
        self.database
            .write(call, caller.organization_id, move |tx| {
                Box::pin(async move {
                    repo::lock(tx, caller.organization_id, space_id).await?;
                    let mut view = visible(tx, caller.organization_id, caller.user_id, space_id).await?;
                    if !view.may(Permission::Edit) {
                        return Err(SpaceError::InternalParticipantsOnly);
                    }
                    edit(&mut view.space, now)?;
                    repo::update(tx, &view.space).await?;
                    Ok(view)
                })
            })
            .await
    }

    async fn describe_logo(
        &self,
        organization_id: OrganizationId,
        space_id: SpaceId,
        logo_id: Uuid,
    ) -> Result<CustomerLogo, SpaceError> {
        let request = assets::DescribeLogoRequest {
            organization_id: organization_id.to_string(),
            space_id: space_id.to_string(),
            logo_id: logo_id.to_string(),
        };
        match self.logos.clone().describe_logo(request).await {
            Ok(answer) => {
                let logo = answer.into_inner().logo.unwrap_or_default();
                Ok(CustomerLogo { logo_id, width_px: logo.width_px, height_px: logo.height_px })
            }
            Err(status) if status.code() == Code::NotFound => Err(SpaceError::LogoNotFound),
            Err(status) => Err(CommonError::Peer(Box::new(status)).into()),
        }
    }
}

/// Reads a space as a person sees it. Whoever takes no part gets what a random id gets.
pub(crate) async fn visible(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    user_id: UserId,
    space_id: SpaceId,
) -> Result<SpaceView, SpaceError> {
    repo::find_visible(tx, organization_id, user_id, space_id).await?.ok_or(SpaceError::NotFound)
}
