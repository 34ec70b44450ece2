//! Why a call on preferences was refused.

service_kit::domain_error! {
    /// Why a call on preferences was refused: what every aggregate can meet, and nothing else.
    pub enum PreferenceError in "notifications.sharedspaces" {}
}
