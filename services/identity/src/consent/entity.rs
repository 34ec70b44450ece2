//! Notices and consents.

use std::fmt;

use chrono::{DateTime, Utc};
use ring::digest::{SHA256, digest};
use service_kit::ids::UserId;
use tonic::metadata::MetadataMap;
use uuid::Uuid;

use crate::locale::Locale;
use crate::mac::MacKey;
use crate::organization::Organization;

const ENGLISH: &str = include_str!("../../notices/en.txt");
const FRENCH: &str = include_str!("../../notices/fr.txt");
const GERMAN: &str = include_str!("../../notices/de.txt");
/// Longest text of a notice, in characters.
pub(crate) const NOTICE_TEXT_MAX: usize = 20_000;
/// What is kept of what a client says of itself, in characters.
const USER_AGENT_MAX: usize = 255;
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
    /// Returns a notice to publish.
    pub(super) fn new(
        privacy_notice_id: Uuid,
        NoticeText { locale, text }: NoticeText,
        (version, is_material): (i32, bool),
        publish_time: DateTime<Utc>,
    ) -> Self {
        let sha256 = sha256_hex(&text);
        Self { privacy_notice_id, version, locale, text, sha256, publish_time, is_material }
    }

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

/// The text of a notice to publish, in one language, checked.
#[derive(Clone, Debug)]
pub(crate) struct NoticeText {
    pub(crate) locale: Locale,
    pub(crate) text: String,
}

/// A version of the notice to publish, checked but for the organisation's own language.
#[derive(Clone, Debug)]
pub(crate) struct NewNotice {
    pub(crate) texts: Vec<NoticeText>,
    pub(crate) is_material: bool,
}

service_kit::text_enum! {
    /// What a person did about the notice.
    pub(crate) enum Action {
        /// Agreed.
        Given = "GIVEN",
        /// Took the consent back.
        Withdrawn = "WITHDRAWN",
    }
}

service_kit::text_enum! {
    /// How a person did it.
    pub(crate) enum Via {
        /// On the page of an invitation.
        Invitation = "INVITATION",
        /// On a page for signed-in people.
        Account = "ACCOUNT",
    }
}

/// What a person does about which text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deed {
    pub(crate) action: Action,
    pub(crate) via: Via,
    pub(crate) privacy_notice_id: Uuid,
}

/// An entry of the ledger.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) consent_id: Uuid,
    /// Counts up from 1 per organisation, without a gap.
    pub(crate) sequence: i64,
    pub(crate) user_id: UserId,
    pub(crate) action: Action,
    pub(crate) privacy_notice_id: Uuid,
    pub(crate) notice_version: i32,
    pub(crate) notice_locale: Locale,
    pub(crate) notice_sha256: String,
    pub(crate) via: Via,
    pub(crate) create_time: DateTime<Utc>,
    /// Over this entry and the one before it.
    pub(crate) hash: Vec<u8>,
}

/// What the verification of a ledger found.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) entry_count: i64,
    /// Of the newest entry.
    pub(crate) head_hash: Option<Vec<u8>>,
    /// The first entry that does not hold; 0: none.
    pub(crate) first_broken_sequence: i64,
}

/// Where a consent came from, as far as it is known. Its `Debug` shows neither.
#[derive(Clone, Default)]
pub(crate) struct Origin {
    /// The client's network; only ever hashed.
    pub(crate) network: Option<String>,
    /// What the client says of itself, cut to [`USER_AGENT_MAX`].
    pub(crate) user_agent: String,
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Origin(…)")
    }
}

impl Origin {
    /// Returns where a request came from: `network` and the header `user-agent`.
    pub(crate) fn new(network: Option<String>, metadata: &MetadataMap) -> Self {
        let user_agent = metadata.get("user-agent").and_then(|value| value.to_str().ok()).unwrap_or_default();
        Self { network, user_agent: user_agent.chars().take(USER_AGENT_MAX).collect() }
    }

    /// Returns the keyed hash of the client's network.
    pub(super) fn client_mac(&self, mac: &MacKey) -> Option<Vec<u8>> {
        self.network.as_ref().map(|network| mac.hash("consent client", &[network.as_bytes()]).to_vec())
    }
}

/// Writes a hash in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn sha256_hex(text: &str) -> String {
    hex(digest(&SHA256, text.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_says_of_itself_is_kept_up_to_its_limit_and_cut_beyond() {
        for (given, kept) in [(0, 0), (255, 255), (256, 255)] {
            let mut metadata = MetadataMap::new();
            metadata.insert("user-agent", "x".repeat(given).parse().unwrap());
            assert_eq!(Origin::new(None, &metadata).user_agent.len(), kept);
        }
        assert_eq!(Origin::new(None, &MetadataMap::new()).user_agent, "");
    }

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
