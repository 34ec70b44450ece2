//! Why a call on requests for access was refused.

use service_kit::budget::Spent;
use service_kit::domain_error;
use service_kit::error::CommonError;

use crate::space::SpaceError;

domain_error! {
    /// Why a call on requests for access was refused.
    pub enum AccessRequestError in "spaces.sharedspaces" {
        /// There is no such space, or none the caller takes part in.
        #[error("no such space")]
        SpaceNotFound => NotFound "SPACE_NOT_FOUND",
        /// There is no such request in the space.
        #[error("no such request for access")]
        NotFound => NotFound "ACCESS_REQUEST_NOT_FOUND" on "access_request_id",
        /// The request was answered the other way, or lapsed.
        #[error("this request was answered otherwise, or nobody answered it in time")]
        Ended => FailedPrecondition "ACCESS_REQUEST_ENDED" on "access_request_id",
        /// Somebody asked for what only internal participants may do.
        #[error("only internal participants may do this")]
        InternalParticipantsOnly => PermissionDenied "INTERNAL_PARTICIPANTS_ONLY",
        /// The space is archived: nobody is let in.
        #[error("the space is archived")]
        SpaceArchived => FailedPrecondition "SPACE_ARCHIVED",
        /// The guest's consent to the organisation's privacy notice does not stand.
        #[error("consent to the organisation's privacy notice is needed first")]
        ConsentRequired => FailedPrecondition "CONSENT_REQUIRED",
        /// The requester's account was deactivated.
        #[error("the requester has no way in any more")]
        RequesterDeactivated => FailedPrecondition "REQUESTER_DEACTIVATED",
        /// There is no such organisation.
        #[error("no such organisation")]
        OrganizationNotFound => NotFound "ORGANIZATION_NOT_FOUND",
        /// A forged, expired or used token, or one of another link: all alike.
        #[error("this link is not valid; ask for a new one")]
        RequestLinkRefused => NotFound "REQUEST_LINK_REFUSED",
        /// Nobody proved the address, and the organisation takes none that is not.
        #[error("this address must be proved first: ask for a mail with a link")]
        AddressNotVerified => FailedPrecondition "ADDRESS_NOT_VERIFIED" on "email_address",
        /// Too many requests by this person, from this network, or of this organisation.
        #[error("too many attempts; wait before the next")]
        TooManyAttempts {
            /// Until the next attempt is looked at.
            wait: std::time::Duration,
        } => ResourceExhausted "TOO_MANY_ATTEMPTS" after wait,
    }
}

impl From<Spent> for AccessRequestError {
    fn from(Spent { wait }: Spent) -> Self {
        Self::TooManyAttempts { wait }
    }
}

impl From<SpaceError> for AccessRequestError {
    fn from(error: SpaceError) -> Self {
        match error {
            SpaceError::NotFound => Self::SpaceNotFound,
            SpaceError::Archived => Self::SpaceArchived,
            SpaceError::ConsentRequired => Self::ConsentRequired,
            SpaceError::InternalParticipantsOnly | SpaceError::InvitingNotAllowed => {
                Self::InternalParticipantsOnly
            }
            SpaceError::Common(error) => Self::Common(error),
            // Reading a space refuses for no other reason.
            error => Self::Common(CommonError::Unexpected(error.into())),
        }
    }
}
