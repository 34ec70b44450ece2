//! Why a call on themes was refused.

use service_kit::domain_error;

domain_error! {
    /// Why a call on themes was refused.
    pub enum ThemeError in "spaces.sharedspaces" {
        /// The organisation has no such theme.
        #[error("no such theme")]
        NotFound => NotFound "THEME_NOT_FOUND" on "theme_id",
        /// The theme to put in the place of a deleted one does not exist.
        #[error("no such theme")]
        ReplacementNotFound => NotFound "THEME_NOT_FOUND" on "replacement_theme_id",
        /// Another theme of the organisation has this name, whatever its case.
        #[error("must not be the name of another theme")]
        NameTaken => AlreadyExists "THEME_NAME_TAKEN" on "name",
        /// The organisation has as many themes as it may have.
        #[error("an organisation has at most 50 themes, delete one first")]
        TooMany => ResourceExhausted "TOO_MANY_THEMES",
        /// There is no such banner.
        #[error("no such banner")]
        BannerNotFound => NotFound "BANNER_NOT_FOUND" on "banner_logo_id",
        /// Spaces use the theme, or it is the default, and no replacement was named.
        #[error("spaces use the theme or it is the default, name a replacement_theme_id")]
        InUse => FailedPrecondition "THEME_IN_USE" on "replacement_theme_id",
        /// Somebody changed the theme since it was read.
        #[error("the theme was changed since it was read, read it again")]
        Changed => Aborted "THEME_CHANGED" on "etag",
    }
}
