//! Why a link to get out of mails was refused.

service_kit::domain_error! {
    /// Why a link to get out of mails was refused.
    pub enum UnsubscribeError in "notifications.sharedspaces" {
        /// The link was not made here, or not whole.
        #[error("this link is not good")]
        LinkRefused => NotFound "UNSUBSCRIBE_LINK_REFUSED",
    }
}
