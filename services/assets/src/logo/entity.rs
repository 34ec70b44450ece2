//! The rules of logos.

use std::time::Duration;

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::space_access::{Permission, Permissions};
use service_kit::validate::Violations;
use service_kit::{text_enum, typed_id};

use super::error::LogoError;

typed_id! {
    /// A logo.
    LogoId
}

/// Longest file name, in characters.
pub(crate) const FILE_NAME_MAX: usize = 255;
/// Most logos asked for at once, inclusive.
pub(crate) const BATCH_MAX: usize = 100;
/// When to ask again for a size that is still to be made.
const RENDITION_WAIT: Duration = Duration::from_secs(30);

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

text_enum! {
    /// What a logo is for.
    pub(crate) enum Kind {
        /// A customer's, in the header of spaces.
        Customer = "CUSTOMER",
        /// The organisation's own.
        Organization = "ORGANIZATION",
        /// The banner of a theme.
        Banner = "BANNER",
        /// The picture of a person.
        Person = "PERSON",
    }
}

text_enum! {
    /// The sizes a logo is kept in.
    pub(crate) enum Rendition {
        /// As uploaded, re-encoded.
        Full = "FULL",
        /// For the header of a space.
        Header = "HEADER",
        /// For a list of spaces.
        Gallery = "GALLERY",
    }
}

/// What of a logo is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct View {
    pub(crate) rendition: Rendition,
    /// With its background removed; the full size never is.
    pub(crate) is_transparent: bool,
}

impl View {
    /// Everything that there may be an object of.
    pub(crate) const ALL: [Self; 5] = [
        Self::FULL,
        Self { rendition: Rendition::Header, is_transparent: false },
        Self { rendition: Rendition::Gallery, is_transparent: false },
        Self { rendition: Rendition::Header, is_transparent: true },
        Self { rendition: Rendition::Gallery, is_transparent: true },
    ];
    /// The image itself.
    pub(crate) const FULL: Self = Self { rendition: Rendition::Full, is_transparent: false };

    /// Returns where the object is; made of ids and fixed words alone.
    pub(crate) fn object_key(self, organization_id: OrganizationId, logo_id: LogoId) -> String {
        let suffix = match (self.rendition, self.is_transparent) {
            (Rendition::Full, _) => "",
            (Rendition::Header, false) => ".header",
            (Rendition::Gallery, false) => ".gallery",
            (Rendition::Header, true) => ".header-transparent",
            (Rendition::Gallery, true) => ".gallery-transparent",
        };
        format!("logos/{organization_id}/{logo_id}{suffix}")
    }
}

/// What an upload is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// A customer's logo for this space.
    Customer(SpaceId),
    /// The organisation's own logo, shown from then on.
    Organization,
    /// A banner for a theme.
    Banner,
    /// The uploader's own picture, shown from then on.
    Person,
}

impl Purpose {
    /// Returns the space it is for, if it is for one.
    pub(crate) fn space_id(self) -> Option<SpaceId> {
        match self {
            Self::Customer(space_id) => Some(space_id),
            Self::Organization | Self::Banner | Self::Person => None,
        }
    }

    /// Returns what a logo of this purpose is.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Customer(_) => Kind::Customer,
            Self::Organization => Kind::Organization,
            Self::Banner => Kind::Banner,
            Self::Person => Kind::Person,
        }
    }
}

/// An upload that is announced.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct NewLogo {
    pub(crate) purpose: Purpose,
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
    pub(crate) purpose: Purpose,
    pub(crate) uploader_user_id: UserId,
    pub(crate) file_name: String,
    pub(crate) format: Format,
    pub(crate) width_px: i32,
    pub(crate) height_px: i32,
    pub(crate) size_bytes: i64,
    /// Of the object as stored.
    pub(crate) sha256: Vec<u8>,
    pub(crate) can_be_transparent: bool,
}

/// A logo whose object is known to be stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Logo {
    pub(crate) organization_id: OrganizationId,
    pub(crate) logo_id: LogoId,
    pub(crate) kind: Kind,
    /// Of a customer's alone.
    pub(crate) space_id: Option<SpaceId>,
    pub(crate) format: Format,
    pub(crate) width_px: i32,
    pub(crate) height_px: i32,
    pub(crate) size_bytes: i64,
    pub(crate) can_be_transparent: bool,
    /// Whether it has its smaller sizes.
    pub(crate) is_rendered: bool,
    pub(crate) create_time: DateTime<Utc>,
}

/// One of the smaller sizes as it is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Small {
    pub(crate) logo_id: LogoId,
    pub(crate) view: View,
    pub(crate) width_px: i32,
    pub(crate) height_px: i32,
    pub(crate) size_bytes: i64,
}

/// All that is known of a logo.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) logo: Logo,
    pub(crate) small: Vec<Small>,
    /// Whether some place shows it, as far as spaces has told.
    pub(crate) is_placed: bool,
}

/// A picture that is there to be shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Shown {
    pub(crate) view: View,
    pub(crate) width_px: i32,
    pub(crate) height_px: i32,
}

impl Known {
    /// Finds what was asked for, and never anything else. Errors: it cannot be made of this logo, or is not made yet.
    pub(crate) fn show(&self, view: View) -> Result<Shown, LogoError> {
        let logo = &self.logo;
        if view == View::FULL {
            return Ok(Shown { view, width_px: logo.width_px, height_px: logo.height_px });
        }
        if view.is_transparent && logo.format != Format::Png {
            return Err(LogoError::TransparencyNeedsPng);
        }
        if view.is_transparent && view.rendition == Rendition::Full {
            let rule = "must be HEADER or GALLERY where the background is to be removed";
            return Err(Violations::one("rendition", rule).into());
        }
        if !logo.is_rendered {
            return Err(LogoError::RenditionNotReady { wait: RENDITION_WAIT });
        }
        let small = self.small.iter().find(|small| small.view == view);
        small.map(|small| Shown { view, width_px: small.width_px, height_px: small.height_px }).ok_or(
            if view.is_transparent {
                LogoError::BackgroundNotUniform
            } else {
                LogoError::RenditionNotReady { wait: RENDITION_WAIT }
            },
        )
    }

    /// Finds a size, with the background removed where that is wanted and can be done. Returns nothing where that size
    /// is not made yet.
    pub(crate) fn show_best(&self, wanted: View) -> Option<Shown> {
        let can_be_transparent = self.logo.can_be_transparent && wanted.rendition != Rendition::Full;
        self.show(View { is_transparent: wanted.is_transparent && can_be_transparent, ..wanted }).ok()
    }
}

/// A logo in one size, with an address to fetch it from.
#[derive(Clone, Debug)]
pub(crate) struct LinkedLogo {
    pub(crate) logo: Logo,
    pub(crate) shown: Shown,
    pub(crate) url: String,
}

/// Several logos, each with an address to fetch it from.
#[derive(Clone, Debug)]
pub(crate) struct LinkedLogos(pub(crate) Vec<LinkedLogo>);

/// What a logo looks like in the two places that show it.
#[derive(Clone, Debug)]
pub(crate) struct FormattedLogo {
    pub(crate) header: LinkedLogo,
    pub(crate) gallery: LinkedLogo,
}

/// People's pictures, each with whose it is.
#[derive(Clone, Debug)]
pub(crate) struct PicturesOfPeople(pub(crate) Vec<(UserId, LinkedLogo)>);

/// What was shown is no longer there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogoRemoved;
