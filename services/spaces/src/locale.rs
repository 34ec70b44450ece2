//! The languages that spaces writes in.
//!
//! Owns which there are. The words themselves stand where they are used.

use service_kit::validate::Violations;

service_kit::text_enum! {
    /// A language.
    pub(crate) enum Locale {
        /// English.
        En = "en",
        /// French.
        Fr = "fr",
        /// German.
        De = "de",
    }
}

impl Locale {
    /// Reads the language of a request; absent: the caller's.
    pub(crate) fn read(check: &mut Violations, field: &str, value: &str) -> Option<Self> {
        let locale = Self::find(value);
        if locale.is_none() && !value.is_empty() {
            check.add(field, "must be en, fr or de");
        }
        locale
    }
}
