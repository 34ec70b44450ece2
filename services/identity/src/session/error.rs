//! Why somebody was not let in.

use crate::budget::Spent;

service_kit::domain_error! {
    /// Why somebody was not let in.
    pub enum SessionError in "identity.sharedspaces" {
        /// Unknown organisation or address, wrong password, no password or a deactivated account: all alike.
        #[error("the address or the password is wrong")]
        CredentialsRefused => Unauthenticated "CREDENTIALS_REFUSED",
        /// Unknown, expired, used before, or its session has ended: all alike.
        #[error("the refresh token is not valid; sign in again")]
        RefreshTokenRefused => Unauthenticated "REFRESH_TOKEN_REFUSED",
        /// Too many passwords are being hashed; retrying later helps.
        #[error("too many passwords are being checked at once")]
        Busy => ResourceExhausted "SIGN_IN_BUSY",
        /// Too many attempts for this address, from this network or in this organisation, whether there is such an
        /// account or not.
        #[error("too many attempts; wait before the next")]
        TooManyAttempts {
            /// Until the next attempt is looked at.
            wait: std::time::Duration,
        } => ResourceExhausted "TOO_MANY_ATTEMPTS" after wait,
        /// There is no such organisation.
        #[error("no such organisation")]
        OrganizationNotFound => NotFound "ORGANIZATION_NOT_FOUND",
        /// The caller has no such session.
        #[error("no such session")]
        SessionNotFound => NotFound "SESSION_NOT_FOUND",
    }
}

impl From<Spent> for SessionError {
    fn from(Spent { wait }: Spent) -> Self {
        Self::TooManyAttempts { wait }
    }
}
