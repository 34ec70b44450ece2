//! The settings of identity alone.

use std::num::NonZeroU32;

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
}

fn public_calls_per_second() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(19)
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
                trusted_proxies: 0,
                public_calls_per_second: public_calls_per_second(),
            };
            assert_eq!(settings.base_url(), expected);
        }
    }
}
