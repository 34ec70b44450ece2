//! Why a call on organisations was refused.

use crate::person::PasswordRefused;

service_kit::domain_error! {
    /// Why a call on organisations was refused.
    pub enum OrganizationError in "identity.sharedspaces" {
        /// There is no such organisation.
        #[error("no such organisation")]
        NotFound => NotFound "ORGANIZATION_NOT_FOUND",
        /// The slug belongs to another organisation, or did.
        #[error("this slug is taken")]
        SlugTaken => AlreadyExists "SLUG_TAKEN" on "slug",
        /// The organisation was changed since the etag was read; read again.
        #[error("the organisation was changed by somebody else; read it again")]
        Changed => Aborted "ORGANIZATION_CHANGED" on "etag",
        /// Too many passwords are being hashed; retrying later helps.
        #[error("too many passwords are being checked at once")]
        Busy => ResourceExhausted "SIGN_IN_BUSY",
    }
}

impl From<PasswordRefused> for OrganizationError {
    fn from(refused: PasswordRefused) -> Self {
        match refused {
            PasswordRefused::Busy => Self::Busy,
            PasswordRefused::Common(error) => Self::Common(error),
        }
    }
}
