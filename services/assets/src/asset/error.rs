//! Why a call on files was refused.

use service_kit::domain_error;

use crate::storage::StoreError;

domain_error! {
    /// Why a call on files was refused.
    pub enum AssetError in "assets.sharedspaces" {
        /// There is no such file, or none the caller may know of.
        #[error("no such file")]
        NotFound => NotFound "ASSET_NOT_FOUND",
        /// The caller sees no such space.
        #[error("no such space")]
        SpaceNotFound => NotFound "SPACE_NOT_FOUND",
        /// The caller sees the space and may not upload there: not a participant who may, or the space is archived.
        #[error("you may not upload to this space")]
        UploadingNotAllowed => PermissionDenied "UPLOADING_NOT_ALLOWED",
        /// The organisation's files would take more than its quota.
        #[error("the organisation may have {quota_bytes} bytes in {quota_assets} files, and has {used_bytes} in {count}")]
        QuotaExceeded {
            /// Bytes there may be.
            quota_bytes: i64,
            /// Files there may be.
            quota_assets: i32,
            /// Bytes in use, with those of uploads under way.
            used_bytes: i64,
            /// Files there are.
            count: i32,
        } => ResourceExhausted "QUOTA_EXCEEDED",
        /// The caller has 20 uploads under way.
        #[error("at most 20 uploads of one person may be under way: end or give up one of them")]
        TooManyUploads => ResourceExhausted "TOO_MANY_UPLOADS",
        /// The upload was completed or given up.
        #[error("the upload has ended")]
        UploadEnded => FailedPrecondition "UPLOAD_ENDED",
        /// Not all bytes have arrived.
        #[error("{received_bytes} of {size_bytes} bytes have arrived")]
        UploadIncomplete {
            /// How many have.
            received_bytes: i64,
            /// How many there should be.
            size_bytes: i64,
        } => FailedPrecondition "UPLOAD_INCOMPLETE",
        /// Nothing came for 10 seconds, or 16 MiB took more than 5 minutes.
        #[error("the upload was too slow: a part must come within 10 seconds and 16 MiB within 5 minutes")]
        TooSlow => Aborted "UPLOAD_TOO_SLOW",
        /// The stream broke off, or a later one took over; what is complete up to a multiple of 16 MiB was kept.
        #[error("the upload broke off: go on from `received_bytes`")]
        Interrupted => Aborted "UPLOAD_INTERRUPTED",
        /// Too many files are being streamed to this process.
        #[error("too many files are being uploaded at once")]
        Busy => ResourceExhausted "UPLOADS_BUSY",
        /// An item shows the file.
        #[error("an item of a space shows this file")]
        InUse => FailedPrecondition "ASSET_IN_USE",
        /// Files of this type are not shown in the browser.
        #[error("only images, PDF and plain text are shown in the browser")]
        InlineNotAllowed => FailedPrecondition "INLINE_NOT_ALLOWED",
        /// There is no preview of this file, or none yet.
        #[error("there is no preview of this file")]
        PreviewNotFound => NotFound "PREVIEW_NOT_FOUND",
        /// The object store did not answer, or did not keep what it was sent.
        #[error("the object store did not do its part")]
        StoreUnavailable(#[from] StoreError) => Unavailable "OBJECT_STORE_UNAVAILABLE",
    }
}
