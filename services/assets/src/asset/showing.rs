//! Showing files: to whom, and how.
//!
//! Owns who sees a file: its uploader; and once it is clean whoever sees a space that shows it. While none does, nobody but
//! the uploader sees it, whether an item never showed it or no longer does; previews as long as they see its space.
//! spaces says so at each call, and again when content is fetched. What somebody may not see looks like what never was.

use futures_util::TryStreamExt;
use futures_util::stream::{self, StreamExt};
use service_kit::caller::{Call, Caller};
use service_kit::db::Reply;
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::space_access::Permission;

use super::{Asset, AssetDeleted, AssetError, AssetId, Assets, Preview, PreviewSize, State, places, repo};
use crate::content::{Grant, Wanted};

/// Questions to spaces at once.
const ASKED_AT_ONCE: usize = 8;

/// What spaces wants to know of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Question {
    pub(crate) organization_id: OrganizationId,
    pub(crate) space_id: SpaceId,
    pub(crate) asset_id: AssetId,
    /// Who wants to make it an item.
    pub(crate) user_id: UserId,
}

/// For what an address is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct DownloadWanted {
    pub(crate) question: Question,
    pub(crate) is_inline: bool,
    pub(crate) consent_notice_version: i32,
    pub(crate) is_admin: bool,
}

/// A preview with an address to fetch it from.
#[derive(Clone, Debug)]
pub(crate) struct LinkedPreview {
    pub(crate) preview: Preview,
    pub(crate) url: String,
}

/// What may be fetched at this moment.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    grant: Grant,
    pub(crate) key: String,
    pub(crate) content_type: String,
    pub(crate) file_name: String,
    pub(crate) size_bytes: i64,
    pub(crate) is_inline: bool,
}

impl Assets {
    /// Returns a file to its uploader, and once it is clean to whoever sees it.
    pub(crate) async fn get(&self, caller: &Caller, asset_id: AssetId) -> Result<Asset, AssetError> {
        let asset = self.find(caller.organization_id, asset_id).await?;
        if asset.uploader_user_id != caller.user_id {
            self.seen_in(caller, &asset).await?.ok_or(AssetError::NotFound)?;
        }
        Ok(asset)
    }

    /// Returns a preview with an address to fetch it from.
    pub(crate) async fn get_preview(
        &self,
        caller: &Caller,
        asset_id: AssetId,
        size: PreviewSize,
    ) -> Result<LinkedPreview, AssetError> {
        let asset = self.find(caller.organization_id, asset_id).await?;
        let space_id = self.seen_in(caller, &asset).await?.ok_or(AssetError::NotFound)?;
        let preview = self.find_preview(caller.organization_id, asset_id, size).await?;
        let grant = Grant {
            organization_id: caller.organization_id,
            space_id,
            asset_id,
            wanted: if size == PreviewSize::Small { Wanted::Small } else { Wanted::Large },
            user_id: caller.user_id,
            consent_notice_version: caller.consent_notice_version,
            is_admin: caller.kind == service_kit::caller::CallerKind::Admin,
        };
        Ok(LinkedPreview { preview, url: self.addresses.issue(grant, self.clock.now())? })
    }

    /// Gives up an upload, or deletes a file that no item shows. What was given up stays so.
    pub(crate) async fn delete<R: Reply<AssetDeleted>>(
        &self,
        call: &Call,
        asset_id: AssetId,
    ) -> Result<R, AssetError> {
        let caller = call.caller()?.clone();
        let organization_id = caller.organization_id;
        self.database
            .write(call, organization_id, move |tx| {
                Box::pin(async move {
                    let Some(asset) = repo::lock(tx, organization_id, asset_id).await? else {
                        let is_own =
                            repo::is_abandoned_by(tx, organization_id, asset_id, caller.user_id).await?;
                        return if is_own { Ok(AssetDeleted) } else { Err(AssetError::NotFound) };
                    };
                    if asset.uploader_user_id != caller.user_id {
                        return Err(AssetError::NotFound);
                    }
                    if asset.is_shown {
                        return Err(AssetError::InUse);
                    }
                    repo::abandon(tx, organization_id, asset_id).await?;
                    Ok(AssetDeleted)
                })
            })
            .await
    }

    /// Returns a file that may become an item of a space: one that its uploader has uploaded for it, or that stands in
    /// it. It is kept for a day from then on.
    pub(crate) async fn describe(&self, question: Question) -> Result<Asset, AssetError> {
        let Question { organization_id, space_id, asset_id, user_id } = question;
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    let found = repo::lock(tx, organization_id, asset_id).await?;
                    let asset =
                        found.filter(|asset| asset.state == State::Clean).ok_or(AssetError::NotFound)?;
                    let is_own = asset.space_id == space_id && asset.uploader_user_id == user_id;
                    if !is_own && !places::is_placed_in(tx, organization_id, asset_id, space_id).await? {
                        return Err(AssetError::NotFound);
                    }
                    repo::touch(tx, organization_id, asset_id).await?;
                    Ok(asset)
                })
            })
            .await
    }

    /// Returns an address at which one person may fetch a file of a space. That it stands in the space is for spaces
    /// to say, which asks.
    pub(crate) async fn issue(&self, wanted: DownloadWanted) -> Result<String, AssetError> {
        let Question { organization_id, space_id, asset_id, user_id } = wanted.question;
        let asset = self.find(organization_id, asset_id).await?;
        if asset.state != State::Clean {
            return Err(AssetError::NotFound);
        }
        if wanted.is_inline && !asset.can_be_inline() {
            return Err(AssetError::InlineNotAllowed);
        }
        let grant = Grant {
            organization_id,
            space_id,
            asset_id,
            wanted: if wanted.is_inline { Wanted::Inline } else { Wanted::Download },
            user_id,
            consent_notice_version: wanted.consent_notice_version,
            is_admin: wanted.is_admin,
        };
        Ok(self.addresses.issue(grant, self.clock.now())?)
    }

    /// Returns what an address was given for, and to whom. Errors: [`AssetError::NotFound`] where it is not good.
    pub(crate) fn granted(&self, token: &str) -> Result<Grant, AssetError> {
        self.addresses.open(token, self.clock.now()).ok_or(AssetError::NotFound)
    }

    /// Returns what a grant gives at this moment. Errors: the person has lost the right, or the file is gone; or
    /// something that is needed is away.
    pub(crate) async fn admit_fetch(&self, grant: Grant) -> Result<Fetched, AssetError> {
        let asset = self.find_granted(&grant).await?;
        let (organization_id, asset_id) = (grant.organization_id, grant.asset_id);
        let size = match grant.wanted {
            Wanted::Small => PreviewSize::Small,
            Wanted::Large => PreviewSize::Large,
            Wanted::Download | Wanted::Inline => {
                return Ok(Fetched {
                    key: asset.object_key(),
                    is_inline: grant.wanted == Wanted::Inline && asset.can_be_inline(),
                    grant,
                    content_type: asset.content_type,
                    file_name: asset.file_name,
                    size_bytes: asset.size_bytes,
                });
            }
        };
        let preview = self.find_preview(organization_id, asset_id, size).await?;
        Ok(Fetched {
            key: size.object_key(organization_id, asset_id),
            content_type: preview.content_type,
            file_name: "preview".to_owned(),
            size_bytes: preview.size_bytes,
            is_inline: true,
            grant,
        })
    }

    /// Decides whether what is being fetched may still be. Errors: as those of [`Self::admit_fetch`]; that the address
    /// has expired meanwhile is none.
    pub(super) async fn admit_more(&self, fetched: &Fetched) -> Result<(), AssetError> {
        self.find_granted(&fetched.grant).await.map(drop)
    }

    /// Finds a file that somebody may fetch at this moment.
    async fn find_granted(&self, grant: &Grant) -> Result<Asset, AssetError> {
        let needed = match grant.wanted {
            Wanted::Download => Permission::Download,
            Wanted::Inline | Wanted::Small | Wanted::Large => Permission::View,
        };
        if !self.access.permissions_of(&grant.caller(), grant.space_id).await?.may(needed) {
            return Err(AssetError::NotFound);
        }
        let asset = self.find(grant.organization_id, grant.asset_id).await?;
        if asset.state == State::Clean { Ok(asset) } else { Err(AssetError::NotFound) }
    }

    async fn find_preview(
        &self,
        organization_id: OrganizationId,
        asset_id: AssetId,
        size: PreviewSize,
    ) -> Result<Preview, AssetError> {
        let found = self
            .database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    Ok::<_, AssetError>(repo::find_preview(tx, organization_id, asset_id, size).await?)
                })
            })
            .await?;
        found.ok_or(AssetError::PreviewNotFound)
    }

    /// Finds a space in which somebody sees a file.
    async fn seen_in(&self, caller: &Caller, asset: &Asset) -> Result<Option<SpaceId>, AssetError> {
        if asset.state != State::Clean {
            return Ok(None);
        }
        let (organization_id, asset_id) = (asset.organization_id, asset.asset_id);
        let mut spaces = self
            .database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    Ok::<_, AssetError>(places::find_spaces(tx, organization_id, asset_id).await?)
                })
            })
            .await?;
        if spaces.is_empty() && asset.uploader_user_id == caller.user_id {
            spaces.push(asset.space_id);
        }
        let seen = stream::iter(spaces)
            .map(|space_id| async move {
                let permissions = self.access.permissions_of(caller, space_id).await?;
                Ok::<_, AssetError>(permissions.may(Permission::View).then_some(space_id))
            })
            .buffered(ASKED_AT_ONCE)
            .try_filter_map(|seen| async move { Ok(seen) });
        let mut seen = std::pin::pin!(seen);
        seen.try_next().await
    }
}
