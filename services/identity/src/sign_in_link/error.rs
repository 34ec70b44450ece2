//! Why a call on links in mails was refused.

use crate::budget::Spent;

service_kit::domain_error! {
    /// Why a call on links in mails was refused.
    pub enum SignInLinkError in "identity.sharedspaces" {
        /// A forged, expired, used or replaced link, a wrong code, or no way in any more: all alike.
        #[error("this link or code is not valid; ask for a new one")]
        LinkRefused => NotFound "SIGN_IN_LINK_REFUSED",
        /// The link works, but in the browser that asked for it.
        #[error("this link was asked for in another browser; type the code of the mail there")]
        OtherBrowser => FailedPrecondition "OTHER_BROWSER",
        /// A forged, expired, replaced or used link to ask for access: all alike.
        #[error("this link is not valid; ask for a new one")]
        RequestLinkRefused => NotFound "REQUEST_LINK_REFUSED",
        /// There is no such organisation.
        #[error("no such organisation")]
        OrganizationNotFound => NotFound "ORGANIZATION_NOT_FOUND",
        /// Too many mails to this address or from this network, or too many links and codes that did not work.
        #[error("too many attempts; wait before the next")]
        TooManyAttempts {
            /// Until the next attempt is looked at.
            wait: std::time::Duration,
        } => ResourceExhausted "TOO_MANY_ATTEMPTS" after wait,
    }
}

impl From<Spent> for SignInLinkError {
    fn from(Spent { wait }: Spent) -> Self {
        Self::TooManyAttempts { wait }
    }
}
