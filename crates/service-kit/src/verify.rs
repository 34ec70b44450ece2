//! Verifying tokens.
//!
//! Owns the two verifiers: access tokens of people against identity's keys (RFC 9068, EdDSA only), and projected
//! service-account tokens against the cluster's. Each has its own issuer, algorithm list and required claims; which of
//! them a token goes to is told by its `typ`, and each refuses the other's. Keys in a token's own header are ignored.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

use crate::caller::{Caller, CallerKind, Principal, TokenExpiry};
use crate::config::{AuthConfig, ServiceAuthConfig};
use crate::health::HealthBoard;
use crate::telemetry::outgoing::{self, Outgoing, Told};

/// The audience of all our tokens.
pub const AUDIENCE: &str = "sharedspaces";
/// The `typ` of access tokens (RFC 9068).
pub const ACCESS_TOKEN_TYPE: &str = "at+jwt";
/// How far clocks may differ, in seconds.
pub const LEEWAY_SECONDS: u64 = 5;

const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// A key that was retired is refused after this long, and an unknown one never causes a call.
const REFRESH_EVERY: Duration = Duration::from_secs(5);
const RETRY_EVERY: Duration = Duration::from_millis(500);
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);
const LOOK_FOR_KEYS_EVERY: Duration = Duration::from_millis(20);

/// The token is not one of ours, or not any more. Says no more: what is wrong with a forged token is nobody's business.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the token is not valid")]
pub struct TokenRefused;

/// Verifies the tokens of people and services.
#[derive(Clone)]
pub struct Verifier {
    people: Arc<Keys>,
    services: Arc<Keys>,
    auth: AuthConfig,
    service_auth: ServiceAuthConfig,
}

#[derive(Default)]
struct Keys(RwLock<HashMap<String, DecodingKey>>);

impl Keys {
    fn find(&self, kid: &str) -> Option<DecodingKey> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(kid).cloned()
    }

    /// Takes the keys of `set` that have an id and are of a kind we verify with. A set without any changes nothing:
    /// it is a fault of its source, and would refuse everybody. False: it was such a set.
    fn replace(&self, set: &JwkSet) -> bool {
        let named = |jwk: &Jwk| Some((jwk.common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?));
        let keys: HashMap<_, _> = set.keys.iter().filter_map(named).collect();
        let is_usable = !keys.is_empty();
        if is_usable {
            *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
        } else {
            tracing::warn!("a key set without a usable key was not taken");
        }
        is_usable
    }

    fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

/// The claims of an access token that the services use.
#[derive(Deserialize)]
struct AccessClaims {
    sub: Uuid,
    org: Uuid,
    kind: String,
    #[serde(default)]
    roles: Vec<String>,
    sid: Uuid,
    #[serde(default)]
    consent_notice_version: i32,
    exp: i64,
}

#[derive(Deserialize)]
struct ServiceClaims {
    sub: String,
}

impl Verifier {
    /// Returns a verifier that has no keys yet; [`Self::watch`] brings them.
    pub fn new(auth: AuthConfig, service_auth: ServiceAuthConfig) -> Self {
        Self { people: Arc::default(), services: Arc::default(), auth, service_auth }
    }

    /// Takes identity's keys as given, for tests. False: there was no usable key among them, and nothing changed.
    pub fn set_people_keys(&self, set: &JwkSet) -> bool {
        self.people.replace(set)
    }

    /// Takes the cluster's keys as given, for tests. False: there was no usable key among them, and nothing changed.
    pub fn set_service_keys(&self, set: &JwkSet) -> bool {
        self.services.replace(set)
    }

    /// Tells who holds a token.
    pub fn verify(&self, token: &str) -> Result<Principal, TokenRefused> {
        self.verify_until(token).map(|(principal, _)| principal)
    }

    /// Tells who holds a token, and of a person's until when it is valid.
    pub fn verify_until(&self, token: &str) -> Result<(Principal, Option<TokenExpiry>), TokenRefused> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenRefused);
        }
        let header = decode_header(token).map_err(|_| TokenRefused)?;
        // RFC 7515 §4.1.11: what a token calls critical must be understood, and there is nothing of that kind here.
        if header.crit.is_some() {
            return Err(TokenRefused);
        }
        let kid = header.kid.as_deref().ok_or(TokenRefused)?;
        if header.typ.as_deref() == Some(ACCESS_TOKEN_TYPE) {
            self.verify_person(token, kid)
        } else {
            self.verify_service(token, kid).map(|principal| (principal, None))
        }
    }

    fn verify_person(
        &self,
        token: &str,
        kid: &str,
    ) -> Result<(Principal, Option<TokenExpiry>), TokenRefused> {
        let key = self.people.find(kid).ok_or(TokenRefused)?;
        let validation = validation(&[Algorithm::EdDSA], &self.auth.issuer);
        let claims: AccessClaims = decode(token, &key, &validation).map_err(|_| TokenRefused)?.claims;
        let is_admin = claims.roles.iter().any(|role| role == "ADMIN");
        let kind = match claims.kind.as_str() {
            "MEMBER" if is_admin => CallerKind::Admin,
            "MEMBER" => CallerKind::Member,
            "GUEST" => CallerKind::Guest,
            _ => return Err(TokenRefused),
        };
        let expire_time: DateTime<Utc> = DateTime::from_timestamp(claims.exp, 0).ok_or(TokenRefused)?;
        let caller = Caller {
            organization_id: claims.org.into(),
            user_id: claims.sub.into(),
            kind,
            session_id: claims.sid,
            consent_notice_version: claims.consent_notice_version,
        };
        Ok((Principal::Person(caller), Some(TokenExpiry(expire_time))))
    }

    fn verify_service(&self, token: &str, kid: &str) -> Result<Principal, TokenRefused> {
        let key = self.services.find(kid).ok_or(TokenRefused)?;
        let algorithm = decode_header(token).map_err(|_| TokenRefused)?.alg;
        if !matches!(algorithm, Algorithm::RS256 | Algorithm::ES256) {
            return Err(TokenRefused);
        }
        let validation = validation(&[algorithm], &self.service_auth.issuer);
        let claims: ServiceClaims = decode(token, &key, &validation).map_err(|_| TokenRefused)?.claims;
        let account = format!("system:serviceaccount:{}:", self.service_auth.namespace);
        let name = claims.sub.strip_prefix(&account).ok_or(TokenRefused)?;
        Ok(Principal::Service(name.to_owned()))
    }

    /// Waits until there are keys for both kinds of tokens, or until `stop`: without them each token would be refused as
    /// if it were forged.
    pub(crate) async fn wait_for_keys(&self, stop: &CancellationToken) {
        while self.people.is_empty() || self.services.is_empty() {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_FOR_KEYS_EVERY) => {}
            }
        }
    }

    /// Keeps both key sets fresh until told to stop, and notes on the board whether there are any.
    pub(crate) async fn watch(self, board: HealthBoard, stop: CancellationToken) {
        let client = match reqwest::Client::builder().timeout(FETCH_TIMEOUT).build() {
            Ok(client) => client,
            Err(error) => {
                tracing::error!(error.chain = %crate::error::chain(&error), "no client for the key set");
                return;
            }
        };
        let mut file = WatchedFile::new(self.service_auth.jwks_file.clone());
        board.set("keys", false).await;
        loop {
            if let Some(text) = file.read_if_changed() {
                let taken = serde_json::from_str(&text).is_ok_and(|set| self.services.replace(&set));
                if !taken {
                    tracing::warn!(file.path = %self.service_auth.jwks_file.display(), "no key set in the file");
                    file.forget();
                }
            }
            match fetch(&client, &self.auth.jwks_url).await {
                Ok(set) => {
                    self.people.replace(&set);
                }
                Err(error) => tracing::warn!(error.chain = %crate::error::chain(&error), "no key set"),
            }
            let have_all = !self.people.is_empty() && !self.services.is_empty();
            board.set("keys", have_all).await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(if have_all { REFRESH_EVERY } else { RETRY_EVERY }) => {}
            }
        }
    }
}

fn validation(algorithms: &[Algorithm], issuer: &str) -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.algorithms = algorithms.to_vec();
    validation.leeway = LEEWAY_SECONDS;
    validation.validate_nbf = true;
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[issuer]);
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    validation
}

async fn fetch(client: &reqwest::Client, url: &Url) -> Result<JwkSet, reqwest::Error> {
    let tell = |result: &Result<reqwest::Response, reqwest::Error>| match result {
        Ok(response) => Told { status: Some(response.status().as_u16()), error: None },
        Err(error) => Told { status: None, error: Some(outgoing::word_of(error)) },
    };
    let sent = Outgoing::new("GET", url).observe(client.get(url.clone()).send(), tell).await;
    sent?.error_for_status()?.json().await
}

/// A small file that others replace, such as a projected token; read again when its time of change moves.
#[derive(Debug)]
pub(crate) struct WatchedFile {
    path: PathBuf,
    seen: Option<SystemTime>,
}

impl WatchedFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, seen: None }
    }

    /// Forgets that the content was seen, so that it is read again.
    pub(crate) fn forget(&mut self) {
        self.seen = None;
    }

    /// Returns the content where it changed since the last look; a file that cannot be read counts as unchanged.
    pub(crate) fn read_if_changed(&mut self) -> Option<String> {
        let modified = std::fs::metadata(&self.path).and_then(|data| data.modified());
        let read = modified.and_then(|at| Ok((at, std::fs::read_to_string(&self.path)?)));
        match read {
            Ok((at, _)) if self.seen == Some(at) => None,
            Ok((at, content)) => {
                self.seen = Some(at);
                Some(content)
            }
            Err(error) => {
                tracing::warn!(file.path = %self.path.display(), error.chain = %error, "file cannot be read");
                None
            }
        }
    }
}
