//! The walk through how people come in, are told of things and go.

use std::time::Duration;

use anyhow::{Context, ensure};
use journeys::outside::within;
use journeys::visit::{Accounts, Journey, unique};
use sharedspaces_proto::identity::v1::{Plan, SignInMode};
use sharedspaces_proto::spaces::v1::{RequestAccessRequest, SharingToggles};
use tonic::Code;

use crate::{expect, saw, step};

/// Longer than mails are gathered for here.
const GATHERED_WITHIN: Duration = Duration::from_secs(90);

/// Invites a list, lets somebody in by the link, declines another, gathers mails, stops them and shuts a guest out.
pub(crate) async fn walk(journey: &Journey) -> anyhow::Result<()> {
    let acme = Accounts::of(&format!("people-{}", unique()));
    let organization = acme.organization.as_str();
    journey.found(&acme, "Acme", "en", Plan::Ultimate).await?;
    let admin = journey.sign_in(organization, &acme.admin).await?;
    journey.set_sign_in_mode(&admin, SignInMode::VerifyFirst).await?;
    let [seller_address, colleague] = &acme.members;
    let seller = journey.sign_in(organization, seller_address).await?;
    let word = unique();
    let door = format!("people-{word}");
    let title = format!("People {word}");
    let space = journey.create_space(&seller, &title, &door, None).await?;
    let id = space.space_id.as_str();

    step(1, "A member pastes a list from a mail program; one entry is no address.");
    let gina = format!("gina.{word}@buyer.example");
    let pasted = format!("\"Guest, Gina\" <{gina}>; {colleague}\nnot-an-address");
    expect(
        journey.invite_list(&seller, id, &pasted, false).await.map(drop),
        Code::InvalidArgument,
        "the whole list",
    )?;
    let invited = journey.invite_list(&seller, id, &pasted, true).await?;
    for refused in &invited.refused {
        saw(&format!("sent the good ones; `{}` was left out: {}", refused.given, refused.reason));
    }
    let mail = journey.outside.wait_for_mail(&gina, &title).await?;
    saw(&format!("to the guest: {}", mail.subject));
    let mail = journey.outside.wait_for_mail(colleague, &title).await?;
    saw(&format!("to the colleague: {}", mail.subject));

    step(2, "The guest comes in, and the member is told.");
    let token = journey.invitation_token(&gina, &title).await?;
    let (_, guest) = journey.enter(&token, "Gina Guest").await?;
    let mail = journey.outside.wait_for_mail(seller_address, "Gina Guest accepted").await?;
    saw(&mail.subject);

    step(3, "A visitor opens the link of the space, proves an address and asks to be let in.");
    let vera = format!("vera.{word}@visitor.example");
    let bare = |address: &str| RequestAccessRequest {
        organization: organization.to_owned(),
        space_address: door.clone(),
        email_address: address.to_owned(),
        display_name: "Vera Visitor".to_owned(),
        message: "We met at the fair.".to_owned(),
        ..RequestAccessRequest::default()
    };
    expect(
        journey.request_access(bare(&vera)).await,
        Code::FailedPrecondition,
        "an address that nobody proved",
    )?;
    journey.knock(organization, &vera, &door).await?;
    let mail = journey.outside.wait_for_mail(&vera, "Confirm your address").await?;
    let request_token = mail.link()?.fragment().context("no token")?.to_owned();
    let proven = RequestAccessRequest { request_token, email_address: String::new(), ..bare("") };
    journey.request_access(proven).await?;
    let mail = journey.outside.wait_for_mail(seller_address, "Vera Visitor asks for access").await?;
    saw(&mail.subject);
    let request = journey.access_request_of(&seller, id, &vera).await?;
    journey.grant(&seller, id, &request).await?;
    let token = journey.invitation_token(&vera, "You have access").await?;
    let (_, visitor) = journey.enter(&token, "Vera Visitor").await?;
    saw(&format!("Vera is in `{}`", journey.get_space(&visitor, id).await?.title));

    step(4, "The guest may invite, and names somebody of the organisation: the owner is asked.");
    let sharing = SharingToggles { download: true, invite: true, upload: false };
    journey.share(&seller, id, sharing).await?;
    let proposed = journey.invite(&guest, id, &[&acme.admin], "").await?;
    ensure!(proposed.requested_email_addresses == [acme.admin.as_str()], "{proposed:?}");
    let request = journey.access_request_of(&seller, id, &acme.admin).await?;
    let granted = journey.grant(&seller, id, &request).await?;
    saw(&format!("granted: {} takes part", granted.email_address));

    step(5, "In the guided way an address is taken as it is; this one is declined.");
    journey.set_sign_in_mode(&admin, SignInMode::Guided).await?;
    let karl = format!("karl.{word}@visitor.example");
    within(GATHERED_WITHIN, "spaces' knowledge of the new way", async || {
        Ok(Some(journey.request_access(bare(&karl)).await?))
    })
    .await?;
    let request = journey.access_request_of(&seller, id, &karl).await?;
    journey.decline(&seller, id, &request).await?;
    let mail = journey.outside.wait_for_mail(&karl, "Your request for access").await?;
    saw(&mail.subject);
    journey.set_sign_in_mode(&admin, SignInMode::VerifyFirst).await?;

    step(6, "Two comments of the guest come as a notice each at once, and as one mail a little later.");
    let mut notices = journey.watch(&seller, "").await?;
    let item = journey.add_link(&seller, id, "", "Brochure").await?;
    journey.comment(&guest, id, &item.item_id, "How much is it?", &[]).await?;
    journey.comment(&guest, id, &item.item_id, "And when does it come?", &[]).await?;
    let notice = notices.next(GATHERED_WITHIN).await?.context("no notice came")?;
    saw(&format!("notice: {}", notice.summary));
    let subject = format!("2 new comments in “{title}”");
    let mail = within(GATHERED_WITHIN, "the mail about both comments", async || {
        let mails = journey.outside.mails(seller_address).await?;
        Ok(mails.into_iter().find(|mail| mail.subject == subject))
    })
    .await?;
    saw(&format!("mail: {}", mail.subject));

    step(7, "The member gets out of such mails by the link below it.");
    journey.unsubscribe(&mail).await?;
    let settings = journey.mail_settings(&seller, id).await?;
    ensure!(!settings.comments, "{settings:?}");
    saw(&format!("comments {}, new content {}", settings.comments, settings.new_content));

    step(8, "The guest is shut out.");
    journey.look_around(&guest, id).await?;
    journey.revoke(&seller, id, &guest.user_id).await?;
    expect(journey.get_space(&guest, id).await.map(drop), Code::NotFound, "the guest's next call")?;
    println!("\nEverybody came in, was told, and went.");
    Ok(())
}
