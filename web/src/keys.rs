//! The keys that cookies are sealed with.
//!
//! Owns that there may be two of them while the key is changed: what is new is sealed with one, and both are opened.

use anyhow::Context;
use secrecy::SecretString;
use service_kit::seal::{SealError, Sealer};

/// The key, and the one before or after it.
pub(crate) struct Keys {
    current: Sealer,
    other: Option<Sealer>,
}

impl Keys {
    /// Reads the keys.
    ///
    /// # Errors
    /// Fails where one is not 32 bytes in base64, with the name of its setting.
    pub(crate) fn new(current: &SecretString, other: Option<&SecretString>) -> anyhow::Result<Self> {
        Ok(Self {
            current: Sealer::try_new(current).context("setting key")?,
            other: other.map(Sealer::try_new).transpose().context("setting other_key")?,
        })
    }

    /// Seals with the key.
    pub(crate) fn seal(&self, secret: &[u8], bound_to: &[u8]) -> Result<Vec<u8>, SealError> {
        self.current.seal(secret, bound_to)
    }

    /// Opens what either key sealed.
    pub(crate) fn open(&self, sealed: &[u8], bound_to: &[u8]) -> Result<Vec<u8>, SealError> {
        let opened = self.current.open(sealed, bound_to);
        opened.or_else(|error| self.other.as_ref().ok_or(error)?.open(sealed, bound_to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    fn key(byte: u8) -> SecretString {
        SecretString::from(STANDARD.encode([byte; 32]))
    }

    #[test]
    fn replicas_open_each_others_cookies_in_every_step_of_changing_the_key() {
        let before = Keys::new(&key(1), None).unwrap();
        let taught = Keys::new(&key(1), Some(&key(2))).unwrap();
        let changed = Keys::new(&key(2), Some(&key(1))).unwrap();
        let after = Keys::new(&key(2), None).unwrap();
        for (one, other) in [(&before, &taught), (&taught, &changed), (&changed, &after)] {
            for (sealing, opening) in [(one, other), (other, one)] {
                let sealed = sealing.seal(b"session", b"name").unwrap();
                assert_eq!(opening.open(&sealed, b"name").unwrap(), b"session");
            }
        }
        let long_ago = before.seal(b"session", b"name").unwrap();
        assert!(after.open(&long_ago, b"name").is_err());
        let told = Keys::new(&key(1), Some(&SecretString::from("short"))).err().unwrap();
        assert!(format!("{told:#}").contains("other_key"), "{told:#}");
    }
}
