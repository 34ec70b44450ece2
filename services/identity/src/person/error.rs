//! Why a call on people was refused.

use super::PasswordRefused;

service_kit::domain_error! {
    /// Why a call on people was refused.
    pub enum PersonError in "identity.sharedspaces" {
        /// There is no such person in the organisation.
        #[error("no such person")]
        NotFound => NotFound "PERSON_NOT_FOUND",
        /// There is no such organisation.
        #[error("no such organisation")]
        OrganizationNotFound => NotFound "ORGANIZATION_NOT_FOUND",
        /// There is no such member in the organisation.
        #[error("no such member")]
        MemberNotFound => NotFound "MEMBER_NOT_FOUND",
        /// The organisation would be left without an admin who can come in.
        #[error("this is the last admin: make another member an admin first")]
        LastAdmin => FailedPrecondition "LAST_ADMIN" on "user_id",
        /// The caller's role was taken after the access token was issued.
        #[error("only admins of the organisation may do this")]
        NotAnAdmin => PermissionDenied "ADMINS_ONLY",
        /// The address belongs to another member or guest of the organisation.
        #[error("this address is taken")]
        AddressTaken => AlreadyExists "ADDRESS_TAKEN" on "member.email_address",
        /// Members keep their own profiles, and admins their names.
        #[error("this person is a member, not a guest")]
        NotAGuest => FailedPrecondition "NOT_A_GUEST" on "user_id",
        /// Too many passwords are being hashed; retrying later helps.
        #[error("too many passwords are being checked at once")]
        Busy => ResourceExhausted "SIGN_IN_BUSY",
    }
}

impl From<PasswordRefused> for PersonError {
    fn from(refused: PasswordRefused) -> Self {
        match refused {
            PasswordRefused::Busy => Self::Busy,
            PasswordRefused::Common(error) => Self::Common(error),
        }
    }
}
