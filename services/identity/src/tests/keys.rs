//! Signing keys and their publication.

use service_kit::config::{AuthConfig, ServiceAuthConfig};
use service_kit::verify::Verifier;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::world::*;

/// Verifies as every service does.
pub(crate) fn verifier(world: &World) -> Verifier {
    let nowhere = std::path::PathBuf::from("/nonexistent");
    let auth = AuthConfig { issuer: ISSUER.to_owned(), jwks_url: "http://127.0.0.1:1".parse().unwrap() };
    let service_auth = ServiceAuthConfig {
        issuer: "nobody".to_owned(),
        jwks_file: nowhere.clone(),
        token_file: nowhere,
        namespace: "sharedspaces".to_owned(),
    };
    let verifier = Verifier::new(auth, service_auth);
    verifier.set_people_keys(&world.identity.keys.public());
    verifier
}

#[tokio::test]
async fn all_processes_share_one_key_and_a_new_one_is_seen_by_those_that_run() {
    let world = World::new().await;
    let second =
        World::identity(&world.test, world.clock.clone(), world.ids.clone(), settings(1)).await.unwrap();
    let public = world.identity.keys.public();
    assert_eq!(public, second.keys.public());
    assert_eq!(public.keys.len(), 1);

    world.sql("UPDATE signing_keys SET retire_after = now()").await;
    let third =
        World::identity(&world.test, world.clock.clone(), world.ids.clone(), settings(1)).await.unwrap();
    assert_ne!(third.keys.public(), public);
    world.identity.keys.refresh().await.unwrap();
    assert_eq!(world.identity.keys.public(), third.keys.public());
}

#[tokio::test]
async fn a_key_is_sealed_and_another_key_encryption_key_is_told_by_the_settings_name() {
    let world = World::new().await;
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT sealed_private_key FROM signing_keys")
        .fetch_one(&world.all)
        .await
        .unwrap();
    assert!(ring::signature::Ed25519KeyPair::from_pkcs8(&sealed).is_err());
    let other = World::identity(&world.test, world.clock.clone(), world.ids.clone(), settings(2)).await;
    let error = format!("{:#}", other.err().unwrap());
    assert!(error.contains("key_encryption_key"), "{error}");
}

#[tokio::test]
async fn the_key_set_is_published_over_http() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = crate::keys::http::routes(Arc::clone(&world.identity.keys));
    let server = tokio::spawn(async move { axum::serve(listener, routes).await });
    let mut client = TcpStream::connect(address).await.unwrap();
    let get = "GET /.well-known/jwks.json HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    client.write_all(get.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    server.abort();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(head.contains("cache-control: public, max-age=30"), "{head}");
    let set: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(set, serde_json::to_value(world.identity.keys.public()).unwrap());
    assert_eq!(set["keys"][0].get("d"), None, "the private half must not be published");
}
