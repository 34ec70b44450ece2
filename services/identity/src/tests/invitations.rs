//! `InvitationService`.

use base64::Engine;
use prost::Message;
use service_kit::caller::CallerKind;
use service_kit::caller::Principal;
use sharedspaces_proto::identity::events::v1::InvitationAccepted;
use sharedspaces_proto::identity::v1 as pb;
use std::sync::Arc;
use tokio::task::JoinSet;
use tonic::Code;
use uuid::Uuid;

use super::keys;
use super::world::*;

const GUEST_ADDRESS: &str = "gus@outside.example";

pub(crate) fn invitation(of: &Tenant, guest: &pb::Person) -> pb::IssueInvitationRequest {
    pb::IssueInvitationRequest {
        organization_id: of.id.clone(),
        invitation_id: Uuid::from_u128(1).to_string(),
        space_id: Uuid::from_u128(2).to_string(),
        user_id: guest.user_id.clone(),
        inviter_user_id: of.admin_id.clone(),
    }
}

pub(crate) fn token_of(url: &str) -> String {
    url.split_once('#').unwrap().1.to_owned()
}

/// A guest with an invitation, the token in its link, and the acceptance that would let them in.
struct Invited {
    world: World,
    acme: Tenant,
    guest: pb::Person,
    token: String,
    acceptance: pb::AcceptInvitationRequest,
}

async fn invited() -> Invited {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let guest = world.guest(&acme, GUEST_ADDRESS).await;
    let issued = world.issue(invitation(&acme, &guest)).await.unwrap();
    let token = token_of(&issued.url);
    let notice = world.open(&token, "").await.unwrap().privacy_notice.unwrap();
    let acceptance = pb::AcceptInvitationRequest {
        token: token.clone(),
        privacy_notice_id: notice.privacy_notice_id,
        consent_given: true,
        display_name: "Gus Guest".to_owned(),
        ..pb::AcceptInvitationRequest::default()
    };
    Invited { world, acme, guest, token, acceptance }
}

impl Invited {
    async fn assert_nothing_changed(&self) {
        assert_eq!(self.world.count("consents").await, 0);
        assert_eq!(self.world.count("sessions").await, 0);
        assert_eq!(self.world.count("invitation_links WHERE use_time IS NOT NULL").await, 0);
        assert_eq!(self.world.count("people WHERE kind = 'GUEST' AND version = 1").await, 1);
    }
}

#[tokio::test]
async fn issuing_again_gives_the_same_address_byte_by_byte_with_the_token_in_the_fragment() {
    let Invited { world, acme, guest, token, .. } = invited().await;
    let issued = world.issue(invitation(&acme, &guest)).await.unwrap();
    assert_eq!(issued.url, format!("https://share.example/acme/invitation#{token}"));
    assert_eq!(token.len(), 64);
    assert_eq!((issued.email_address.as_str(), issued.locale.as_str()), (GUEST_ADDRESS, "en"));
    assert_eq!(issued.organization_display_name, "acme Inc.");
    let other = pb::IssueInvitationRequest {
        invitation_id: Uuid::from_u128(9).to_string(),
        ..invitation(&acme, &guest)
    };
    assert_ne!(token_of(&world.issue(other).await.unwrap().url), token);
}

#[tokio::test]
async fn an_expired_link_is_replaced_and_does_not_come_back() {
    let Invited { world, acme, guest, token, acceptance } = invited().await;
    let days: f64 = sqlx::query_scalar(
        "SELECT (extract(epoch FROM expire_time - create_time) / 86400)::float8 FROM invitation_links",
    )
    .fetch_one(&world.all)
    .await
    .unwrap();
    assert!((days - 7.0).abs() < f64::EPSILON);
    world.sql("UPDATE invitation_links SET expire_time = now()").await;
    assert_refused(world.open(&token, "").await, Code::NotFound, "INVITATION_LINK_REFUSED");
    let next = token_of(&world.issue(invitation(&acme, &guest)).await.unwrap().url);
    assert_ne!(next, token);
    assert_eq!(token_of(&world.issue(invitation(&acme, &guest)).await.unwrap().url), next);
    assert_refused(world.accept(acceptance.clone()).await, Code::NotFound, "INVITATION_LINK_REFUSED");
    assert!(world.accept(pb::AcceptInvitationRequest { token: next, ..acceptance }).await.is_ok());
}

#[tokio::test]
async fn issuing_refuses_strangers_members_another_use_of_an_invitation_and_one_that_was_accepted() {
    let Invited { world, acme, guest, acceptance, .. } = invited().await;
    let base = invitation(&acme, &guest);
    let nobody = Uuid::from_u128(77).to_string();
    let (mut a, mut b, mut c, mut d, mut e) =
        (base.clone(), base.clone(), base.clone(), base.clone(), base.clone());
    a.user_id = nobody.clone();
    assert_refused(world.issue(a).await, Code::NotFound, "PERSON_NOT_FOUND");
    b.inviter_user_id = nobody.clone();
    assert_refused(world.issue(b).await, Code::NotFound, "PERSON_NOT_FOUND");
    c.user_id = acme.admin_id.clone();
    assert_refused(world.issue(c).await, Code::FailedPrecondition, "NOT_A_GUEST");
    d.space_id = nobody.clone();
    assert_refused(world.issue(d).await, Code::FailedPrecondition, "INVITATION_MISMATCH");
    e.organization_id = nobody;
    assert_refused(world.issue(e).await, Code::NotFound, "ORGANIZATION_NOT_FOUND");
    let empty = pb::IssueInvitationRequest::default();
    for field in ["organization_id", "invitation_id", "space_id", "user_id", "inviter_user_id"] {
        assert_names(world.issue(empty.clone()).await, field);
    }
    world.accept(acceptance).await.unwrap();
    assert_refused(world.issue(base).await, Code::FailedPrecondition, "INVITATION_ACCEPTED");
}

#[tokio::test]
async fn the_landing_page_shows_who_invites_and_the_notice_and_never_uses_the_link_up() {
    let invited = invited().await;
    let Invited { world, token, .. } = &invited;
    for (locale, expected) in [("", "en"), ("en", "en"), ("fr", "fr"), ("", "en")] {
        let page = world.open(token, locale).await.unwrap();
        assert_eq!(page.organization_display_name, "acme Inc.");
        assert_eq!(page.inviter_display_name, "Ada Admin");
        assert_eq!(page.email_address, GUEST_ADDRESS);
        assert_eq!(page.privacy_notice.unwrap().locale, expected);
    }
    assert_names(world.open(token, "it").await, "locale");
    invited.assert_nothing_changed().await;
    assert!(world.accept(invited.acceptance.clone()).await.is_ok());
}

#[tokio::test]
async fn a_forged_foreign_expired_or_used_link_is_refused_alike() {
    let Invited { world, acceptance, token, .. } = invited().await;
    let globex = world.tenant("globex").await;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut moved = engine.decode(&token).unwrap();
    moved[..16].copy_from_slice(globex.id.parse::<Uuid>().unwrap().as_bytes());
    let mut flipped = engine.decode(&token).unwrap();
    flipped[47] ^= 1;
    let mut bad = vec![
        String::new(),
        "x".repeat(64),
        "x".repeat(100_000),
        engine.encode(&moved),
        engine.encode(&flipped),
    ];
    let mut refusals = Vec::new();
    let refuse = async |token: &str, refusals: &mut Vec<_>| {
        let acceptance = pb::AcceptInvitationRequest { token: token.to_owned(), ..acceptance.clone() };
        let (opened, accepted) = (world.open(token, "").await, world.accept(acceptance).await);
        refusals.push(bytes(&assert_refused(opened, Code::NotFound, "INVITATION_LINK_REFUSED")));
        refusals.push(bytes(&assert_refused(accepted, Code::NotFound, "INVITATION_LINK_REFUSED")));
    };
    for token in bad.drain(..) {
        refuse(&token, &mut refusals).await;
    }
    world.sql("UPDATE invitation_links SET expire_time = now()").await;
    refuse(&token, &mut refusals).await;
    world.sql("UPDATE invitation_links SET expire_time = now() + interval '1 second'").await;
    world.accept(acceptance.clone()).await.unwrap();
    refuse(&token, &mut refusals).await;
    refusals.dedup();
    assert_eq!(refusals.len(), 1);
}

#[tokio::test]
async fn accepting_records_the_consent_sets_the_name_starts_a_session_and_tells_spaces() {
    let Invited { world, acme, guest, acceptance, token } = invited().await;
    let french = world.open(&token, "fr").await.unwrap().privacy_notice.unwrap();
    let acceptance =
        pb::AcceptInvitationRequest { privacy_notice_id: french.privacy_notice_id.clone(), ..acceptance };
    let accepted = world.accept(acceptance).await.unwrap();
    assert_eq!(
        (accepted.user_id.as_str(), accepted.space_id),
        (guest.user_id.as_str(), Uuid::from_u128(2).to_string())
    );
    let tokens = accepted.tokens.unwrap();
    let caller = keys::verifier(&world).verify(&tokens.access_token).unwrap();
    let Principal::Person(who) = &caller else { panic!("no person") };
    assert_eq!((who.kind, who.organization_id.to_string()), (CallerKind::Guest, acme.id.clone()));
    assert_eq!(world.profile(&caller).await.unwrap().display_name, "Gus Guest");
    assert!(world.refresh(&tokens.refresh_token).await.is_ok());

    let consent: (String, Uuid, i32, String, String, String, String) = sqlx::query_as(
        "SELECT user_id::text, privacy_notice_id, notice_version, notice_locale, notice_sha256, action, via
           FROM consents",
    )
    .fetch_one(&world.all)
    .await
    .unwrap();
    let notice_id: Uuid = french.privacy_notice_id.parse().unwrap();
    let (given, via) = ("GIVEN".to_owned(), "INVITATION".to_owned());
    assert_eq!(consent, (guest.user_id.clone(), notice_id, 1, "fr".to_owned(), french.sha256, given, via));

    let (aggregate, version, body): (Uuid, i64, Vec<u8>) = sqlx::query_as(
        "SELECT aggregate_id, aggregate_version, body FROM outbox
          WHERE routing_key = 'identity.invitation.accepted.v1'",
    )
    .fetch_one(&world.all)
    .await
    .unwrap();
    assert_eq!((aggregate.to_string(), version), (guest.user_id.clone(), 2));
    let event = InvitationAccepted::decode(body.as_slice()).unwrap();
    assert_eq!((event.organization_id, event.invitation_id), (acme.id, Uuid::from_u128(1).to_string()));
    let person = event.person.unwrap();
    assert_eq!((person.user_id, person.display_name.as_str()), (guest.user_id, "Gus Guest"));
    assert!(event.accept_time.is_some());
}

#[tokio::test]
async fn of_64_acceptances_at_once_exactly_one_gets_in() {
    let Invited { world, acceptance, .. } = invited().await;
    let world = Arc::new(world);
    let mut calls = JoinSet::new();
    for _ in 0..64 {
        let (world, acceptance) = (Arc::clone(&world), acceptance.clone());
        calls.spawn(async move { world.accept(acceptance).await });
    }
    let (won, lost): (Vec<_>, Vec<_>) = calls.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for refused in lost {
        assert_refused(refused, Code::NotFound, "INVITATION_LINK_REFUSED");
    }
    assert_eq!((world.count("sessions").await, world.count("consents").await), (1, 1));
    assert_eq!(world.count("outbox WHERE routing_key = 'identity.invitation.accepted.v1'").await, 1);
}

#[tokio::test]
async fn accepting_without_consent_or_for_another_notice_is_refused_and_changes_nothing() {
    let invited = invited().await;
    let Invited { world, acceptance, .. } = &invited;
    world.tenant("globex").await;
    let foreign = world.notice("globex", "en").await.unwrap().privacy_notice_id;
    let without = pb::AcceptInvitationRequest { consent_given: false, ..acceptance.clone() };
    assert_names(world.accept(without).await, "consent_given");
    let bad = pb::AcceptInvitationRequest { privacy_notice_id: "7".to_owned(), ..acceptance.clone() };
    assert_names(world.accept(bad).await, "privacy_notice_id");
    for other in [foreign, Uuid::from_u128(5).to_string()] {
        let outdated = pb::AcceptInvitationRequest { privacy_notice_id: other, ..acceptance.clone() };
        assert_refused(world.accept(outdated).await, Code::FailedPrecondition, "NOTICE_OUTDATED");
    }
    world
        .sql(
            "INSERT INTO privacy_notices
             SELECT organization_id, gen_random_uuid(), 2, locale, 'new', 'new', now()
               FROM privacy_notices WHERE locale = 'en'",
        )
        .await;
    assert_refused(world.accept(acceptance.clone()).await, Code::FailedPrecondition, "NOTICE_OUTDATED");
    invited.assert_nothing_changed().await;
    let current = world.open(&invited.token, "").await.unwrap().privacy_notice.unwrap();
    assert_eq!(current.version, 2);
    let current =
        pb::AcceptInvitationRequest { privacy_notice_id: current.privacy_notice_id, ..acceptance.clone() };
    assert!(world.accept(current).await.is_ok());
}

#[tokio::test]
async fn a_name_given_on_entering_is_taken_up_to_its_limit_and_left_alone_where_it_is_empty() {
    let invited = invited().await;
    let Invited { world, acceptance, .. } = &invited;
    for bad in ["x".repeat(256), "a\nb".to_owned()] {
        let bad = pb::AcceptInvitationRequest { display_name: bad, ..acceptance.clone() };
        assert_names(world.accept(bad).await, "display_name");
    }
    invited.assert_nothing_changed().await;
    world.sql("UPDATE people SET display_name = 'Known' WHERE kind = 'GUEST'").await;
    let empty = pb::AcceptInvitationRequest { display_name: String::new(), ..acceptance.clone() };
    world.accept(empty).await.unwrap();
    assert_eq!(world.count("people WHERE display_name = 'Known'").await, 1);

    let invitation_id = Uuid::from_u128(3).to_string();
    let again = pb::IssueInvitationRequest { invitation_id, ..invitation(&invited.acme, &invited.guest) };
    let token = token_of(&world.issue(again).await.unwrap().url);
    let longest = pb::AcceptInvitationRequest { token, display_name: "é".repeat(255), ..acceptance.clone() };
    assert!(world.accept(longest).await.is_ok());
}

#[tokio::test]
async fn a_deactivated_guest_gets_no_page_and_no_session() {
    let Invited { world, acceptance, token, .. } = invited().await;
    world.sql("UPDATE people SET deactivate_time = now() WHERE kind = 'GUEST'").await;
    assert_refused(world.open(&token, "").await, Code::NotFound, "INVITATION_LINK_REFUSED");
    assert_refused(world.accept(acceptance).await, Code::NotFound, "INVITATION_LINK_REFUSED");
    assert_eq!(world.count("sessions").await, 0);
}

#[tokio::test]
async fn a_link_works_for_seven_days_and_an_invitation_whose_link_has_expired_is_sent_again() {
    let Invited { world, acme, guest, token, acceptance } = invited().await;
    let days: f64 = sqlx::query_scalar(
        "SELECT (extract(epoch FROM expire_time - create_time) / 86400)::float8 FROM invitation_links",
    )
    .fetch_one(&world.all)
    .await
    .unwrap();
    assert!((days - 7.0).abs() < 0.001, "{days}");
    world.sql("UPDATE invitation_links SET expire_time = now()").await;
    let expired = world.accept(acceptance.clone()).await;
    assert_refused(expired, Code::NotFound, "INVITATION_LINK_REFUSED");
    let next = token_of(&world.issue(invitation(&acme, &guest)).await.unwrap().url);
    assert_ne!(next, token);
    let old = world.accept(acceptance.clone()).await;
    assert_refused(old, Code::NotFound, "INVITATION_LINK_REFUSED");
    assert!(world.accept(pb::AcceptInvitationRequest { token: next, ..acceptance }).await.is_ok());
}

#[tokio::test]
async fn a_guest_completes_the_profile_and_sets_a_first_password_on_entering() {
    let Invited { world, acceptance, token, .. } = invited().await;
    assert_eq!(world.open(&token, "").await.unwrap().password_min_length, 15);
    let password = "velvet Anchor pebble 42";
    let acceptance = pb::AcceptInvitationRequest {
        job_title: "Buyer".to_owned(),
        company: "Outside Ltd".to_owned(),
        phone: "+41 44 123 45 67".to_owned(),
        locale: "de".to_owned(),
        time_zone: "Europe/Zurich".to_owned(),
        password: password.to_owned(),
        device: Some(pb::Device { device_token: String::new(), label: "Firefox on Linux".to_owned() }),
        ..acceptance
    };
    let tokens = world.accept(acceptance).await.unwrap().tokens.unwrap();
    assert_eq!(tokens.device_token.len(), 64);
    let person: (String, String, String, String, String, i64) = sqlx::query_as(
        "SELECT job_title, company, phone, locale, time_zone, version FROM people WHERE kind = 'GUEST'",
    )
    .fetch_one(&world.all)
    .await
    .unwrap();
    let text = str::to_owned;
    assert_eq!(
        person,
        (text("Buyer"), text("Outside Ltd"), text("+41 44 123 45 67"), text("de"), text("Europe/Zurich"), 2)
    );
    assert_eq!(
        world.count("sessions WHERE method = 'INVITATION' AND device_label = 'Firefox on Linux'").await,
        1
    );
    assert!(world.sign_in(("acme", GUEST_ADDRESS, password)).await.is_ok());
    let notices = world.notices_told().await;
    assert_eq!(notices.len(), 1, "of the sign-in without the device's token, not of the activation");
}

#[tokio::test]
async fn what_a_guest_tells_on_entering_is_checked_and_leaves_the_link_where_it_is_refused() {
    let invited = invited().await;
    let Invited { world, acceptance, .. } = &invited;
    let with = |change: fn(&mut pb::AcceptInvitationRequest)| {
        let mut request = acceptance.clone();
        change(&mut request);
        request
    };
    for (field, request) in [
        ("job_title", with(|r| r.job_title = "x".repeat(256))),
        ("company", with(|r| r.company = "x".repeat(256))),
        ("phone", with(|r| r.phone = "call me".to_owned())),
        ("locale", with(|r| r.locale = "it".to_owned())),
        ("time_zone", with(|r| r.time_zone = "Mars/Olympus".to_owned())),
        ("password", with(|r| r.password = "too short".to_owned())),
        ("password", with(|r| r.password = "Gus-Guest.Gus-Guest".to_owned())),
        ("password", with(|r| r.password = "x".repeat(1_025))),
        (
            "device.label",
            with(|r| r.device = Some(pb::Device { label: "x".repeat(256), ..Default::default() })),
        ),
    ] {
        assert_names(world.accept(request).await, field);
    }
    invited.assert_nothing_changed().await;
}

#[tokio::test]
async fn an_invitation_does_not_replace_a_password() {
    let Invited { world, acme, guest, acceptance, .. } = invited().await;
    let with =
        |password: &str| pb::AcceptInvitationRequest { password: password.to_owned(), ..acceptance.clone() };
    world.accept(with("velvet Anchor pebble 42")).await.unwrap();
    let invitation_id = Uuid::from_u128(3).to_string();
    let again = pb::IssueInvitationRequest { invitation_id, ..invitation(&acme, &guest) };
    let token = token_of(&world.issue(again).await.unwrap().url);
    let second = pb::AcceptInvitationRequest { token: token.clone(), ..with(PASSWORD) };
    assert_refused(world.accept(second).await, Code::FailedPrecondition, "PASSWORD_ALREADY_SET");
    assert!(world.sign_in(("acme", GUEST_ADDRESS, "velvet Anchor pebble 42")).await.is_ok());
    assert!(world.accept(pb::AcceptInvitationRequest { token, ..with("") }).await.is_ok());
}
