//! Links in mails: `RequestSignInLink`, `RedeemSignInLink`, `RedeemSignInCode`, `IssueSignInLink`.

use std::net::Ipv4Addr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prost::Message;
use service_kit::caller::Principal;
use sharedspaces_proto::identity::events::v1::SignInLinkRequested;
use sharedspaces_proto::identity::v1 as pb;
use sharedspaces_proto::identity::v1::account_service_server::AccountService;
use sharedspaces_proto::identity::v1::invitation_service_server::InvitationService;
use sharedspaces_proto::identity::v1::sign_in_service_server::SignInService;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tonic::Code;
use uuid::Uuid;

use super::invitations::token_of;
use super::world::*;

/// A mail that was asked for: what the browser keeps, and what the mail says.
#[derive(Clone)]
pub(crate) struct Mail {
    pub(crate) login_request: String,
    pub(crate) token: String,
    pub(crate) code: String,
    pub(crate) printed: pb::IssueSignInLinkResponse,
}

impl World {
    pub(crate) async fn request_link_from(
        &self,
        from: Ipv4Addr,
        (organization, address): (&str, &str),
    ) -> Answer<pb::RequestSignInLinkResponse> {
        let message = pb::RequestSignInLinkRequest {
            organization: organization.to_owned(),
            email_address: address.to_owned(),
            space_id: Uuid::from_u128(2).to_string(),
            space_address: String::new(),
        };
        self.ask_from(from, message).await
    }

    pub(crate) async fn ask_from(
        &self,
        from: Ipv4Addr,
        message: pb::RequestSignInLinkRequest,
    ) -> Answer<pb::RequestSignInLinkResponse> {
        let request =
            called_from(from, request("SignInService/RequestSignInLink", &Principal::Anyone, message));
        Ok(self.sign_in_grpc().request_sign_in_link(request).await?.into_inner())
    }

    pub(crate) async fn request_link(&self, address: &str) -> Answer<pb::RequestSignInLinkResponse> {
        self.request_link_from(NOWHERE, ("acme", address)).await
    }

    pub(crate) async fn request_reset(&self, address: &str) -> Answer<pb::RequestPasswordResetResponse> {
        let message = pb::RequestPasswordResetRequest {
            organization: "acme".to_owned(),
            email_address: address.to_owned(),
        };
        let request = request("AccountService/RequestPasswordReset", &Principal::Anyone, message);
        Ok(self.account_grpc().request_password_reset(called_from(NOWHERE, request)).await?.into_inner())
    }

    /// The last link asked for, as its event tells.
    pub(crate) async fn last_link(&self) -> SignInLinkRequested {
        let body: Vec<u8> = sqlx::query_scalar(
            "SELECT body FROM outbox JOIN sign_in_links ON aggregate_id = sign_in_link_id
              WHERE routing_key = 'identity.sign_in_link.requested.v1'
              ORDER BY sign_in_links.create_time DESC, sign_in_link_id DESC LIMIT 1",
        )
        .fetch_one(&self.all)
        .await
        .unwrap();
        SignInLinkRequested::decode(body.as_slice()).unwrap()
    }

    pub(crate) async fn print(&self, link: SignInLinkRequested) -> pb::IssueSignInLinkResponse {
        let SignInLinkRequested { organization_id, sign_in_link_id, .. } = link;
        let message = pb::IssueSignInLinkRequest { organization_id, sign_in_link_id };
        let notifications = Principal::Service("notifications".to_owned());
        let request = request("InvitationService/IssueSignInLink", &notifications, message);
        self.invitation_grpc().issue_sign_in_link(request).await.unwrap().into_inner()
    }

    pub(crate) async fn mail(&self, address: &str) -> Mail {
        let login_request = self.request_link(address).await.unwrap().login_request;
        let printed = self.print(self.last_link().await).await;
        assert!(printed.is_due);
        Mail { login_request, token: token_of(&printed.url), code: printed.code.clone(), printed }
    }

    pub(crate) async fn redeem_link_from(
        &self,
        from: Ipv4Addr,
        (token, login_request): (&str, &str),
    ) -> Answer<pb::RedeemSignInLinkResponse> {
        let (token, login_request) = (token.to_owned(), login_request.to_owned());
        let message = pb::RedeemSignInLinkRequest { token, login_request, device: None };
        let request =
            called_from(from, request("SignInService/RedeemSignInLink", &Principal::Anyone, message));
        Ok(self.sign_in_grpc().redeem_sign_in_link(request).await?.into_inner())
    }

    pub(crate) async fn redeem_link(
        &self,
        token: &str,
        login_request: &str,
    ) -> Answer<pb::RedeemSignInLinkResponse> {
        self.redeem_link_from(NOWHERE, (token, login_request)).await
    }

    pub(crate) async fn redeem_code_from(
        &self,
        from: Ipv4Addr,
        (login_request, code): (&str, &str),
    ) -> Answer<pb::RedeemSignInCodeResponse> {
        let (login_request, code) = (login_request.to_owned(), code.to_owned());
        let message = pb::RedeemSignInCodeRequest { login_request, code, device: None };
        let request =
            called_from(from, request("SignInService/RedeemSignInCode", &Principal::Anyone, message));
        Ok(self.sign_in_grpc().redeem_sign_in_code(request).await?.into_inner())
    }

    pub(crate) async fn redeem_code(
        &self,
        login_request: &str,
        code: &str,
    ) -> Answer<pb::RedeemSignInCodeResponse> {
        self.redeem_code_from(NOWHERE, (login_request, code)).await
    }

    /// Lets the windows of all budgets end.
    pub(crate) async fn end_windows(&self) {
        self.sql("UPDATE budgets SET window_end = now()").await;
    }
}

pub(super) fn wrong(code: &str) -> String {
    let first = if code.starts_with('0') { "1" } else { "0" };
    format!("{first}{}", &code[1..])
}

#[tokio::test]
async fn a_link_signs_in_the_browser_that_asked_for_it_once() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let asked = world.request_link(" ADA@acme.example").await.unwrap();
    assert_eq!(asked.ttl.unwrap().seconds, 600);
    let printed = world.print(world.last_link().await).await;
    assert_eq!(printed, world.print(world.last_link().await).await, "printing again gives the same");
    assert_eq!((printed.purpose(), printed.code.len()), (pb::LinkPurpose::SignIn, 6));
    let token = token_of(&printed.url);
    assert_eq!(printed.url, format!("https://share.example/acme/sign-in#{token}"));
    assert_eq!(printed.organization_display_name, "acme Inc.");
    assert_eq!(printed.person.unwrap().user_id, acme.admin_id);

    let entered = world.redeem_link(&token, &asked.login_request).await.unwrap();
    assert_eq!((entered.user_id, entered.space_id), (acme.admin_id, Uuid::from_u128(2).to_string()));
    assert!(world.refresh(&entered.tokens.unwrap().refresh_token).await.is_ok());
    let again = world.redeem_link(&token, &asked.login_request).await;
    assert_refused(again, Code::NotFound, "SIGN_IN_LINK_REFUSED");
    let code = world.redeem_code(&asked.login_request, &printed.code).await;
    assert_refused(code, Code::NotFound, "SIGN_IN_LINK_REFUSED");
    assert!(!world.print(world.last_link().await).await.is_due, "a used link is not sent again");
    assert_eq!(world.count("sessions WHERE method = 'LINK'").await, 1);
}

#[tokio::test]
async fn a_code_signs_in_the_browser_that_asked_for_it_once_and_uses_the_link_up() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let mail = world.mail(ADMIN_ADDRESS).await;
    let spaced = format!(" {} {} ", &mail.code[..3], &mail.code[3..]);
    let entered = world.redeem_code(&mail.login_request, &spaced).await.unwrap();
    assert_eq!((entered.user_id, entered.space_id), (acme.admin_id, Uuid::from_u128(2).to_string()));
    assert!(world.refresh(&entered.tokens.unwrap().refresh_token).await.is_ok());
    let again = world.redeem_code(&mail.login_request, &mail.code).await;
    assert_refused(again, Code::NotFound, "SIGN_IN_LINK_REFUSED");
    let link = world.redeem_link(&mail.token, &mail.login_request).await;
    assert_refused(link, Code::NotFound, "SIGN_IN_LINK_REFUSED");
    assert_eq!(world.count("sessions WHERE method = 'CODE'").await, 1);
}

#[tokio::test]
async fn of_64_redemptions_at_once_exactly_one_gets_in_round_after_round() {
    let world = Arc::new(World::new().await);
    world.tenant("acme").await;
    for round in 0..12 {
        world.end_windows().await;
        let mail = world.mail(ADMIN_ADDRESS).await;
        let barrier = Arc::new(Barrier::new(64));
        let mut calls = JoinSet::new();
        for racer in 0..64_u8 {
            let (world, barrier, mail) = (Arc::clone(&world), Arc::clone(&barrier), mail.clone());
            calls.spawn(async move {
                // Each from a network of its own, so that they meet at the link and nowhere before.
                let from = Ipv4Addr::new(198, 51, racer, 1);
                barrier.wait().await;
                if racer % 2 == 0 {
                    world.redeem_link_from(from, (&mail.token, &mail.login_request)).await.map(drop)
                } else {
                    world.redeem_code_from(from, (&mail.login_request, &mail.code)).await.map(drop)
                }
            });
        }
        let (won, lost): (Vec<_>, Vec<_>) = calls.join_all().await.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1, "round {round}");
        for refused in lost {
            assert_refused(refused, Code::NotFound, "SIGN_IN_LINK_REFUSED");
        }
        assert_eq!(world.count("sessions").await, round + 1);
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_a_link_or_code_the_refusal_is_the_same_byte_by_byte() {
    let world = World::new().await;
    world.tenant("acme").await;
    let globex = world.tenant("globex").await;
    let replaced = world.mail(ADMIN_ADDRESS).await;
    let used = world.mail(ADMIN_ADDRESS).await;
    world.redeem_link(&used.token, &used.login_request).await.unwrap();
    let expired = world.mail(ADMIN_ADDRESS).await;
    world.sql("UPDATE sign_in_links SET expire_time = now() WHERE use_time IS NULL").await;
    let good = world.mail(ADMIN_ADDRESS).await;
    let moved = |token: &str| {
        let mut bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
        bytes[..16].copy_from_slice(globex.id.parse::<Uuid>().unwrap().as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    };
    let mut refusals = Vec::new();
    for (token, login_request) in [
        ("", good.login_request.as_str()),
        (&"x".repeat(64), &good.login_request),
        (&moved(&good.token), &good.login_request),
        (&good.login_request, &good.login_request),
        (&replaced.token, &replaced.login_request),
        (&used.token, &used.login_request),
        (&expired.token, &expired.login_request),
    ] {
        let answer = world.redeem_link(token, login_request).await;
        refusals.push(bytes(&assert_refused(answer, Code::NotFound, "SIGN_IN_LINK_REFUSED")));
    }
    for (login_request, code) in [
        ("", good.code.as_str()),
        (&moved(&good.login_request), &good.code),
        (&good.token, &good.code),
        (&good.login_request, &wrong(&good.code)),
        (&good.login_request, ""),
        (&replaced.login_request, &replaced.code),
        (&used.login_request, &used.code),
        (&expired.login_request, &expired.code),
    ] {
        let answer = world.redeem_code(login_request, code).await;
        refusals.push(bytes(&assert_refused(answer, Code::NotFound, "SIGN_IN_LINK_REFUSED")));
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1);
    assert!(world.redeem_link(&good.token, &good.login_request).await.is_ok());
}

#[tokio::test]
async fn a_link_works_for_ten_minutes_by_the_databases_clock() {
    let world = World::new().await;
    world.tenant("acme").await;
    let mail = world.mail(ADMIN_ADDRESS).await;
    let minutes: f64 = sqlx::query_scalar(
        "SELECT (extract(epoch FROM expire_time - create_time) / 60)::float8 FROM sign_in_links",
    )
    .fetch_one(&world.all)
    .await
    .unwrap();
    assert!((minutes - 10.0).abs() < 0.001, "{minutes}");
    world.sql("UPDATE sign_in_links SET expire_time = now()").await;
    assert!(!world.print(world.last_link().await).await.is_due);
    let late = world.redeem_link(&mail.token, &mail.login_request).await;
    assert_refused(late, Code::NotFound, "SIGN_IN_LINK_REFUSED");
    world.sql("UPDATE sign_in_links SET expire_time = now() + interval '5 seconds'").await;
    assert!(world.redeem_link(&mail.token, &mail.login_request).await.is_ok());
}

#[tokio::test]
async fn another_browser_neither_gets_in_nor_uses_the_link_up() {
    let world = World::new().await;
    world.tenant("acme").await;
    world.tenant("globex").await;
    let mail = world.mail(ADMIN_ADDRESS).await;
    let attacker =
        world.request_link_from(NOWHERE, ("acme", "eve@acme.example")).await.unwrap().login_request;
    let elsewhere = world.request_link_from(NOWHERE, ("globex", "ada@globex.example")).await.unwrap();
    for foreign in ["", "nonsense", &"x".repeat(64), &attacker, &elsewhere.login_request, &mail.token] {
        let answer = world.redeem_link(&mail.token, foreign).await;
        assert_refused(answer, Code::FailedPrecondition, "OTHER_BROWSER");
    }
    assert_eq!(world.count("sessions").await, 0);
    assert_eq!(world.count("sign_in_links WHERE use_time IS NOT NULL").await, 0);
    assert!(world.redeem_link(&mail.token, &mail.login_request).await.is_ok(), "the first window goes on");
}

#[tokio::test]
async fn opening_and_printing_a_link_any_number_of_times_uses_nothing_up() {
    let world = World::new().await;
    world.tenant("acme").await;
    let mail = world.mail(ADMIN_ADDRESS).await;
    for _ in 0..5 {
        assert_eq!(world.print(world.last_link().await).await, mail.printed);
        world.redeem_link(&mail.token, "").await.unwrap_err();
    }
    assert_eq!(world.count("sign_in_links WHERE use_time IS NOT NULL OR void_time IS NOT NULL").await, 0);
    assert!(world.redeem_link(&mail.token, &mail.login_request).await.is_ok());
}

#[tokio::test]
async fn asking_writes_the_same_rows_and_events_whether_the_address_is_known_or_not() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let mia = pb::NewMember { email_address: "mia@acme.example".to_owned(), ..admin_of("acme") };
    world.create_member(&acme, mia).await.unwrap();
    world.guest(&acme, "gus@outside.example").await;
    world.sql("UPDATE people SET deactivate_time = now() WHERE email_address = 'mia@acme.example'").await;
    // The network's budget is there from now on.
    world.request_link("first@acme.example").await.unwrap();
    let mut written = Vec::new();
    for address in [ADMIN_ADDRESS, "nobody@acme.example", "gus@outside.example", "mia@acme.example"] {
        let before = world.counts().await;
        let answer = world.request_link(address).await.unwrap();
        assert_eq!((answer.login_request.len(), answer.ttl.unwrap().seconds), (64, 600));
        world.request_reset(address).await.unwrap();
        let after = world.counts().await;
        written.push(after.iter().zip(before).map(|(after, before)| after - before).collect::<Vec<_>>());
    }
    written.dedup();
    assert_eq!(written, [vec![2, 2, 2]], "links, events and the address's budgets");
    let addresses = world
        .count(
            "outbox WHERE body::text LIKE '%' || encode('acme.example', 'hex') || '%'
        AND routing_key = 'identity.sign_in_link.requested.v1'",
        )
        .await;
    assert_eq!(addresses, 0, "the event names the link alone");
}

impl World {
    async fn counts(&self) -> Vec<i64> {
        vec![self.count("sign_in_links").await, self.count("outbox").await, self.count("budgets").await]
    }
}

#[tokio::test]
async fn there_is_no_mail_for_an_address_without_a_way_in() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.guest(&acme, "gus@outside.example").await;
    world.request_link("nobody@acme.example").await.unwrap();
    assert_eq!(world.print(world.last_link().await).await, pb::IssueSignInLinkResponse::default());
    let unknown = SignInLinkRequested {
        organization_id: acme.id.clone(),
        sign_in_link_id: Uuid::from_u128(7).to_string(),
        expire_time: None,
    };
    assert!(!world.print(unknown).await.is_due);
    let mail = world.mail("gus@outside.example").await;
    let foreign = SignInLinkRequested { organization_id: Uuid::nil().to_string(), ..world.last_link().await };
    assert!(!world.print(foreign).await.is_due, "another organisation's");
    world.sql("UPDATE people SET deactivate_time = now()").await;
    assert!(!world.print(world.last_link().await).await.is_due);
    for answer in [
        world.redeem_link(&mail.token, &mail.login_request).await.map(drop),
        world.redeem_code(&mail.login_request, &mail.code).await.map(drop),
    ] {
        assert_refused(answer, Code::NotFound, "SIGN_IN_LINK_REFUSED");
    }
    assert_eq!(world.count("sessions").await, 0);
}

#[tokio::test]
async fn a_newer_request_voids_the_older_of_the_same_purpose_and_no_other() {
    let world = World::new().await;
    world.tenant("acme").await;
    let older = world.mail(ADMIN_ADDRESS).await;
    world.request_reset(ADMIN_ADDRESS).await.unwrap();
    world.request_link("nobody@acme.example").await.unwrap();
    assert_eq!(world.count("sign_in_links WHERE void_time IS NOT NULL").await, 0);
    let newer = world.mail(ADMIN_ADDRESS).await;
    assert_eq!(world.count("sign_in_links WHERE void_time IS NOT NULL").await, 1);
    let old = world.redeem_link(&older.token, &older.login_request).await;
    assert_refused(old, Code::NotFound, "SIGN_IN_LINK_REFUSED");
    assert!(world.redeem_link(&newer.token, &newer.login_request).await.is_ok());
}

#[tokio::test]
async fn what_is_asked_for_is_checked() {
    let world = World::new().await;
    world.tenant("acme").await;
    let message = |organization: &str, address: &str, space: &str| pb::RequestSignInLinkRequest {
        organization: organization.to_owned(),
        email_address: address.to_owned(),
        space_id: space.to_owned(),
        space_address: String::new(),
    };
    let ask = async |message| {
        let request = request("SignInService/RequestSignInLink", &Principal::Anyone, message);
        world.sign_in_grpc().request_sign_in_link(request).await
    };
    assert_names(ask(message("acme", "nonsense", "")).await, "email_address");
    assert_names(ask(message("acme", ADMIN_ADDRESS, "7")).await, "space_id");
    let unknown = ask(message("globex", ADMIN_ADDRESS, "")).await;
    assert_refused(unknown, Code::NotFound, "ORGANIZATION_NOT_FOUND");
    assert!(ask(message("acme", ADMIN_ADDRESS, "")).await.is_ok());
    let device = |length| pb::Device { device_token: String::new(), label: "é".repeat(length) };
    for (length, field) in [(255, None), (256, Some("device.label"))] {
        let message = pb::RedeemSignInLinkRequest { device: Some(device(length)), ..Default::default() };
        let request = request("SignInService/RedeemSignInLink", &Principal::Anyone, message);
        let answer = world.sign_in_grpc().redeem_sign_in_link(request).await;
        match field {
            Some(field) => assert_names(answer, field),
            None => drop(assert_refused(answer, Code::NotFound, "SIGN_IN_LINK_REFUSED")),
        }
    }
}

#[tokio::test]
async fn links_lead_to_the_organisations_own_address_whatever_the_call_says_of_its_host() {
    let world = World::new().await;
    world.tenant("acme").await;
    let message = pb::RequestSignInLinkRequest {
        organization: "acme".to_owned(),
        email_address: ADMIN_ADDRESS.to_owned(),
        space_id: String::new(),
        space_address: String::new(),
    };
    let mut request = request("SignInService/RequestSignInLink", &Principal::Anyone, message);
    for name in ["host", "x-forwarded-host", "forwarded", "origin", "referer"] {
        request.metadata_mut().insert(name, "evil.example".parse().unwrap());
    }
    world.sign_in_grpc().request_sign_in_link(request).await.unwrap();
    let printed = world.print(world.last_link().await).await;
    assert!(printed.url.starts_with("https://share.example/acme/sign-in#"), "{}", printed.url);
}
