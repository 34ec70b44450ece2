//! Tokens with any header and any signature, right and wrong.
//!
//! Owns the keys of an issuer of people's tokens and of a cluster, the verifier that trusts both, and the table of
//! tokens that nobody may take ([`forged`]). Must not be used outside tests.

mod shapes;

pub use shapes::forged;

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

/// The `iss` of the cluster.
pub const CLUSTER: &str = "https://cluster.test";
/// The id of the people's key.
pub const PEOPLE_KID: &str = "people-1";
/// The id of the cluster's key.
pub const CLUSTER_KID: &str = "cluster-1";

/// The keys of both issuers, and those of somebody else.
pub struct Forge {
    /// Signs people's tokens.
    pub people: Ed25519KeyPair,
    /// Signs services' tokens.
    pub cluster: EcdsaKeyPair,
    /// Nobody trusts this one.
    pub stranger: Ed25519KeyPair,
    random: SystemRandom,
}

impl Forge {
    /// Makes the keys. Also makes `jsonwebtoken` use ring in this process.
    pub fn generate() -> Self {
        service_kit::jwt::install_provider();
        let random = SystemRandom::new();
        let ed = || {
            let document = Ed25519KeyPair::generate_pkcs8(&random).expect("randomness");
            Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("a key that was just made")
        };
        let fixed = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(fixed, &random).expect("randomness");
        let cluster =
            EcdsaKeyPair::from_pkcs8(fixed, document.as_ref(), &random).expect("a key that was just made");
        Self { people: ed(), cluster, stranger: ed(), random }
    }

    /// The settings of a service that trusts both issuers.
    pub fn auth() -> (AuthConfig, ServiceAuthConfig) {
        let jwks_url = "http://127.0.0.1:1/jwks.json".parse().expect("an address");
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
    pub fn verifier(&self) -> Verifier {
        let (auth, service_auth) = Self::auth();
        let verifier = Verifier::new(auth, service_auth);
        assert!(verifier.set_people_keys(&self.people_jwks()));
        assert!(verifier.set_service_keys(&set(&[self.cluster_jwk()])));
        verifier
    }

    /// The key set of people's tokens.
    pub fn people_jwks(&self) -> JwkSet {
        set(&[ed_jwk(PEOPLE_KID, &self.people)])
    }

    /// The cluster's public key.
    pub fn cluster_jwk(&self) -> Value {
        // An uncompressed point: 4, then both coordinates.
        let (_, point) = self.cluster.public_key().as_ref().split_at(1);
        let (x, y) = point.split_at(32);
        let (x, y) = (encode(x), encode(y));
        json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": CLUSTER_KID, "x": x, "y": y})
    }

    /// Signs with the cluster's key.
    pub fn es256(&self, header: &Value, claims: &Value) -> String {
        signed(header, claims, |message| {
            self.cluster.sign(&self.random, message).expect("randomness").as_ref().to_vec()
        })
    }

    /// A token of a person signed as it should be, with these claims.
    pub fn person(&self, claims: &Value) -> String {
        eddsa(&self.people, &people_header(), claims)
    }

    /// A token of a service signed as it should be, with these claims.
    pub fn service(&self, claims: &Value) -> String {
        self.es256(&cluster_header(), claims)
    }

    /// A valid token of a person that has exactly so many bytes.
    pub fn person_of_length(&self, bytes: usize) -> String {
        for header_pad in 0..4 {
            let header = with(people_header(), "cty", json!("x".repeat(header_pad)));
            for claims_pad in bytes / 2..bytes {
                let claims = with(person_claims(), "pad", json!("x".repeat(claims_pad)));
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

/// Signs with an Ed25519 key.
pub fn eddsa(key: &Ed25519KeyPair, header: &Value, claims: &Value) -> String {
    signed(header, claims, |message| key.sign(message).as_ref().to_vec())
}

/// Signs with the bytes of a public key as the secret, as the oldest forgery does.
pub fn hs256(secret: &[u8], header: &Value, claims: &Value) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    signed(header, claims, |message| hmac::sign(&key, message).as_ref().to_vec())
}

/// Signs header and claims with anything.
pub fn signed(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    signed_text(header, &claims.to_string(), sign)
}

/// Signs a text that need not be what JSON allows.
pub fn signed_text(header: &Value, payload: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", encode(header.to_string()), encode(payload));
    let signature = encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// Encodes as the parts of a token are.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns an Ed25519 public key under an id.
pub fn ed_jwk(kid: &str, key: &Ed25519KeyPair) -> Value {
    let x = encode(key.public_key().as_ref());
    json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": kid, "x": x})
}

/// Returns a key set.
pub fn set(keys: &[Value]) -> JwkSet {
    serde_json::from_value(json!({ "keys": keys })).expect("a key set")
}

/// The header of a valid token of a person.
pub fn people_header() -> Value {
    json!({"alg": "EdDSA", "typ": "at+jwt", "kid": PEOPLE_KID})
}

/// The header of a valid token of a service.
pub fn cluster_header() -> Value {
    json!({"alg": "ES256", "kid": CLUSTER_KID})
}

/// The claims of a valid token of some member.
pub fn person_claims() -> Value {
    crate::TestKeys::claims(&crate::caller(CallerKind::Member))
}

/// The claims of a valid token of assets.
pub fn service_claims() -> Value {
    let now = now();
    json!({
        "iss": CLUSTER, "aud": ["sharedspaces"], "sub": "system:serviceaccount:sharedspaces:assets",
        "iat": now, "nbf": now, "exp": now + 600,
    })
}

/// The time as tokens carry it.
pub fn now() -> i64 {
    SystemClock.now().timestamp()
}

/// Returns `base` with one member changed; `Null` takes it away.
pub fn with(mut base: Value, name: &str, value: Value) -> Value {
    let members = base.as_object_mut().expect("an object");
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    base
}
