//! Devices, the list of sessions, ending them, and what a person is told.

use prost::Message;
use service_kit::caller::Principal;
use sharedspaces_proto::identity::events::v1::{SecurityNoticeKind, SecurityNoticed};
use sharedspaces_proto::identity::v1 as pb;
use sharedspaces_proto::identity::v1::sign_in_service_server::SignInService;
use tonic::Code;
use uuid::Uuid;

use super::keys::verifier;
use super::world::*;

impl World {
    /// What people were told, the first first.
    pub(crate) async fn notices_told(&self) -> Vec<SecurityNoticed> {
        let bodies: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT body FROM outbox WHERE routing_key = 'identity.security.noticed.v1' ORDER BY id",
        )
        .fetch_all(&self.all)
        .await
        .unwrap();
        bodies.iter().map(|body| SecurityNoticed::decode(body.as_slice()).unwrap()).collect()
    }

    async fn sign_in_on(&self, (address, token, label): (&str, &str, &str)) -> pb::Tokens {
        let device = pb::Device { device_token: token.to_owned(), label: label.to_owned() };
        let message = pb::SignInWithPasswordRequest {
            organization: "acme".to_owned(),
            email_address: address.to_owned(),
            password: PASSWORD.to_owned(),
            device: Some(device),
        };
        let request = request("SignInService/SignInWithPassword", &Principal::Anyone, message);
        self.sign_in_grpc().sign_in_with_password(request).await.unwrap().into_inner().tokens.unwrap()
    }

    async fn sessions(&self, who: &Principal, (size, token): (i32, &str)) -> pb::ListSessionsResponse {
        let message = pb::ListSessionsRequest { page_size: size, page_token: token.to_owned() };
        let request = request("SignInService/ListSessions", who, message);
        self.sign_in_grpc().list_sessions(request).await.unwrap().into_inner()
    }

    async fn revoke(&self, who: &Principal, session_id: &str) -> Answer<pb::RevokeSessionResponse> {
        let message = pb::RevokeSessionRequest { session_id: session_id.to_owned() };
        let request = request("SignInService/RevokeSession", who, message);
        Ok(self.sign_in_grpc().revoke_session(request).await?.into_inner())
    }

    async fn sign_out_everywhere(&self, who: &Principal) {
        let request = request("SignInService/SignOut", who, pb::SignOutRequest { everywhere: true });
        self.sign_in_grpc().sign_out(request).await.unwrap();
    }

    fn caller(&self, tokens: &pb::Tokens) -> Principal {
        verifier(self).verify(&tokens.access_token).unwrap()
    }
}

async fn world_of_two() -> World {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let mia = pb::NewMember { email_address: "mia@acme.example".to_owned(), ..admin_of("acme") };
    world.create_member(&acme, mia).await.unwrap();
    world
}

#[tokio::test]
async fn a_sign_in_on_an_unknown_device_is_told_but_not_the_first_and_not_on_a_known_one() {
    let world = world_of_two().await;
    let first = world.sign_in_on((ADMIN_ADDRESS, "", "Firefox on Windows")).await;
    assert!(world.notices_told().await.is_empty(), "the first sign-in of all is no news");
    let again = world.sign_in_on((ADMIN_ADDRESS, &first.device_token, "Firefox on Windows")).await;
    assert_eq!(again.device_token, first.device_token);
    assert!(world.notices_told().await.is_empty(), "a known device is no news");

    let other = world.sign_in_on((ADMIN_ADDRESS, "", "Safari on a telephone")).await;
    assert_ne!(other.device_token, first.device_token);
    let [notice] = world.notices_told().await.try_into().unwrap();
    assert_eq!(notice.kind(), SecurityNoticeKind::NewDevice);
    assert_eq!(notice.device_label, "Safari on a telephone");
    assert_eq!((notice.organization_display_name.as_str(), notice.event_time.is_some()), ("acme Inc.", true));
    assert_eq!(notice.person.unwrap().email_address, ADMIN_ADDRESS);
    world.sign_in_on((ADMIN_ADDRESS, &other.device_token, "")).await;
    assert_eq!(world.notices_told().await.len(), 1, "by now it is known");
    assert!(world.refresh(&other.refresh_token).await.unwrap().device_token.is_empty());
}

#[tokio::test]
async fn a_device_is_known_for_one_person_and_a_planted_token_is_never_taken_over() {
    let world = world_of_two().await;
    world.sign_in_on((ADMIN_ADDRESS, "", "")).await;
    let mias = world.sign_in_on(("mia@acme.example", "", "")).await.device_token;
    for planted in [mias.as_str(), "nonsense", &"x".repeat(64), &"x".repeat(10_000)] {
        let before = world.notices_told().await.len();
        let tokens = world.sign_in_on((ADMIN_ADDRESS, planted, "")).await;
        assert_ne!(tokens.device_token, planted);
        assert_eq!(world.notices_told().await.len(), before + 1);
    }
}

#[tokio::test]
async fn every_sign_in_gives_a_new_session_whatever_was_there_before() {
    let world = world_of_two().await;
    let first = world.sign_in_on((ADMIN_ADDRESS, "", "")).await;
    let second = world.sign_in_on((ADMIN_ADDRESS, &first.device_token, "")).await;
    let sid = |tokens: &pb::Tokens| match world.caller(tokens) {
        Principal::Person(caller) => caller.session_id,
        other => panic!("{other:?}"),
    };
    assert_ne!(sid(&first), sid(&second));
    assert_ne!(first.refresh_token, second.refresh_token);
}

#[tokio::test]
async fn sessions_are_listed_the_last_used_first_in_pages_and_only_the_callers_that_go_on() {
    let world = world_of_two().await;
    world.sign_in_on(("mia@acme.example", "", "not Ada's")).await;
    let mut all = Vec::new();
    for label in ["one", "two", "three", "four", "idle"] {
        all.push(world.sign_in_on((ADMIN_ADDRESS, "", label)).await);
    }
    world
        .sql("UPDATE sessions SET last_use_time = now() - interval '7 days' WHERE device_label = 'idle'")
        .await;
    world.sql("UPDATE sessions SET expire_time = now() WHERE device_label = 'four'").await;
    world.refresh(&all[0].refresh_token).await.unwrap();
    let me = world.caller(&all[1]);
    let page = world.sessions(&me, (2, "")).await;
    let rest = world.sessions(&me, (2, &page.next_page_token)).await;
    assert!(rest.next_page_token.is_empty());
    let labels = |page: &pb::ListSessionsResponse| -> Vec<(String, bool)> {
        page.sessions.iter().map(|one| (one.device_label.clone(), one.is_current)).collect()
    };
    assert_eq!(labels(&page), [("one".to_owned(), false), ("three".to_owned(), false)]);
    assert_eq!(labels(&rest), [("two".to_owned(), true)]);
    let one = &page.sessions[0];
    assert_eq!(one.method(), pb::SignInMethod::Password);
    let (created, used, ends) =
        (one.create_time.unwrap(), one.last_use_time.unwrap(), one.expire_time.unwrap());
    assert!((created.seconds, created.nanos) < (used.seconds, used.nanos));
    assert_eq!(ends.seconds - used.seconds, 7 * 86_400);
    for size in [101, -1] {
        let message = pb::ListSessionsRequest { page_size: size, page_token: String::new() };
        let request = request("SignInService/ListSessions", &me, message);
        assert_names(world.sign_in_grpc().list_sessions(request).await, "page_size");
    }
}

#[tokio::test]
async fn one_of_the_callers_sessions_is_ended_and_nobody_elses() {
    let world = world_of_two().await;
    let (here, there) = (
        world.sign_in_on((ADMIN_ADDRESS, "", "here")).await,
        world.sign_in_on((ADMIN_ADDRESS, "", "there")).await,
    );
    let mia = world.sign_in_on(("mia@acme.example", "", "")).await;
    let (me, her) = (world.caller(&here), world.caller(&mia));
    let theirs = world.sessions(&her, (0, "")).await.sessions[0].session_id.clone();
    for foreign in [theirs.as_str(), &Uuid::from_u128(7).to_string()] {
        assert_refused(world.revoke(&me, foreign).await, Code::NotFound, "SESSION_NOT_FOUND");
    }
    assert_names(world.revoke(&me, "7").await, "session_id");
    let sessions = world.sessions(&me, (0, "")).await.sessions;
    let other = &sessions.iter().find(|one| !one.is_current).unwrap().session_id;
    for _ in 0..2 {
        world.revoke(&me, other).await.unwrap();
    }
    assert_eq!(world.sessions(&me, (0, "")).await.sessions.len(), 1);
    let ended = world.refresh(&there.refresh_token).await;
    assert_refused(ended, Code::Unauthenticated, "REFRESH_TOKEN_REFUSED");
    assert!(world.refresh(&here.refresh_token).await.is_ok());
    assert!(world.refresh(&mia.refresh_token).await.is_ok());
}

#[tokio::test]
async fn signing_out_everywhere_ends_all_of_the_callers_sessions_and_nobody_elses() {
    let world = world_of_two().await;
    let (here, there) =
        (world.sign_in_on((ADMIN_ADDRESS, "", "")).await, world.sign_in_on((ADMIN_ADDRESS, "", "")).await);
    let mia = world.sign_in_on(("mia@acme.example", "", "")).await;
    for _ in 0..2 {
        world.sign_out_everywhere(&world.caller(&here)).await;
    }
    for ended in [here, there] {
        let ended = world.refresh(&ended.refresh_token).await;
        assert_refused(ended, Code::Unauthenticated, "REFRESH_TOKEN_REFUSED");
    }
    assert!(world.refresh(&mia.refresh_token).await.is_ok());
}

#[tokio::test]
async fn a_refresh_token_used_twice_is_told_once() {
    let world = world_of_two().await;
    let stolen = world.sign_in_on((ADMIN_ADDRESS, "", "Firefox on Windows")).await.refresh_token;
    let next = world.refresh(&stolen).await.unwrap().refresh_token;
    for token in [&stolen, &stolen, &next] {
        let answer = world.refresh(token).await;
        assert_refused(answer, Code::Unauthenticated, "REFRESH_TOKEN_REFUSED");
    }
    let [notice] = world.notices_told().await.try_into().unwrap();
    assert_eq!(notice.kind(), SecurityNoticeKind::SessionReused);
    assert_eq!(notice.device_label, "Firefox on Windows");
    assert_eq!(notice.person.unwrap().email_address, ADMIN_ADDRESS);
}
