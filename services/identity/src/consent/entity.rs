//! Notices and consents.

use chrono::{DateTime, Utc};
use ring::digest::{SHA256, digest};
use service_kit::ids::{OrganizationId, UserId};
use uuid::Uuid;

use crate::locale::Locale;
use crate::organization::Organization;

const ENGLISH: &str = include_str!("../../notices/en.txt");
const FRENCH: &str = include_str!("../../notices/fr.txt");
const GERMAN: &str = include_str!("../../notices/de.txt");
/// Stands for the organisation's name in the built-in texts.
const PLACEHOLDER: &str = "{organization}";

/// One version of a notice in one language.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    pub(crate) privacy_notice_id: Uuid,
    /// Counts up from 1; all languages of a version share it.
    pub(crate) version: i32,
    pub(crate) locale: Locale,
    pub(crate) text: String,
    /// Of the text in UTF-8, in hexadecimal.
    pub(crate) sha256: String,
    pub(crate) publish_time: DateTime<Utc>,
    /// Consent to an earlier version does not stand for this one.
    pub(crate) is_material: bool,
}

impl Notice {
    /// Returns the first notice of an organisation, made from the built-in text.
    pub(crate) fn built_in(id: Uuid, organization: &Organization, locale: Locale) -> Self {
        let template = match locale {
            Locale::English => ENGLISH,
            Locale::French => FRENCH,
            Locale::German => GERMAN,
        };
        let text = template.replace(PLACEHOLDER, &organization.display_name);
        Self {
            privacy_notice_id: id,
            version: 1,
            locale,
            sha256: sha256_hex(&text),
            text,
            publish_time: organization.create_time,
            is_material: false,
        }
    }
}

/// Somebody agreed to a notice.
#[derive(Clone, Debug)]
pub(crate) struct Consent<'a> {
    pub(crate) consent_id: Uuid,
    pub(crate) organization_id: OrganizationId,
    pub(crate) user_id: UserId,
    pub(crate) notice: &'a Notice,
}

fn sha256_hex(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_text_is_in_hexadecimal() {
        assert_eq!(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn the_built_in_texts_have_the_same_sections_and_name_the_organisation() {
        let sections =
            |text: &str| text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).count();
        for text in [ENGLISH, FRENCH, GERMAN] {
            assert_eq!(sections(text), 8);
            assert!(text.contains(PLACEHOLDER));
            assert_eq!(text.matches('{').count(), text.matches(PLACEHOLDER).count());
        }
    }
}
