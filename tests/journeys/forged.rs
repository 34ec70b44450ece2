//! Tokens that nobody issued, sent to every service: each verifies for itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use journeys::outside::within;
use journeys::world::World;
use serde_json::json;
use service_kit::caller::CallerKind;
use testkit::forge::{Forge, eddsa, forged, hs256, people_header, person_claims, service_claims, with};
use testkit::{ISSUER, TestKeys};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tonic::metadata::AsciiMetadataValue;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::raw::{Raw, bearer};
use crate::start;

/// One method of every service.
pub(crate) const METHODS: [&str; 5] = [
    "/sharedspaces.assets.v1.LogoService/GetLogo",
    "/sharedspaces.crmsync.v1.ConnectionService/ListConnections",
    "/sharedspaces.identity.v1.AccountService/GetProfile",
    "/sharedspaces.notifications.v1.DeliveryService/ListDeliveries",
    "/sharedspaces.spaces.v1.SpaceService/GetSpace",
];
/// How often a service looks for new keys, and how many there are to look.
const REFRESH_EVERY: Duration = Duration::from_secs(5);
const SERVICES: u64 = 5;

/// A key set that the test holds the private half of, and how often it was fetched.
pub(crate) struct KeySet {
    pub(crate) url: String,
    fetched: Arc<AtomicU64>,
}

pub(crate) async fn publish(forge: &Forge) -> KeySet {
    let body = serde_json::to_string(&forge.people_jwks()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let fetched = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&fetched);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (body, count) = (body.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                let mut asked = [0; 4_096];
                if stream.read(&mut asked).await.is_ok_and(|read| read > 0) {
                    count.fetch_add(1, Ordering::SeqCst);
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
                    let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
                    // A service that went away meanwhile is no fault of the test.
                    let _gone = stream.write_all(answer.as_bytes()).await;
                }
            });
        }
    });
    KeySet { url, fetched }
}

/// Everything that trusts the test's own issuer.
async fn world_of(forge: &Forge) -> (World, KeySet) {
    let keys = publish(forge).await;
    let url = keys.url.clone();
    let world = start(move || World::start_with(&[("AUTH__JWKS_URL", &url), ("AUTH__ISSUER", ISSUER)])).await;
    (world, keys)
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

fn is_same(one: &Status, other: &Status) -> bool {
    (one.code(), one.message(), one.details()) == (other.code(), other.message(), other.details())
}

/// The same shapes beside those of the kit's table, which need no key of ours.
fn more(forge: &Forge) -> Vec<(String, String)> {
    let named = |name: &str, token: String| (name.to_owned(), token);
    let nobody = hs256(b"secret", &with(people_header(), "alg", json!("HS256")), &person_claims());
    let services = eddsa(&forge.people, &with(people_header(), "typ", json!("JWT")), &service_claims());
    vec![
        named("a guessed secret", nobody),
        named("a service's claims with a person's key", services),
        named("a stranger's token of a service", forge.service(&service_claims())),
        named("8 KiB of letters", "A".repeat(8 * 1024)),
        named("12 KiB", format!("{}.{}.{}", "A".repeat(4_096), "B".repeat(4_096), "C".repeat(4_096))),
    ]
}

/// Headers that carry no token at all.
fn tokenless(valid: &str) -> Vec<(&'static str, AsciiMetadataValue)> {
    let text = |value: &str| value.parse().unwrap();
    let raw = |value: &[u8]| AsciiMetadataValue::try_from(value).unwrap();
    vec![
        ("Basic", text("Basic c3BhY2VzOnNwYWNlcw==")),
        ("the token alone", text(valid)),
        ("BEARER", text(&format!("BEARER {valid}"))),
        ("DPoP", text(&format!("DPoP {valid}"))),
        ("no space", text(&format!("Bearer{valid}"))),
        ("a tab", text(&format!("Bearer\t{valid}"))),
        ("no token", text("Bearer")),
        ("empty", text("")),
        ("letters beyond ASCII", raw(format!("Bearer {valid}é").as_bytes())),
        ("bytes that are no text", raw(b"Bearer \xff\xfe")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_refuses_every_forged_token_with_the_same_bytes_and_takes_a_valid_one() {
    let forge = Forge::generate();
    let (world, _keys) = world_of(&forge).await;
    let raw = Raw::of(&world);
    let admin = testkit::caller(CallerKind::Admin);
    let valid = forge.person(&TestKeys::claims(&admin));
    let mut shapes = forged(&forge);
    shapes.extend(more(&forge));
    assert!(shapes.len() >= 100, "{}", shapes.len());
    for path in METHODS {
        // Both spellings that the kit takes; what the method says of an unknown caller is its own business.
        for scheme in ["Bearer", "bearer"] {
            let header = format!("{scheme} {valid}").parse().unwrap();
            let taken = raw.call(path, vec![], Some(header)).await;
            let code = taken.map_or_else(|status| status.code(), |_| Code::Ok);
            let refused = [Code::Unauthenticated, Code::PermissionDenied, Code::Unknown, Code::Internal];
            assert!(!refused.contains(&code), "{path} refuses a valid token: {code:?}");
        }
        let garbage = raw.call(path, vec![], Some(bearer("garbage"))).await.unwrap_err();
        assert_eq!((garbage.code(), reason(&garbage).as_str()), (Code::Unauthenticated, "TOKEN_REFUSED"));
        for (name, token) in &shapes {
            let refused = raw.call(path, vec![], Some(bearer(token))).await.expect_err(name);
            assert!(is_same(&refused, &garbage), "{path} with {name}: {refused:?}");
        }
        let nobody = raw.call(path, vec![], None).await.unwrap_err();
        assert_eq!((nobody.code(), reason(&nobody).as_str()), (Code::Unauthenticated, "TOKEN_MISSING"));
        for (name, header) in tokenless(&valid) {
            let refused = raw.call(path, vec![], Some(header)).await.expect_err(name);
            assert!(is_same(&refused, &nobody), "{path} with {name}: {refused:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_64_kib_does_not_reach_a_service_and_headers_that_name_a_person_are_no_token() {
    let forge = Forge::generate();
    let (world, _keys) = world_of(&forge).await;
    let raw = Raw::of(&world);
    let admin = testkit::caller(CallerKind::Admin);
    let valid = forge.person(&TestKeys::claims(&admin));
    let huge = format!("{valid}{}", "A".repeat(64 * 1024));
    for path in METHODS {
        let refused = raw.call(path, vec![], Some(bearer(&huge))).await.unwrap_err();
        assert_ne!(refused.code(), Code::Ok, "{path}: {refused:?}");
        // The service is none the worse for it.
        within(Duration::from_secs(60), "an answer over a new connection", async || {
            let small = raw.call(path, vec![], Some(bearer("garbage"))).await.unwrap_err();
            // The connection that the huge token came over is closed, sooner or later.
            Ok((small.code() == Code::Unauthenticated).then_some(()))
        })
        .await
        .unwrap();

        let service = path.trim_start_matches("/sharedspaces.").split('.').next().unwrap();
        let mut request = Request::new(vec![]);
        for (name, value) in [
            ("x-user-id", admin.user_id.to_string()),
            ("x-organization-id", admin.organization_id.to_string()),
            ("x-forwarded-user", admin.user_id.to_string()),
            ("x-authorization", format!("Bearer {valid}")),
            ("cookie", format!("access_token={valid}")),
            ("grpc-authorization", format!("Bearer {valid}")),
        ] {
            request.metadata_mut().insert(name, value.parse().unwrap());
        }
        let service = if service == "crmsync" { "crm-sync" } else { service };
        let refused = raw.send(service, path, request).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{path}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_has_no_way_through_a_persons_method_nor_a_person_through_a_services() {
    let forge = Forge::generate();
    let (world, _keys) = world_of(&forge).await;
    let raw = Raw::of(&world);
    let valid = forge.person(&TestKeys::claims(&testkit::caller(CallerKind::Admin)));
    let token = std::fs::read_to_string(world.addresses.sandbox.token_file("notifications")).unwrap();
    for path in METHODS {
        let refused = raw.call(path, vec![], Some(bearer(token.trim()))).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{path}: {refused:?}");
    }
    for path in [
        "/sharedspaces.assets.v1.LogoService/DescribeLogo",
        "/sharedspaces.identity.v1.InvitationService/IssueInvitation",
        "/sharedspaces.identity.v1.OrganizationService/CreateOrganization",
        "/sharedspaces.spaces.v1.SpaceService/CheckAccess",
    ] {
        let refused = raw.call(path, vec![], Some(bearer(&valid))).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{path}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_with_unknown_key_ids_make_no_service_fetch_keys() {
    let forge = Forge::generate();
    let (world, keys) = world_of(&forge).await;
    let raw = Raw::of(&world);
    within(Duration::from_secs(60), "the keys to have been fetched", async || {
        Ok((keys.fetched.load(Ordering::SeqCst) >= SERVICES).then_some(()))
    })
    .await
    .unwrap();
    let before = keys.fetched.load(Ordering::SeqCst);
    let begin = Instant::now();
    for round in 0..50 {
        let tokens: Vec<String> = (0..20)
            .map(|n| {
                let header = with(people_header(), "kid", json!(format!("unknown-{round}-{n}")));
                eddsa(&forge.stranger, &header, &person_claims())
            })
            .collect();
        let calls = tokens.iter().zip(METHODS.iter().cycle());
        let refused = join_all(calls.map(|(token, path)| raw.call(path, vec![], Some(bearer(token))))).await;
        for refused in refused {
            assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
        }
    }
    // One more for each: what was due before may come late.
    let regular = SERVICES * (begin.elapsed().as_secs() / REFRESH_EVERY.as_secs() + 2);
    let fetched = keys.fetched.load(Ordering::SeqCst) - before;
    assert!(fetched <= regular, "{fetched} fetches, of which {regular} are regular");
}
