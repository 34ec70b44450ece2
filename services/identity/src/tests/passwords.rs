//! `AccountService`: setting, changing and resetting passwords.

use service_kit::caller::{CallerKind, Principal};
use sharedspaces_proto::identity::events::v1::SecurityNoticeKind;
use sharedspaces_proto::identity::v1 as pb;
use sharedspaces_proto::identity::v1::account_service_server::AccountService;
use tonic::Code;
use uuid::Uuid;

use super::invitations::token_of;
use super::keys::verifier;
use super::world::*;

const NEW: &str = "velvet Anchor pebble 42";
const WEAK: &str = "aaaaaaaaaaaaaaaa";

impl World {
    async fn set(&self, who: &Principal, new: &str) -> Answer<pb::SetPasswordResponse> {
        let message = pb::SetPasswordRequest { new_password: new.to_owned() };
        let request = request("AccountService/SetPassword", who, message);
        Ok(self.account_grpc().set_password(request).await?.into_inner())
    }

    async fn change(&self, who: &Principal, (old, new): (&str, &str)) -> Answer<pb::ChangePasswordResponse> {
        self.change_keyed(who, (old, new), None).await
    }

    async fn change_keyed(
        &self,
        who: &Principal,
        (old, new): (&str, &str),
        key: Option<&str>,
    ) -> Answer<pb::ChangePasswordResponse> {
        let message =
            pb::ChangePasswordRequest { old_password: old.to_owned(), new_password: new.to_owned() };
        let mut request = request("AccountService/ChangePassword", who, message);
        if let Some(key) = key {
            request = keyed(request, key);
        }
        Ok(self.account_grpc().change_password(request).await?.into_inner())
    }

    async fn reset(&self, token: &str, new: &str) -> Answer<pb::ResetPasswordResponse> {
        let message = pb::ResetPasswordRequest { token: token.to_owned(), new_password: new.to_owned() };
        let request = request("AccountService/ResetPassword", &Principal::Anyone, message);
        Ok(self.account_grpc().reset_password(called_from(NOWHERE, request)).await?.into_inner())
    }

    async fn reset_token(&self, address: &str) -> String {
        self.request_reset(address).await.unwrap();
        let printed = self.print(self.last_link().await).await;
        assert_eq!((printed.purpose(), printed.code.as_str()), (pb::LinkPurpose::ResetPassword, ""));
        let token = token_of(&printed.url);
        assert_eq!(printed.url, format!("https://share.example/acme/reset-password#{token}"));
        token
    }

    async fn changed_notices(&self) -> usize {
        let notices = self.notices_told().await;
        notices.iter().filter(|notice| notice.kind() == SecurityNoticeKind::PasswordChanged).count()
    }
}

async fn world_with_guest() -> (World, Tenant, Principal) {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let guest = world.guest(&acme, "gus@outside.example").await;
    let gus = person(&acme.id, &guest.user_id, CallerKind::Guest, Uuid::nil());
    (world, acme, gus)
}

#[tokio::test]
async fn a_first_password_is_set_once_and_the_person_is_told() {
    let (world, _, gus) = world_with_guest().await;
    assert_names(world.set(&gus, "").await, "new_password");
    assert_names(world.set(&gus, WEAK).await, "new_password");
    assert_names(world.set(&gus, "gus.outside.gus.outside").await, "new_password");
    assert_names(world.set(&gus, &"x".repeat(1_025)).await, "new_password");
    world.set(&gus, NEW).await.unwrap();
    assert!(world.sign_in(("acme", "gus@outside.example", NEW)).await.is_ok());
    assert_refused(world.set(&gus, PASSWORD).await, Code::FailedPrecondition, "PASSWORD_ALREADY_SET");
    assert!(world.sign_in(("acme", "gus@outside.example", NEW)).await.is_ok());
    assert_eq!(world.changed_notices().await, 1);
    let stranger = person(&Uuid::nil().to_string(), &Uuid::nil().to_string(), CallerKind::Guest, Uuid::nil());
    assert_refused(world.set(&stranger, NEW).await, Code::NotFound, "PERSON_NOT_FOUND");
}

#[tokio::test]
async fn a_password_has_1024_characters_at_most_and_as_many_as_the_organisation_says_at_least() {
    let (world, acme, gus) = world_with_guest().await;
    let long = "plum Kettle orbit 7é".chars().cycle().take(1_024).collect::<String>();
    world.set(&gus, &long).await.unwrap();
    assert!(world.sign_in(("acme", "gus@outside.example", &long)).await.is_ok());
    world
        .sql("DELETE FROM credentials WHERE user_id IN (SELECT user_id FROM people WHERE kind = 'GUEST')")
        .await;
    for (least, password, is_taken) in [
        (15, "plum-Kettle-or", false),
        (12, "plum-Kettl9", false),
        (64, NEW, false),
        (12, "plum-Kettle9", true),
    ] {
        sqlx::query("UPDATE organizations SET password_min_length = $1")
            .bind(least)
            .execute(&world.all)
            .await
            .unwrap();
        let answer = world.set(&gus, password).await;
        assert_eq!(answer.is_ok(), is_taken, "{least} {password}");
        if !is_taken {
            assert_names(answer, "new_password");
        }
    }
    let mia = pb::NewMember {
        email_address: "mia@acme.example".to_owned(),
        password: "quill-Marsh9".to_owned(),
        ..admin_of("acme")
    };
    assert!(world.create_member(&acme, mia).await.is_ok());
}

#[tokio::test]
async fn a_change_needs_the_old_password_and_ends_the_other_sessions() {
    let world = World::new().await;
    world.tenant("acme").await;
    let (here, elsewhere) = (world.signed_in().await, world.signed_in().await);
    let ada = verifier(&world).verify(&here.access_token).unwrap();
    let wrong = world.change(&ada, ("a wrong password", NEW)).await;
    assert_refused(wrong, Code::PermissionDenied, "PASSWORD_REFUSED");
    assert_names(world.change(&ada, (PASSWORD, WEAK)).await, "new_password");
    assert_names(world.change(&ada, ("", NEW)).await, "old_password");
    assert_names(world.change(&ada, (&"x".repeat(4_097), NEW)).await, "old_password");
    assert_eq!(world.changed_notices().await, 0);
    let here = world.refresh(&here.refresh_token).await.unwrap();
    let elsewhere = world.refresh(&elsewhere.refresh_token).await.unwrap();

    world.change(&ada, (PASSWORD, NEW)).await.unwrap();
    assert_eq!(world.changed_notices().await, 1);
    assert!(world.refresh(&here.refresh_token).await.is_ok());
    let ended = world.refresh(&elsewhere.refresh_token).await;
    assert_refused(ended, Code::Unauthenticated, "REFRESH_TOKEN_REFUSED");
    let old = world.sign_in(("acme", ADMIN_ADDRESS, PASSWORD)).await;
    assert_refused(old, Code::Unauthenticated, "CREDENTIALS_REFUSED");
    assert!(world.sign_in(("acme", ADMIN_ADDRESS, NEW)).await.is_ok());
}

#[tokio::test]
async fn a_change_that_is_repeated_is_answered_as_before_and_neither_password_is_kept_in_its_key() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    for _ in 0..2 {
        world.change_keyed(&acme.admin(), (PASSWORD, NEW), Some("once")).await.unwrap();
    }
    assert_eq!(world.changed_notices().await, 1);
    let other = world.change_keyed(&acme.admin(), (NEW, PASSWORD), Some("once")).await;
    assert_refused(other, Code::InvalidArgument, "IDEMPOTENCY_KEY_REUSED");
    let plain = pb::ChangePasswordRequest { old_password: PASSWORD.to_owned(), new_password: NEW.to_owned() };
    let hash = ring::digest::digest(&ring::digest::SHA256, &prost::Message::encode_to_vec(&plain));
    let kept: Vec<u8> = sqlx::query_scalar("SELECT request_sha256 FROM idempotency_keys WHERE key = 'once'")
        .fetch_one(&world.all)
        .await
        .unwrap();
    assert_ne!(kept, hash.as_ref());
}

#[tokio::test]
async fn wrong_old_passwords_count_as_failed_sign_ins() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    for _ in 0..5 {
        let wrong = world.change(&acme.admin(), ("a wrong password", NEW)).await;
        assert_refused(wrong, Code::PermissionDenied, "PASSWORD_REFUSED");
    }
    let change = world.change(&acme.admin(), (PASSWORD, NEW)).await;
    assert_refused(change, Code::ResourceExhausted, "TOO_MANY_ATTEMPTS");
    let sign_in = world.sign_in(("acme", ADMIN_ADDRESS, PASSWORD)).await;
    assert_refused(sign_in, Code::ResourceExhausted, "TOO_MANY_ATTEMPTS");
}

#[tokio::test]
async fn who_has_no_password_can_set_one_but_not_change_it() {
    let (world, _, gus) = world_with_guest().await;
    let change = world.change(&gus, (PASSWORD, NEW)).await;
    assert_refused(change, Code::PermissionDenied, "PASSWORD_REFUSED");
    assert_eq!(world.count("credentials").await, 1);
}

#[tokio::test]
async fn a_reset_sets_the_password_ends_all_sessions_and_voids_all_links() {
    let world = World::new().await;
    world.tenant("acme").await;
    let session = world.signed_in().await;
    for _ in 0..5 {
        world.sign_in(("acme", ADMIN_ADDRESS, "a wrong password")).await.unwrap_err();
    }
    let mail = world.mail(ADMIN_ADDRESS).await;
    let token = world.reset_token(ADMIN_ADDRESS).await;
    world.reset(&token, NEW).await.unwrap();
    let ended = world.refresh(&session.refresh_token).await;
    assert_refused(ended, Code::Unauthenticated, "REFRESH_TOKEN_REFUSED");
    let link = world.redeem_link(&mail.token, &mail.login_request).await;
    assert_refused(link, Code::NotFound, "SIGN_IN_LINK_REFUSED");
    assert!(
        world.sign_in(("acme", ADMIN_ADDRESS, NEW)).await.is_ok(),
        "at once, whatever was guessed before"
    );
    let again = world.reset(&token, PASSWORD).await;
    assert_refused(again, Code::NotFound, "SIGN_IN_LINK_REFUSED");
    assert_eq!(world.changed_notices().await, 1);
}

#[tokio::test]
async fn a_password_that_may_not_be_set_leaves_the_link_of_a_reset() {
    let (world, ..) = world_with_guest().await;
    let token = world.reset_token("gus@outside.example").await;
    for bad in ["", WEAK, "gus.outside.gus.outside", &"x".repeat(1_025)] {
        assert_names(world.reset(&token, bad).await, "new_password");
    }
    world.reset(&token, NEW).await.unwrap();
    assert!(world.sign_in(("acme", "gus@outside.example", NEW)).await.is_ok(), "who had none has one now");
}

#[tokio::test]
async fn a_reset_link_is_refused_alike_whatever_is_wrong_and_one_link_is_not_the_other() {
    let world = World::new().await;
    world.tenant("acme").await;
    let replaced = world.reset_token(ADMIN_ADDRESS).await;
    let expired = world.reset_token(ADMIN_ADDRESS).await;
    world.sql("UPDATE sign_in_links SET expire_time = now()").await;
    let mail = world.mail(ADMIN_ADDRESS).await;
    let good = world.reset_token(ADMIN_ADDRESS).await;
    let mut refusals = Vec::new();
    for token in ["", "nonsense", &"x".repeat(64), &replaced, &expired, &mail.token] {
        let answer = world.reset(token, NEW).await;
        refusals.push(bytes(&assert_refused(answer, Code::NotFound, "SIGN_IN_LINK_REFUSED")));
    }
    let sign_in = world.redeem_link(&good, &mail.login_request).await;
    assert_refused(sign_in, Code::NotFound, "SIGN_IN_LINK_REFUSED");
    world.sql("UPDATE people SET deactivate_time = now()").await;
    let answer = world.reset(&good, NEW).await;
    refusals.push(bytes(&assert_refused(answer, Code::NotFound, "SIGN_IN_LINK_REFUSED")));
    refusals.dedup();
    assert_eq!(refusals.len(), 1);
    assert_eq!(world.changed_notices().await, 0);
}

#[tokio::test]
async fn a_hash_with_weaker_parameters_is_replaced_on_signing_in_and_a_wrong_password_replaces_nothing() {
    let world = World::new().await;
    world.tenant("acme").await;
    let weak = "$argon2id$v=19$m=4096,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$";
    let hash = {
        use argon2::password_hash::phc::{PasswordHash, Salt};
        let params = argon2::Params::new(4_096, 1, 1, None).unwrap();
        let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
        let salt = Salt::new(b"somesaltsomesalt").unwrap();
        let hash: PasswordHash =
            argon2::PasswordHasher::hash_password_with_salt(&argon2, PASSWORD.as_bytes(), &salt).unwrap();
        hash.to_string()
    };
    assert!(hash.starts_with(weak), "{hash}");
    sqlx::query("UPDATE credentials SET password_hash = $1").bind(&hash).execute(&world.all).await.unwrap();
    let stored = async || -> String {
        sqlx::query_scalar("SELECT password_hash FROM credentials").fetch_one(&world.all).await.unwrap()
    };
    world.sign_in(("acme", ADMIN_ADDRESS, "a wrong password")).await.unwrap_err();
    assert_eq!(stored().await, hash);
    world.signed_in().await;
    let renewed = stored().await;
    assert!(renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{renewed}");
    world.signed_in().await;
    assert_eq!(stored().await, renewed, "what is strong enough stays");
}
