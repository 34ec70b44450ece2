//! The walk through what people do with files.

use std::time::Duration;

use anyhow::{Context, ensure};
use journeys::outside::within;
use journeys::visit::{Accounts, Journey, png, unique};
use sharedspaces_proto::assets::v1::{AssetState, PreviewSize};
use sharedspaces_proto::identity::v1::Plan;
use sharedspaces_proto::spaces::v1::SharingToggles;
use tonic::Code;

use crate::{expect, saw, step};

/// In two parts when it is sent straight to the store.
const OFFER_BYTES: usize = 17 * 1024 * 1024;
/// Previews are made after a file was found clean.
const PREVIEW_WITHIN: Duration = Duration::from_secs(60);

/// Uploads, describes, reorders, comments, downloads as a guest, switches downloading off, and is refused.
pub(crate) async fn walk(journey: &Journey) -> anyhow::Result<()> {
    let acme = Accounts::of("acme");
    journey.found(&acme, "Acme", "en", Plan::Ultimate).await?;
    let [seller_address, _] = &acme.members;
    let seller = journey.sign_in(&acme.organization, seller_address).await?;
    let space = journey.create_space(&seller, &format!("Files {}", unique()), "", None).await?;
    let id = space.space_id.as_str();

    step(1, "A member uploads a picture through the service, and an offer straight to the object store.");
    let picture = journey.upload(&seller, id, "Plan.png", png(640, 320)?, false).await?;
    let mut offer = b"%PDF-1.7\n".to_vec();
    offer.resize(OFFER_BYTES, b'x');
    let file = journey.upload(&seller, id, "Angebot März.pdf", offer, true).await?;
    for asset in [&picture, &file] {
        ensure!(asset.state() == AssetState::Clean, "{} was refused", asset.file_name);
        saw(&format!("{}: {} bytes, by content {}", asset.file_name, asset.size_bytes, asset.content_type));
    }

    step(2, "A zip that is called .pdf is refused, and so is a name with a path in it.");
    let zip = journey.upload(&seller, id, "offer.pdf", b"PK\x03\x04zip".as_slice(), false).await?;
    ensure!(zip.state() == AssetState::Refused, "a zip called .pdf was taken");
    saw(&format!("offer.pdf: {}", zip.refusal().as_str_name()));
    let announced = journeys::files::announced(id, "../offer.pdf", b"x");
    expect(journey.start_upload(&seller, announced).await.map(drop), Code::InvalidArgument, "../offer.pdf")?;

    step(3, "They show both files, describe one and put it first.");
    journey.add_file(&seller, id, "", "The plan", &picture.asset_id).await?;
    let item = journey.add_file(&seller, id, "", "The offer", &file.asset_id).await?;
    journey.describe_item(&seller, &item, id, "Valid until **March**").await?;
    journey.move_item(&seller, id, &item.item_id, "", 0).await?;
    for item in journey.items(&seller, id, "").await? {
        saw(&format!("{}. {} ({}), {}", item.position, item.title, item.file_name, item.content_type));
    }

    step(4, "A guest comes in, comments, and looks at the files.");
    let guest = journey.bring_in(&seller, id, "Gina Guest").await?;
    journey.comment(&guest, id, &item.item_id, "Is page 2 still right?", &[&seller.user_id]).await?;
    journey.comment(&seller, id, &item.item_id, "It is.", &[]).await?;
    for comment in journey.comments(&guest, id, &item.item_id).await? {
        saw(&format!("{}: {}", comment.author_display_name, comment.text));
    }
    let preview = within(PREVIEW_WITHIN, "the plan's preview", async || {
        Ok(Some(journey.preview_of(&guest, &picture.asset_id, PreviewSize::Small).await?))
    })
    .await?;
    saw(&format!("the plan has a preview of {}×{} pixels", preview.width_px, preview.height_px));
    let shown = journey.outside.get(&journey.open_item(&guest, id, &item.item_id).await?).await?;
    ensure!(shown.status() == 200, "looking at the offer answers {}", shown.status());

    step(5, "The guest downloads the offer.");
    let url = journey.download_item(&guest, id, &item.item_id).await?;
    let saved = journey.outside.get(&url).await?;
    ensure!(saved.status() == 200, "the download answers {}", saved.status());
    let disposition = saved.headers().get("content-disposition").context("no disposition")?.to_str()?;
    saw(disposition);
    saw(&format!("{} bytes came", saved.bytes().await?.len()));

    step(6, "The member switches downloading off; the address, still young, is refused at once.");
    let none = SharingToggles { download: false, invite: false, upload: false };
    journey.share(&seller, id, none).await?;
    let again = journey.outside.get(&url).await?.status();
    ensure!(again == 404, "the address answers {again}");
    saw(&format!("the same address: {again}"));
    let refused = journey.download_item(&guest, id, &item.item_id).await.map(drop);
    expect(refused, Code::PermissionDenied, "a new one")?;

    step(7, "What happened is in the timeline.");
    for sentence in journey.timeline(&seller, id).await? {
        saw(&sentence);
    }
    println!("\nThe files are where they belong.");
    Ok(())
}
