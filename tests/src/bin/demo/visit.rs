//! The walk of a guest's first visit.

use anyhow::{Context, ensure};
use journeys::visit::{Accounts, Journey, png, unique};
use sharedspaces_proto::identity::v1::Plan;
use tonic::Code;

use crate::{expect, saw, step};

/// Walks from the founding of an organisation to the record in the CRM.
pub(crate) async fn walk(journey: &Journey) -> anyhow::Result<()> {
    let acme = Accounts::of("acme");
    step(1, "An operator founds the organisation Acme, with an admin and two members.");
    journey.found(&acme, "Acme", "en", Plan::Ultimate).await?;
    saw("Acme is there, on the plan ULTIMATE");

    step(2, "A member signs in with address and password.");
    let admin = journey.sign_in(&acme.organization, &acme.admin).await?;
    let [seller_address, colleague_address] = &acme.members;
    let seller = journey.sign_in(&acme.organization, seller_address).await?;
    saw(&format!("user {} holds an access token and a refresh token", seller.user_id));

    step(3, "They create a space and have its creation logged to an Account in Salesforce.");
    let (connection, account) = journey.find_account(&admin, &seller).await?;
    saw(&format!("Salesforce is connected at {}; found `{}`", connection.instance_url, account.display_name));
    let word = unique();
    let title = format!("Contoso 2027 renewal {word}");
    let address = format!("contoso-{word}");
    let space = journey.create_space(&seller, &title, &address, Some((&connection, &account))).await?;
    saw(&format!("space {} at {}", space.space_id, space.url));

    step(4, "They upload a PNG as the customer's logo, in chunks of 64 KiB.");
    let logo = png(640, 320)?;
    let space = journey.show_logo(&seller, &space.space_id, &logo).await?;
    let shown = space.customer_logo.clone().context("the space shows no logo")?;
    saw(&format!("{} bytes sent, {}×{} pixels stored", logo.len(), shown.width_px, shown.height_px));

    step(5, "They invite a guest with a personal note.");
    let guest_address = format!("gina.{word}@buyer.example");
    journey.invite(&seller, &space.space_id, &[&guest_address], "Looking forward to Tuesday!").await?;
    let token = journey.invitation_token(&guest_address, "").await?;
    saw(&format!("a mail to {guest_address} is in the mailbox; its link carries a token in the fragment"));

    step(6, "The guest opens the link, accepts the privacy notice and looks around.");
    let (landing, guest) = journey.enter(&token, "Gina Guest").await?;
    let notice = landing.privacy_notice.context("no privacy notice")?;
    saw(&format!(
        "before consent: {} invites, for {}, notice version {} ({})",
        landing.inviter_display_name, landing.organization_display_name, notice.version, notice.locale
    ));
    let seen = journey.get_space(&guest, &space.space_id).await?;
    ensure!(seen.sharing.is_none(), "a guest was shown the toggles");
    saw(&format!("as a guest: `{}`, {} permissions, no toggles", seen.title, seen.permissions.len()));
    let refused = journey.rename(&guest, &space.space_id, "Mine now").await;
    expect(refused.map(drop), Code::PermissionDenied, "renaming it as a guest")?;

    step(7, "The inviter is told, and the creation is in the CRM, once.");
    let mail = journey.outside.wait_for_mail(seller_address, "Gina Guest").await?;
    saw(&format!("mail to {seller_address}: {}", mail.subject));
    let log = journey.logged(&seller, &space.space_id).await?;
    let tasks = journey.outside.tasks_of(&account.record_id, &title).await?;
    ensure!(tasks.len() == 1, "Salesforce holds {} tasks of this space", tasks.len());
    saw(&format!("one Task in Salesforce: {}", log.record_url));

    step(8, "Others are refused.");
    let colleague = journey.sign_in(&acme.organization, colleague_address).await?;
    let refused = journey.get_space(&colleague, &space.space_id).await;
    expect(refused.map(drop), Code::NotFound, "a colleague who was not invited")?;
    let globex = Accounts::of("globex");
    journey.found(&globex, "Globex", "fr", Plan::Plus).await?;
    let stranger = journey.sign_in(&globex.organization, &globex.admin).await?;
    let refused = journey.get_space(&stranger, &space.space_id).await;
    expect(refused.map(drop), Code::NotFound, "another organisation's admin")?;
    let request = sharedspaces_proto::spaces::v1::GetSpaceRequest { space_id: space.space_id.clone() };
    let refused = journey.api.spaces.clone().get_space(request).await;
    expect(refused.map(drop), Code::Unauthenticated, "a call without a token")?;

    println!("\nThe visit went from end to end.");
    Ok(())
}
