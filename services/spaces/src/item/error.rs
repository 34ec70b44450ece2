//! Why a call on items was refused.

use service_kit::domain_error;
use service_kit::error::CommonError;

use crate::space::SpaceError;

domain_error! {
    /// Why a call on items was refused.
    pub enum ItemError in "spaces.sharedspaces" {
        /// There is no such space, or none the caller takes part in.
        #[error("no such space")]
        SpaceNotFound => NotFound "SPACE_NOT_FOUND",
        /// The space has no such folder.
        #[error("no such folder in this space")]
        FolderNotFound => NotFound "FOLDER_NOT_FOUND" on "folder_id",
        /// The space has no such item.
        #[error("no such item in this space")]
        NotFound => NotFound "ITEM_NOT_FOUND" on "item_id",
        /// Somebody asked for what only internal participants may do.
        #[error("only internal participants may do this")]
        InternalParticipantsOnly => PermissionDenied "INTERNAL_PARTICIPANTS_ONLY",
        /// The caller may not upload to this space.
        #[error("only those who may upload to this space add to it")]
        UploadingNotAllowed => PermissionDenied "UPLOADING_NOT_ALLOWED",
        /// A guest asked to change or remove what somebody else added.
        #[error("guests may change and remove only what they added themselves")]
        OwnItemsOnly => PermissionDenied "OWN_ITEMS_ONLY",
        /// The space is archived.
        #[error("the space is archived")]
        SpaceArchived => FailedPrecondition "SPACE_ARCHIVED",
        /// The guest has not consented to the privacy notice, or no longer does.
        #[error("consent to the privacy notice is needed first")]
        ConsentRequired => FailedPrecondition "CONSENT_REQUIRED",
        /// The folder would lie deeper than five levels.
        #[error("folders lie in each other at most 5 levels deep")]
        TooDeep => FailedPrecondition "FOLDER_TOO_DEEP" on "folder_id",
        /// The folder would lie in itself.
        #[error("must not be the folder itself or one that lies in it")]
        IntoItself => FailedPrecondition "FOLDER_INTO_ITSELF" on "folder_id",
        /// The space has as many items as it may have.
        #[error("a space has at most 1000 items, remove one first")]
        TooMany => ResourceExhausted "TOO_MANY_ITEMS",
        /// Somebody changed the item since it was read.
        #[error("the item was changed since it was read, read it again")]
        Changed => Aborted "ITEM_CHANGED" on "etag",
    }
}

impl From<SpaceError> for ItemError {
    fn from(error: SpaceError) -> Self {
        match error {
            SpaceError::NotFound => Self::SpaceNotFound,
            SpaceError::InternalParticipantsOnly => Self::InternalParticipantsOnly,
            SpaceError::UploadingNotAllowed => Self::UploadingNotAllowed,
            SpaceError::Archived => Self::SpaceArchived,
            SpaceError::ConsentRequired => Self::ConsentRequired,
            SpaceError::Common(error) => Self::Common(error),
            // Reading a space, and asking to edit or upload, refuse for no other reason.
            error => Self::Common(CommonError::Unexpected(error.into())),
        }
    }
}
