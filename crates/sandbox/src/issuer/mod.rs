//! Owns the issuer of service tokens: plays the part of a cluster that projects a service-account token for each service.
//!
//! Keeps one signing key in its directory, publishes the public half, and rewrites the tokens before they end.
//! Says nothing about who may do what: that is the services' business.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde::Serialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::world::{now, replace_file};

/// The issuer a cluster names itself where nothing else is set.
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
/// The audience the services ask for.
const AUDIENCE: &str = "sharedspaces";
/// The namespace of the service accounts.
const NAMESPACE: &str = "sharedspaces";
/// The service accounts that get a token.
const SERVICE_ACCOUNTS: [&str; 6] = ["spaces", "identity", "notifications", "assets", "crm-sync", "operator"];
/// How long a token holds.
const TOKEN_LIFE: TimeDelta = TimeDelta::hours(1);
/// How often the tokens are written anew.
const RENEW_EVERY: Duration = Duration::from_secs(600);

/// The claims of a projected token, in Kubernetes' shape.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: [&'a str; 1],
    sub: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: Uuid,
    #[serde(rename = "kubernetes.io")]
    kubernetes: Kubernetes<'a>,
}

#[derive(Serialize)]
struct Kubernetes<'a> {
    namespace: &'a str,
    serviceaccount: ServiceAccount<'a>,
}

#[derive(Serialize)]
struct ServiceAccount<'a> {
    name: &'a str,
    uid: Uuid,
}

/// The issuer of one directory.
pub(crate) struct Issuer {
    dir: PathBuf,
    key: EncodingKey,
    key_id: String,
}

impl Issuer {
    /// Loads the key of a directory or makes one, and writes `jwks.json`.
    pub(crate) fn open(dir: &Path) -> anyhow::Result<Self> {
        service_kit::jwt::install_provider();
        std::fs::create_dir_all(dir.join("tokens"))
            .with_context(|| format!("cannot make {}", dir.display()))?;
        let pkcs8 = load_or_make_key(&dir.join("key.p8"))?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8, &SystemRandom::new())
            .map_err(|error| anyhow::anyhow!("key.p8 is no P-256 key: {error}"))?;
        // An uncompressed point: 4, then both coordinates (SEC 1 §2.3.3).
        let (x, y) = pair
            .public_key()
            .as_ref()
            .strip_prefix(&[4])
            .and_then(|point| point.split_at_checked(32))
            .context("the public key is no uncompressed point")?;
        let key_id = URL_SAFE_NO_PAD.encode(digest(&SHA256, pair.public_key().as_ref()));
        let jwks = json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": key_id,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)}]});
        let issuer = Self { dir: dir.to_owned(), key: EncodingKey::from_ec_der(&pkcs8), key_id };
        replace_file(&issuer.jwks_file(), &serde_json::to_vec_pretty(&jwks)?)?;
        Ok(issuer)
    }

    /// Where the public keys are.
    pub(crate) fn jwks_file(&self) -> PathBuf {
        self.dir.join("jwks.json")
    }

    /// Where the tokens are.
    pub(crate) fn token_dir(&self) -> PathBuf {
        self.dir.join("tokens")
    }

    /// Writes a new token for each service account, each file replaced as a whole.
    pub(crate) fn write_tokens(&self) -> anyhow::Result<()> {
        let at = now();
        for name in SERVICE_ACCOUNTS {
            let path = self.token_dir().join(format!("{name}.token"));
            let token = self.token(name, at).with_context(|| format!("cannot sign the token of {name}"))?;
            replace_file(&path, token.as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    fn token(&self, name: &str, at: DateTime<Utc>) -> anyhow::Result<String> {
        let account = format!("system:serviceaccount:{NAMESPACE}:{name}");
        let issued = at.timestamp();
        let claims = Claims {
            iss: ISSUER,
            aud: [AUDIENCE],
            iat: issued,
            nbf: issued,
            exp: (at + TOKEN_LIFE).timestamp(),
            jti: Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{account}@{}", at.to_rfc3339()).as_bytes()),
            kubernetes: Kubernetes {
                namespace: NAMESPACE,
                serviceaccount: ServiceAccount {
                    name,
                    uid: Uuid::new_v5(&Uuid::NAMESPACE_OID, account.as_bytes()),
                },
            },
            sub: account,
        };
        // Kubernetes names no `typ`.
        let header = Header { typ: None, kid: Some(self.key_id.clone()), ..Header::new(Algorithm::ES256) };
        Ok(jsonwebtoken::encode(&header, &claims, &self.key)?)
    }

    /// Writes the tokens anew every ten minutes until `stop` is cancelled.
    pub(crate) async fn renew(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RENEW_EVERY) => {}
            }
            // The tokens hold for an hour, so the next rounds can still make up for it.
            if let Err(error) = self.write_tokens() {
                tracing::error!(error = %format!("{error:#}"), "could not renew the service tokens");
            }
        }
    }
}

fn load_or_make_key(path: &Path) -> anyhow::Result<Vec<u8>> {
    match std::fs::read(path) {
        Ok(key) => Ok(key),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .map_err(|_| anyhow::anyhow!("cannot make a key"))?;
            replace_file(path, made.as_ref()).with_context(|| format!("cannot write {}", path.display()))?;
            Ok(made.as_ref().to_vec())
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}
