//! Why a password was not set.

use crate::budget::Spent;
use crate::person::PasswordRefused;

service_kit::domain_error! {
    /// Why a password was not set.
    pub enum CredentialError in "identity.sharedspaces" {
        /// There is a password: change it.
        #[error("there is a password already; change it instead")]
        AlreadySet => FailedPrecondition "PASSWORD_ALREADY_SET",
        /// The old password is wrong, or there is none.
        #[error("the old password is wrong")]
        Refused => PermissionDenied "PASSWORD_REFUSED",
        /// A forged, expired, used or replaced link, or no way in any more: all alike.
        #[error("this link is not valid; ask for a new one")]
        LinkRefused => NotFound "SIGN_IN_LINK_REFUSED",
        /// The caller has no way in any more.
        #[error("no such person")]
        PersonNotFound => NotFound "PERSON_NOT_FOUND",
        /// Too many passwords are being hashed; retrying later helps.
        #[error("too many passwords are being checked at once")]
        Busy => ResourceExhausted "SIGN_IN_BUSY",
        /// Too many wrong passwords for this account, or too many links from this network that did not work.
        #[error("too many attempts; wait before the next")]
        TooManyAttempts {
            /// Until the next attempt is looked at.
            wait: std::time::Duration,
        } => ResourceExhausted "TOO_MANY_ATTEMPTS" after wait,
    }
}

impl From<Spent> for CredentialError {
    fn from(Spent { wait }: Spent) -> Self {
        Self::TooManyAttempts { wait }
    }
}

impl From<PasswordRefused> for CredentialError {
    fn from(refused: PasswordRefused) -> Self {
        match refused {
            PasswordRefused::Busy => Self::Busy,
            PasswordRefused::Common(error) => Self::Common(error),
        }
    }
}
