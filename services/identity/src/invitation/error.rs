//! Why a call on invitation links was refused.

use crate::person::PasswordRefused;

service_kit::domain_error! {
    /// Why a call on invitation links was refused.
    pub enum InvitationError in "identity.sharedspaces" {
        /// Forged, expired, used or replaced: all alike.
        #[error("this invitation link is not valid")]
        LinkRefused => NotFound "INVITATION_LINK_REFUSED",
        /// The notice agreed to is not the one in force; show that one.
        #[error("this privacy notice is not in force; show the one in force")]
        NoticeOutdated => FailedPrecondition "NOTICE_OUTDATED" on "privacy_notice_id",
        /// There is no such organisation.
        #[error("no such organisation")]
        OrganizationNotFound => NotFound "ORGANIZATION_NOT_FOUND",
        /// There is no such guest or inviter with a way in.
        #[error("no such person")]
        PersonNotFound => NotFound "PERSON_NOT_FOUND",
        /// The person is a member: members sign in, a link must not replace their password.
        #[error("only a guest can be invited by a link")]
        NotAGuest => FailedPrecondition "NOT_A_GUEST" on "user_id",
        /// The guest came in already; another link would only be a second way in.
        #[error("this invitation was accepted")]
        AlreadyAccepted => FailedPrecondition "INVITATION_ACCEPTED",
        /// This invitation has a link for another space, guest or inviter.
        #[error("this invitation is for another space, guest or inviter")]
        Mismatch => FailedPrecondition "INVITATION_MISMATCH" on "invitation_id",
        /// The guest has a password: an invitation must not replace it.
        #[error("there is a password already; leave it out")]
        PasswordAlreadySet => FailedPrecondition "PASSWORD_ALREADY_SET" on "password",
        /// Too many passwords are being hashed; retrying later helps.
        #[error("too many passwords are being checked at once")]
        Busy => ResourceExhausted "SIGN_IN_BUSY",
    }
}

impl From<PasswordRefused> for InvitationError {
    fn from(refused: PasswordRefused) -> Self {
        match refused {
            PasswordRefused::Busy => Self::Busy,
            PasswordRefused::Common(error) => Self::Common(error),
        }
    }
}
