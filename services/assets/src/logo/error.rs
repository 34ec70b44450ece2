//! Why a call on logos was refused.

use std::time::Duration;

use service_kit::domain_error;

use crate::storage::StoreError;

domain_error! {
    /// Why a call on logos was refused.
    pub enum LogoError in "assets.sharedspaces" {
        /// There is no such logo, or none the caller may know of.
        #[error("no such logo")]
        NotFound => NotFound "LOGO_NOT_FOUND",
        /// The caller sees no such space.
        #[error("no such space")]
        SpaceNotFound => NotFound "SPACE_NOT_FOUND",
        /// The caller takes part in the space from outside.
        #[error("only internal participants may change the logo of a space")]
        InternalParticipantsOnly => PermissionDenied "INTERNAL_PARTICIPANTS_ONLY",
        /// More than 5,242,880 bytes were sent.
        #[error("must have at most 5242880 bytes in all")]
        TooLarge => InvalidArgument "LOGO_TOO_LARGE" on "chunk",
        /// The content is no PNG, JPEG or WebP image, whatever the file name says.
        #[error("must be a PNG, JPEG or WebP image by its content, which is {found}")]
        FormatRefused {
            /// What it is instead.
            found: &'static str,
        } => InvalidArgument "LOGO_FORMAT_REFUSED" on "chunk",
        /// The image is animated (APNG, animated WebP).
        #[error("must be a still image; this one is animated")]
        Animated => InvalidArgument "LOGO_FORMAT_REFUSED" on "chunk",
        /// The image is a JPEG of more than 20 scans, each of which costs a pass over all pixels.
        #[error("must be a JPEG of at most 20 scans, as image programs write it")]
        TooManyScans => InvalidArgument "LOGO_FORMAT_REFUSED" on "chunk",
        /// The image is cut off or damaged.
        #[error("must be a whole image; this one is cut off or damaged")]
        Damaged => InvalidArgument "LOGO_DAMAGED" on "chunk",
        /// The image has too many pixels.
        #[error(
            "must be at most 4096 pixels a side, 16000000 pixels in all and 96 MiB when decoded; \
             this one is {width_px} × {height_px} pixels"
        )]
        DimensionsRefused {
            /// Its width in pixels.
            width_px: u32,
            /// Its height in pixels.
            height_px: u32,
        } => InvalidArgument "LOGO_DIMENSIONS_REFUSED" on "chunk",
        /// The image takes more than 20,971,520 bytes in the form it would be kept in.
        #[error("must take at most 20971520 bytes once converted; this one takes {size_bytes}: fewer pixels help")]
        ConvertedTooLarge {
            /// What it takes.
            size_bytes: usize,
        } => InvalidArgument "LOGO_DIMENSIONS_REFUSED" on "chunk",
        /// Nothing came for 5 seconds, or the upload took more than 60.
        #[error("the upload was too slow: a part must come within 5 seconds and the whole within 60")]
        TooSlow => Aborted "UPLOAD_TOO_SLOW",
        /// The upload broke off; nothing was kept.
        #[error("the upload broke off")]
        Interrupted => Aborted "UPLOAD_INTERRUPTED",
        /// Too many logos are being uploaded or converted.
        #[error("too many logos are being uploaded at once")]
        Busy => ResourceExhausted "UPLOADS_BUSY",
        /// A picture of another format than PNG was asked for with its background removed.
        #[error("only the background of a PNG can be removed")]
        TransparencyNeedsPng => FailedPrecondition "TRANSPARENCY_NEEDS_PNG",
        /// The background of the PNG has more than one colour, or there is nothing else in it.
        #[error("the background of this image cannot be removed: its corners must have one colour")]
        BackgroundNotUniform => FailedPrecondition "BACKGROUND_NOT_UNIFORM",
        /// This size of a logo that was uploaded before there were sizes is still to be made.
        #[error("this size of the logo is still to be made")]
        RenditionNotReady {
            /// When to ask again.
            wait: Duration,
        } => Unavailable "RENDITION_NOT_READY" after wait,
        /// The object store did not answer, or did not keep what it was sent; no logo was made.
        #[error("the object store did not do its part")]
        StoreUnavailable(#[from] StoreError) => Unavailable "OBJECT_STORE_UNAVAILABLE",
    }
}
