//! Between the interface's messages and the domain.

use bytes::Bytes;
use service_kit::clock::timestamp;
use service_kit::ids::{OrganizationId, SpaceId};
use service_kit::validate::Violations;
use sharedspaces_proto::assets::v1 as pb;
use tonic::{Code, Status};

use crate::logo::{FILE_NAME_MAX, Format, LinkedLogo, Logo, LogoError, LogoId, MAX_CHUNK_BYTES, NewLogo};
use crate::storage::LINK_TTL;

impl TryFrom<pb::UploadLogoRequest> for NewLogo {
    type Error = Violations;

    fn try_from(request: pb::UploadLogoRequest) -> Result<Self, Violations> {
        let Some(pb::upload_logo_request::Part::Header(header)) = request.part else {
            return Err(Violations::one("header", "must come first"));
        };
        let mut check = Violations::default();
        let space_id = check.id("header.space_id", &header.space_id);
        let file_name = check.line("header.file_name", &header.file_name, 0, FILE_NAME_MAX);
        check.into_result()?;
        Ok(Self { space_id, file_name })
    }
}

/// Returns what the first message of an upload announces.
pub(super) fn header(first: Option<Result<pb::UploadLogoRequest, Status>>) -> Result<NewLogo, LogoError> {
    let first = first.transpose().map_err(|status| broken(&status))?;
    Ok(NewLogo::try_from(first.unwrap_or_default())?)
}

/// Returns the bytes of what comes after the header.
pub(super) fn chunk(message: Result<pb::UploadLogoRequest, Status>) -> Result<Bytes, LogoError> {
    match message.map_err(|status| broken(&status))?.part {
        Some(pb::upload_logo_request::Part::Chunk(bytes)) => Ok(bytes),
        Some(pb::upload_logo_request::Part::Header(_)) => {
            Err(Violations::one("header", "must come once only").into())
        }
        None => Err(Violations::one("chunk", "must follow the header, and nothing else").into()),
    }
}

/// Returns why a stream broke: a message beyond the server's limit, or a client that went away.
pub(super) fn broken(status: &Status) -> LogoError {
    if status.code() == Code::OutOfRange {
        return Violations::one("chunk", format!("must have at most {MAX_CHUNK_BYTES} bytes each")).into();
    }
    LogoError::Interrupted
}

/// Reads which logo is asked for.
pub(super) fn logo_id_of(request: &pb::GetLogoRequest) -> Result<LogoId, Violations> {
    let mut check = Violations::default();
    let logo_id = check.id("logo_id", &request.logo_id);
    check.into_result().map(|()| logo_id)
}

/// Which logo another service asks for.
pub(super) struct LogoQuery {
    pub(super) organization_id: OrganizationId,
    pub(super) space_id: SpaceId,
    pub(super) logo_id: LogoId,
}

impl TryFrom<pb::DescribeLogoRequest> for LogoQuery {
    type Error = Violations;

    fn try_from(request: pb::DescribeLogoRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let query = Self {
            organization_id: check.id("organization_id", &request.organization_id),
            space_id: check.id("space_id", &request.space_id),
            logo_id: check.id("logo_id", &request.logo_id),
        };
        check.into_result().map(|()| query)
    }
}

impl From<Format> for pb::ImageFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Png => Self::Png,
            Format::Jpeg => Self::Jpeg,
            Format::Webp => Self::Webp,
        }
    }
}

impl From<Logo> for pb::Logo {
    fn from(logo: Logo) -> Self {
        Self {
            logo_id: logo.logo_id.to_string(),
            space_id: logo.space_id.to_string(),
            format: pb::ImageFormat::from(logo.format).into(),
            width_px: logo.width_px,
            height_px: logo.height_px,
            size_bytes: logo.size_bytes,
            create_time: Some(timestamp(logo.create_time)),
        }
    }
}

impl From<Logo> for pb::UploadLogoResponse {
    fn from(logo: Logo) -> Self {
        Self { logo: Some(logo.into()) }
    }
}

impl From<LinkedLogo> for pb::GetLogoResponse {
    fn from(linked: LinkedLogo) -> Self {
        Self { logo: Some(linked.logo.into()), url: linked.url, url_ttl: LINK_TTL.try_into().ok() }
    }
}

impl From<Logo> for pb::DescribeLogoResponse {
    fn from(logo: Logo) -> Self {
        Self { logo: Some(logo.into()) }
    }
}
