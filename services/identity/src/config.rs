//! The settings of identity alone.

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
}

impl Settings {
    /// Returns [`Self::web_base_url`] without a trailing slash.
    pub fn base_url(&self) -> String {
        self.web_base_url.as_str().trim_end_matches('/').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_url_has_no_trailing_slash() {
        for (given, expected) in [
            ("https://share.example", "https://share.example"),
            ("https://share.example/", "https://share.example"),
            ("https://share.example/app/", "https://share.example/app"),
        ] {
            let settings = Settings {
                web_base_url: given.parse().unwrap(),
                key_encryption_key: SecretString::default(),
                link_key: SecretString::default(),
            };
            assert_eq!(settings.base_url(), expected);
        }
    }
}
