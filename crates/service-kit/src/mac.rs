//! Keyed hashes.
//!
//! Owns HMAC-SHA256 (RFC 2104) with a key of the service's own. Each use has a purpose that is hashed first, and each part
//! is preceded by its length, so that no two uses and no two lists of parts can give the same hash by accident.

use std::fmt;

use anyhow::anyhow;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

/// Length of a keyed hash, in bytes.
pub const MAC_BYTES: usize = 32;

/// Makes keyed hashes.
#[derive(Clone)]
pub struct MacKey(hmac::Key);

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(…)")
    }
}

impl MacKey {
    /// Returns a key of 32 bytes, written in base64. Errors say what was expected, never what was given.
    pub fn try_new(key: &SecretString) -> anyhow::Result<Self> {
        let bytes = STANDARD.decode(key.expose_secret()).unwrap_or_default();
        if bytes.len() != MAC_BYTES {
            return Err(anyhow!("the key must be 32 bytes in base64"));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// Returns the keyed hash of `parts` for a purpose.
    pub fn hash(&self, purpose: &str, parts: &[&[u8]]) -> [u8; MAC_BYTES] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [purpose.as_bytes()].iter().chain(parts) {
            // Lengths in memory fit 64 bits on every platform there is.
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let mut hash = [0; MAC_BYTES];
        hash.copy_from_slice(context.sign().as_ref());
        hash
    }

    /// Tells whether `hash` is the keyed hash of `parts` for a purpose, in a time that does not depend on where it differs.
    pub fn verify(&self, purpose: &str, parts: &[&[u8]], hash: &[u8]) -> bool {
        let mut message = Vec::new();
        for part in [purpose.as_bytes()].iter().chain(parts) {
            message.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            message.extend(*part);
        }
        hmac::verify(&self.0, &message, hash).is_ok()
    }

    /// Returns the keyed hash of a secret as text that may stand in the secret's place.
    pub fn stand_in(&self, purpose: &str, secret: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.hash(purpose, &[secret.as_bytes()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> MacKey {
        MacKey::try_new(&SecretString::from(STANDARD.encode([byte; 32]))).unwrap()
    }

    #[test]
    fn a_hash_depends_on_key_purpose_and_each_part() {
        let base = key(1).hash("a", &[b"b", b"c"]);
        assert_eq!(base, key(1).hash("a", &[b"b", b"c"]));
        assert_ne!(base, key(2).hash("a", &[b"b", b"c"]));
        assert_ne!(base, key(1).hash("ab", &[b"", b"c"]));
        assert_ne!(base, key(1).hash("a", &[b"bc"]));
        assert_ne!(base, key(1).hash("a", &[b"bc", b""]));
    }

    #[test]
    fn a_hash_is_verified_whole_and_for_its_key_purpose_and_parts_only() {
        let hash = key(1).hash("a", &[b"b", b"c"]);
        assert!(key(1).verify("a", &[b"b", b"c"], &hash));
        assert!(!key(2).verify("a", &[b"b", b"c"], &hash));
        assert!(!key(1).verify("b", &[b"b", b"c"], &hash));
        assert!(!key(1).verify("a", &[b"bc"], &hash));
        for at in 0..hash.len() {
            let mut changed = hash;
            changed[at] ^= 1;
            assert!(!key(1).verify("a", &[b"b", b"c"], &changed), "byte {at}");
            assert!(!key(1).verify("a", &[b"b", b"c"], &hash[..at]), "{at} bytes");
        }
    }

    #[test]
    fn a_key_of_another_length_is_refused_without_being_told() {
        for length in [0, 31, 33] {
            let text = STANDARD.encode(vec![7; length]);
            let error = MacKey::try_new(&SecretString::from(text)).unwrap_err().to_string();
            assert_eq!(error, "the key must be 32 bytes in base64");
        }
        assert_eq!(format!("{:?}", key(1)), "MacKey(…)");
    }
}
