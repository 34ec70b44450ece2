//! Why a call on the sharing policy was refused.

use service_kit::domain_error;

domain_error! {
    /// Why a call on the sharing policy was refused.
    pub enum PolicyError in "spaces.sharedspaces" {
        /// Somebody changed the policy since it was read.
        #[error("the sharing policy was changed since it was read, read it again")]
        Changed => Aborted "POLICY_CHANGED" on "etag",
    }
}
