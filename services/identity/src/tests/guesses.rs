//! What bounds guessing: budgets over replicas and restarts, and what somebody learns before signing in.

use std::net::Ipv4Addr;
use std::sync::Arc;

use service_kit::caller::Principal;
use sharedspaces_proto::identity::v1 as pb;
use sharedspaces_proto::identity::v1::sign_in_service_server::SignInService;
use tonic::Code;
use tonic_types::StatusExt;

use super::world::*;
use crate::Identity;
use crate::grpc::SignInGrpc;

const WRONG: &str = "a wrong password";
const ALL: &[pb::SignInOption] =
    &[pb::SignInOption::Password, pb::SignInOption::EmailLink, pb::SignInOption::RequestAccess];
const KNOWN: &[pb::SignInOption] = &[pb::SignInOption::Password, pb::SignInOption::EmailLink];
const UNKNOWN: &[pb::SignInOption] = &[pb::SignInOption::RequestAccess];

fn network(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0001 + (number << 8))
}

impl World {
    async fn start(&self, from: Ipv4Addr, (address, space): (&str, &str)) -> Answer<Vec<pb::SignInOption>> {
        let message = pb::StartSignInRequest {
            organization: "acme".to_owned(),
            email_address: address.to_owned(),
            space_address: space.to_owned(),
        };
        let request = called_from(from, request("SignInService/StartSignIn", &Principal::Anyone, message));
        Ok(self.sign_in_grpc().start_sign_in(request).await?.into_inner().options().collect())
    }

    async fn guided(&self) {
        self.sql("UPDATE organizations SET sign_in_mode = 'GUIDED'").await;
    }
}

async fn guess(identity: &Identity, from: Ipv4Addr, address: &str) -> Code {
    let Identity { sessions, links, gate, .. } = identity.clone();
    let message = pb::SignInWithPasswordRequest {
        organization: "acme".to_owned(),
        email_address: address.to_owned(),
        password: WRONG.to_owned(),
        device: None,
    };
    let request = called_from(from, request("SignInService/SignInWithPassword", &Principal::Anyone, message));
    SignInGrpc { sessions, links, gate }.sign_in_with_password(request).await.unwrap_err().code()
}

#[tokio::test]
async fn without_guidance_the_answer_is_always_the_same_and_nothing_is_counted() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.guest(&acme, "gus@outside.example").await;
    for address in [ADMIN_ADDRESS, "gus@outside.example", "nobody@acme.example"] {
        assert_eq!(world.start(NOWHERE, (address, "")).await.unwrap(), ALL);
    }
    assert_eq!(world.count("budgets").await, 0);
    assert_names(world.start(NOWHERE, ("nonsense", "")).await, "email_address");
    assert!(world.start(NOWHERE, (ADMIN_ADDRESS, &"x".repeat(63))).await.is_ok());
    assert_names(world.start(NOWHERE, (ADMIN_ADDRESS, &"x".repeat(64))).await, "space_address");
    let message = pb::StartSignInRequest {
        organization: "globex".to_owned(),
        email_address: ADMIN_ADDRESS.to_owned(),
        space_address: String::new(),
    };
    let request = request("SignInService/StartSignIn", &Principal::Anyone, message);
    let answer = world.sign_in_grpc().start_sign_in(request).await;
    assert_refused(answer, Code::NotFound, "ORGANIZATION_NOT_FOUND");
}

#[tokio::test]
async fn guidance_tells_whether_there_is_a_way_in_and_not_which() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.guest(&acme, "gus@outside.example").await;
    world.guided().await;
    assert_eq!(world.start(NOWHERE, (ADMIN_ADDRESS, "")).await.unwrap(), KNOWN, "a member with a password");
    assert_eq!(world.start(NOWHERE, ("gus@outside.example", "")).await.unwrap(), KNOWN, "a guest without");
    assert_eq!(world.start(NOWHERE, ("nobody@acme.example", "")).await.unwrap(), UNKNOWN);
    world.sql("UPDATE people SET deactivate_time = now() WHERE kind = 'GUEST'").await;
    assert_eq!(world.start(NOWHERE, ("gus@outside.example", "")).await.unwrap(), UNKNOWN);
}

#[tokio::test]
async fn one_network_learns_about_ten_addresses_by_one_link_in_an_hour() {
    let world = World::new().await;
    world.tenant("acme").await;
    world.guided().await;
    for number in 0..10 {
        let address = format!("p{number}@acme.example");
        assert_eq!(world.start(NOWHERE, (&address, "deal")).await.unwrap(), UNKNOWN);
    }
    for _ in 0..3 {
        assert_eq!(
            world.start(NOWHERE, (ADMIN_ADDRESS, "deal")).await.unwrap(),
            ALL,
            "asking again tells nothing"
        );
        assert_eq!(world.start(NOWHERE, ("nobody@acme.example", "deal")).await.unwrap(), ALL);
    }
    assert_eq!(
        world.start(NOWHERE, ("p3@acme.example", "deal")).await.unwrap(),
        UNKNOWN,
        "what it knows already"
    );
    assert_eq!(world.start(NOWHERE, (ADMIN_ADDRESS, "other")).await.unwrap(), KNOWN);
    assert_eq!(world.start(network(1), (ADMIN_ADDRESS, "deal")).await.unwrap(), KNOWN);
    world.end_windows().await;
    assert_eq!(world.start(NOWHERE, (ADMIN_ADDRESS, "deal")).await.unwrap(), KNOWN);
}

#[tokio::test]
async fn everybody_together_learns_about_thirty_addresses_by_one_link_in_a_day() {
    let world = World::new().await;
    world.tenant("acme").await;
    world.guided().await;
    for number in 0..30 {
        let address = format!("p{number}@acme.example");
        assert_eq!(world.start(network(number), (&address, "deal")).await.unwrap(), UNKNOWN);
    }
    assert_eq!(world.start(network(99), (ADMIN_ADDRESS, "deal")).await.unwrap(), ALL);
    let hours: f64 = sqlx::query_scalar(
        "SELECT max(extract(epoch FROM window_end - window_start) / 3600)::float8 FROM budgets",
    )
    .fetch_one(&world.all)
    .await
    .unwrap();
    assert!((hours - 24.0).abs() < 0.01, "{hours}");
}

#[tokio::test]
async fn invented_links_do_not_multiply_what_one_network_learns() {
    let world = World::new().await;
    world.tenant("acme").await;
    world.guided().await;
    for number in 0..30 {
        let (address, link) = (format!("p{number}@acme.example"), format!("invented-{number}"));
        assert_eq!(world.start(NOWHERE, (&address, &link)).await.unwrap(), UNKNOWN);
    }
    assert_eq!(world.start(NOWHERE, (ADMIN_ADDRESS, "another")).await.unwrap(), ALL);
    assert_eq!(world.start(network(1), (ADMIN_ADDRESS, "another")).await.unwrap(), KNOWN);
}

#[tokio::test]
async fn the_budget_of_a_network_holds_over_replicas_and_restarts_and_a_success_does_not_clear_it() {
    let world = World::new().await;
    world.tenant("acme").await;
    let replicas = [world.replica().await, world.replica().await];
    for number in 0..49 {
        // Each address once, so that no account is blocked; each host of the network in its turn.
        let from = Ipv4Addr::new(198, 51, 100, u8::try_from(number).unwrap());
        let address = format!("p{number}@acme.example");
        assert_eq!(guess(&replicas[number % 2], from, &address).await, Code::Unauthenticated, "{number}");
    }
    let from = Ipv4Addr::new(198, 51, 100, 200);
    for _ in 0..3 {
        assert!(world.sign_in_from(from, ("acme", ADMIN_ADDRESS, PASSWORD)).await.is_ok());
    }
    assert_eq!(guess(&replicas[0], from, "last@acme.example").await, Code::Unauthenticated);
    drop(replicas);
    let restarted = world.replica().await;
    assert_eq!(guess(&restarted, from, "one.more@acme.example").await, Code::ResourceExhausted);
    let right = world.sign_in_from(from, ("acme", ADMIN_ADDRESS, PASSWORD)).await;
    let status = assert_refused(right, Code::ResourceExhausted, "TOO_MANY_ATTEMPTS");
    let wait = status.get_details_retry_info().unwrap().retry_delay.unwrap().as_secs();
    assert!((1..=900).contains(&wait), "{wait}");
    assert!(
        world.sign_in_from(network(1), ("acme", ADMIN_ADDRESS, PASSWORD)).await.is_ok(),
        "another network"
    );
    world.end_windows().await;
    assert!(world.sign_in_from(from, ("acme", ADMIN_ADDRESS, PASSWORD)).await.is_ok());
}

#[tokio::test]
async fn spraying_over_many_accounts_from_many_networks_ends_at_the_organisations_budget() {
    let world = World::new().await;
    world.tenant("acme").await;
    let replicas = Arc::new([world.replica().await, world.replica().await, world.replica().await]);
    // Counted as if 990 had been tried before.
    guess(&replicas[0], network(0), "first@acme.example").await;
    world.sql("UPDATE budgets SET count = 990 WHERE count = 1").await;
    let mut tried = 0;
    for number in 1..=30_u32 {
        let address = format!("p{number}@acme.example");
        let replica = &replicas[usize::try_from(number).unwrap() % 3];
        tried += i32::from(guess(replica, network(number), &address).await == Code::Unauthenticated);
    }
    assert_eq!(tried, 10, "1,000 in a quarter of an hour");
    let password = world.sign_in_from(network(40), ("acme", ADMIN_ADDRESS, PASSWORD)).await;
    assert_refused(password, Code::ResourceExhausted, "TOO_MANY_ATTEMPTS");
    let mail = world.mail(ADMIN_ADDRESS).await;
    assert!(world.redeem_link(&mail.token, &mail.login_request).await.is_ok(), "links go on");
}

#[tokio::test]
async fn a_header_that_a_client_writes_does_not_move_it_into_another_budget() {
    let world = World::new().await;
    world.tenant("acme").await;
    for number in 0..51_u8 {
        let message = pb::SignInWithPasswordRequest {
            organization: "acme".to_owned(),
            email_address: format!("p{number}@acme.example"),
            password: WRONG.to_owned(),
            device: None,
        };
        let mut request =
            called_from(NOWHERE, request("SignInService/SignInWithPassword", &Principal::Anyone, message));
        let spoofed = format!("203.0.{number}.7");
        for name in ["x-forwarded-for", "x-real-ip", "forwarded"] {
            request.metadata_mut().insert(name, spoofed.parse().unwrap());
        }
        let code = world.sign_in_grpc().sign_in_with_password(request).await.unwrap_err().code();
        let expected = if number < 50 { Code::Unauthenticated } else { Code::ResourceExhausted };
        assert_eq!(code, expected, "{number}");
    }
}

#[tokio::test]
async fn a_blocked_account_still_comes_in_by_link_and_its_sessions_go_on() {
    let world = World::new().await;
    world.tenant("acme").await;
    let session = world.signed_in().await;
    for number in 0..200 {
        guess(&world.identity, network(number), ADMIN_ADDRESS).await;
    }
    let password = world.sign_in(("acme", ADMIN_ADDRESS, PASSWORD)).await;
    assert_refused(password, Code::ResourceExhausted, "TOO_MANY_ATTEMPTS");
    assert!(world.refresh(&session.refresh_token).await.is_ok());
    let mail = world.mail(ADMIN_ADDRESS).await;
    assert!(world.redeem_link(&mail.token, &mail.login_request).await.is_ok());
    let mail = world.mail(ADMIN_ADDRESS).await;
    assert!(world.redeem_code(&mail.login_request, &mail.code).await.is_ok());
}

#[tokio::test]
async fn five_mails_go_to_one_address_in_a_quarter_of_an_hour_whether_it_is_known_or_not() {
    let world = World::new().await;
    world.tenant("acme").await;
    let mut refusals = Vec::new();
    for address in [ADMIN_ADDRESS, "nobody@acme.example"] {
        for number in 0..4 {
            world.request_link_from(network(number), ("acme", address)).await.unwrap();
        }
        world.request_reset(address).await.unwrap();
        let status = assert_refused(
            world.request_link_from(network(9), ("acme", address)).await,
            Code::ResourceExhausted,
            "TOO_MANY_ATTEMPTS",
        );
        let wait = status.get_details_retry_info().unwrap().retry_delay.unwrap().as_secs();
        assert!((890..=900).contains(&wait), "{wait}");
        refusals.push((status.code(), status.message().to_owned()));
        assert_refused(world.request_reset(address).await, Code::ResourceExhausted, "TOO_MANY_ATTEMPTS");
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1);
    assert_eq!(world.count("sign_in_links").await, 10);
    world.end_windows().await;
    assert!(world.request_link(ADMIN_ADDRESS).await.is_ok());
}

#[tokio::test]
async fn a_hundred_mails_are_asked_for_from_one_network_in_a_quarter_of_an_hour() {
    let world = World::new().await;
    world.tenant("acme").await;
    for number in 0..100 {
        world.request_link(&format!("p{number}@acme.example")).await.unwrap();
    }
    let more = world.request_link("more@acme.example").await;
    assert_refused(more, Code::ResourceExhausted, "TOO_MANY_ATTEMPTS");
    assert!(world.request_link_from(network(1), ("acme", "more@acme.example")).await.is_ok());
}

#[tokio::test]
async fn fifty_links_and_codes_that_do_not_work_are_looked_at_from_one_network() {
    let world = World::new().await;
    world.tenant("acme").await;
    let mail = world.mail(ADMIN_ADDRESS).await;
    for number in 0..50 {
        let answer = if number % 2 == 0 {
            world.redeem_link(&"x".repeat(64), "").await.map(drop)
        } else {
            world.redeem_code(&"x".repeat(64), "123456").await.map(drop)
        };
        assert_refused(answer, Code::NotFound, "SIGN_IN_LINK_REFUSED");
    }
    let spent = world.redeem_link(&mail.token, &mail.login_request).await;
    assert_refused(spent, Code::ResourceExhausted, "TOO_MANY_ATTEMPTS");
    assert!(world.redeem_link_from(network(1), (&mail.token, &mail.login_request)).await.is_ok());
}

#[tokio::test]
async fn no_budget_holds_an_address_or_a_network() {
    let world = World::new().await;
    world.tenant("acme").await;
    world.guided().await;
    world.start(NOWHERE, ("canary@acme.example", "canary")).await.unwrap();
    world.request_link("canary@acme.example").await.unwrap();
    world.sign_in(("acme", "canary@acme.example", WRONG)).await.unwrap_err();
    let rows: Vec<String> = sqlx::query_scalar("SELECT encode(bucket, 'escape') FROM budgets")
        .fetch_all(&world.all)
        .await
        .unwrap();
    assert!(rows.len() >= 12, "{}", rows.len());
    assert_eq!(world.count("budgets WHERE octet_length(bucket) <> 32").await, 0);
    assert!(rows.iter().all(|row| !row.contains("canary") && !row.contains("192.0.2")));
}
