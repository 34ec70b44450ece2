//! The room that the web client opens on: one that a seller has filled, with a guest in it.

use journeys::visit::{Accounts, Journey};
use sharedspaces_proto::spaces::v1 as spaces;

const TITLE: &str = "Contoso renewal 2027";
const ADDRESS: &str = "contoso-renewal-2027";
const GUEST: &str = "gina@contoso.example";

fn colors() -> spaces::ThemeColors {
    let color = |text: &str| text.to_owned();
    spaces::ThemeColors {
        background: color("#fbfaf7"),
        text: color("#1f2a2e"),
        header: color("#0f4c4a"),
        header_text: color("#ffffff"),
        accent: color("#0f6b5c"),
        accent_text: color("#ffffff"),
    }
}

/// Fills the room, unless an earlier start has.
pub(crate) async fn seed(journey: &Journey, accounts: &Accounts) -> anyhow::Result<()> {
    let [seller_address, colleague] = &accounts.members;
    let seller = journey.sign_in(&accounts.organization, seller_address).await?;
    if !journey.find_spaces(&seller, TITLE).await?.is_empty() {
        return Ok(());
    }
    let admin = journey.sign_in(&accounts.organization, &accounts.admin).await?;
    let room = journey.create_space(&seller, TITLE, ADDRESS, None).await?;
    let space_id = &room.space_id;
    // A theme of this name may be there from a start that was broken off.
    if let Ok((theme, _)) = journey.create_theme(&admin, "Harbour", colors()).await {
        journey.choose_theme(&seller, space_id, &theme.theme_id).await?;
    }
    let offer = "Offer for Contoso\n\n42 licences, from 1 January 2027, for three years.\n";
    let file = journey.upload(&seller, space_id, "Offer 2027.txt", offer.as_bytes(), false).await?;
    journey.add_file(&seller, space_id, "", "Offer 2027", &file.asset_id).await?;
    journey.add_link(&seller, space_id, "", "Product tour").await?;
    let folder = journey.create_folder(&seller, space_id, "Contract").await?;
    journey.add_link(&seller, space_id, &folder.item_id, "General terms").await?;
    journey.invite(&seller, space_id, &[GUEST, colleague], "Here is everything for Tuesday.").await?;
    let token = journey.invitation_token(GUEST, "").await?;
    let (_, guest) = journey.enter(&token, "Gina Guest").await?;
    journey.look_around(&guest, space_id).await?;
    Ok(())
}
