//! Signing keys and their publication.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use service_kit::config::{AuthConfig, ServiceAuthConfig};
use service_kit::verify::Verifier;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
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
    // Who changes it deletes what the old one has sealed: another key is made.
    world.sql("DELETE FROM signing_keys").await;
    let anew =
        World::identity(&world.test, world.clock.clone(), world.ids.clone(), settings(2)).await.unwrap();
    assert_ne!(anew.keys.public(), world.identity.keys.public());
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
    assert!(head.contains("cache-control: public, max-age=5"), "{head}");
    let set: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(set, serde_json::to_value(world.identity.keys.public()).unwrap());
    assert_eq!(set["keys"][0].get("d"), None, "the private half must not be published");
}

/// Lets time pass for the keys: their database decides by its own clock.
async fn pass(world: &World, minutes: i32) {
    sqlx::query(
        "UPDATE signing_keys SET not_before = not_before - $1 * interval '1 minute',
                retire_after = retire_after - $1 * interval '1 minute'",
    )
    .bind(minutes)
    .execute(&world.all)
    .await
    .unwrap();
}

fn kid_of(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

#[tokio::test]
async fn a_key_is_replaced_under_a_stream_of_calls_without_one_refused_and_is_refused_after_its_end() {
    let world = Arc::new(World::new().await);
    world.tenant("acme").await;
    let verifier = verifier(&world);
    let old = world.signed_in().await.access_token;
    let (count, is_over) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let stream = {
        let (world, verifier) = (Arc::clone(&world), verifier.clone());
        let (count, is_over) = (Arc::clone(&count), Arc::clone(&is_over));
        tokio::spawn(async move {
            let mut tokens = world.signed_in().await;
            let mut kids = BTreeSet::new();
            while !is_over.load(Ordering::Relaxed) {
                tokens = world.refresh(&tokens.refresh_token).await.unwrap();
                verifier.verify(&tokens.access_token).expect("refused while the key was replaced");
                kids.insert(kid_of(&tokens.access_token));
                count.fetch_add(1, Ordering::Relaxed);
            }
            kids
        })
    };
    let calls_go_on = async || {
        let so_far = count.load(Ordering::Relaxed);
        testkit::eventually("some more calls", async || count.load(Ordering::Relaxed) > so_far + 5).await;
    };
    calls_go_on().await;
    let next = world.identity.keys.rotate_now().await.unwrap();
    assert_eq!(kid_of(&world.signed_in().await.access_token), kid_of(&old), "published, and not used yet");
    assert!(verifier.set_people_keys(&world.identity.keys.public()));
    calls_go_on().await;
    pass(&world, 10).await;
    world.identity.keys.refresh().await.unwrap();
    calls_go_on().await;
    let new = world.signed_in().await.access_token;
    assert_eq!(kid_of(&new), next.kid);
    assert!(verifier.verify(&old).is_ok() && verifier.verify(&new).is_ok());
    pass(&world, 9).await;
    world.identity.keys.refresh().await.unwrap();
    assert!(verifier.set_people_keys(&world.identity.keys.public()));
    assert!(verifier.verify(&old).is_ok(), "as long as a token of it may be alive");
    calls_go_on().await;
    is_over.store(true, Ordering::Relaxed);
    assert_eq!(stream.await.unwrap(), BTreeSet::from([kid_of(&old), kid_of(&new)]));

    pass(&world, 1).await;
    world.identity.keys.refresh().await.unwrap();
    assert!(verifier.set_people_keys(&world.identity.keys.public()));
    assert!(verifier.verify(&old).is_err(), "the old key is retired");
    assert!(verifier.verify(&new).is_ok());
    pass(&world, 60 * 25).await;
    world.identity.keys.rotate_if_due(chrono::TimeDelta::days(30)).await.unwrap();
    assert_eq!(world.count("signing_keys").await, 1, "what is retired for a day is deleted");
}

#[test]
fn keys_overlap_for_longer_than_a_token_lives_and_lead_for_many_looks_of_a_verifier() {
    let token = chrono::TimeDelta::from_std(crate::session::ACCESS_TOKEN_TTL).unwrap();
    let leeway = chrono::TimeDelta::seconds(i64::try_from(service_kit::verify::LEEWAY_SECONDS).unwrap());
    assert!(crate::keys::OVERLAP >= token + leeway + chrono::TimeDelta::minutes(2));
    assert!(crate::keys::LEAD >= chrono::TimeDelta::seconds(50));
}

#[tokio::test]
async fn a_key_is_replaced_when_it_is_due_by_one_of_many_processes() {
    let world = World::new().await;
    let month = chrono::TimeDelta::days(30);
    assert!(world.identity.keys.rotate_if_due(month).await.unwrap().is_none());
    pass(&world, 30 * 24 * 60 - 1).await;
    assert!(world.identity.keys.rotate_if_due(month).await.unwrap().is_none());
    pass(&world, 1).await;
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (database, clock, ids) = (world.test.database.clone(), world.clock.clone(), world.ids.clone());
        all.spawn(async move {
            let foundation =
                crate::Foundation { database, clock, ids, settings: settings(1), issuer: ISSUER.to_owned() };
            let identity = crate::Identity::assemble(foundation).await.unwrap();
            identity.keys.rotate_if_due(month).await.unwrap().is_some()
        });
    }
    let made = all.join_all().await;
    assert_eq!(made.iter().filter(|made| **made).count(), 1);
    assert_eq!(world.count("signing_keys").await, 2);
}

#[tokio::test]
async fn a_flood_of_tokens_with_unknown_keys_is_refused_without_a_call_to_anybody() {
    let world = World::new().await;
    world.tenant("acme").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let jwks_url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let nowhere = std::path::PathBuf::from("/nonexistent");
    let service_auth = ServiceAuthConfig {
        issuer: "nobody".to_owned(),
        jwks_file: nowhere.clone(),
        token_file: nowhere,
        namespace: "sharedspaces".to_owned(),
    };
    let verifier = Verifier::new(AuthConfig { issuer: ISSUER.to_owned(), jwks_url }, service_auth);
    assert!(verifier.set_people_keys(&world.identity.keys.public()));
    let token = world.signed_in().await.access_token;
    let (_, rest) = token.split_once('.').unwrap();
    for at in 0..10_000 {
        let header = format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"unknown-{at}"}}"#);
        let header = URL_SAFE_NO_PAD.encode(header);
        assert!(verifier.verify(&format!("{header}.{rest}")).is_err());
    }
    assert!(verifier.verify(&token).is_ok());
    let called = tokio::time::timeout(std::time::Duration::from_millis(200), listener.accept()).await;
    assert!(called.is_err(), "the key set was asked for");
}
