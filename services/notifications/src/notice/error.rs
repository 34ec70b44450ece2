//! Why a call on notices was refused.

service_kit::domain_error! {
    /// Why a call on notices was refused.
    pub enum NoticeError in "notifications.sharedspaces" {
        /// A person has as many open streams as one may have.
        #[error("there are five open streams already; close one first")]
        TooManyStreams => ResourceExhausted "TOO_MANY_STREAMS",
        /// A stream was ended because the session has ended or the access token has expired: call again with a new one.
        #[error("the session has ended, or the access token has expired")]
        SessionEnded => Unauthenticated "SESSION_ENDED",
    }
}
