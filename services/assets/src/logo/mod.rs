//! Logos: uploading, showing, describing and collecting them.
//!
//! Owns the use cases. An upload is checked and re-encoded before anything is stored; then row (PENDING), objects, row
//! (READY), so that a logo that can be found has its objects, and an object without one is found by its row. What
//! nothing shows any more goes the same way back. The rules are in `entity`, the SQL in `repo` and `places`, how much
//! may be sent in `intake`.

mod collecting;
mod entity;
mod error;
mod intake;
mod mailing;
mod places;
mod rendering;
mod repo;
mod showing;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::try_join_all;
use ring::digest::{SHA256, digest};
use service_kit::caller::{Call, Caller};
use service_kit::db::{Database, Reply};
use service_kit::error::CommonError;
use service_kit::ids::{Ids, OrganizationId};
use service_kit::space_access::SpaceAccess;
use tokio::sync::Semaphore;

use crate::image::{Converter, Picture, SmallPicture};
use crate::storage::ObjectStore;

pub(crate) use entity::{
    BATCH_MAX, FILE_NAME_MAX, Format, FormattedLogo, Kind, LinkedLogo, LinkedLogos, Logo, LogoId,
    LogoRemoved, NewLogo, PicturesOfPeople, Purpose, Rendition, View,
};
use entity::{Known, PendingLogo, Shown, Small, admit_upload};
pub use error::LogoError;
pub(crate) use intake::{MAX_CHUNK_BYTES, PACE};
pub(crate) use places::{Placed, place};

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

    /// Returns what converts images, so that all of this process share the places it has.
    pub(crate) fn converter(&self) -> Converter {
        self.converter.clone()
    }

    /// Takes an upload; reads no byte of it before the caller is known to be allowed. That only admins change what
    /// belongs to no space is the access layer's to see to. A repeated idempotency key with the same file gives the
    /// first logo again; the repetition's own objects are left to be collected.
    pub(crate) async fn upload<R, S>(&self, call: &Call, new: NewLogo, chunks: S) -> Result<R, LogoError>
    where
        R: Reply<Logo>,
        S: Stream<Item = Result<Bytes, LogoError>> + Unpin,
    {
        let caller = call.caller()?;
        if let Purpose::Customer(space_id) = new.purpose {
            admit_upload(&self.access.permissions_of(caller, space_id).await?)?;
        }
        let place = self.uploads.try_acquire().map_err(|_| LogoError::Busy)?;
        let content = intake::read(chunks, PACE).await?;
        let call = call.clone().about(&what_is_sent(&new, &content));
        let picture = self.converter.convert(content).await?;
        drop(place);
        let (organization_id, user_id, purpose) = (caller.organization_id, caller.user_id, new.purpose);
        let (logo_id, small) = self.store_objects(caller, new, picture).await?;
        self.database
            .write(&call, organization_id, move |tx| {
                Box::pin(async move {
                    let logo = repo::mark_ready(tx, organization_id, logo_id).await?;
                    let logo = logo.ok_or(LogoError::Interrupted)?;
                    repo::insert_small(tx, organization_id, &small).await?;
                    match purpose {
                        Purpose::Organization => places::set_own(tx, organization_id, logo_id).await?,
                        Purpose::Person => {
                            places::set_of_person(tx, organization_id, user_id, logo_id).await?;
                        }
                        Purpose::Customer(_) | Purpose::Banner => {}
                    }
                    Ok(logo)
                })
            })
            .await
    }

    /// Stores the objects, with a row before them that leads to them.
    async fn store_objects(
        &self,
        caller: &Caller,
        new: NewLogo,
        picture: Picture,
    ) -> Result<(LogoId, Vec<Small>), LogoError> {
        let (organization_id, logo_id) = (caller.organization_id, self.ids.next());
        let small = described(logo_id, &picture.small)?;
        let pending = PendingLogo {
            organization_id,
            logo_id,
            purpose: new.purpose,
            uploader_user_id: caller.user_id,
            file_name: new.file_name,
            format: picture.format,
            width_px: fitting(picture.width_px)?,
            height_px: fitting(picture.height_px)?,
            size_bytes: fitting(picture.content.len())?,
            sha256: digest(&SHA256, &picture.content).as_ref().to_vec(),
            can_be_transparent: can_be_transparent(&small),
        };
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move { Ok::<_, LogoError>(repo::insert_pending(tx, &pending).await?) })
            })
            .await?;
        messaging::failpoint(AFTER_ROW_BEFORE_PUT);
        let key = View::FULL.object_key(organization_id, logo_id);
        self.store.put(&key, &picture.content, picture.format.content_type()).await?;
        self.put_small(organization_id, logo_id, picture.format, &picture.small).await?;
        messaging::failpoint(AFTER_PUT_BEFORE_READY);
        Ok((logo_id, small))
    }

    async fn put_small(
        &self,
        organization_id: OrganizationId,
        logo_id: LogoId,
        format: Format,
        all: &[SmallPicture],
    ) -> Result<(), LogoError> {
        let puts = all.iter().map(|small| async move {
            let key = small.view.object_key(organization_id, logo_id);
            self.store.put(&key, &small.content, format.content_type()).await
        });
        try_join_all(puts).await?;
        Ok(())
    }

    /// Finds all that is known of those of the logos that are ready, in no order.
    async fn known(
        &self,
        organization_id: OrganizationId,
        logo_ids: &[LogoId],
    ) -> Result<Vec<Known>, LogoError> {
        let ids: Vec<_> = logo_ids.iter().map(|logo_id| logo_id.uuid()).collect();
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    let logos = repo::find_ready(tx, organization_id, &ids).await?;
                    let small = repo::find_small(tx, organization_id, &ids).await?;
                    let placed = places::find_placed(tx, organization_id, &ids).await?;
                    let known = logos.into_iter().map(|logo| Known {
                        small: small.iter().filter(|small| small.logo_id == logo.logo_id).copied().collect(),
                        is_placed: placed.contains(&logo.logo_id.uuid()),
                        logo,
                    });
                    Ok(known.collect())
                })
            })
            .await
    }

    /// Finds all that is known of one logo.
    async fn find(&self, organization_id: OrganizationId, logo_id: LogoId) -> Result<Known, LogoError> {
        self.known(organization_id, &[logo_id]).await?.pop().ok_or(LogoError::NotFound)
    }
}

/// Returns what is to be noted of the smaller sizes.
fn described(logo_id: LogoId, all: &[SmallPicture]) -> Result<Vec<Small>, CommonError> {
    let described = all.iter().map(|small| {
        Ok(Small {
            logo_id,
            view: small.view,
            width_px: fitting(small.width_px)?,
            height_px: fitting(small.height_px)?,
            size_bytes: fitting(small.content.len())?,
        })
    });
    described.collect()
}

/// Tells whether there are sizes with the background removed.
fn can_be_transparent(all: &[Small]) -> bool {
    all.iter().any(|small| small.view.is_transparent)
}

/// Returns all that an idempotency key stands for: space, name and content. No name has a control character in it.
fn what_is_sent(new: &NewLogo, content: &[u8]) -> Vec<u8> {
    let space_id = new.purpose.space_id().unwrap_or_default().uuid();
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
