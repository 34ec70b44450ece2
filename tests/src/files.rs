//! Files in a room: sending them in, having them checked, ordering, showing, saving and talking about them.
//!
//! Owns the steps as a client app takes them; the demo narrates them, the tests run the same.

use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use prost_types::FieldMask;
use ring::digest::{SHA256, digest};
use sharedspaces_proto::assets::v1 as assets;
use sharedspaces_proto::assets::v1::upload_asset_request::Part;
use sharedspaces_proto::spaces::v1 as spaces;
use tonic::Status;

use crate::api::{with_key, with_token};
use crate::outside::within;
use crate::visit::{Journey, Session, fresh_key};

/// Largest piece of a stream.
const CHUNK_BYTES: usize = 256 * 1024;
/// How long a check may take, with a crash in between.
const CHECKED_WITHIN: Duration = Duration::from_secs(180);

/// Announces a file truly, to be streamed.
pub fn announced(space_id: &str, file_name: &str, file: &[u8]) -> assets::StartUploadRequest {
    let sha256 = digest(&SHA256, file).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assets::StartUploadRequest {
        space_id: space_id.to_owned(),
        file_name: file_name.to_owned(),
        size_bytes: i64::try_from(file.len()).unwrap_or(i64::MAX),
        sha256,
        is_direct: false,
    }
}

fn some<T>(part: Option<T>) -> Result<T, Status> {
    part.ok_or_else(|| Status::internal("the answer is empty"))
}

/// A slice of a file by what is said of a part; empty where it lies outside.
fn part_of<'a>(file: &'a [u8], part: &assets::UploadPart) -> &'a [u8] {
    let begin = usize::try_from(part.offset_bytes).unwrap_or(usize::MAX);
    let end = usize::try_from(part.size_bytes).map_or(usize::MAX, |size| begin.saturating_add(size));
    file.get(begin..end).unwrap_or_default()
}

impl Journey {
    /// Announces an upload.
    pub async fn start_upload(
        &self,
        who: &Session,
        announced: assets::StartUploadRequest,
    ) -> Result<assets::StartUploadResponse, Status> {
        let request = with_key(announced, who.token(), &fresh_key());
        Ok(self.api.assets.clone().start_upload(request).await?.into_inner())
    }

    /// Asks where the parts are to be sent that have not arrived.
    pub async fn continue_upload(
        &self,
        who: &Session,
        asset_id: &str,
    ) -> Result<assets::ContinueUploadResponse, Status> {
        let request = assets::ContinueUploadRequest { asset_id: asset_id.to_owned() };
        Ok(self.api.assets.clone().continue_upload(with_token(request, who.token())).await?.into_inner())
    }

    /// Sends bytes through the service, from a place of the file on.
    pub async fn stream_bytes(
        &self,
        who: &Session,
        asset_id: &str,
        offset_bytes: i64,
        bytes: Bytes,
    ) -> Result<assets::Asset, Status> {
        let header = assets::UploadAssetHeader { asset_id: asset_id.to_owned(), offset_bytes };
        let chunks = (0..bytes.len()).step_by(CHUNK_BYTES).map(move |begin| {
            // Made as they are sent, so that a large file is there once.
            Part::Chunk(bytes.slice(begin..bytes.len().min(begin + CHUNK_BYTES)))
        });
        let parts = std::iter::once(Part::Header(header)).chain(chunks);
        let messages = parts.map(|part| assets::UploadAssetRequest { part: Some(part) });
        let request = with_token(tokio_stream::iter(messages), who.token());
        some(self.api.assets.clone().upload_asset(request).await?.into_inner().asset)
    }

    /// Sends parts straight to the object store.
    pub async fn put_parts(&self, parts: &[assets::UploadPart], file: &Bytes) -> anyhow::Result<()> {
        for part in parts {
            let body = file.slice_ref(part_of(file, part));
            let status = self.outside.put(&part.url, body).await?;
            ensure!(status == 200, "the object store answered {status} to part {}", part.part_number);
        }
        Ok(())
    }

    /// Ends an upload.
    pub async fn complete_upload(&self, who: &Session, asset_id: &str) -> Result<assets::Asset, Status> {
        let request = assets::CompleteUploadRequest { asset_id: asset_id.to_owned() };
        let answer = self.api.assets.clone().complete_upload(with_token(request, who.token())).await?;
        some(answer.into_inner().asset)
    }

    /// Returns a file as somebody sees it.
    pub async fn asset(&self, who: &Session, asset_id: &str) -> Result<assets::Asset, Status> {
        let request = assets::GetAssetRequest { asset_id: asset_id.to_owned() };
        some(self.api.assets.clone().get_asset(with_token(request, who.token())).await?.into_inner().asset)
    }

    /// Waits until a file was checked.
    pub async fn checked(&self, who: &Session, asset_id: &str) -> anyhow::Result<assets::Asset> {
        within(CHECKED_WITHIN, "the check of a file", async || {
            let asset = self.asset(who, asset_id).await?;
            let is_over = matches!(asset.state(), assets::AssetState::Clean | assets::AssetState::Refused);
            Ok(is_over.then_some(asset))
        })
        .await
    }

    /// Sends a file in one of the two ways and waits until it was checked.
    pub async fn upload(
        &self,
        who: &Session,
        space_id: &str,
        file_name: &str,
        file: impl Into<Bytes>,
        is_direct: bool,
    ) -> anyhow::Result<assets::Asset> {
        let file = file.into();
        let request = assets::StartUploadRequest { is_direct, ..announced(space_id, file_name, &file) };
        let started = self.start_upload(who, request).await?;
        let asset_id = started.asset.context("no file")?.asset_id;
        if is_direct {
            self.put_parts(&started.parts, &file).await?;
        } else {
            self.stream_bytes(who, &asset_id, 0, file).await?;
        }
        self.complete_upload(who, &asset_id).await?;
        self.checked(who, &asset_id).await
    }

    /// Gives up an upload, or deletes a file that no item shows.
    pub async fn delete_asset(&self, who: &Session, asset_id: &str) -> Result<(), Status> {
        let request = assets::DeleteAssetRequest { asset_id: asset_id.to_owned() };
        self.api.assets.clone().delete_asset(with_token(request, who.token())).await.map(drop)
    }

    /// Returns where a preview is fetched from.
    pub async fn preview_of(
        &self,
        who: &Session,
        asset_id: &str,
        size: assets::PreviewSize,
    ) -> Result<assets::GetPreviewResponse, Status> {
        let request = assets::GetPreviewRequest { asset_id: asset_id.to_owned(), size: size.into() };
        Ok(self.api.assets.clone().get_preview(with_token(request, who.token())).await?.into_inner())
    }

    /// Makes a file an item of a folder; an empty folder is the space itself.
    pub async fn add_file(
        &self,
        who: &Session,
        space_id: &str,
        folder_id: &str,
        title: &str,
        asset_id: &str,
    ) -> Result<spaces::Item, Status> {
        let request = spaces::AddItemRequest {
            space_id: space_id.to_owned(),
            folder_id: folder_id.to_owned(),
            title: title.to_owned(),
            asset_id: asset_id.to_owned(),
            ..spaces::AddItemRequest::default()
        };
        let request = with_key(request, who.token(), &fresh_key());
        some(self.api.content.clone().add_item(request).await?.into_inner().item)
    }

    /// Describes an item.
    pub async fn describe_item(
        &self,
        who: &Session,
        item: &spaces::Item,
        space_id: &str,
        description: &str,
    ) -> Result<spaces::Item, Status> {
        let request = spaces::UpdateItemRequest {
            space_id: space_id.to_owned(),
            item_id: item.item_id.clone(),
            update_mask: Some(FieldMask { paths: vec!["description".to_owned()] }),
            description: description.to_owned(),
            etag: item.etag.clone(),
            ..spaces::UpdateItemRequest::default()
        };
        let answer = self.api.content.clone().update_item(with_token(request, who.token())).await?;
        some(answer.into_inner().item)
    }

    /// Moves an item to a place of a folder.
    pub async fn move_item(
        &self,
        who: &Session,
        space_id: &str,
        item_id: &str,
        folder_id: &str,
        position: i32,
    ) -> Result<spaces::Item, Status> {
        let request = spaces::MoveItemRequest {
            space_id: space_id.to_owned(),
            item_id: item_id.to_owned(),
            folder_id: folder_id.to_owned(),
            position,
        };
        let answer = self.api.content.clone().move_item(with_token(request, who.token())).await?;
        some(answer.into_inner().item)
    }

    /// Removes an item or folder.
    pub async fn remove_item(&self, who: &Session, space_id: &str, item_id: &str) -> Result<(), Status> {
        let request =
            spaces::RemoveItemRequest { space_id: space_id.to_owned(), item_id: item_id.to_owned() };
        self.api.content.clone().remove_item(with_token(request, who.token())).await.map(drop)
    }

    /// Returns where an item is looked at.
    pub async fn open_item(&self, who: &Session, space_id: &str, item_id: &str) -> Result<String, Status> {
        let request = spaces::OpenItemRequest { space_id: space_id.to_owned(), item_id: item_id.to_owned() };
        Ok(self.api.content.clone().open_item(with_token(request, who.token())).await?.into_inner().url)
    }

    /// Returns where an item is saved from.
    pub async fn download_item(
        &self,
        who: &Session,
        space_id: &str,
        item_id: &str,
    ) -> Result<String, Status> {
        let request =
            spaces::DownloadItemRequest { space_id: space_id.to_owned(), item_id: item_id.to_owned() };
        Ok(self.api.content.clone().download_item(with_token(request, who.token())).await?.into_inner().url)
    }

    /// Says something about an item.
    pub async fn comment(
        &self,
        who: &Session,
        space_id: &str,
        item_id: &str,
        text: &str,
        mentioned: &[&str],
    ) -> Result<spaces::Comment, Status> {
        let request = spaces::AddCommentRequest {
            space_id: space_id.to_owned(),
            item_id: item_id.to_owned(),
            text: text.to_owned(),
            mentioned_user_ids: mentioned.iter().map(|user_id| (*user_id).to_owned()).collect(),
        };
        let request = with_key(request, who.token(), &fresh_key());
        some(self.api.comments.clone().add_comment(request).await?.into_inner().comment)
    }

    /// Lists what was said about an item, the oldest first.
    pub async fn comments(
        &self,
        who: &Session,
        space_id: &str,
        item_id: &str,
    ) -> Result<Vec<spaces::Comment>, Status> {
        let request = spaces::ListCommentsRequest {
            space_id: space_id.to_owned(),
            item_id: item_id.to_owned(),
            ..spaces::ListCommentsRequest::default()
        };
        let answer = self.api.comments.clone().list_comments(with_token(request, who.token())).await?;
        Ok(answer.into_inner().comments)
    }

    /// Takes a comment back.
    pub async fn delete_comment(
        &self,
        who: &Session,
        space_id: &str,
        comment_id: &str,
    ) -> Result<(), Status> {
        let request =
            spaces::DeleteCommentRequest { space_id: space_id.to_owned(), comment_id: comment_id.to_owned() };
        self.api.comments.clone().delete_comment(with_token(request, who.token())).await.map(drop)
    }

    /// Says what guests of one space may do.
    pub async fn share(
        &self,
        who: &Session,
        space_id: &str,
        sharing: spaces::SharingToggles,
    ) -> Result<spaces::Space, Status> {
        let request = spaces::UpdateSpaceRequest {
            space_id: space_id.to_owned(),
            update_mask: Some(FieldMask { paths: vec!["sharing".to_owned()] }),
            sharing: Some(sharing),
            ..spaces::UpdateSpaceRequest::default()
        };
        let answer = self.api.spaces.clone().update_space(with_token(request, who.token())).await?;
        some(answer.into_inner().space)
    }

    /// Shuts somebody out of a space.
    pub async fn revoke(&self, who: &Session, space_id: &str, user_id: &str) -> Result<(), Status> {
        let participants = self.participants(who, space_id).await?;
        let found = participants.into_iter().find(|participant| participant.user_id == user_id);
        let participant_id = found.ok_or_else(|| Status::not_found("takes no part"))?.participant_id;
        let request = spaces::RevokeParticipantRequest { space_id: space_id.to_owned(), participant_id };
        self.api.participants.clone().revoke_participant(with_token(request, who.token())).await.map(drop)
    }

    /// Brings somebody into a space as a guest whom spaces knows by name.
    pub async fn bring_in(&self, member: &Session, space_id: &str, name: &str) -> anyhow::Result<Session> {
        let address = format!("guest.{}@buyer.example", crate::visit::unique());
        self.invite(member, space_id, &[&address], "").await?;
        let token = self.invitation_token(&address, "").await?;
        let (_, guest) = self.enter(&token, name).await?;
        self.is_in(member, space_id, &guest.user_id).await?;
        Ok(guest)
    }
}

/// Returns a PDF of one page of 200 by 100 points whose left half is red.
pub fn pdf() -> Vec<u8> {
    pdf_of(&["1 0 0 rg 0 0 100 100 re f"])
}

/// Returns a small PDF that draws its page 10^12 times over: each form draws the next one ten times.
pub fn endless_pdf() -> Vec<u8> {
    pdf_of(&["/F Do ".repeat(10).as_str(); 12])
}

/// A PDF whose page draws the first of these, which may draw the next one as `/F`, and so on.
fn pdf_of(drawings: &[&str]) -> Vec<u8> {
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents 4 0 R /Resources \
         << /XObject << /F 5 0 R >> >> >>"
            .to_owned(),
    ];
    for (number, drawing) in (4..).zip(drawings) {
        let form = format!(
            "/Type /XObject /Subtype /Form /BBox [0 0 200 100] /Resources << /XObject << /F {} 0 R >> >>",
            number + 1
        );
        let length = drawing.len();
        objects.push(format!("<< {form} /Length {length} >>\nstream\n{drawing}\nendstream"));
    }
    let mut file = "%PDF-1.7\n".to_owned();
    let mut table = "0000000000 65535 f \n".to_owned();
    for (number, object) in (1..).zip(&objects) {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let (at, count) = (file.len(), objects.len() + 1);
    file.push_str(&format!(
        "xref\n0 {count}\n{table}trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{at}\n%%EOF\n"
    ));
    file.into_bytes()
}
