//! Key pairs: made, sealed, opened, and put together to a set.

use std::fmt;

use anyhow::{Context, anyhow};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, OctetKeyPairParameters,
    OctetKeyPairType, PublicKeyUse,
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use secrecy::SecretString;
use serde::Serialize;
use service_kit::seal::Sealer;
use service_kit::verify::ACCESS_TOKEN_TYPE;

/// A new key pair, sealed.
pub(super) struct NewKey {
    pub(super) kid: String,
    pub(super) public_key: Vec<u8>,
    pub(super) sealed_private_key: Vec<u8>,
}

impl NewKey {
    /// Makes an Ed25519 key pair (RFC 8032).
    pub(super) fn generate(kid: &str, sealer: &Sealer) -> anyhow::Result<Self> {
        let private_key =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| anyhow!("no key pair"))?;
        let pair = Ed25519KeyPair::from_pkcs8(private_key.as_ref()).map_err(|_| anyhow!("no key pair"))?;
        Ok(Self {
            kid: kid.to_owned(),
            public_key: pair.public_key().as_ref().to_vec(),
            sealed_private_key: sealer.seal(private_key.as_ref(), kid.as_bytes())?,
        })
    }
}

/// A key that will sign.
#[derive(Clone, Debug)]
pub(crate) struct NextKey {
    pub(crate) kid: String,
    /// Signs from here on.
    pub(crate) not_before: DateTime<Utc>,
}

/// A key as it is stored.
pub(super) struct StoredKey {
    pub(super) kid: String,
    pub(super) public_key: Vec<u8>,
    pub(super) sealed_private_key: Vec<u8>,
    /// Its time to sign has come.
    pub(super) signs: bool,
}

/// What signs and what others verify with.
pub(super) struct KeySet {
    header: Header,
    signer: EncodingKey,
    public: JwkSet,
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet").field("kid", &self.header.kid).finish_non_exhaustive()
    }
}

impl KeySet {
    /// Opens the key that signs: the last of `stored` whose time has come.
    pub(super) fn open(stored: &[StoredKey], sealer: &Sealer) -> anyhow::Result<Self> {
        let signing = stored.iter().rfind(|key| key.signs).context("no key can sign")?;
        let private_key = sealer
            .open(&signing.sealed_private_key, signing.kid.as_bytes())
            .context("setting key_encryption_key is not the key that the signing keys were sealed with")?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(ACCESS_TOKEN_TYPE.to_owned());
        header.kid = Some(signing.kid.clone());
        let signer = EncodingKey::from_ed_der(&private_key);
        let public = JwkSet { keys: stored.iter().map(jwk).collect() };
        Ok(Self { header, signer, public })
    }

    /// Signs claims.
    pub(super) fn sign(&self, claims: &impl Serialize) -> anyhow::Result<SecretString> {
        Ok(SecretString::from(
            encode(&self.header, claims, &self.signer).context("a token could not be signed")?,
        ))
    }

    /// Returns the public keys.
    pub(super) fn public(&self) -> &JwkSet {
        &self.public
    }
}

/// Writes a public key as RFC 8037 does.
fn jwk(key: &StoredKey) -> Jwk {
    Jwk {
        common: CommonParameters {
            public_key_use: Some(PublicKeyUse::Signature),
            key_algorithm: Some(KeyAlgorithm::EdDSA),
            key_id: Some(key.kid.clone()),
            ..CommonParameters::default()
        },
        algorithm: AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
            key_type: OctetKeyPairType::OctetKeyPair,
            curve: EllipticCurve::Ed25519,
            x: URL_SAFE_NO_PAD.encode(&key.public_key),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    fn sealer(byte: u8) -> Sealer {
        Sealer::try_new(&SecretString::from(STANDARD.encode([byte; 32]))).unwrap()
    }

    fn stored(kid: &str, signs: bool) -> StoredKey {
        let NewKey { kid, public_key, sealed_private_key } = NewKey::generate(kid, &sealer(1)).unwrap();
        StoredKey { kid, public_key, sealed_private_key, signs }
    }

    #[test]
    fn the_last_key_whose_time_has_come_signs_and_all_are_published() {
        let set =
            KeySet::open(&[stored("a", true), stored("b", true), stored("c", false)], &sealer(1)).unwrap();
        assert_eq!(set.header.kid.as_deref(), Some("b"));
        let published = serde_json::to_value(set.public()).unwrap();
        for (key, kid) in published["keys"].as_array().unwrap().iter().zip(["a", "b", "c"]) {
            let mut fields = key.as_object().unwrap().clone();
            assert_eq!(
                URL_SAFE_NO_PAD.decode(fields.remove("x").unwrap().as_str().unwrap()).unwrap().len(),
                32
            );
            let expected = json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid});
            assert_eq!(serde_json::Value::Object(fields), expected);
        }
    }

    #[test]
    fn a_key_opens_only_under_its_kid_and_with_the_key_it_was_sealed_with() {
        assert!(KeySet::open(&[stored("a", true)], &sealer(2)).is_err());
        let moved = StoredKey { kid: "b".to_owned(), ..stored("a", true) };
        assert!(KeySet::open(&[moved], &sealer(1)).is_err());
        assert!(KeySet::open(&[], &sealer(1)).is_err());
    }
}
