//! The rules of logos.

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::space_access::{Permission, Permissions};
use service_kit::{text_enum, typed_id};

use super::error::LogoError;

typed_id! {
    /// A logo.
    LogoId
}

/// Longest file name, in characters.
pub(crate) const FILE_NAME_MAX: usize = 255;

text_enum! {
    /// What a logo really is.
    pub(crate) enum Format {
        /// A PNG file.
        Png = "PNG",
        /// A JPEG file.
        Jpeg = "JPEG",
        /// A WebP file.
        Webp = "WEBP",
    }
}

impl Format {
    /// Returns the media type.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }

    /// Returns the name the image is saved under by whoever fetches it.
    pub(crate) fn file_name(self) -> &'static str {
        match self {
            Self::Png => "logo.png",
            Self::Jpeg => "logo.jpg",
            Self::Webp => "logo.webp",
        }
    }
}

/// An upload that is announced.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct NewLogo {
    pub(crate) space_id: SpaceId,
    /// Kept for people, never trusted.
    pub(crate) file_name: String,
}

/// Decides whether a person with these permissions in the space may upload.
pub(crate) fn admit_upload(permissions: &Permissions) -> Result<(), LogoError> {
    if permissions.may(Permission::Edit) {
        Ok(())
    } else if permissions.is_none() {
        Err(LogoError::SpaceNotFound)
    } else {
        Err(LogoError::InternalParticipantsOnly)
    }
}

/// A logo that was checked and is on its way to the object store.
#[derive(Clone, Debug)]
pub(crate) struct PendingLogo {
    pub(crate) organization_id: OrganizationId,
    pub(crate) logo_id: LogoId,
    pub(crate) space_id: SpaceId,
    pub(crate) uploader_user_id: UserId,
    pub(crate) file_name: String,
    pub(crate) format: Format,
    pub(crate) width_px: i32,
    pub(crate) height_px: i32,
    pub(crate) size_bytes: i64,
    /// Of the object as stored.
    pub(crate) sha256: Vec<u8>,
}

/// A logo whose object is known to be stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Logo {
    pub(crate) organization_id: OrganizationId,
    pub(crate) logo_id: LogoId,
    pub(crate) space_id: SpaceId,
    pub(crate) format: Format,
    pub(crate) width_px: i32,
    pub(crate) height_px: i32,
    pub(crate) size_bytes: i64,
    pub(crate) create_time: DateTime<Utc>,
}

/// A logo with an address to fetch it from.
#[derive(Clone, Debug)]
pub(crate) struct LinkedLogo {
    pub(crate) logo: Logo,
    pub(crate) url: String,
}

/// Returns where the object of a logo is; made of ids alone.
pub(crate) fn object_key(organization_id: OrganizationId, logo_id: LogoId) -> String {
    format!("logos/{organization_id}/{logo_id}")
}
