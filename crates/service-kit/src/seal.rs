//! Secrets at rest.
//!
//! Owns sealing with AES-256-GCM (NIST SP 800-38D) over ring: a random 96-bit nonce before the ciphertext, and
//! associated data that ties the secret to its row. One key seals far fewer than the 2^32 secrets that random nonces
//! allow. Must not log, print or compare what it opens.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};

/// Seals and opens secrets with one key.
pub struct Sealer {
    key: LessSafeKey,
    random: SystemRandom,
}

/// A sealed secret cannot be opened or made.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum SealError {
    /// The key is not 32 bytes in base64.
    #[error("the key must be 32 bytes in base64")]
    BadKey,
    /// The text was changed, moved to another row, or sealed with another key.
    #[error("the sealed secret does not open")]
    DoesNotOpen,
    /// The system had no randomness to give.
    #[error("the system has no randomness to give")]
    NoRandomness,
}

impl Sealer {
    /// Returns a sealer for a key of 32 bytes, written in base64.
    pub fn try_new(key: &SecretString) -> Result<Self, SealError> {
        let bytes = STANDARD.decode(key.expose_secret()).map_err(|_| SealError::BadKey)?;
        let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| SealError::BadKey)?;
        Ok(Self { key: LessSafeKey::new(key), random: SystemRandom::new() })
    }

    /// Seals `secret`; `bound_to` names the row it belongs to.
    pub fn seal(&self, secret: &[u8], bound_to: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(|_| SealError::NoRandomness)?;
        let mut text = secret.to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(unique, Aad::from(bound_to), &mut text)
            .map_err(|_| SealError::DoesNotOpen)?;
        Ok([nonce.as_slice(), &text].concat())
    }

    /// Opens what [`Self::seal`] made with the same key and `bound_to`.
    pub fn open(&self, sealed: &[u8], bound_to: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError::DoesNotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::DoesNotOpen)?;
        let mut text = text.to_vec();
        let opened = self
            .key
            .open_in_place(nonce, Aad::from(bound_to), &mut text)
            .map_err(|_| SealError::DoesNotOpen)?;
        Ok(opened.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(byte: u8) -> Sealer {
        Sealer::try_new(&SecretString::from(STANDARD.encode([byte; 32]))).unwrap()
    }

    #[test]
    fn a_sealed_secret_opens_only_whole_in_its_row_and_with_its_key() {
        let sealed = sealer(1).seal(b"token", b"acme/1").unwrap();
        assert_eq!(sealer(1).open(&sealed, b"acme/1").unwrap(), b"token");
        assert!(sealer(1).open(&sealed, b"globex/1").is_err());
        assert!(sealer(2).open(&sealed, b"acme/1").is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(sealer(1).open(&changed, b"acme/1").is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        for length in [0, 31, 33] {
            assert!(Sealer::try_new(&SecretString::from(STANDARD.encode(vec![0; length]))).is_err());
        }
    }
}
