//! Logos: uploading, showing, describing them.
//!
//! Owns the use cases. An upload is checked and re-encoded before anything is stored; then row (PENDING), object, row
//! (READY), so that a logo that can be found has its object, and an object without one is found by its row. The rules
//! are in `entity`, the SQL in `repo`, how much may be sent in `intake`.

mod entity;
mod error;
mod intake;
mod repo;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use ring::digest::{SHA256, digest};
use service_kit::caller::{Call, Caller};
use service_kit::db::{Database, Reply};
use service_kit::error::CommonError;
use service_kit::error::chain;
use service_kit::ids::{Ids, OrganizationId, SpaceId};
use service_kit::space_access::SpaceAccess;
use tokio::sync::Semaphore;

use crate::image::{Converter, Picture};
use crate::storage::{ObjectStore, StoreError};

pub(crate) use entity::{FILE_NAME_MAX, Format, LinkedLogo, Logo, LogoId, NewLogo};
use entity::{PendingLogo, admit_upload, object_key};
pub use error::LogoError;
pub(crate) use intake::{MAX_CHUNK_BYTES, PACE};

/// Uploads at once in this process; each holds at most 5 MiB while it is read.
const MAX_UPLOADS: usize = 32;

/// Crash point: the row is there, the object is not.
pub(crate) const AFTER_ROW_BEFORE_PUT: &str = "assets.after_row_before_put";
/// Crash point: the object is there, the row does not say so.
pub(crate) const AFTER_PUT_BEFORE_READY: &str = "assets.after_put_before_ready";

/// The use cases of logos.
#[derive(Clone)]
pub(crate) struct Logos {
    database: Database,
    ids: Ids,
    store: ObjectStore,
    access: SpaceAccess,
    converter: Converter,
    uploads: Arc<Semaphore>,
}

impl Logos {
    pub(crate) fn new(database: Database, ids: Ids, store: ObjectStore, access: SpaceAccess) -> Self {
        let uploads = Arc::new(Semaphore::new(MAX_UPLOADS));
        Self { database, ids, store, access, converter: Converter::default(), uploads }
    }

    /// Takes an upload for a space; reads no byte of it before the caller is known to be allowed. A repeated
    /// idempotency key with the same file gives the first logo again; the repetition's own object is left to be
    /// collected.
    pub(crate) async fn upload<R, S>(&self, call: &Call, new: NewLogo, chunks: S) -> Result<R, LogoError>
    where
        R: Reply<Logo>,
        S: Stream<Item = Result<Bytes, LogoError>> + Unpin,
    {
        let caller = call.caller()?;
        admit_upload(&self.access.permissions_of(caller, new.space_id).await?)?;
        let place = self.uploads.try_acquire().map_err(|_| LogoError::Busy)?;
        let content = intake::read(chunks, PACE).await?;
        let call = call.clone().about(&what_is_sent(&new, &content));
        let picture = self.converter.convert(content).await?;
        drop(place);
        let (organization_id, logo_id) = self.store_object(caller, new, picture).await?;
        self.database
            .write(&call, organization_id, move |tx| {
                Box::pin(async move {
                    repo::mark_ready(tx, organization_id, logo_id).await?.ok_or(LogoError::Interrupted)
                })
            })
            .await
    }

    /// Stores the object, with a row before it that leads to it.
    async fn store_object(
        &self,
        caller: &Caller,
        new: NewLogo,
        picture: Picture,
    ) -> Result<(OrganizationId, LogoId), LogoError> {
        let (organization_id, logo_id) = (caller.organization_id, self.ids.next());
        let pending = PendingLogo {
            organization_id,
            logo_id,
            space_id: new.space_id,
            uploader_user_id: caller.user_id,
            file_name: new.file_name,
            format: picture.format,
            width_px: fitting(picture.width_px)?,
            height_px: fitting(picture.height_px)?,
            size_bytes: fitting(picture.content.len())?,
            sha256: digest(&SHA256, &picture.content).as_ref().to_vec(),
        };
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move { Ok::<_, LogoError>(repo::insert_pending(tx, &pending).await?) })
            })
            .await?;
        messaging::failpoint(AFTER_ROW_BEFORE_PUT);
        let key = object_key(organization_id, logo_id);
        self.store.put(&key, &picture.content, picture.format.content_type()).await?;
        messaging::failpoint(AFTER_PUT_BEFORE_READY);
        Ok((organization_id, logo_id))
    }

    /// Returns a logo with an address to fetch it from, to whoever may see its space.
    pub(crate) async fn get(&self, caller: &Caller, logo_id: LogoId) -> Result<LinkedLogo, LogoError> {
        let logo = self.find(caller.organization_id, None, logo_id).await?;
        if self.access.permissions_of(caller, logo.space_id).await?.is_none() {
            return Err(LogoError::NotFound);
        }
        let key = object_key(logo.organization_id, logo.logo_id);
        let url = self.store.link(&key, logo.format.content_type(), logo.format.file_name()).await?;
        Ok(LinkedLogo { logo, url })
    }

    /// Returns a logo of a space to another service, which knows what it asks for.
    pub(crate) async fn describe(
        &self,
        organization_id: OrganizationId,
        space_id: SpaceId,
        logo_id: LogoId,
    ) -> Result<Logo, LogoError> {
        self.find(organization_id, Some(space_id), logo_id).await
    }

    /// Deletes uploads that did not become ready within an hour, object first; returns how many. One whose object
    /// the store refuses to delete is logged and left to a later round. Errors: database or store did not answer.
    pub(crate) async fn delete_abandoned(&self) -> Result<usize, LogoError> {
        let mut deleted = 0;
        loop {
            let before = deleted;
            for (organization_id, logo_id) in repo::claim_abandoned(self.database.pool()).await? {
                match self.store.delete(&object_key(organization_id, logo_id)).await {
                    Ok(()) => {}
                    Err(error @ StoreError::Refused(_)) => {
                        tracing::warn!(logo.id = %logo_id, error.chain = %chain(&error), "object not deleted");
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                }
                self.delete_row(organization_id, logo_id).await?;
                deleted += 1;
            }
            // Nothing was left, or nothing of what was.
            if deleted == before {
                return Ok(deleted);
            }
        }
    }

    async fn delete_row(&self, organization_id: OrganizationId, logo_id: LogoId) -> Result<(), LogoError> {
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move { Ok(repo::delete_abandoned(tx, organization_id, logo_id).await?) })
            })
            .await
    }

    async fn find(
        &self,
        organization_id: OrganizationId,
        space_id: Option<SpaceId>,
        logo_id: LogoId,
    ) -> Result<Logo, LogoError> {
        let found = self
            .database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    Ok::<_, LogoError>(repo::find_ready(tx, organization_id, space_id, logo_id).await?)
                })
            })
            .await?;
        found.ok_or(LogoError::NotFound)
    }
}

/// Returns all that an idempotency key stands for: space, name and content. No name has a control character in it.
fn what_is_sent(new: &NewLogo, content: &[u8]) -> Vec<u8> {
    let space_id = new.space_id.uuid();
    [space_id.as_bytes().as_slice(), new.file_name.as_bytes(), b"\0", content].concat()
}

/// Brings a size into the database's type; the limits on images keep it far below.
fn fitting<A, B: TryFrom<A>>(size: A) -> Result<B, CommonError> {
    B::try_from(size)
        .map_err(|_| CommonError::Unexpected(anyhow::anyhow!("the size of an image does not fit")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::pictures;
    use crate::tests::world::World;

    #[tokio::test]
    async fn thirty_two_uploads_are_taken_at_once_and_one_more_is_turned_away() {
        let world = World::new().await;
        let (editor, space_id) = world.editor();
        let others = u32::try_from(MAX_UPLOADS - 1).unwrap();
        let held = world.logos.uploads.acquire_many(others).await.unwrap();
        assert!(world.upload(&editor, space_id, &pictures::png(8, 8)).await.is_ok());
        let last = world.logos.uploads.acquire().await.unwrap();
        let refused = world.upload(&editor, space_id, &pictures::png(8, 8)).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
        drop((held, last));
        assert!(world.upload(&editor, space_id, &pictures::png(8, 8)).await.is_ok());
    }
}
