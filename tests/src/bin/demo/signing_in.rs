//! The walk through the ways in.

use anyhow::ensure;
use journeys::signing_in::{code_of, token_of};
use journeys::visit::{Accounts, Journey, PASSWORD, unique};
use sharedspaces_proto::identity::v1::Plan;
use tonic::Code;

use crate::{expect, saw, step};

/// Signs a guest in by link, by code and by password, and sets a new password by mail.
pub(crate) async fn walk(journey: &Journey) -> anyhow::Result<()> {
    let acme = Accounts::of("acme");
    let organization = acme.organization.as_str();
    journey.found(&acme, "Acme", "en", Plan::Ultimate).await?;
    let [seller_address, _] = &acme.members;
    let seller = journey.sign_in(organization, seller_address).await?;
    let word = unique();
    let space = journey.create_space(&seller, &format!("Ways in {word}"), "", None).await?;
    let address = format!("gus.{word}@buyer.example");
    journey.invite(&seller, &space.space_id, &[&address], "").await?;
    let token = journey.invitation_token(&address, "").await?;
    journey.enter(&token, "Gus Guest").await?;

    step(1, "Whoever gives an address gets the same answer, known or not.");
    let known = journey.start_sign_in(organization, &address).await?;
    let unknown = journey.start_sign_in(organization, &format!("nobody.{word}@buyer.example")).await?;
    ensure!(known == unknown, "{known:?} is not {unknown:?}");
    saw(&format!("{known:?}, both times"));

    step(2, "The guest asks for a one-click link; the mail has a code beside it.");
    let cookie = journey.request_link(organization, &address).await?;
    let mail = journey.outside.wait_for_mail(&address, "sign-in link").await?;
    let (link, code) = (token_of(&mail)?, code_of(&mail)?);
    saw(&format!("`{}`, code {code}", mail.subject));
    expect(
        journey.redeem_link(&link, "").await.map(drop),
        Code::FailedPrecondition,
        "the link in another browser",
    )?;
    let guest = journey.redeem_link(&link, &cookie).await?;
    saw(&format!("in the browser that asked, it signs user {} in", guest.user_id));
    expect(journey.redeem_link(&link, &cookie).await.map(drop), Code::NotFound, "the same link again")?;

    step(3, "The next time the guest types the code instead.");
    let cookie = journey.request_link(organization, &address).await?;
    let mail = journey.outside.wait_for_another_mail(&address, "sign-in link", &mail).await?;
    expect(
        journey.redeem_code(&cookie, "not it").await.map(drop),
        Code::InvalidArgument,
        "something that is no code",
    )?;
    let guest = journey.redeem_code(&cookie, &code_of(&mail)?).await?;
    saw(&format!("signed in; {} sessions are open now", journey.sessions(&guest).await?.len()));

    step(4, "The guest sets a password by mail, which ends every session, and signs in with it.");
    journey.request_reset(organization, &address).await?;
    let mail = journey.outside.wait_for_mail(&address, "new password").await?;
    let password = "nine patient otters fold paper";
    journey.reset_password(&token_of(&mail)?, password).await?;
    let guest = journey.sign_in_with(organization, &address, password).await?;
    saw(&format!("signed in by password; {} session is open", journey.sessions(&guest).await?.len()));
    let refused = journey.sign_in_with(organization, &address, PASSWORD).await;
    expect(refused.map(drop), Code::Unauthenticated, "a wrong password")?;
    ensure!(journey.get_space(&guest, &space.space_id).await?.space_id == space.space_id, "another space");
    println!("\nAll ways in lead in.");
    Ok(())
}
