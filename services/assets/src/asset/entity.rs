//! The rules of files.

use chrono::{DateTime, Utc};
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::space_access::{Permission, Permissions};
use service_kit::validate::Violations;
use service_kit::{text_enum, typed_id};

use super::error::AssetError;
use super::name;

typed_id! {
    /// A file.
    AssetId
}

/// Largest file in bytes, inclusive.
pub(crate) const MAX_BYTES: i64 = 2_147_483_648;
/// How large each part is in the object store; the last one may be smaller.
pub(crate) const PART_BYTES: i64 = 16 * 1024 * 1024;
/// Most uploads of one person that are under way, inclusive.
pub(crate) const MAX_UPLOADS: i64 = 20;
/// Types that browsers show without running anything, by content.
const INLINE: [&str; 6] =
    ["image/png", "image/jpeg", "image/webp", "image/gif", "application/pdf", "text/plain"];

text_enum! {
    /// Where a file stands.
    pub(crate) enum State {
        /// Its bytes are arriving.
        Uploading = "UPLOADING",
        /// All have arrived, and are checked.
        Scanning = "SCANNING",
        /// It can be shown.
        Clean = "CLEAN",
        /// Its bytes are gone.
        Refused = "REFUSED",
        /// It is being deleted; nobody finds it.
        Abandoned = "ABANDONED",
    }
}

text_enum! {
    /// Why a file was refused.
    pub(crate) enum Refusal {
        /// It is longer or shorter than was said.
        Size = "SIZE",
        /// It has another SHA-256 than was said.
        Checksum = "CHECKSUM",
        /// It is something else than its name says.
        TypeMismatch = "TYPE_MISMATCH",
        /// Its type is not taken.
        Type = "TYPE",
        /// The scanner found something.
        Virus = "VIRUS",
    }
}

text_enum! {
    /// The sizes of a preview.
    pub(crate) enum PreviewSize {
        /// At most 320 by 320 pixels.
        Small = "SMALL",
        /// At most 1,280 by 1,280 pixels.
        Large = "LARGE",
    }
}

impl PreviewSize {
    pub(crate) const ALL: [Self; 2] = [Self::Small, Self::Large];

    /// Returns how many pixels each side may have.
    pub(crate) fn side_px(self) -> u32 {
        match self {
            Self::Small => 320,
            Self::Large => 1_280,
        }
    }

    /// Returns where the object is; made of ids and fixed words alone.
    pub(crate) fn object_key(self, organization_id: OrganizationId, asset_id: AssetId) -> String {
        let suffix = match self {
            Self::Small => "small",
            Self::Large => "large",
        };
        format!("{}.preview-{suffix}", object_key(organization_id, asset_id))
    }
}

/// Returns where a file's object is; made of ids alone.
pub(crate) fn object_key(organization_id: OrganizationId, asset_id: AssetId) -> String {
    format!("assets/{organization_id}/{asset_id}")
}

/// An upload that is announced.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct NewAsset {
    pub(crate) space_id: SpaceId,
    pub(crate) file_name: String,
    pub(crate) size_bytes: i64,
    pub(crate) sha256: Vec<u8>,
    pub(crate) is_direct: bool,
}

impl NewAsset {
    /// Returns what is announced. Errors: all that is wrong with it.
    pub(crate) fn try_new(
        space_id: &str,
        file_name: &str,
        size_bytes: i64,
        sha256: &str,
        is_direct: bool,
    ) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let space_id = check.id("space_id", space_id);
        name::check(&mut check, "file_name", file_name);
        if !(1..=MAX_BYTES).contains(&size_bytes) {
            check.add("size_bytes", format!("must be 1 to {MAX_BYTES}, is {size_bytes}"));
        }
        let sha256 = from_hexadecimal(sha256).unwrap_or_else(|| {
            check.add("sha256", "must have 64 hexadecimal digits");
            Vec::new()
        });
        check.into_result()?;
        Ok(Self { space_id, file_name: file_name.to_owned(), size_bytes, sha256, is_direct })
    }
}

fn from_hexadecimal(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let digits = (0..64).step_by(2).map(|at| text.get(at..at + 2));
    digits.map(|two| u8::from_str_radix(two?, 16).ok()).collect()
}

/// Decides whether a person with these permissions in the space may upload.
pub(crate) fn admit_upload(permissions: &Permissions) -> Result<(), AssetError> {
    if permissions.may(Permission::Upload) {
        Ok(())
    } else if permissions.is_none() {
        Err(AssetError::SpaceNotFound)
    } else {
        Err(AssetError::UploadingNotAllowed)
    }
}

/// What is in use, and how much may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Usage {
    pub(crate) used_bytes: i64,
    pub(crate) quota_bytes: i64,
    pub(crate) count: i32,
    pub(crate) quota_assets: i32,
}

impl Usage {
    /// Decides whether a file of this size still fits.
    pub(crate) fn admit(self, size_bytes: i64) -> Result<(), AssetError> {
        let Self { used_bytes, quota_bytes, count, quota_assets } = self;
        if used_bytes.saturating_add(size_bytes) > quota_bytes || count >= quota_assets {
            return Err(AssetError::QuotaExceeded { quota_bytes, quota_assets, used_bytes, count });
        }
        Ok(())
    }
}

/// A file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Asset {
    pub(crate) organization_id: OrganizationId,
    pub(crate) asset_id: AssetId,
    pub(crate) space_id: SpaceId,
    pub(crate) uploader_user_id: UserId,
    pub(crate) file_name: String,
    pub(crate) size_bytes: i64,
    pub(crate) sha256: Vec<u8>,
    pub(crate) is_direct: bool,
    pub(crate) upload_id: Option<String>,
    pub(crate) received_bytes: i64,
    pub(crate) state: State,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) content_type: String,
    pub(crate) is_shown: bool,
    pub(crate) has_preview: bool,
    pub(crate) create_time: DateTime<Utc>,
}

/// One part of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Part {
    /// From 1.
    pub(crate) number: u32,
    pub(crate) offset_bytes: i64,
    pub(crate) size_bytes: i64,
}

impl Asset {
    /// Returns where its object is.
    pub(crate) fn object_key(&self) -> String {
        object_key(self.organization_id, self.asset_id)
    }

    /// Tells whether it may be shown in the browser.
    pub(crate) fn can_be_inline(&self) -> bool {
        INLINE.contains(&self.content_type.as_str())
    }

    /// Returns the parts it is sent in.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        let (mut number, mut offset_bytes) = (1, 0);
        while offset_bytes < self.size_bytes {
            let size_bytes = PART_BYTES.min(self.size_bytes - offset_bytes);
            parts.push(Part { number, offset_bytes, size_bytes });
            number += 1;
            offset_bytes += size_bytes;
        }
        parts
    }

    /// Returns S3's name of its upload, while that goes on. Errors: it has ended.
    pub(crate) fn open_upload(&self) -> Result<&str, AssetError> {
        match (self.state, &self.upload_id) {
            (State::Uploading, Some(upload_id)) => Ok(upload_id),
            _ => Err(AssetError::UploadEnded),
        }
    }
}

/// A part with an address to PUT it to.
#[derive(Clone, Debug)]
pub(crate) struct PartAddress {
    pub(crate) part: Part,
    pub(crate) url: String,
}

/// A file with the parts that have not arrived.
#[derive(Clone, Debug)]
pub(crate) struct MissingParts {
    pub(crate) asset: Asset,
    /// Empty where the bytes are streamed.
    pub(crate) addresses: Vec<PartAddress>,
}

/// A preview as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Preview {
    pub(crate) size: PreviewSize,
    pub(crate) content_type: String,
    pub(crate) width_px: i32,
    pub(crate) height_px: i32,
    pub(crate) size_bytes: i64,
}

/// The file is no longer there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AssetDeleted;

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn fields(size_bytes: i64, sha256: &str) -> Vec<String> {
        let space_id = uuid::Uuid::nil().to_string();
        match NewAsset::try_new(&space_id, "a.txt", size_bytes, sha256, false) {
            Ok(_) => Vec::new(),
            Err(violations) => violations.iter().map(|violation| violation.field.clone()).collect(),
        }
    }

    #[test]
    fn a_size_is_taken_between_one_byte_and_two_gibibytes_and_refused_beyond() {
        for (size_bytes, is_good) in
            [(i64::MIN, false), (0, false), (1, true), (MAX_BYTES, true), (MAX_BYTES + 1, false)]
        {
            assert_eq!(fields(size_bytes, SHA256).is_empty(), is_good, "{size_bytes}");
        }
        assert_eq!(fields(0, SHA256), ["size_bytes"]);
    }

    #[test]
    fn a_checksum_that_is_not_64_hexadecimal_digits_is_refused() {
        assert!(fields(1, &SHA256.to_uppercase()).is_empty());
        for bad in ["", &SHA256[1..], &format!("{SHA256}0"), &SHA256.replace('e', "g"), &"é".repeat(32)] {
            assert_eq!(fields(1, bad), ["sha256"], "{bad}");
        }
    }

    #[test]
    fn a_quota_is_used_up_to_its_last_byte_and_file_and_no_further() {
        let usage = Usage { used_bytes: 90, quota_bytes: 100, count: 4, quota_assets: 5 };
        assert!(usage.admit(10).is_ok());
        assert!(usage.admit(11).is_err());
        assert!(usage.admit(i64::MAX).is_err());
        assert!(Usage { count: 5, ..usage }.admit(1).is_err());
    }
}
