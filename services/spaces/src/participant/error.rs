//! Why a call on participants was refused.

use service_kit::domain_error;
use service_kit::error::CommonError;

use crate::space::SpaceError;

domain_error! {
    /// Why a call on participants was refused.
    pub enum ParticipantError in "spaces.sharedspaces" {
        /// There is no such space, or none the caller takes part in.
        #[error("no such space")]
        SpaceNotFound => NotFound "SPACE_NOT_FOUND",
        /// The caller is a guest of a space whose guests may not invite.
        #[error("guests of this space may not invite others")]
        InvitingNotAllowed => PermissionDenied "INVITING_NOT_ALLOWED",
        /// A guest gave the address of a member of the organisation (R8.7).
        #[error("guests can only invite guests: one of the addresses belongs to the organisation itself")]
        ColleagueNeedsColleague => FailedPrecondition "COLLEAGUE_NEEDS_COLLEAGUE" on "email_addresses",
    }
}

impl From<SpaceError> for ParticipantError {
    fn from(error: SpaceError) -> Self {
        match error {
            SpaceError::NotFound => Self::SpaceNotFound,
            SpaceError::Common(error) => Self::Common(error),
            // Reading a space refuses for no other reason.
            error => Self::Common(CommonError::Unexpected(error.into())),
        }
    }
}
