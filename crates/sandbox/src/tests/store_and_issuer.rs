//! The object store refuses what is not signed and fails on demand; the issuer writes tokens that can be verified.

use std::os::unix::fs::PermissionsExt as _;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use ring::{digest, hmac};
use serde_json::{Value, json};

use super::client::{Answer, Directory, get, script, send, start};
use crate::world::now;
use crate::{Options, S3_ACCESS_KEY, S3_SECRET_KEY, Sandbox};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sends a request signed as AWS Signature Version 4 asks.
async fn signed(sandbox: &Sandbox, method: &str, path: &str, body: &str, secret: &str) -> Option<Answer> {
    let at = now();
    let (day, moment) = (at.format("%Y%m%d").to_string(), at.format("%Y%m%dT%H%M%SZ").to_string());
    let hash = hex(digest::digest(&digest::SHA256, body.as_bytes()).as_ref());
    let host = sandbox.s3_addr();
    let names = "host;x-amz-content-sha256;x-amz-date";
    let canonical = format!(
        "{method}\n{path}\n\nhost:{host}\nx-amz-content-sha256:{hash}\nx-amz-date:{moment}\n\n{names}\n{hash}"
    );
    let scope = format!("{day}/us-east-1/s3/aws4_request");
    let hashed = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let mac = |key: &[u8], text: &str| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
    };
    let key = ["us-east-1", "s3", "aws4_request"]
        .iter()
        .fold(mac(format!("AWS4{secret}").as_bytes(), &day), |key, part| mac(&key, part));
    let signature = hex(&mac(&key, &format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashed}")));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={S3_ACCESS_KEY}/{scope}, SignedHeaders={names}, Signature={signature}"
    );
    let headers = [
        ("x-amz-date", moment.as_str()),
        ("x-amz-content-sha256", hash.as_str()),
        ("authorization", authorization.as_str()),
    ];
    send(host, method, path, &headers, body).await
}

#[tokio::test]
async fn store_serves_signed_requests_and_refuses_others() {
    let dir = Directory::new();
    let sandbox = start(&dir).await;
    let path = "/sharedspaces/logo.png";
    assert_eq!(send(sandbox.s3_addr(), "PUT", path, &[], "x").await.unwrap().status, 403);
    assert_eq!(get(sandbox.s3_addr(), path).await.status, 403);
    assert_eq!(signed(&sandbox, "PUT", path, "bytes", "wrong-secret").await.unwrap().status, 403);
    assert_eq!(signed(&sandbox, "GET", path, "", S3_SECRET_KEY).await.unwrap().status, 404);
    assert_eq!(signed(&sandbox, "PUT", path, "bytes", S3_SECRET_KEY).await.unwrap().status, 200);
    let read = signed(&sandbox, "GET", path, "", S3_SECRET_KEY).await.unwrap();
    assert_eq!((read.status, read.body.as_str()), (200, "bytes"));
    sandbox.stop().await;
    let sandbox = start(&dir).await;
    assert_eq!(signed(&sandbox, "GET", path, "", S3_SECRET_KEY).await.unwrap().body, "bytes");
    sandbox.stop().await;
}

#[tokio::test]
async fn store_fails_before_and_after_the_effect() {
    let dir = Directory::new();
    let sandbox = start(&dir).await;
    let path = "/sharedspaces/a.txt";
    script(&sandbox, &json!({"target": "s3", "status": 503, "times": 2})).await;
    let refused = signed(&sandbox, "PUT", path, "one", S3_SECRET_KEY).await.unwrap();
    assert_eq!(refused.status, 503);
    assert!(refused.body.contains("<Code>SlowDown</Code>"));
    assert_eq!(signed(&sandbox, "GET", path, "", S3_SECRET_KEY).await.unwrap().status, 503);
    assert_eq!(signed(&sandbox, "GET", path, "", S3_SECRET_KEY).await.unwrap().status, 404);
    script(&sandbox, &json!({"target": "s3", "phase": "after_commit", "drop": true})).await;
    assert!(signed(&sandbox, "PUT", path, "two", S3_SECRET_KEY).await.is_none());
    assert_eq!(signed(&sandbox, "GET", path, "", S3_SECRET_KEY).await.unwrap().body, "two");
    sandbox.stop().await;
}

#[tokio::test]
async fn start_refuses_foreign_addresses_and_bucket_names_that_leave_the_directory() {
    let dir = Directory::new();
    let mut options = Options::ephemeral(dir.path());
    options.smtp = "0.0.0.0:0".parse().unwrap();
    assert!(Sandbox::start(options).await.unwrap_err().to_string().contains("smtp"));
    let mut options = Options::ephemeral(dir.path());
    options.buckets = vec!["../outside".to_owned()];
    assert!(Sandbox::start(options).await.unwrap_err().to_string().contains("bucket"));
}

#[tokio::test]
async fn tokens_verify_against_the_published_key_and_have_the_shape_of_projected_ones() {
    let dir = Directory::new();
    let sandbox = start(&dir).await;
    let read_keys = |sandbox: &Sandbox| {
        serde_json::from_slice::<JwkSet>(&std::fs::read(sandbox.jwks_file()).unwrap()).unwrap()
    };
    let keys = read_keys(&sandbox);
    for name in ["spaces", "identity", "notifications", "assets", "crm-sync", "operator"] {
        let path = sandbox.token_dir().join(format!("{name}.token"));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let token = std::fs::read_to_string(path).unwrap();
        let header = decode_header(&token).unwrap();
        assert_eq!((header.alg, header.typ), (Algorithm::ES256, None));
        let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&["sharedspaces"]);
        validation.set_issuer(&["https://kubernetes.default.svc.cluster.local"]);
        let claims = decode::<Value>(&token, &key, &validation).unwrap().claims;
        assert_eq!(claims["sub"], format!("system:serviceaccount:sharedspaces:{name}"));
        assert_eq!(claims["aud"], json!(["sharedspaces"]));
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
        assert_eq!(claims["nbf"], claims["iat"]);
        assert_eq!(claims["kubernetes.io"]["namespace"], "sharedspaces");
        assert_eq!(claims["kubernetes.io"]["serviceaccount"]["name"], name);
        assert!(claims["kubernetes.io"]["serviceaccount"]["uid"].is_string());
    }
    sandbox.stop().await;
    let again = start(&dir).await;
    assert_eq!(read_keys(&again), keys);
    again.stop().await;
}
