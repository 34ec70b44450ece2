//! Access tokens as identity issues them, from a key made for the test.
//!
//! Owns the key pair, its key set and the claims. Must not be used outside tests.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use service_kit::caller::{Caller, CallerKind};
use service_kit::clock::{Clock, SystemClock};
use service_kit::config::AuthConfig;
use service_kit::verify::{ACCESS_TOKEN_TYPE, AUDIENCE};

/// The `iss` of the tokens made here.
pub const ISSUER: &str = "https://identity.test";

const LIFETIME_SECONDS: i64 = 300;

/// An Ed25519 key that signs access tokens.
pub struct TestKeys {
    key: EncodingKey,
    kid: String,
    public: String,
}

impl TestKeys {
    /// Makes a key. Also makes `jsonwebtoken` use ring in this process.
    pub fn generate() -> Self {
        service_kit::jwt::install_provider();
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("randomness");
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("a key that was just made");
        Self {
            key: EncodingKey::from_ed_der(document.as_ref()),
            kid: crate::ids().next::<uuid::Uuid>().to_string(),
            public: URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()),
        }
    }

    /// Returns the key set as identity publishes it.
    pub fn jwks(&self) -> JwkSet {
        let set = json!({"keys": [{
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.kid, "x": self.public,
        }]});
        serde_json::from_value(set).expect("a key set")
    }

    /// Returns the settings with which a service trusts these keys; hand [`Self::jwks`] to its verifier.
    pub fn auth_config(&self) -> AuthConfig {
        let jwks_url = "http://127.0.0.1:1/.well-known/jwks.json".parse().expect("an address");
        AuthConfig { issuer: ISSUER.to_owned(), jwks_url }
    }

    /// Issues an access token that is valid for five minutes.
    pub fn access_token(&self, caller: &Caller) -> String {
        self.sign(ACCESS_TOKEN_TYPE, &claims(caller))
    }

    /// Signs any claims under any `typ`, for tests of forged tokens; start from [`claims`](Self::claims).
    pub fn sign(&self, typ: &str, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.key).expect("claims that can be signed")
    }

    /// Returns the claims of a valid token, to change and [`sign`](Self::sign).
    pub fn claims(caller: &Caller) -> Value {
        claims(caller)
    }
}

fn claims(caller: &Caller) -> Value {
    let now = SystemClock.now().timestamp();
    let kind = if caller.kind == CallerKind::Guest { "GUEST" } else { "MEMBER" };
    let roles: &[&str] = if caller.kind == CallerKind::Admin { &["ADMIN"] } else { &[] };
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": caller.user_id, "org": caller.organization_id, "kind": kind,
        "roles": roles, "sid": caller.session_id, "consent_notice_version": caller.consent_notice_version, "iat": now, "nbf": now, "exp": now + LIFETIME_SECONDS,
    })
}

#[cfg(test)]
mod tests {
    use service_kit::caller::Principal;
    use service_kit::config::ServiceAuthConfig;
    use service_kit::verify::Verifier;

    use super::*;

    fn verifier(keys: &TestKeys) -> Verifier {
        let nowhere = std::path::PathBuf::from("/nonexistent");
        let service_auth = ServiceAuthConfig {
            issuer: "https://cluster.test".to_owned(),
            jwks_file: nowhere.clone(),
            token_file: nowhere,
            namespace: "sharedspaces".to_owned(),
        };
        let verifier = Verifier::new(keys.auth_config(), service_auth);
        verifier.set_people_keys(&keys.jwks());
        verifier
    }

    #[test]
    fn the_kit_takes_a_token_made_here_as_the_caller_it_was_made_for() {
        let keys = TestKeys::generate();
        for kind in [CallerKind::Guest, CallerKind::Member, CallerKind::Admin] {
            let caller = crate::caller(kind);
            let principal = verifier(&keys).verify(&keys.access_token(&caller));
            assert_eq!(principal, Ok(Principal::Person(caller)));
        }
    }

    #[test]
    fn the_kit_tells_until_when_a_token_is_valid() {
        let keys = TestKeys::generate();
        let caller = crate::caller(CallerKind::Member);
        let claims = TestKeys::claims(&caller);
        let token = keys.sign(ACCESS_TOKEN_TYPE, &claims);
        let (_, expiry) = verifier(&keys).verify_until(&token).unwrap();
        assert_eq!(expiry.unwrap().0.timestamp(), claims["exp"].as_i64().unwrap());
    }

    #[test]
    fn the_kit_refuses_a_token_of_other_keys() {
        let caller = crate::caller(CallerKind::Member);
        let token = TestKeys::generate().access_token(&caller);
        assert!(verifier(&TestKeys::generate()).verify(&token).is_err());
    }
}
