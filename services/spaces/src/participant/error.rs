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
        /// Somebody asked for what only internal participants may do.
        #[error("only internal participants may do this")]
        InternalParticipantsOnly => PermissionDenied "INTERNAL_PARTICIPANTS_ONLY",
        /// The space is archived: guests are shut out, and nobody is invited.
        #[error("the space is archived")]
        SpaceArchived => FailedPrecondition "SPACE_ARCHIVED",
        /// The guest's consent to the organisation's privacy notice does not stand.
        #[error("consent to the organisation's privacy notice is needed first")]
        ConsentRequired => FailedPrecondition "CONSENT_REQUIRED",
        /// Nobody of this id takes, or took, part in the space.
        #[error("no such participant of the space")]
        ParticipantNotFound => NotFound "PARTICIPANT_NOT_FOUND" on "participant_id",
        /// The owner neither leaves nor is shut out; ownership is transferred first.
        #[error("the owner stays: transfer the ownership first")]
        OwnerStays => FailedPrecondition "OWNER_STAYS",
        /// A guest gave the address of a member of the organisation (R8.7).
        #[error("guests can only invite guests: one of the addresses belongs to the organisation itself")]
        ColleagueNeedsColleague => FailedPrecondition "COLLEAGUE_NEEDS_COLLEAGUE" on "email_addresses",
    }
}

impl From<SpaceError> for ParticipantError {
    fn from(error: SpaceError) -> Self {
        match error {
            SpaceError::NotFound => Self::SpaceNotFound,
            SpaceError::Archived => Self::SpaceArchived,
            SpaceError::ConsentRequired => Self::ConsentRequired,
            SpaceError::InvitingNotAllowed => Self::InvitingNotAllowed,
            SpaceError::InternalParticipantsOnly => Self::InternalParticipantsOnly,
            SpaceError::Common(error) => Self::Common(error),
            // Reading a space refuses for no other reason.
            error => Self::Common(CommonError::Unexpected(error.into())),
        }
    }
}
