//! Why a call on notices or consents was refused.

service_kit::domain_error! {
    /// Why a call on notices or consents was refused.
    pub enum ConsentError in "identity.sharedspaces" {
        /// There is no such organisation.
        #[error("no such organisation")]
        OrganizationNotFound => NotFound "ORGANIZATION_NOT_FOUND",
    }
}
