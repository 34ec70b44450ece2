//! Between the interface's messages and the domain, for files.

use std::fmt::Write;

use bytes::Bytes;
use service_kit::clock::timestamp;
use service_kit::validate::Violations;
use sharedspaces_proto::assets::v1 as pb;
use sharedspaces_proto::assets::v1::upload_asset_request::Part as Message;
use tonic::{Code, Status};

use crate::asset::{
    Asset, AssetDeleted, AssetError, AssetId, DownloadWanted, LinkedPreview, MAX_CHUNK_BYTES, MissingParts,
    NewAsset, PartAddress, PreviewSize, Question, Refusal, State, Usage,
};
use crate::content::ADDRESS_TTL;
use crate::storage::PART_TTL;

impl TryFrom<pb::StartUploadRequest> for NewAsset {
    type Error = Violations;

    fn try_from(request: pb::StartUploadRequest) -> Result<Self, Violations> {
        let pb::StartUploadRequest { space_id, file_name, size_bytes, sha256, is_direct } = request;
        Self::try_new(&space_id, &file_name, size_bytes, &sha256, is_direct)
    }
}

/// Reads which file is meant.
pub(super) fn asset_id(value: &str) -> Result<AssetId, Violations> {
    let mut check = Violations::default();
    let asset_id = check.id("asset_id", value);
    check.into_result().map(|()| asset_id)
}

/// From where on bytes of which file come.
pub(super) struct Beginning {
    pub(super) asset_id: AssetId,
    pub(super) offset_bytes: i64,
}

/// Returns what the first message of a stream announces.
pub(super) fn beginning(
    first: Option<Result<pb::UploadAssetRequest, Status>>,
) -> Result<Beginning, AssetError> {
    let first = first.transpose().map_err(|status| broken(&status))?;
    let Some(Message::Header(header)) = first.and_then(|message| message.part) else {
        return Err(Violations::one("header", "must come first").into());
    };
    let mut check = Violations::default();
    let asset_id = check.id("header.asset_id", &header.asset_id);
    check.into_result()?;
    Ok(Beginning { asset_id, offset_bytes: header.offset_bytes })
}

/// Returns the bytes of what comes after the header.
pub(super) fn chunk(message: Result<pb::UploadAssetRequest, Status>) -> Result<Bytes, AssetError> {
    match message.map_err(|status| broken(&status))?.part {
        Some(Message::Chunk(bytes)) => Ok(bytes),
        Some(Message::Header(_)) => Err(Violations::one("header", "must come once only").into()),
        None => Err(Violations::one("chunk", "must follow the header, and nothing else").into()),
    }
}

/// Returns why a stream broke: a message beyond the server's limit, or a client that went away.
fn broken(status: &Status) -> AssetError {
    if status.code() == Code::OutOfRange {
        let rule = format!("must have at most {MAX_CHUNK_BYTES} bytes each");
        return Violations::one("chunk", rule).into();
    }
    AssetError::Interrupted
}

/// Which preview is asked for.
pub(super) struct PreviewWanted {
    pub(super) asset_id: AssetId,
    pub(super) size: PreviewSize,
}

impl TryFrom<pb::GetPreviewRequest> for PreviewWanted {
    type Error = Violations;

    fn try_from(request: pb::GetPreviewRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let asset_id = check.id("asset_id", &request.asset_id);
        let size = match pb::PreviewSize::try_from(request.size) {
            Ok(pb::PreviewSize::Unspecified | pb::PreviewSize::Small) => PreviewSize::Small,
            Ok(pb::PreviewSize::Large) => PreviewSize::Large,
            Err(_) => {
                check.add("size", "must be one of those there are");
                PreviewSize::Small
            }
        };
        check.into_result().map(|()| Self { asset_id, size })
    }
}

impl TryFrom<pb::DescribeAssetRequest> for Question {
    type Error = Violations;

    fn try_from(request: pb::DescribeAssetRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let question = Self {
            organization_id: check.id("organization_id", &request.organization_id),
            space_id: check.id("space_id", &request.space_id),
            asset_id: check.id("asset_id", &request.asset_id),
            user_id: check.id("user_id", &request.user_id),
        };
        check.into_result().map(|()| question)
    }
}

impl TryFrom<pb::IssueDownloadRequest> for DownloadWanted {
    type Error = Violations;

    fn try_from(request: pb::IssueDownloadRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let question = Question {
            organization_id: check.id("organization_id", &request.organization_id),
            space_id: check.id("space_id", &request.space_id),
            asset_id: check.id("asset_id", &request.asset_id),
            user_id: check.id("user_id", &request.user_id),
        };
        check.into_result().map(|()| Self {
            question,
            is_inline: request.is_inline,
            consent_notice_version: request.consent_notice_version,
            is_admin: request.is_admin,
        })
    }
}

impl From<State> for pb::AssetState {
    fn from(state: State) -> Self {
        match state {
            State::Uploading => Self::Uploading,
            State::Scanning => Self::Scanning,
            State::Clean => Self::Clean,
            State::Refused => Self::Refused,
            State::Abandoned => Self::Unspecified,
        }
    }
}

impl From<Refusal> for pb::AssetRefusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Size => Self::Size,
            Refusal::Checksum => Self::Checksum,
            Refusal::TypeMismatch => Self::TypeMismatch,
            Refusal::Type => Self::Type,
            Refusal::Virus => Self::Virus,
        }
    }
}

impl From<Asset> for pb::Asset {
    fn from(asset: Asset) -> Self {
        // While the object is being deleted, the check goes on as far as anybody can see.
        let refusal = asset.refusal.filter(|_| asset.state == State::Refused);
        let can_be_inline = asset.state == State::Clean && asset.can_be_inline();
        Self {
            asset_id: asset.asset_id.to_string(),
            space_id: asset.space_id.to_string(),
            file_name: asset.file_name,
            size_bytes: asset.size_bytes,
            sha256: hexadecimal(&asset.sha256),
            content_type: asset.content_type,
            state: pb::AssetState::from(asset.state).into(),
            refusal: refusal.map_or(pb::AssetRefusal::Unspecified, Into::into).into(),
            received_bytes: asset.received_bytes,
            has_preview: asset.has_preview,
            can_be_inline,
            uploader_user_id: asset.uploader_user_id.to_string(),
            create_time: Some(timestamp(asset.create_time)),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to memory does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl From<PartAddress> for pb::UploadPart {
    fn from(PartAddress { part, url }: PartAddress) -> Self {
        Self {
            part_number: i32::try_from(part.number).unwrap_or(i32::MAX),
            offset_bytes: part.offset_bytes,
            size_bytes: part.size_bytes,
            url,
            headers: std::collections::HashMap::new(),
        }
    }
}

impl From<Asset> for pb::StartUploadResponse {
    fn from(asset: Asset) -> Self {
        Self { asset: Some(asset.into()), parts: Vec::new(), url_ttl: None }
    }
}

impl From<MissingParts> for pb::ContinueUploadResponse {
    fn from(MissingParts { asset, addresses }: MissingParts) -> Self {
        let url_ttl = if addresses.is_empty() { None } else { PART_TTL.try_into().ok() };
        Self { asset: Some(asset.into()), parts: addresses.into_iter().map(Into::into).collect(), url_ttl }
    }
}

impl From<MissingParts> for pb::StartUploadResponse {
    fn from(missing: MissingParts) -> Self {
        let pb::ContinueUploadResponse { asset, parts, url_ttl } = missing.into();
        Self { asset, parts, url_ttl }
    }
}

impl From<Asset> for pb::UploadAssetResponse {
    fn from(asset: Asset) -> Self {
        Self { asset: Some(asset.into()) }
    }
}

impl From<Asset> for pb::CompleteUploadResponse {
    fn from(asset: Asset) -> Self {
        Self { asset: Some(asset.into()) }
    }
}

impl From<Asset> for pb::GetAssetResponse {
    fn from(asset: Asset) -> Self {
        Self { asset: Some(asset.into()) }
    }
}

impl From<Asset> for pb::DescribeAssetResponse {
    fn from(asset: Asset) -> Self {
        Self { asset: Some(asset.into()) }
    }
}

impl From<AssetDeleted> for pb::DeleteAssetResponse {
    fn from(AssetDeleted: AssetDeleted) -> Self {
        Self {}
    }
}

impl From<LinkedPreview> for pb::GetPreviewResponse {
    fn from(LinkedPreview { preview, url }: LinkedPreview) -> Self {
        Self {
            url,
            url_ttl: ADDRESS_TTL.try_into().ok(),
            width_px: preview.width_px,
            height_px: preview.height_px,
        }
    }
}

impl From<Usage> for pb::GetStorageUsageResponse {
    fn from(usage: Usage) -> Self {
        Self {
            used_bytes: usage.used_bytes,
            quota_bytes: usage.quota_bytes,
            asset_count: usage.count,
            quota_assets: usage.quota_assets,
        }
    }
}
