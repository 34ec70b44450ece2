//! `SignInService`.

use base64::Engine;
use service_kit::caller::CallerKind;
use service_kit::caller::Principal;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tonic::Status;
use tonic_types::StatusExt;
use uuid::Uuid;

use service_kit::verify::TokenRefused;
use sharedspaces_proto::identity::v1 as pb;
use tokio::task::JoinSet;
use tonic::Code;

use super::keys::verifier;
use super::world::*;

const WRONG: &str = "a wrong password";

async fn caller_of(world: &World, access_token: &str) -> Principal {
    verifier(world).verify(access_token).unwrap()
}

#[tokio::test]
async fn signing_in_gives_tokens_that_the_services_accept_with_kind_and_role() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let answer = world.sign_in(("acme", " ADA@acme.example", PASSWORD)).await.unwrap();
    assert_eq!(answer.user_id, acme.admin_id);
    let tokens = answer.tokens.unwrap();
    assert_eq!(tokens.access_token_ttl.unwrap().seconds, 300);
    let Principal::Person(caller) = caller_of(&world, &tokens.access_token).await else {
        panic!("no person")
    };
    assert_eq!(
        (caller.organization_id.to_string(), caller.user_id.to_string()),
        (acme.id.clone(), acme.admin_id.clone())
    );
    assert_eq!(caller.kind, CallerKind::Admin);

    let mia = pb::NewMember { email_address: "mia@acme.example".to_owned(), ..admin_of("acme") };
    world.create_member(&acme, mia).await.unwrap();
    let tokens = world.sign_in(("acme", "mia@acme.example", PASSWORD)).await.unwrap().tokens.unwrap();
    let Principal::Person(caller) = caller_of(&world, &tokens.access_token).await else {
        panic!("no person")
    };
    assert_eq!(caller.kind, CallerKind::Member);
}

#[tokio::test]
async fn an_access_token_carries_the_claims_of_rfc_9068_and_lives_five_minutes() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let tokens = world.signed_in().await;
    let parts: Vec<serde_json::Value> = tokens
        .access_token
        .split('.')
        .take(2)
        .map(|part| {
            let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap();
            serde_json::from_slice(&json).unwrap()
        })
        .collect();
    assert_eq!((&parts[0]["typ"], &parts[0]["alg"]), (&"at+jwt".into(), &"EdDSA".into()));
    assert!(parts[0]["kid"].is_string());
    let claims = parts[1].as_object().unwrap();
    let names: Vec<_> = claims.keys().map(String::as_str).collect();
    let expected = "aud consent_notice_version exp iat iss kind nbf org roles sid sub";
    assert_eq!(names.join(" "), expected);
    assert_eq!(claims["consent_notice_version"], 0, "members need none");
    assert_eq!(claims["aud"], serde_json::json!(["sharedspaces"]));
    assert_eq!((&claims["iss"], &claims["kind"]), (&ISSUER.into(), &"MEMBER".into()));
    assert_eq!((&claims["org"], &claims["sub"]), (&acme.id.into(), &acme.admin_id.into()));
    assert_eq!(claims["roles"], serde_json::json!(["ADMIN"]));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap(), 300);

    let old = World::new().await;
    old.tenant("acme").await;
    let foreign = old.signed_in().await.access_token;
    assert_eq!(verifier(&world).verify(&foreign), Err(TokenRefused), "another system's key");
    world.clock.advance(Duration::from_secs(60));
    let early = world.signed_in().await.access_token;
    assert_eq!(verifier(&world).verify(&early), Err(TokenRefused), "not valid before its time");
}

#[tokio::test]
async fn whatever_is_wrong_the_refusal_is_the_same_byte_by_byte() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.guest(&acme, "gus@outside.example").await;
    let mia = pb::NewMember { email_address: "mia@acme.example".to_owned(), ..admin_of("acme") };
    world.create_member(&acme, mia).await.unwrap();
    world.sql("UPDATE people SET deactivate_time = now() WHERE email_address = 'mia@acme.example'").await;
    let mut refusals = Vec::new();
    for (organization, address, password) in [
        ("acme", ADMIN_ADDRESS, WRONG),
        ("acme", "nobody@acme.example", PASSWORD),
        ("acme", "gus@outside.example", PASSWORD),
        ("acme", "mia@acme.example", PASSWORD),
        ("globex", ADMIN_ADDRESS, PASSWORD),
        ("", ADMIN_ADDRESS, PASSWORD),
    ] {
        let answer = world.sign_in((organization, address, password)).await;
        refusals.push(bytes(&assert_refused(answer, Code::Unauthenticated, "CREDENTIALS_REFUSED")));
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1);
    assert_eq!(world.count("sessions").await, 0);
}

#[tokio::test]
async fn a_password_is_looked_at_up_to_4096_bytes() {
    let world = World::new().await;
    world.tenant("acme").await;
    let longest = world.sign_in(("acme", ADMIN_ADDRESS, &"x".repeat(4_096))).await;
    assert_refused(longest, Code::Unauthenticated, "CREDENTIALS_REFUSED");
    for bad in [String::new(), "x".repeat(4_097)] {
        assert_names(world.sign_in(("acme", ADMIN_ADDRESS, &bad)).await, "password");
    }
    assert_names(world.sign_in(("acme", "nonsense", PASSWORD)).await, "email_address");
}

#[tokio::test]
async fn after_five_failures_in_a_row_an_address_has_to_wait_whether_it_is_known_or_not() {
    let world = World::new().await;
    world.tenant("acme").await;
    let mut refusals = Vec::new();
    for address in [ADMIN_ADDRESS, "nobody@acme.example"] {
        for _ in 0..5 {
            let answer = world.sign_in(("acme", address, WRONG)).await;
            assert_refused(answer, Code::Unauthenticated, "CREDENTIALS_REFUSED");
        }
        let answer = world.sign_in(("acme", address, PASSWORD)).await;
        refusals.push(bytes(&assert_refused(answer, Code::ResourceExhausted, "TOO_MANY_ATTEMPTS")));
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1);
    // The block ends by itself, and a success takes all failures away.
    testkit::eventually("the block ends", async || {
        world.sign_in(("acme", ADMIN_ADDRESS, PASSWORD)).await.is_ok()
    })
    .await;
    assert_eq!(world.count("sign_in_attempts").await, 1);
    for _ in 0..4 {
        world.sign_in(("acme", ADMIN_ADDRESS, WRONG)).await.unwrap_err();
    }
    assert!(world.sign_in(("acme", ADMIN_ADDRESS, PASSWORD)).await.is_ok());
}

#[tokio::test]
async fn the_wait_doubles_with_each_failure_up_to_15_minutes() {
    let world = World::new().await;
    for (failures, seconds) in [(4, 1.0), (5, 2.0), (6, 4.0), (13, 512.0), (14, 900.0), (99, 900.0)] {
        sqlx::query("DELETE FROM sign_in_attempts").execute(&world.all).await.unwrap();
        world.sign_in(("acme", ADMIN_ADDRESS, WRONG)).await.unwrap_err();
        sqlx::query("UPDATE sign_in_attempts SET failures = $1")
            .bind(failures)
            .execute(&world.all)
            .await
            .unwrap();
        world.sign_in(("acme", ADMIN_ADDRESS, WRONG)).await.unwrap_err();
        let waits: f64 = sqlx::query_scalar(
            "SELECT extract(epoch FROM blocked_until - update_time)::float8 FROM sign_in_attempts",
        )
        .fetch_one(&world.all)
        .await
        .unwrap();
        assert!((waits - seconds).abs() < 0.001, "{failures}: {waits}");
    }
}

#[tokio::test]
async fn who_has_to_wait_is_told_how_long() {
    let world = World::new().await;
    for _ in 0..5 {
        world.sign_in(("acme", ADMIN_ADDRESS, WRONG)).await.unwrap_err();
    }
    for (blocked_for, seconds) in [("15 minutes", 899..=900), ("90 seconds", 89..=90)] {
        sqlx::query("UPDATE sign_in_attempts SET blocked_until = now() + $1::text::interval")
            .bind(blocked_for)
            .execute(&world.all)
            .await
            .unwrap();
        let status = world.sign_in(("acme", ADMIN_ADDRESS, PASSWORD)).await.unwrap_err();
        assert!(seconds.contains(&retry_seconds(&status)), "{blocked_for}: {status:?}");
    }
}

fn retry_seconds(status: &Status) -> u64 {
    status.get_details_retry_info().unwrap().retry_delay.unwrap().as_secs()
}

#[tokio::test]
async fn a_person_deactivated_while_the_password_is_hashed_gets_no_session() {
    let world = World::new().await;
    world.tenant("acme").await;
    // Runs when the look-up commits, which is before the hashing begins.
    world
        .sql(
            "CREATE FUNCTION deactivate_all() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
             $$ BEGIN UPDATE public.people SET deactivate_time = now(); RETURN NULL; END $$",
        )
        .await;
    world
        .sql(
            "CREATE CONSTRAINT TRIGGER deactivate AFTER INSERT ON sign_in_attempts DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION deactivate_all()",
        )
        .await;
    let answer = world.sign_in(("acme", ADMIN_ADDRESS, PASSWORD)).await;
    assert_refused(answer, Code::Unauthenticated, "CREDENTIALS_REFUSED");
    assert_eq!((world.count("sessions").await, world.count("sign_in_attempts").await), (0, 1));
}

#[tokio::test]
async fn many_guesses_at_once_count_each() {
    let world = Arc::new(World::new().await);
    world.tenant("acme").await;
    let begin = Instant::now();
    let mut guesses = JoinSet::new();
    for _ in 0..32 {
        let world = Arc::clone(&world);
        guesses.spawn(async move { world.sign_in(("acme", ADMIN_ADDRESS, WRONG)).await.unwrap_err().code() });
    }
    let codes = guesses.join_all().await;
    // Five before the first wait, and one more for each wait that ends meanwhile, of which each is twice as long.
    let tried = codes.iter().filter(|code| **code == Code::Unauthenticated).count();
    let ended = usize::try_from((begin.elapsed().as_secs() + 2).ilog2()).unwrap();
    assert!((5..=(5 + ended).max(8)).contains(&tried), "{tried}, with {ended} waits");
}

#[tokio::test]
async fn more_sign_ins_than_the_queue_holds_are_refused_at_once_and_the_others_are_answered() {
    let world = Arc::new(World::new().await);
    world.tenant("acme").await;
    let mut calls = JoinSet::new();
    for at in 0..200_u8 {
        let world = Arc::clone(&world);
        calls.spawn(async move {
            let address = format!("p{at}@acme.example");
            // Each from a network of its own, so that they meet at the queue and nowhere before.
            let from = Ipv4Addr::new(198, 51, at, 1);
            let status = world.sign_in_from(from, ("acme", &address, WRONG)).await.unwrap_err();
            (status.code(), String::from_utf8_lossy(status.details()).contains("SIGN_IN_BUSY"))
        });
    }
    let mut counts = BTreeMap::new();
    for outcome in calls.join_all().await {
        *counts.entry(format!("{outcome:?}")).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 2, "{counts:?}");
    assert!(counts["(ResourceExhausted, true)"] > 0);
    assert!(counts["(Unauthenticated, false)"] >= 64);
}

#[tokio::test]
async fn a_stored_hash_of_unreasonable_cost_is_an_internal_error_and_not_computed() {
    let world = World::new().await;
    world.tenant("acme").await;
    world.sql("UPDATE credentials SET password_hash = replace(password_hash, 'm=19456', 'm=8388608')").await;
    let status = world.sign_in(("acme", ADMIN_ADDRESS, PASSWORD)).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Internal, "internal error"));
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_once_and_using_it_again_ends_the_session() {
    let world = World::new().await;
    world.tenant("acme").await;
    let (first, other) = (world.signed_in().await, world.signed_in().await);
    let second = world.refresh(&first.refresh_token).await.unwrap();
    assert_ne!(first.refresh_token, second.refresh_token);
    let (before, after) =
        (caller_of(&world, &first.access_token).await, caller_of(&world, &second.access_token).await);
    assert_eq!(before, after, "the same session of the same person");
    let third = world.refresh(&second.refresh_token).await.unwrap();
    for token in [&first.refresh_token, &third.refresh_token, &second.refresh_token] {
        assert_refused(world.refresh(token).await, Code::Unauthenticated, "REFRESH_TOKEN_REFUSED");
    }
    assert!(world.refresh(&other.refresh_token).await.is_ok(), "another session of the same person goes on");
}

#[tokio::test]
async fn of_50_refreshes_at_once_at_most_one_succeeds_and_the_session_ends() {
    let world = Arc::new(World::new().await);
    world.tenant("acme").await;
    let tokens = world.signed_in().await;
    let mut calls = JoinSet::new();
    for _ in 0..50 {
        let (world, token) = (Arc::clone(&world), tokens.refresh_token.clone());
        calls.spawn(async move { world.refresh(&token).await });
    }
    let won: Vec<_> = calls.join_all().await.into_iter().flatten().collect();
    assert_eq!(won.len(), 1);
    assert_refused(
        world.refresh(&won[0].refresh_token).await,
        Code::Unauthenticated,
        "REFRESH_TOKEN_REFUSED",
    );
    assert_eq!(world.count("sessions WHERE revoke_time IS NOT NULL").await, 1);
}

#[tokio::test]
async fn a_refresh_token_that_is_malformed_foreign_or_expired_is_refused_alike() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.tenant("globex").await;
    let tokens = world.signed_in().await;
    let globex = world.sign_in(("globex", "ada@globex.example", PASSWORD)).await.unwrap().tokens.unwrap();
    // The secret of one organisation's token under the other's name.
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut moved = engine.decode(&globex.refresh_token).unwrap();
    moved[..16].copy_from_slice(acme.id.parse::<Uuid>().unwrap().as_bytes());
    let expired = world.signed_in().await.refresh_token;
    world
        .sql("UPDATE refresh_tokens SET expire_time = now() WHERE create_time = (SELECT max(create_time) FROM refresh_tokens)")
        .await;
    let mut refusals = Vec::new();
    for bad in [String::new(), "x".repeat(64), engine.encode([7; 48]), engine.encode(&moved), expired] {
        let answer = world.refresh(&bad).await;
        refusals.push(bytes(&assert_refused(answer, Code::Unauthenticated, "REFRESH_TOKEN_REFUSED")));
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1);
    assert!(world.refresh(&tokens.refresh_token).await.is_ok());
}

#[tokio::test]
async fn a_session_slides_by_7_days_and_ends_after_30() {
    let world = World::new().await;
    world.tenant("acme").await;
    let tokens = world.signed_in().await;
    let days = async || -> (f64, f64) {
        sqlx::query_as(
            "SELECT round(extract(epoch FROM max(t.expire_time) - now()) / 86400, 3)::float8,
                    round(extract(epoch FROM max(s.expire_time) - now()) / 86400, 3)::float8
               FROM refresh_tokens t JOIN sessions s USING (session_id)",
        )
        .fetch_one(&world.all)
        .await
        .unwrap()
    };
    let about = |(token, session): (f64, f64), expected: (f64, f64)| {
        assert!(
            (token - expected.0).abs() < 0.01 && (session - expected.1).abs() < 0.01,
            "{token} {session}"
        );
    };
    about(days().await, (7.0, 30.0));
    world.sql("UPDATE sessions SET expire_time = now() + interval '3 days'").await;
    world.sql("UPDATE refresh_tokens SET expire_time = now() + interval '1 day'").await;
    let tokens = world.refresh(&tokens.refresh_token).await.unwrap();
    about(days().await, (3.0, 3.0));
    world.sql("UPDATE sessions SET expire_time = now()").await;
    assert_refused(
        world.refresh(&tokens.refresh_token).await,
        Code::Unauthenticated,
        "REFRESH_TOKEN_REFUSED",
    );
}

#[tokio::test]
async fn a_deactivated_persons_session_ends_at_the_next_refresh() {
    let world = World::new().await;
    world.tenant("acme").await;
    let tokens = world.signed_in().await;
    world.sql("UPDATE people SET deactivate_time = now()").await;
    assert_refused(
        world.refresh(&tokens.refresh_token).await,
        Code::Unauthenticated,
        "REFRESH_TOKEN_REFUSED",
    );
    world.sql("UPDATE people SET deactivate_time = NULL").await;
    assert_refused(
        world.refresh(&tokens.refresh_token).await,
        Code::Unauthenticated,
        "REFRESH_TOKEN_REFUSED",
    );
}

#[tokio::test]
async fn signing_out_ends_this_session_only_and_may_be_repeated() {
    let world = World::new().await;
    world.tenant("acme").await;
    let (tokens, other) = (world.signed_in().await, world.signed_in().await);
    let caller = caller_of(&world, &tokens.access_token).await;
    for _ in 0..2 {
        assert!(world.sign_out(&caller).await.is_ok());
    }
    assert_refused(
        world.refresh(&tokens.refresh_token).await,
        Code::Unauthenticated,
        "REFRESH_TOKEN_REFUSED",
    );
    assert!(world.refresh(&other.refresh_token).await.is_ok());
}

#[tokio::test]
async fn the_sweep_deletes_what_ended_long_ago_and_keeps_the_rest() {
    let world = World::new().await;
    world.tenant("acme").await;
    world.signed_in().await;
    world.sign_in(("acme", "nobody@acme.example", WRONG)).await.unwrap_err();
    let database = &world.test.database;
    assert_eq!(crate::session::delete_ended_sessions(database).await.unwrap(), 0);
    assert_eq!(crate::session::delete_stale_attempts(database).await.unwrap(), 0);
    world.sql("UPDATE sessions SET revoke_time = now() - interval '29 days'").await;
    assert_eq!(crate::session::delete_ended_sessions(database).await.unwrap(), 0);
    world.sql("UPDATE sessions SET revoke_time = now() - interval '31 days'").await;
    assert_eq!(crate::session::delete_ended_sessions(database).await.unwrap(), 1);
    assert_eq!(world.count("refresh_tokens").await, 0);
    world.sql("UPDATE sign_in_attempts SET update_time = now() - interval '25 hours'").await;
    assert_eq!(crate::session::delete_stale_attempts(database).await.unwrap(), 1);
}

#[tokio::test]
async fn the_sweep_deletes_stale_links_ended_budgets_and_forgotten_devices() {
    let world = World::new().await;
    world.tenant("acme").await;
    world.signed_in().await;
    world.request_link("nobody@acme.example").await.unwrap();
    let sweep = async || crate::jobs::delete_old_sign_ins::delete_all(&world.test.database).await.unwrap();
    assert_eq!(sweep().await, 0);
    world.sql("UPDATE sign_in_links SET expire_time = now() - interval '23 hours'").await;
    world.sql("UPDATE devices SET last_use_time = now() - interval '179 days'").await;
    assert_eq!(sweep().await, 0);
    world.sql("UPDATE sign_in_links SET expire_time = now() - interval '25 hours'").await;
    world.sql("UPDATE devices SET last_use_time = now() - interval '181 days'").await;
    assert_eq!(sweep().await, 2);
    let budgets = world.count("budgets").await;
    assert!(budgets > 0);
    world.sql("UPDATE budgets SET window_end = now() - interval '1 second'").await;
    assert_eq!(i64::try_from(sweep().await).unwrap(), budgets);
    for table in ["sign_in_links", "devices", "budgets"] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
}
