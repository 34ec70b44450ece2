//! Why a call on comments was refused.

use service_kit::domain_error;
use service_kit::error::CommonError;

use crate::space::SpaceError;

domain_error! {
    /// Why a call on comments was refused.
    pub enum CommentError in "spaces.sharedspaces" {
        /// There is no such space, or none the caller takes part in.
        #[error("no such space")]
        SpaceNotFound => NotFound "SPACE_NOT_FOUND",
        /// The space has no such item.
        #[error("no such item in this space")]
        ItemNotFound => NotFound "ITEM_NOT_FOUND" on "item_id",
        /// The space has no such comment, or it was deleted.
        #[error("no such comment in this space")]
        NotFound => NotFound "COMMENT_NOT_FOUND" on "comment_id",
        /// Somebody who is mentioned takes no part in the space, and is not invited to.
        #[error("must be people who take part in the space, or are invited to")]
        ParticipantNotFound => NotFound "PARTICIPANT_NOT_FOUND" on "mentioned_user_ids",
        /// Somebody asked to change what somebody else said; or a guest asked to delete it.
        #[error("only the author may change a comment, and only the author and internal participants delete it")]
        OwnCommentsOnly => PermissionDenied "OWN_COMMENTS_ONLY",
        /// An admin who takes no part asked to comment.
        #[error("only internal participants may do this, and guests of this space")]
        InternalParticipantsOnly => PermissionDenied "INTERNAL_PARTICIPANTS_ONLY",
        /// The space is archived.
        #[error("the space is archived")]
        SpaceArchived => FailedPrecondition "SPACE_ARCHIVED",
        /// The guest has not consented to the privacy notice, or no longer does.
        #[error("consent to the privacy notice is needed first")]
        ConsentRequired => FailedPrecondition "CONSENT_REQUIRED",
        /// Somebody changed the comment since it was read.
        #[error("the comment was changed since it was read, read it again")]
        Changed => Aborted "COMMENT_CHANGED" on "etag",
    }
}

impl From<SpaceError> for CommentError {
    fn from(error: SpaceError) -> Self {
        match error {
            SpaceError::NotFound => Self::SpaceNotFound,
            SpaceError::InternalParticipantsOnly => Self::InternalParticipantsOnly,
            SpaceError::Archived => Self::SpaceArchived,
            SpaceError::ConsentRequired => Self::ConsentRequired,
            SpaceError::Common(error) => Self::Common(error),
            // Reading a space, and asking to comment, refuse for no other reason.
            error => Self::Common(CommonError::Unexpected(error.into())),
        }
    }
}
