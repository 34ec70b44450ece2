//! The walk through what a seller does in a room.

use anyhow::{Context, ensure};
use journeys::room::readable_colors;
use journeys::visit::{Accounts, Journey, png, unique};
use sharedspaces_proto::assets::v1::LogoRendition;
use sharedspaces_proto::identity::v1::Plan;
use sharedspaces_proto::spaces::v1::{Permission, ThemeColors};
use tonic::Code;

use crate::{expect, saw, step};

/// Creates, dresses, previews, duplicates and archives a space.
pub(crate) async fn walk(journey: &Journey) -> anyhow::Result<()> {
    let acme = Accounts::of("acme");
    journey.found(&acme, "Acme", "en", Plan::Ultimate).await?;
    let admin = journey.sign_in(&acme.organization, &acme.admin).await?;
    let [seller_address, _] = &acme.members;
    let seller = journey.sign_in(&acme.organization, seller_address).await?;
    let word = unique();

    step(1, "The admin makes a theme, and is warned of one that nobody can read.");
    let pale = ThemeColors { text: "#eeeeee".to_owned(), ..readable_colors() };
    let (_, warnings) = journey.create_theme(&admin, &format!("Pale {word}"), pale).await?;
    let warning = warnings.first().context("no warning")?;
    saw(&format!(
        "{} on {}: {:.2}, should be {}",
        warning.foreground, warning.background, warning.ratio, warning.required_ratio
    ));
    let (theme, warnings) = journey.create_theme(&admin, &format!("Sea {word}"), readable_colors()).await?;
    ensure!(warnings.is_empty(), "{warnings:?}");
    journey.upload_organization_logo(&admin, &png(300, 100)?).await?;

    step(2, "A member opens a space and dresses it.");
    let space = journey.create_space(&seller, &format!("Zürich Süd {word}"), "", None).await?;
    let id = space.space_id.as_str();
    saw(&format!("its random address: {}", space.url));
    journey.choose_theme(&seller, id, &theme.theme_id).await?;
    journey.show_logo(&seller, id, &png(640, 320)?).await?;
    let space = journey.display_logo(&seller, id, 120, false).await?;
    let logo = space.customer_logo.clone().context("no logo")?;
    let header = journey.get_logo(&seller, &logo.logo_id, LogoRendition::Header, false).await?;
    let (status, content_type, bytes) = journey.outside.fetch(&header.url).await?;
    ensure!(status == 200, "the logo answers {status}");
    saw(&format!("header logo: {content_type}, {} bytes, shown 120 pixels high", bytes.len()));
    let folder = journey.create_folder(&seller, id, "Offer").await?;
    journey.add_link(&seller, id, &folder.item_id, "Brochure").await?;

    step(3, "The preview is what a guest gets.");
    let preview = journey.preview(&seller, id).await?;
    let address = format!("greta.{word}@buyer.example");
    journey.invite(&seller, id, &[&address], "").await?;
    let token = journey.invitation_token(&address, "").await?;
    let (_, guest) = journey.enter(&token, "Greta Guest").await?;
    let seen = journey.get_space(&guest, id).await?;
    ensure!(preview.permissions == seen.permissions && preview.theme == seen.theme, "the preview is another");
    saw(&format!("{} permissions, theme `{}`", seen.permissions.len(), seen.theme.context("no theme")?.name));

    step(4, "The admin switches downloading off for the organisation, and on again.");
    journey.allow_download(&admin, false).await?;
    let refused = journey.refused_by(&guest, id, Permission::Download).await?;
    ensure!(!refused.is_empty(), "downloading is still allowed");
    saw(&format!("the guest may not download: {refused:?} says no"));
    journey.allow_download(&admin, true).await?;
    ensure!(journey.refused_by(&guest, id, Permission::Download).await?.is_empty(), "downloading stays off");
    saw("switched on again, the space's own choice holds again");

    step(5, "The member finds the space whatever the accents, and duplicates it.");
    let found = journey.find_spaces(&seller, &format!("zurich sud {word}")).await?;
    ensure!(found.len() == 1, "{} spaces found", found.len());
    let plan = journey.describe_duplication(&seller, id, "de").await?;
    let copied = plan.parts.iter().filter(|part| part.is_copied).count();
    saw(&format!("`{}` would have {copied} of {} parts", plan.title, plan.parts.len()));
    let copy = journey.duplicate(&seller, id, "de").await?;
    ensure!(
        copy.title == plan.title && copy.customer_logo == space.customer_logo,
        "another copy than described"
    );
    saw(&format!("`{}` at {}", copy.title, copy.url));

    step(6, "The member archives the space, and opens it again.");
    journey.archive(&seller, id).await?;
    expect(journey.get_space(&guest, id).await.map(drop), Code::FailedPrecondition, "the guest")?;
    ensure!(journey.get_space(&seller, id).await.is_ok(), "the member does not read on");
    journey.reactivate(&seller, id).await?;
    journey.get_space(&guest, id).await?;
    saw("the guest is back");

    step(7, "What happened is in the timeline.");
    for sentence in journey.timeline(&seller, id).await? {
        saw(&sentence);
    }
    println!("\nThe room is in order.");
    Ok(())
}
