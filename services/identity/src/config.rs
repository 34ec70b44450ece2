//! The settings of identity alone.

use std::num::NonZeroU32;

use anyhow::bail;
use chrono::TimeDelta;
use secrecy::SecretString;
use serde::Deserialize;
use service_kit::config::secret;
use url::Url;

/// The settings of identity, beside those that every service has.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// Where the web client is; links of new organisations lead there.
    pub web_base_url: Url,
    /// Seals the private signing keys: 32 bytes in base64.
    #[serde(deserialize_with = "secret")]
    pub key_encryption_key: SecretString,
    /// Makes the tokens in links, and hashes what must not be stored in clear: 32 bytes in base64.
    #[serde(deserialize_with = "secret")]
    pub link_key: SecretString,
    /// How many proxies in front of this service write `x-forwarded-for`. 0: the header is ignored, and the peer of the
    /// connection is the client.
    #[serde(default)]
    pub trusted_proxies: usize,
    /// How many calls of signing in each replica answers per second and client network, with twice as many at once.
    #[serde(default = "public_calls_per_second")]
    pub public_calls_per_second: NonZeroU32,
    /// After how many days the signing key is replaced, 1–365.
    #[serde(default = "key_rotation_days")]
    pub key_rotation_days: u16,
}

fn public_calls_per_second() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(19)
}

fn key_rotation_days() -> u16 {
    30
}

impl Settings {
    /// Returns how long a key signs. Errors where the setting is out of its limits.
    pub fn key_rotation(&self) -> anyhow::Result<TimeDelta> {
        if !(1..=365).contains(&self.key_rotation_days) {
            bail!("setting key_rotation_days: must be 1 to 365");
        }
        Ok(TimeDelta::days(i64::from(self.key_rotation_days)))
    }

    /// Returns [`Self::web_base_url`] without a trailing slash.
    pub fn base_url(&self) -> String {
        self.web_base_url.as_str().trim_end_matches('/').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(web_base_url: &str) -> Settings {
        Settings {
            web_base_url: web_base_url.parse().unwrap(),
            key_encryption_key: SecretString::default(),
            link_key: SecretString::default(),
            trusted_proxies: 0,
            public_calls_per_second: public_calls_per_second(),
            key_rotation_days: key_rotation_days(),
        }
    }

    #[test]
    fn keys_are_replaced_after_1_to_365_days() {
        for (days, is_taken) in [(0, false), (1, true), (365, true), (366, false)] {
            let settings = Settings { key_rotation_days: days, ..settings("https://share.example") };
            assert_eq!(settings.key_rotation().is_ok(), is_taken, "{days}");
        }
    }

    #[test]
    fn the_base_url_has_no_trailing_slash() {
        for (given, expected) in [
            ("https://share.example", "https://share.example"),
            ("https://share.example/", "https://share.example"),
            ("https://share.example/app/", "https://share.example/app"),
        ] {
            assert_eq!(settings(given).base_url(), expected);
        }
    }
}
