//! Why a call on deliveries was refused.

service_kit::domain_error! {
    /// Why a call on deliveries was refused.
    pub enum DeliveryError in "notifications.sharedspaces" {
        /// The organisation has no such delivery.
        #[error("no such delivery")]
        NotFound => NotFound "DELIVERY_NOT_FOUND",
        /// Only a mail that failed for good can be sent once more.
        #[error("this mail has not failed")]
        NotFailed => FailedPrecondition "DELIVERY_NOT_FAILED",
    }
}
