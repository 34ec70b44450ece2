//! Cookies.
//!
//! Owns their names, what they are sealed with, and how long they live. All are `__Host-` cookies: only over a secure
//! connection (or on the machine itself), only from this origin, never readable by scripts.

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::keys::Keys;

/// Who is signed in; sealed.
pub(crate) const SESSION: Name = Name { name: "__Host-session", max_age_seconds: 30 * 86_400 };
/// Binds a sign-in link and its code to this browser; sealed.
pub(crate) const LOGIN: Name = Name { name: "__Host-login", max_age_seconds: 900 };
/// Lets a known device cause no notice; sealed.
pub(crate) const DEVICE: Name = Name { name: "__Host-device", max_age_seconds: 365 * 86_400 };
/// The organisation last signed in to.
pub(crate) const ORGANIZATION: Name = Name { name: "__Host-organization", max_age_seconds: 365 * 86_400 };
/// The language chosen on the page.
pub(crate) const LANGUAGE: Name = Name { name: "__Host-language", max_age_seconds: 365 * 86_400 };
/// List or gallery.
pub(crate) const VIEW: Name = Name { name: "__Host-view", max_age_seconds: 365 * 86_400 };

/// A cookie's name and how long it lives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    pub(crate) name: &'static str,
    max_age_seconds: u32,
}

impl Name {
    /// Returns the header that keeps `value`; what is not fit for a cookie keeps nothing.
    pub(crate) fn keep(self, value: &str) -> HeaderValue {
        let fit = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !value.chars().all(fit) {
            return self.forget();
        }
        self.header(value, self.max_age_seconds)
    }

    /// Returns the header that takes the cookie away.
    pub(crate) fn forget(self) -> HeaderValue {
        self.header("", 0)
    }

    /// Finds what the browser sent.
    pub(crate) fn find(self, headers: &HeaderMap) -> Option<&str> {
        let all = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
        let mut pairs =
            all.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == self.name).map(|(_, value)| value).filter(|value| !value.is_empty())
    }

    fn header(self, value: &str, max_age_seconds: u32) -> HeaderValue {
        let Self { name, .. } = self;
        let text =
            format!("{name}={value}; Path=/; Max-Age={max_age_seconds}; Secure; HttpOnly; SameSite=Lax");
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    /// Seals what only this client may read, and returns the header that keeps it.
    pub(crate) fn seal<T: Serialize>(self, keys: &Keys, value: &T) -> anyhow::Result<HeaderValue> {
        let sealed = keys.seal(&serde_json::to_vec(value)?, self.name.as_bytes())?;
        Ok(self.keep(&URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// Opens what [`Self::seal`] kept; what was changed or sealed with another key is as if it were not there.
    pub(crate) fn open<T: DeserializeOwned>(self, keys: &Keys, headers: &HeaderMap) -> Option<T> {
        let sealed = URL_SAFE_NO_PAD.decode(self.find(headers)?).ok()?;
        let opened = keys.open(&sealed, self.name.as_bytes()).ok()?;
        serde_json::from_slice(&opened).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;
    use secrecy::SecretString;

    fn keys(byte: u8) -> Keys {
        Keys::new(&SecretString::from(STANDARD.encode([byte; 32])), None).unwrap()
    }

    fn sent_back(kept: &HeaderValue) -> HeaderMap {
        let pair = kept.to_str().unwrap().split(';').next().unwrap().to_owned();
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(&format!("a=b; {pair}")).unwrap())])
    }

    #[test]
    fn a_cookie_is_for_this_host_alone_and_no_script_reads_it() {
        let kept = SESSION.keep("abc");
        let text = kept.to_str().unwrap();
        for part in ["__Host-session=abc", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("Domain"));
    }

    #[test]
    fn a_sealed_cookie_opens_only_under_its_own_name_and_whole() {
        let sealer = keys(7);
        let kept = SESSION.seal(&sealer, &"secret").unwrap();
        assert!(!kept.to_str().unwrap().contains("secret"));
        let headers = sent_back(&kept);
        assert_eq!(SESSION.open::<String>(&sealer, &headers).as_deref(), Some("secret"));
        let moved = kept.to_str().unwrap().replace("__Host-session", "__Host-login");
        let moved = sent_back(&HeaderValue::from_str(&moved).unwrap());
        assert_eq!(LOGIN.open::<String>(&sealer, &moved), None);
        let other = keys(8);
        assert_eq!(SESSION.open::<String>(&other, &headers), None);
    }

    #[test]
    fn a_value_that_could_add_an_attribute_is_not_kept() {
        assert!(LANGUAGE.keep("en; Domain=evil").to_str().unwrap().contains("Max-Age=0"));
    }
}
