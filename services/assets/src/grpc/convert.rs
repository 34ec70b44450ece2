//! Between the interface's messages and the domain.

use bytes::Bytes;
use service_kit::clock::timestamp;
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::validate::Violations;
use sharedspaces_proto::assets::v1 as pb;
use tonic::{Code, Status};

use crate::image::MailPicture;
use crate::logo::{
    BATCH_MAX, FILE_NAME_MAX, Format, FormattedLogo, Kind, LinkedLogo, LinkedLogos, Logo, LogoError, LogoId,
    LogoRemoved, MAX_CHUNK_BYTES, NewLogo, PicturesOfPeople, Purpose, Rendition, View,
};
use crate::storage::LINK_TTL;

/// A message of an upload, whichever call it belongs to.
pub(super) trait UploadMessage: Default + Send + 'static {
    /// Returns what it carries, if anything.
    fn into_part(self) -> Option<Part>;
}

/// What a message of an upload carries.
pub(super) enum Part {
    /// What is announced.
    Header(Header),
    /// The next bytes.
    Chunk(Bytes),
}

/// What is announced, before it is checked.
pub(super) enum Header {
    Customer(pb::UploadLogoHeader),
    Organization(pb::ImageHeader),
    Banner(pb::ImageHeader),
    Person(pb::ImageHeader),
}

impl UploadMessage for pb::UploadLogoRequest {
    fn into_part(self) -> Option<Part> {
        Some(match self.part? {
            pb::upload_logo_request::Part::Header(header) => Part::Header(Header::Customer(header)),
            pb::upload_logo_request::Part::Chunk(bytes) => Part::Chunk(bytes),
        })
    }
}

impl UploadMessage for pb::UploadOrganizationLogoRequest {
    fn into_part(self) -> Option<Part> {
        Some(match self.part? {
            pb::upload_organization_logo_request::Part::Header(header) => {
                Part::Header(Header::Organization(header))
            }
            pb::upload_organization_logo_request::Part::Chunk(bytes) => Part::Chunk(bytes),
        })
    }
}

impl UploadMessage for pb::UploadThemeBannerRequest {
    fn into_part(self) -> Option<Part> {
        Some(match self.part? {
            pb::upload_theme_banner_request::Part::Header(header) => Part::Header(Header::Banner(header)),
            pb::upload_theme_banner_request::Part::Chunk(bytes) => Part::Chunk(bytes),
        })
    }
}

impl UploadMessage for pb::UploadProfilePictureRequest {
    fn into_part(self) -> Option<Part> {
        Some(match self.part? {
            pb::upload_profile_picture_request::Part::Header(header) => Part::Header(Header::Person(header)),
            pb::upload_profile_picture_request::Part::Chunk(bytes) => Part::Chunk(bytes),
        })
    }
}

impl TryFrom<Header> for NewLogo {
    type Error = Violations;

    fn try_from(header: Header) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let (purpose, file_name) = match &header {
            Header::Customer(header) => {
                (Purpose::Customer(check.id("header.space_id", &header.space_id)), &header.file_name)
            }
            Header::Organization(header) => (Purpose::Organization, &header.file_name),
            Header::Banner(header) => (Purpose::Banner, &header.file_name),
            Header::Person(header) => (Purpose::Person, &header.file_name),
        };
        let file_name = check.line("header.file_name", file_name, 0, FILE_NAME_MAX);
        check.into_result()?;
        Ok(Self { purpose, file_name })
    }
}

/// Returns what the first message of an upload announces.
pub(super) fn header<M: UploadMessage>(first: Option<Result<M, Status>>) -> Result<NewLogo, LogoError> {
    let first = first.transpose().map_err(|status| broken(&status))?;
    match first.and_then(M::into_part) {
        Some(Part::Header(header)) => Ok(NewLogo::try_from(header)?),
        Some(Part::Chunk(_)) | None => Err(Violations::one("header", "must come first").into()),
    }
}

/// Returns the bytes of what comes after the header.
pub(super) fn chunk<M: UploadMessage>(message: Result<M, Status>) -> Result<Bytes, LogoError> {
    match message.map_err(|status| broken(&status))?.into_part() {
        Some(Part::Chunk(bytes)) => Ok(bytes),
        Some(Part::Header(_)) => Err(Violations::one("header", "must come once only").into()),
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

/// Reads which size is asked for; the full one where nothing is said.
fn rendition(check: &mut Violations, value: i32) -> Rendition {
    match pb::LogoRendition::try_from(value) {
        Ok(pb::LogoRendition::Unspecified | pb::LogoRendition::Full) => Rendition::Full,
        Ok(pb::LogoRendition::Header) => Rendition::Header,
        Ok(pb::LogoRendition::Gallery) => Rendition::Gallery,
        Err(_) => {
            check.add("rendition", "must be one of those there are");
            Rendition::Full
        }
    }
}

/// Which picture is asked for.
pub(super) struct LogoWanted {
    pub(super) logo_id: LogoId,
    pub(super) view: View,
}

impl TryFrom<pb::GetLogoRequest> for LogoWanted {
    type Error = Violations;

    fn try_from(request: pb::GetLogoRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let logo_id = check.id("logo_id", &request.logo_id);
        let rendition = rendition(&mut check, request.rendition);
        check.into_result()?;
        Ok(Self { logo_id, view: View { rendition, is_transparent: request.transparent_background } })
    }
}

/// Which pictures are asked for, in order.
pub(super) struct LogosWanted(pub(super) Vec<(LogoId, View)>);

impl TryFrom<pb::BatchGetLogosRequest> for LogosWanted {
    type Error = Violations;

    fn try_from(request: pb::BatchGetLogosRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let count = request.logos.len();
        if count == 0 || count > BATCH_MAX {
            return Err(Violations::one("logos", format!("must be 1 to {BATCH_MAX}, are {count}")));
        }
        let rendition = rendition(&mut check, request.rendition);
        let mut wanted = Vec::new();
        for (index, logo) in request.logos.iter().enumerate() {
            let logo_id = check.id(&format!("logos[{index}].logo_id"), &logo.logo_id);
            wanted.push((logo_id, View { rendition, is_transparent: logo.transparent_background }));
        }
        check.into_result().map(|()| Self(wanted))
    }
}

/// Reads whose pictures are asked for.
pub(super) fn people_of(request: &pb::BatchGetProfilePicturesRequest) -> Result<Vec<UserId>, Violations> {
    let mut check = Violations::default();
    let count = request.user_ids.len();
    if count == 0 || count > BATCH_MAX {
        return Err(Violations::one("user_ids", format!("must be 1 to {BATCH_MAX}, are {count}")));
    }
    let user_ids = request.user_ids.iter().enumerate();
    let user_ids = user_ids.map(|(index, id)| check.id(&format!("user_ids[{index}]"), id)).collect();
    check.into_result().map(|()| user_ids)
}

/// Reads in which size the organisation's own logo is asked for.
pub(super) fn own_view(request: &pb::GetOrganizationLogoRequest) -> Result<View, Violations> {
    let mut check = Violations::default();
    let rendition = rendition(&mut check, request.rendition);
    check.into_result().map(|()| View { rendition, is_transparent: false })
}

/// Reads which logo is to be formatted.
pub(super) fn format_of(request: &pb::FormatLogoRequest) -> Result<(LogoId, bool), Violations> {
    let mut check = Violations::default();
    let logo_id = check.id("logo_id", &request.logo_id);
    check.into_result().map(|()| (logo_id, request.transparent_background))
}

/// Which logo another service asks for.
pub(super) struct LogoQuery {
    pub(super) organization_id: OrganizationId,
    pub(super) space_id: Option<SpaceId>,
    pub(super) logo_id: LogoId,
}

impl TryFrom<pb::DescribeLogoRequest> for LogoQuery {
    type Error = Violations;

    fn try_from(request: pb::DescribeLogoRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let organization_id = check.id("organization_id", &request.organization_id);
        let space_id = match request.space_id.as_str() {
            "" => None,
            space_id => Some(check.id("space_id", space_id)),
        };
        let logo_id = check.id("logo_id", &request.logo_id);
        check.into_result().map(|()| Self { organization_id, space_id, logo_id })
    }
}

pub(super) fn own_of(request: &pb::FetchOrganizationLogoRequest) -> Result<OrganizationId, Violations> {
    let mut check = Violations::default();
    let organization_id = check.id("organization_id", &request.organization_id);
    check.into_result().map(|()| organization_id)
}

impl From<MailPicture> for pb::FetchOrganizationLogoResponse {
    fn from(picture: MailPicture) -> Self {
        Self {
            image: picture.content.into(),
            content_type: picture.content_type.to_owned(),
            // At most 320.
            width_px: i32::try_from(picture.width_px).unwrap_or(i32::MAX),
            height_px: i32::try_from(picture.height_px).unwrap_or(i32::MAX),
        }
    }
}

impl From<Kind> for pb::LogoKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Customer => Self::Customer,
            Kind::Organization => Self::Organization,
            Kind::Banner => Self::Banner,
            Kind::Person => Self::Person,
        }
    }
}

impl From<Rendition> for pb::LogoRendition {
    fn from(rendition: Rendition) -> Self {
        match rendition {
            Rendition::Full => Self::Full,
            Rendition::Header => Self::Header,
            Rendition::Gallery => Self::Gallery,
        }
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
            space_id: logo.space_id.map(|space_id| space_id.to_string()).unwrap_or_default(),
            format: pb::ImageFormat::from(logo.format).into(),
            width_px: logo.width_px,
            height_px: logo.height_px,
            size_bytes: logo.size_bytes,
            create_time: Some(timestamp(logo.create_time)),
            kind: pb::LogoKind::from(logo.kind).into(),
            can_be_transparent: logo.can_be_transparent,
        }
    }
}

impl From<Logo> for pb::UploadLogoResponse {
    fn from(logo: Logo) -> Self {
        Self { logo: Some(logo.into()) }
    }
}

impl From<Logo> for pb::UploadOrganizationLogoResponse {
    fn from(logo: Logo) -> Self {
        Self { logo: Some(logo.into()) }
    }
}

impl From<Logo> for pb::UploadThemeBannerResponse {
    fn from(logo: Logo) -> Self {
        Self { logo: Some(logo.into()) }
    }
}

impl From<Logo> for pb::UploadProfilePictureResponse {
    fn from(logo: Logo) -> Self {
        Self { logo: Some(logo.into()) }
    }
}

impl From<LogoRemoved> for pb::RemoveProfilePictureResponse {
    fn from(LogoRemoved: LogoRemoved) -> Self {
        Self {}
    }
}

impl From<PicturesOfPeople> for pb::BatchGetProfilePicturesResponse {
    fn from(PicturesOfPeople(all): PicturesOfPeople) -> Self {
        let picture = |(user_id, linked): (UserId, LinkedLogo)| pb::ProfilePicture {
            user_id: user_id.to_string(),
            logo_link: Some(linked.into()),
        };
        Self { profile_pictures: all.into_iter().map(picture).collect() }
    }
}

impl From<LogoRemoved> for pb::RemoveOrganizationLogoResponse {
    fn from(LogoRemoved: LogoRemoved) -> Self {
        Self {}
    }
}

impl From<LinkedLogo> for pb::LogoLink {
    fn from(LinkedLogo { logo, shown, url }: LinkedLogo) -> Self {
        Self {
            logo: Some(logo.into()),
            rendition: pb::LogoRendition::from(shown.view.rendition).into(),
            width_px: shown.width_px,
            height_px: shown.height_px,
            url,
            url_ttl: LINK_TTL.try_into().ok(),
        }
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

impl From<LinkedLogo> for pb::GetOrganizationLogoResponse {
    fn from(linked: LinkedLogo) -> Self {
        Self { logo_link: Some(linked.into()) }
    }
}

impl From<LinkedLogos> for pb::BatchGetLogosResponse {
    fn from(LinkedLogos(all): LinkedLogos) -> Self {
        Self { logo_links: all.into_iter().map(Into::into).collect() }
    }
}

impl From<FormattedLogo> for pb::FormatLogoResponse {
    fn from(formatted: FormattedLogo) -> Self {
        Self { header: Some(formatted.header.into()), gallery: Some(formatted.gallery.into()) }
    }
}
