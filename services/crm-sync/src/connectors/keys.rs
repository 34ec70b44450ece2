//! Private keys that admins give for signing in.
//!
//! Owns reading them. Signing is ring's and `service_kit::jwt`'s; must not log or show a key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{KeyPair, RsaKeyPair};
use secrecy::{ExposeSecret, SecretString};

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// The shortest modulus that is taken, in bytes: 2,048 bits.
const MODULUS_MIN_BYTES: usize = 256;

/// The text is no key that can be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("must be a private key in PKCS #8 PEM (BEGIN PRIVATE KEY), RSA of 2,048 to 4,096 bits")]
pub(crate) struct KeyRefused;

/// Reads the bytes (PKCS #8 DER) of an RSA key that signs.
pub(crate) fn rsa_der(pem: &SecretString) -> Result<Vec<u8>, KeyRefused> {
    let der = der(pem.expose_secret(), BEGIN, END).ok_or(KeyRefused)?;
    rsa_key(&der)?;
    Ok(der)
}

/// Reads an RSA key from its bytes.
pub(crate) fn rsa_key(der: &[u8]) -> Result<RsaKeyPair, KeyRefused> {
    let key = RsaKeyPair::from_pkcs8(der).map_err(|_| KeyRefused)?;
    if key.public_key().modulus_len() < MODULUS_MIN_BYTES { Err(KeyRefused) } else { Ok(key) }
}

/// Reads the one block between `begin` and `end` (RFC 7468); around it only white space may stand.
pub(crate) fn der(text: &str, begin: &str, end: &str) -> Option<Vec<u8>> {
    let inside = text.trim().strip_prefix(begin)?.strip_suffix(end)?;
    let digits: String = inside.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(digits).ok()
}
