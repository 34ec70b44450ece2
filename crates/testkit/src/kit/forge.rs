//! Tokens with any header and any signature, right and wrong.
//!
//! Owns the keys of an issuer of people's tokens and of a cluster, and the verifier that trusts both.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use service_kit::caller::CallerKind;
use service_kit::clock::{Clock, SystemClock};
use service_kit::config::{AuthConfig, ServiceAuthConfig};
use service_kit::verify::Verifier;

pub(super) const CLUSTER: &str = "https://cluster.test";
pub(super) const PEOPLE_KID: &str = "people-1";
pub(super) const CLUSTER_KID: &str = "cluster-1";

/// The keys of both issuers, and those of somebody else.
pub(super) struct Forge {
    pub(super) people: Ed25519KeyPair,
    pub(super) cluster: EcdsaKeyPair,
    pub(super) stranger: Ed25519KeyPair,
    random: SystemRandom,
}

impl Forge {
    pub(super) fn new() -> Self {
        service_kit::jwt::install_provider();
        let random = SystemRandom::new();
        let ed = || {
            let document = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
            Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap()
        };
        let fixed = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(fixed, &random).unwrap();
        let cluster = EcdsaKeyPair::from_pkcs8(fixed, document.as_ref(), &random).unwrap();
        Self { people: ed(), cluster, stranger: ed(), random }
    }

    /// The settings of a service that trusts both issuers.
    pub(super) fn auth() -> (AuthConfig, ServiceAuthConfig) {
        let jwks_url = "http://127.0.0.1:1/jwks.json".parse().unwrap();
        let nowhere = std::path::PathBuf::from("/nonexistent");
        let service_auth = ServiceAuthConfig {
            issuer: CLUSTER.to_owned(),
            jwks_file: nowhere.clone(),
            token_file: nowhere,
            namespace: "sharedspaces".to_owned(),
        };
        (AuthConfig { issuer: crate::ISSUER.to_owned(), jwks_url }, service_auth)
    }

    /// A verifier with the keys of both issuers.
    pub(super) fn verifier(&self) -> Verifier {
        let (auth, service_auth) = Self::auth();
        let verifier = Verifier::new(auth, service_auth);
        assert!(verifier.set_people_keys(&set(&[ed_jwk(PEOPLE_KID, &self.people)])));
        assert!(verifier.set_service_keys(&set(&[self.cluster_jwk()])));
        verifier
    }

    pub(super) fn cluster_jwk(&self) -> Value {
        let point = self.cluster.public_key().as_ref();
        let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
        json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": CLUSTER_KID, "x": x, "y": y})
    }

    pub(super) fn es256(&self, header: &Value, claims: &Value) -> String {
        signed(header, claims, |message| self.cluster.sign(&self.random, message).unwrap().as_ref().to_vec())
    }

    /// A token of a person signed as it should be, with these claims.
    pub(super) fn person(&self, claims: &Value) -> String {
        eddsa(&self.people, &people_header(), claims)
    }

    /// A token of a service signed as it should be, with these claims.
    pub(super) fn service(&self, claims: &Value) -> String {
        self.es256(&cluster_header(), claims)
    }

    /// A valid token of a person that has exactly so many bytes.
    pub(super) fn person_of_length(&self, bytes: usize) -> String {
        for header_pad in 0..4 {
            let mut header = people_header();
            header["cty"] = json!("x".repeat(header_pad));
            for claims_pad in bytes / 2..bytes {
                let mut claims = person_claims();
                claims["pad"] = json!("x".repeat(claims_pad));
                let length = [header.to_string().len(), claims.to_string().len(), 64]
                    .into_iter()
                    .map(|raw| (raw * 4).div_ceil(3))
                    .sum::<usize>()
                    + 2;
                if length == bytes {
                    return eddsa(&self.people, &header, &claims);
                }
            }
        }
        panic!("no token has {bytes} bytes")
    }
}

pub(super) fn eddsa(key: &Ed25519KeyPair, header: &Value, claims: &Value) -> String {
    signed(header, claims, |message| key.sign(message).as_ref().to_vec())
}

/// Signs with the bytes of a public key as the secret, as the oldest forgery does.
pub(super) fn hs256(secret: &[u8], header: &Value, claims: &Value) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    signed(header, claims, |message| hmac::sign(&key, message).as_ref().to_vec())
}

pub(super) fn signed(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    let signature = encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn ed_jwk(kid: &str, key: &Ed25519KeyPair) -> Value {
    let x = encode(key.public_key().as_ref());
    json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": kid, "x": x})
}

pub(super) fn set(keys: &[Value]) -> JwkSet {
    serde_json::from_value(json!({ "keys": keys })).unwrap()
}

pub(super) fn people_header() -> Value {
    json!({"alg": "EdDSA", "typ": "at+jwt", "kid": PEOPLE_KID})
}

pub(super) fn cluster_header() -> Value {
    json!({"alg": "ES256", "kid": CLUSTER_KID})
}

pub(super) fn person_claims() -> Value {
    crate::TestKeys::claims(&crate::caller(CallerKind::Member))
}

pub(super) fn service_claims() -> Value {
    let now = now();
    json!({
        "iss": CLUSTER, "aud": ["sharedspaces"], "sub": "system:serviceaccount:sharedspaces:assets",
        "iat": now, "nbf": now, "exp": now + 600,
    })
}

pub(super) fn now() -> i64 {
    SystemClock.now().timestamp()
}

/// Returns `base` with one member changed; `Null` takes it away.
pub(super) fn with(mut base: Value, name: &str, value: Value) -> Value {
    let members = base.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    base
}
