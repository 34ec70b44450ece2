//! The code beside a link: how often it may be wrong.

use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::task::JoinSet;
use tonic::Code;

use super::links::wrong;
use super::world::*;

#[tokio::test]
async fn four_wrong_codes_leave_a_link_and_the_fifth_voids_link_and_code() {
    let world = World::new().await;
    world.tenant("acme").await;
    let kept = world.mail(ADMIN_ADDRESS).await;
    for _ in 0..4 {
        world.redeem_code(&kept.login_request, &wrong(&kept.code)).await.unwrap_err();
    }
    assert!(world.redeem_code(&kept.login_request, &kept.code).await.is_ok());

    let voided = world.mail(ADMIN_ADDRESS).await;
    for _ in 0..5 {
        world.redeem_code(&voided.login_request, &wrong(&voided.code)).await.unwrap_err();
    }
    let code = world.redeem_code(&voided.login_request, &voided.code).await;
    assert_refused(code, Code::NotFound, "SIGN_IN_LINK_REFUSED");
    let link = world.redeem_link(&voided.token, &voided.login_request).await;
    assert_refused(link, Code::NotFound, "SIGN_IN_LINK_REFUSED");
}

#[tokio::test]
async fn wrong_codes_at_once_count_each() {
    let world = Arc::new(World::new().await);
    world.tenant("acme").await;
    let mail = world.mail(ADMIN_ADDRESS).await;
    let mut guesses = JoinSet::new();
    for guess in 0..30_u8 {
        let (world, mail) = (Arc::clone(&world), mail.clone());
        guesses.spawn(async move {
            let from = Ipv4Addr::new(198, 51, guess, 1);
            world.redeem_code_from(from, (&mail.login_request, &wrong(&mail.code))).await.unwrap_err();
        });
    }
    guesses.join_all().await;
    let failures: i32 =
        sqlx::query_scalar("SELECT code_failures FROM sign_in_links").fetch_one(&world.all).await.unwrap();
    assert_eq!(failures, 5, "what is void takes no more guesses");
}

#[tokio::test]
async fn after_20_wrong_codes_in_a_day_one_network_and_after_60_all_redeem_no_codes_of_an_address_but_links()
{
    let world = World::new().await;
    world.tenant("acme").await;
    let elsewhere = Ipv4Addr::new(198, 51, 100, 1);
    for _ in 0..4 {
        let mail = world.mail(ADMIN_ADDRESS).await;
        for _ in 0..5 {
            world.redeem_code(&mail.login_request, &wrong(&mail.code)).await.unwrap_err();
        }
    }
    let mail = world.mail(ADMIN_ADDRESS).await;
    let code = world.redeem_code(&mail.login_request, &mail.code).await;
    assert_refused(code, Code::NotFound, "SIGN_IN_LINK_REFUSED");
    let code = world.redeem_code_from(elsewhere, (&mail.login_request, &mail.code)).await;
    assert!(code.is_ok(), "who guesses leaves the owner's network its own");

    for (failures, is_taken) in [(59, true), (60, false)] {
        world.end_windows().await;
        world.sql("UPDATE sign_in_links SET code_failures = 0").await;
        let mail = world.mail(ADMIN_ADDRESS).await;
        sqlx::query(
            "UPDATE sign_in_links SET code_failures = $1 WHERE void_time IS NULL AND use_time IS NULL",
        )
        .bind(failures)
        .execute(&world.all)
        .await
        .unwrap();
        let code = world.redeem_code_from(elsewhere, (&mail.login_request, &mail.code)).await;
        assert_eq!(code.is_ok(), is_taken, "{failures}");
    }
    world.end_windows().await;
    let mail = world.mail(ADMIN_ADDRESS).await;
    assert!(world.redeem_link(&mail.token, &mail.login_request).await.is_ok());
    world.sql("UPDATE sign_in_links SET create_time = now() - interval '25 hours'").await;
    let mail = world.mail(ADMIN_ADDRESS).await;
    assert!(world.redeem_code(&mail.login_request, &mail.code).await.is_ok());
}
