//! Links that prove an address nobody has: `RequestSignInLink` from a space's link, `RedeemRequestLink`.

use std::sync::Arc;

use service_kit::caller::Principal;
use sharedspaces_proto::identity::v1 as pb;
use sharedspaces_proto::identity::v1::invitation_service_server::InvitationService;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tonic::Code;
use uuid::Uuid;

use super::invitations::token_of;
use super::world::*;

const STRANGER: &str = "sam@stranger.example";

fn asking(organization: &str, address: &str, space: &str) -> pb::RequestSignInLinkRequest {
    pb::RequestSignInLinkRequest {
        organization: organization.to_owned(),
        email_address: address.to_owned(),
        space_id: String::new(),
        space_address: space.to_owned(),
    }
}

impl World {
    async fn ask(&self, address: &str, space: &str) -> Answer<pb::RequestSignInLinkResponse> {
        self.ask_from(NOWHERE, asking("acme", address, space)).await
    }

    /// What the mail says to somebody who asked from the link of the space `deal`.
    async fn asked(&self, address: &str) -> pb::IssueSignInLinkResponse {
        self.ask(address, "deal").await.unwrap();
        self.print(self.last_link().await).await
    }

    async fn redeem_request(&self, token: &str, use_id: &str) -> Answer<pb::RedeemRequestLinkResponse> {
        let message = pb::RedeemRequestLinkRequest { token: token.to_owned(), use_id: use_id.to_owned() };
        let spaces = Principal::Service("spaces".to_owned());
        let request = request("InvitationService/RedeemRequestLink", &spaces, message);
        Ok(self.invitation_grpc().redeem_request_link(request).await?.into_inner())
    }

    fn use_id(&self) -> String {
        self.ids.next::<Uuid>().to_string()
    }
}

#[tokio::test]
async fn an_address_without_an_account_gets_a_link_that_proves_it_once() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.sql("UPDATE organizations SET locale = 'fr'").await;
    let printed = world.asked(STRANGER).await;
    assert!(printed.is_due);
    assert_eq!((printed.purpose(), printed.code.as_str()), (pb::LinkPurpose::RequestAccess, ""));
    assert!(printed.url.starts_with("https://share.example/acme/request-access#"), "{}", printed.url);
    let person = printed.person.clone().unwrap();
    let expected =
        pb::Person { email_address: STRANGER.to_owned(), locale: "fr".to_owned(), ..pb::Person::default() };
    assert_eq!(person, expected, "nothing else is known");
    let link = world.last_link().await;
    assert_eq!(world.print(link.clone()).await, printed, "printing again is the same, byte by byte");
    let (token, use_id) = (token_of(&printed.url), world.use_id());
    let proved = world.redeem_request(&token, &use_id).await.unwrap();
    assert_eq!(
        (proved.organization_id.as_str(), proved.email_address.as_str()),
        (acme.id.as_str(), STRANGER)
    );
    assert_eq!(proved.space_address, "deal");
    assert_eq!(world.redeem_request(&token, &use_id).await.unwrap(), proved, "the same use again");
    let replayed = world.redeem_request(&token, &world.use_id()).await;
    assert_refused(replayed, Code::NotFound, "REQUEST_LINK_REFUSED");
    assert!(!world.print(link).await.is_due, "used");
    assert_eq!((world.count("people").await, world.count("sessions").await), (1, 0), "no account, no way in");
}

#[tokio::test]
async fn who_has_an_account_gets_the_ordinary_link_and_who_lost_theirs_gets_nothing() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.guest(&acme, "gus@outside.example").await;
    world.guest(&acme, "gone@outside.example").await;
    world.sql("UPDATE people SET deactivate_time = now() WHERE email_address = 'gone@outside.example'").await;
    for known in [ADMIN_ADDRESS, "gus@outside.example"] {
        let printed = world.asked(known).await;
        assert_eq!((printed.is_due, printed.purpose()), (true, pb::LinkPurpose::SignIn), "{known}");
        let as_request = world.redeem_request(&token_of(&printed.url), &world.use_id()).await;
        assert_refused(as_request, Code::NotFound, "REQUEST_LINK_REFUSED");
    }
    assert!(!world.asked("gone@outside.example").await.is_due);
    world.ask(STRANGER, "").await.unwrap();
    assert!(!world.print(world.last_link().await).await.is_due, "not from a space's link");
}

#[tokio::test]
async fn a_token_that_proves_an_address_neither_signs_in_nor_sets_a_password() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let login_request = world.ask(STRANGER, "deal").await.unwrap().login_request;
    let token = token_of(&world.print(world.last_link().await).await.url);
    // Even once the address has an account.
    world.guest(&acme, STRANGER).await;
    let answer = world.redeem_link(&token, &login_request).await;
    assert_refused(answer, Code::NotFound, "SIGN_IN_LINK_REFUSED");
    assert_eq!(world.count("sessions").await, 0);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_link_that_proves_an_address_the_refusal_is_the_same() {
    let world = World::new().await;
    world.tenant("acme").await;
    world.tenant("globex").await;
    let mut refusals = Vec::new();
    let older = token_of(&world.asked(STRANGER).await.url);
    let newer = token_of(&world.asked(STRANGER).await.url);
    refusals.push(world.redeem_request(&older, &world.use_id()).await);
    world.sql("UPDATE sign_in_links SET request_expire_time = now()").await;
    refusals.push(world.redeem_request(&newer, &world.use_id()).await);
    assert!(!world.print(world.last_link().await).await.is_due, "expired");
    let good = token_of(&world.asked(STRANGER).await.url);
    world.redeem_request(&good, &world.use_id()).await.unwrap();
    refusals.push(world.redeem_request(&good, &world.use_id()).await);
    let mut forged = good.clone().into_bytes();
    forged[40] = if forged[40] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    for bad in ["", "nonsense", &"x".repeat(64), forged.as_str(), &good[1..]] {
        refusals.push(world.redeem_request(bad, &world.use_id()).await);
    }
    let mut refusals: Vec<_> = refusals
        .into_iter()
        .map(|answer| bytes(&assert_refused(answer, Code::NotFound, "REQUEST_LINK_REFUSED")))
        .collect();
    refusals.dedup();
    assert_eq!(refusals.len(), 1);
    assert_names(world.redeem_request(&good, "7").await, "use_id");
}

#[tokio::test]
async fn a_link_that_proves_an_address_works_for_an_hour_by_the_databases_clock() {
    let world = World::new().await;
    world.tenant("acme").await;
    let token = token_of(&world.asked(STRANGER).await.url);
    let minutes: f64 = sqlx::query_scalar(
        "SELECT (extract(epoch FROM request_expire_time - create_time) / 60)::float8 FROM sign_in_links",
    )
    .fetch_one(&world.all)
    .await
    .unwrap();
    assert!((minutes - 60.0).abs() < 0.001, "{minutes}");
    // What would have signed in is long over.
    world.sql("UPDATE sign_in_links SET expire_time = now() - interval '49 minutes'").await;
    assert!(world.print(world.last_link().await).await.is_due);
    let newer = token_of(&world.asked(STRANGER).await.url);
    world.redeem_request(&token, &world.use_id()).await.unwrap_err();
    assert!(world.redeem_request(&newer, &world.use_id()).await.is_ok(), "the newer voids the older");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_16_uses_at_once_one_gets_the_address_round_after_round() {
    let world = Arc::new(World::new().await);
    world.tenant("acme").await;
    for round in 0..20 {
        world.sql("TRUNCATE budgets").await;
        let token = token_of(&world.asked(STRANGER).await.url);
        let barrier = Arc::new(Barrier::new(16));
        let mut calls = JoinSet::new();
        for _ in 0..16 {
            let (world, barrier, token) = (Arc::clone(&world), Arc::clone(&barrier), token.clone());
            calls.spawn(async move {
                let use_id = world.use_id();
                barrier.wait().await;
                world.redeem_request(&token, &use_id).await.is_ok()
            });
        }
        let got = calls.join_all().await.into_iter().filter(|got| *got).count();
        assert_eq!(got, 1, "round {round}");
    }
}

#[tokio::test]
async fn asking_from_a_spaces_link_writes_the_same_whoever_has_the_address_and_whatever_the_space() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.guest(&acme, "gus@outside.example").await;
    world.ask("first@acme.example", "deal").await.unwrap();
    let mut written = Vec::new();
    for (address, space) in
        [(ADMIN_ADDRESS, "deal"), (STRANGER, "deal"), ("gus@outside.example", "no-such-space")]
    {
        let before = [world.count("sign_in_links").await, world.count("outbox").await];
        let answer = world.ask(address, space).await.unwrap();
        assert_eq!((answer.login_request.len(), answer.ttl.unwrap().seconds), (64, 600));
        let after = [world.count("sign_in_links").await, world.count("outbox").await];
        written.push([after[0] - before[0], after[1] - before[1]]);
    }
    assert_eq!(written, [[1, 1]; 3]);
    let rows = world.count("sign_in_links WHERE request_token_sha256 IS NOT NULL").await;
    assert_eq!(rows, 4, "prepared with every row");
}

#[tokio::test]
async fn a_space_address_is_taken_up_to_63_characters() {
    let world = World::new().await;
    world.tenant("acme").await;
    assert!(world.ask(STRANGER, &"a".repeat(63)).await.is_ok());
    assert_names(world.ask(STRANGER, &"a".repeat(64)).await, "space_address");
    assert_names(world.ask(STRANGER, "a\nb").await, "space_address");
}
