//! The languages there are texts in.

use service_kit::validate::Violations;

service_kit::text_enum! {
    /// A language, as a BCP 47 tag.
    pub(crate) enum Locale {
        /// English.
        English = "en",
        /// French.
        French = "fr",
        /// German.
        German = "de",
    }
}

impl Locale {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::English, Self::French, Self::German];

    /// Reads a language that may be left out.
    pub(crate) fn read_optional(check: &mut Violations, field: &str, value: &str) -> Option<Self> {
        if value.is_empty() {
            return None;
        }
        let locale = Self::find(value);
        if locale.is_none() {
            check.add(field, "must be en, fr, de or empty");
        }
        locale
    }

    /// Reads a language that must be given.
    pub(crate) fn read(check: &mut Violations, field: &str, value: &str) -> Self {
        Self::find(value).unwrap_or_else(|| {
            check.add(field, "must be en, fr or de");
            Self::English
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_without_texts_is_refused_and_an_absent_one_only_where_it_is_needed() {
        let mut check = Violations::default();
        assert_eq!(Locale::read(&mut check, "locale", "fr"), Locale::French);
        assert_eq!(Locale::read_optional(&mut check, "locale", ""), None);
        assert!(check.clone().into_result().is_ok());
        Locale::read(&mut check, "a", "");
        Locale::read_optional(&mut check, "b", "it");
        assert_eq!(check.into_result().unwrap_err().iter().count(), 2);
    }
}
