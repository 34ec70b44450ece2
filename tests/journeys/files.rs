//! Files from end to end: sent in, checked, shown, saved, talked about, and taken away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use journeys::files::{announced, endless_pdf, pdf};
use journeys::outside::within;
use journeys::visit::{Journey, Session, png};
use journeys::world::World;
use reqwest::Response;
use sharedspaces_proto::assets::v1 as assets;
use sharedspaces_proto::assets::v1::{AssetState, PreviewSize};
use sharedspaces_proto::identity::v1::Plan;
use sharedspaces_proto::spaces::v1 as spaces;
use sharedspaces_proto::spaces::v1::{ItemOrigin, ItemType, SharingToggles};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::{Organization, Stage, found, start};

const MIB: usize = 1024 * 1024;
const ALL: SharingToggles = SharingToggles { download: true, invite: false, upload: true };
const NO_DOWNLOAD: SharingToggles = SharingToggles { download: false, invite: false, upload: true };
const NO_UPLOAD: SharingToggles = SharingToggles { download: true, invite: false, upload: false };

/// A space with a guest in it.
pub(crate) struct Scene {
    pub(crate) world: Arc<World>,
    pub(crate) journey: Journey,
    pub(crate) acme: Organization,
    pub(crate) guest: Session,
    pub(crate) space_id: String,
}

impl Scene {
    pub(crate) async fn set() -> Self {
        Self::on(&Stage::set(&[]).await).await
    }

    pub(crate) async fn on(stage: &Stage) -> Self {
        let (world, journey) = (Arc::clone(&stage.world), stage.journey.clone());
        let acme = found(&journey, "en", Plan::Ultimate).await;
        let space_id = journey.create_space(&acme.member, "Files", "", None).await.unwrap().space_id;
        journey.share(&acme.member, &space_id, ALL).await.unwrap();
        let guest = journey.bring_in(&acme.member, &space_id, "Gina Guest").await.unwrap();
        Self { world, journey, acme, guest, space_id }
    }

    /// Sends a file in and makes it an item.
    async fn item(&self, who: &Session, name: &str, file: impl Into<Bytes>) -> spaces::Item {
        let asset = self.journey.upload(who, &self.space_id, name, file, false).await.unwrap();
        assert_eq!(asset.state(), AssetState::Clean, "{asset:?}");
        self.journey.add_file(who, &self.space_id, "", name, &asset.asset_id).await.unwrap()
    }

    async fn items(&self, who: &Session) -> Vec<spaces::Item> {
        self.journey.items(who, &self.space_id, "").await.unwrap()
    }

    async fn titles(&self, who: &Session) -> Vec<String> {
        self.items(who).await.into_iter().map(|item| item.title).collect()
    }

    async fn download(&self, who: &Session, item: &spaces::Item) -> Result<String, Status> {
        self.journey.download_item(who, &self.space_id, &item.item_id).await
    }
}

pub(crate) fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

async fn status(journey: &Journey, url: &str) -> u16 {
    journey.outside.get(url).await.unwrap().status().as_u16()
}

/// A file that is a PDF by its beginning, in two parts.
fn two_parts() -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    file.extend((0..17 * MIB).map(|n| u8::try_from(n % 251).unwrap()));
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_from_its_upload_to_a_guest_until_downloading_is_switched_off() {
    file_goes(&Stage::set(&[]).await).await;
}

pub(crate) async fn file_goes(stage: &Stage) {
    let scene = Scene::on(stage).await;
    let Scene { journey, acme, guest, space_id, .. } = &scene;
    let (picture, offer) = (png(640, 320).unwrap(), two_parts());
    let streamed = journey.upload(&acme.member, space_id, "Plan.png", picture.clone(), false).await.unwrap();
    let direct =
        journey.upload(&acme.member, space_id, "Angebot März.pdf", offer.clone(), true).await.unwrap();
    assert_eq!((streamed.state(), direct.state()), (AssetState::Clean, AssetState::Clean));
    // No item shows it yet: its uploader alone sees it.
    assert_eq!(journey.asset(&acme.member, &direct.asset_id).await.unwrap(), direct);
    for other in [guest, &acme.colleague] {
        assert_eq!(journey.asset(other, &direct.asset_id).await.unwrap_err().code(), Code::NotFound);
    }

    journey.add_file(&acme.member, space_id, "", "The plan", &streamed.asset_id).await.unwrap();
    let item = journey.add_file(&acme.member, space_id, "", "The offer", &direct.asset_id).await.unwrap();
    let item = journey.describe_item(&acme.member, &item, space_id, "Valid until *March*").await.unwrap();
    journey.move_item(&acme.member, space_id, &item.item_id, "", 0).await.unwrap();
    let said = journey
        .comment(&acme.member, space_id, &item.item_id, "See page **2**", &[&guest.user_id])
        .await
        .unwrap();
    journey.comment(guest, space_id, &item.item_id, "Thank you", &[]).await.unwrap();

    let listed = scene.items(guest).await;
    let [first, second] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!((first.title.as_str(), first.position, first.comment_count), ("The offer", 0, 2));
    assert_eq!((first.r#type(), first.origin()), (ItemType::File, ItemOrigin::Internal));
    assert_eq!(
        (first.file_name.as_str(), first.content_type.as_str()),
        ("Angebot März.pdf", "application/pdf")
    );
    assert_eq!(first.size_bytes, i64::try_from(offer.len()).unwrap());
    assert_eq!(first.description, "Valid until *March*");
    assert_eq!((second.title.as_str(), second.position), ("The plan", 1));
    let comments = journey.comments(guest, space_id, &item.item_id).await.unwrap();
    assert_eq!(comments[0], said);
    assert_eq!(comments[1].author_display_name, "Gina Guest");

    let shown_at = journey.open_item(guest, space_id, &item.item_id).await.unwrap();
    let shown = journey.outside.get(&shown_at).await.unwrap();
    assert_eq!((shown.status().as_u16(), header(&shown, "content-type").as_str()), (200, "application/pdf"));
    assert!(header(&shown, "content-disposition").starts_with("inline; "));
    let saved_from = scene.download(guest, &item).await.unwrap();
    let saved = journey.outside.get(&saved_from).await.unwrap();
    assert_eq!(
        header(&saved, "content-disposition"),
        "attachment; filename=\"Angebot M_rz.pdf\"; filename*=UTF-8''Angebot%20M%C3%A4rz.pdf"
    );
    for answer in [&shown, &saved] {
        assert_eq!(header(answer, "x-content-type-options"), "nosniff");
        assert_eq!(header(answer, "content-security-policy"), "sandbox; default-src 'none'");
    }
    assert_eq!(saved.bytes().await.unwrap(), offer);
    preview_is_shown(journey, guest, &streamed.asset_id).await;

    let refused_at_once = async |what: &str| {
        assert_eq!(status(journey, &saved_from).await, 404, "{what}: the address lives");
        let refused = scene.download(guest, &item).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::PermissionDenied, "DOWNLOADING_NOT_ALLOWED")
        );
        assert_eq!(status(journey, &shown_at).await, 200, "{what}: looking is another right");
    };
    journey.share(&acme.member, space_id, NO_DOWNLOAD).await.unwrap();
    refused_at_once("the space's toggle").await;
    journey.share(&acme.member, space_id, ALL).await.unwrap();
    assert_eq!(status(journey, &saved_from).await, 200);
    journey.allow_download(&acme.admin, false).await.unwrap();
    refused_at_once("the organisation's policy").await;
    journey.allow_download(&acme.admin, true).await.unwrap();
    journey.revoke(&acme.member, space_id, &guest.user_id).await.unwrap();
    for gone in [&saved_from, &shown_at] {
        assert_eq!(status(journey, gone).await, 404, "of somebody who was shut out");
    }
    let timeline = journey.timeline(&acme.member, space_id).await.unwrap();
    for happened in ["opened", "downloaded"] {
        let is_told = |sentence: &&String| sentence.contains(happened) && sentence.contains("Gina Guest");
        assert_eq!(timeline.iter().filter(is_told).count(), 1, "{happened}: {timeline:#?}");
    }
}

async fn preview_is_shown(journey: &Journey, guest: &Session, asset_id: &str) {
    for (size, width) in [(PreviewSize::Small, 320), (PreviewSize::Large, 640)] {
        let preview = within(Duration::from_secs(60), "a preview", async || {
            Ok(Some(journey.preview_of(guest, asset_id, size).await?))
        })
        .await
        .unwrap();
        assert_eq!(preview.width_px, width);
        let (status, content_type, bytes) = journey.outside.fetch(&preview.url).await.unwrap();
        assert_eq!((status, content_type.starts_with("image/")), (200, true), "{content_type}");
        assert_eq!(image::load_from_memory(&bytes).unwrap().width(), u32::try_from(width).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_add_files_where_they_may_take_their_own_out_and_order_nothing() {
    guests_add(&Stage::set(&[]).await).await;
}

pub(crate) async fn guests_add(stage: &Stage) {
    let scene = Scene::on(stage).await;
    let Scene { journey, acme, guest, space_id, .. } = &scene;
    for name in ["one.txt", "two.txt"] {
        scene.item(&acme.member, name, name.as_bytes().to_vec()).await;
    }
    let own = scene.item(guest, "three.txt", b"three".as_slice()).await;
    assert_eq!((own.origin(), own.adder_display_name.as_str()), (ItemOrigin::External, "Gina Guest"));
    journey.move_item(&acme.member, space_id, &own.item_id, "", 0).await.unwrap();
    assert_eq!(scene.titles(guest).await, ["three.txt", "one.txt", "two.txt"]);
    let refused = journey.move_item(guest, space_id, &own.item_id, "", 2).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let others = scene.items(guest).await[1].clone();
    let refused = journey.remove_item(guest, space_id, &others.item_id).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::PermissionDenied, "OWN_ITEMS_ONLY"));

    // Begun while it was allowed, and no more when it is to end.
    let begun = journey.start_upload(guest, announced(space_id, "late.txt", b"late")).await.unwrap();
    let begun = begun.asset.unwrap().asset_id;
    journey.stream_bytes(guest, &begun, 0, Bytes::from_static(b"late")).await.unwrap();
    let ready = journey.upload(guest, space_id, "ready.txt", b"ready".as_slice(), false).await.unwrap();
    journey.share(&acme.member, space_id, NO_UPLOAD).await.unwrap();
    for refused in [
        journey.start_upload(guest, announced(space_id, "four.txt", b"4")).await.unwrap_err(),
        journey.complete_upload(guest, &begun).await.unwrap_err(),
        journey.add_file(guest, space_id, "", "Ready", &ready.asset_id).await.unwrap_err(),
    ] {
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::PermissionDenied, "UPLOADING_NOT_ALLOWED")
        );
    }
    journey.remove_item(guest, space_id, &own.item_id).await.unwrap();
    assert_eq!(scene.titles(&acme.member).await, ["one.txt", "two.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_has_the_internal_files_alone_and_keeps_them_when_the_first_space_loses_them() {
    duplicate(&Stage::set(&[]).await).await;
}

pub(crate) async fn duplicate(stage: &Stage) {
    let scene = Scene::on(stage).await;
    let Scene { journey, acme, guest, space_id, world } = &scene;
    let internal = scene.item(&acme.member, "ours.txt", b"ours".as_slice()).await;
    scene.item(guest, "theirs.txt", b"theirs".as_slice()).await;
    journey.comment(guest, space_id, &internal.item_id, "Not to be copied", &[]).await.unwrap();
    let copy = journey.duplicate(&acme.member, space_id, "en").await.unwrap();
    let copied = journey.items(&acme.member, &copy.space_id, "").await.unwrap();
    let [item] = &copied[..] else { panic!("{copied:?}") };
    assert_eq!((item.title.as_str(), item.asset_id == internal.asset_id), ("ours.txt", true));
    assert_eq!((item.comment_count, item.item_id == internal.item_id), (0, false));
    journey.remove_item(&acme.member, space_id, &internal.item_id).await.unwrap();
    assert_eq!(world.quiesce().await.unwrap(), 0);
    let refused = journey.delete_asset(&acme.member, &internal.asset_id).await.unwrap_err();
    assert_eq!(reason(&refused), "ASSET_IN_USE");
    let url = journey.download_item(&acme.member, &copy.space_id, &item.item_id).await.unwrap();
    assert_eq!(journey.outside.fetch(&url).await.unwrap().2, b"ours");
    // The guest takes no part in the copy.
    let refused = journey.download_item(guest, &copy.space_id, &item.item_id).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
}

/// More than the buffers of a connection hold.
const LONG: usize = 64 * MIB;
/// How slowly somebody reads: in five seconds a small part of it.
const PACE: Duration = Duration::from_millis(200);

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_download_of_a_guest_who_is_shut_out_is_cut_off_within_five_seconds() {
    let scene = Scene::set().await;
    let Scene { journey, acme, guest, space_id, .. } = &scene;
    let asset = journey.upload(&acme.member, space_id, "long.bin", vec![7; LONG], true).await.unwrap();
    let item = journey.add_file(&acme.member, space_id, "", "Long", &asset.asset_id).await.unwrap();
    let patient = reqwest::Client::builder().build().unwrap();
    for range in [None, Some("bytes=10-")] {
        let url = scene.download(guest, &item).await.unwrap();
        let request = patient.get(url);
        let request = range.into_iter().fold(request, |request, range| request.header("range", range));
        let mut slow = request.send().await.unwrap();
        assert!(slow.status().is_success());
        slow.chunk().await.unwrap().unwrap();
        let shut_out = range.is_some();
        if shut_out {
            journey.revoke(&acme.member, space_id, &guest.user_id).await.unwrap();
        } else {
            journey.share(&acme.member, space_id, NO_DOWNLOAD).await.unwrap();
        }
        let lost = Instant::now();
        let mut pace = tokio::time::interval(PACE);
        let mut read = 0;
        let ended = loop {
            // Slow for five seconds; then whatever was on its way comes at once.
            if lost.elapsed() < Duration::from_secs(5) {
                pace.tick().await;
            }
            match slow.chunk().await {
                Ok(Some(piece)) => read += piece.len(),
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        assert!(!ended && read < LONG / 2, "{read} of {LONG} bytes came, to the end: {ended}");
        // That it was cut off in time is told by the bytes; this tells that the connection does not hang.
        assert!(lost.elapsed() < Duration::from_secs(60), "it took {:?}", lost.elapsed());
        journey.share(&acme.member, space_id, ALL).await.unwrap();
    }
    let refused = scene.download(guest, &item).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    // Nobody else's is cut.
    let url = scene.download(&acme.member, &item).await.unwrap();
    assert_eq!(patient.get(url).send().await.unwrap().bytes().await.unwrap().len(), LONG);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_of_a_pdf_is_its_preview_and_one_that_takes_for_ever_has_none() {
    let scene = Scene::set().await;
    let Scene { journey, acme, space_id, world, .. } = &scene;
    let endless = journey.upload(&acme.member, space_id, "endless.pdf", endless_pdf(), false).await.unwrap();
    let good = journey.upload(&acme.member, space_id, "good.pdf", pdf(), false).await.unwrap();
    for (size, sides) in [(PreviewSize::Small, (320, 160)), (PreviewSize::Large, (1_280, 640))] {
        let preview = within(Duration::from_secs(60), "a preview", async || {
            Ok(Some(journey.preview_of(&acme.member, &good.asset_id, size).await?))
        })
        .await
        .unwrap();
        assert_eq!((preview.width_px, preview.height_px), sides);
        let (status, content_type, bytes) = journey.outside.fetch(&preview.url).await.unwrap();
        assert_eq!((status, content_type.as_str()), (200, "image/jpeg"));
        let picture = image::load_from_memory(&bytes).unwrap().into_rgb8();
        let [red, white] = [picture.width() / 4, picture.width() * 3 / 4].map(|x| picture.get_pixel(x, 50).0);
        assert!(red[0] > 200 && red[1] < 50 && white.iter().all(|part| *part > 200), "{red:?} {white:?}");
    }
    assert_eq!(world.quiesce().await.unwrap(), 0);
    let endless = journey.asset(&acme.member, &endless.asset_id).await.unwrap();
    assert_eq!((endless.state(), endless.has_preview), (AssetState::Clean, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_at_a_file_of_another_organisation() {
    let scene = Scene::set().await;
    let Scene { journey, acme, space_id, .. } = &scene;
    let item = scene.item(&acme.member, "secret.txt", b"CANARY".as_slice()).await;
    let globex = found(journey, "en", Plan::Ultimate).await;
    let theirs = journey.create_space(&globex.member, "Theirs", "", None).await.unwrap().space_id;
    let unknown = [
        journey.asset(&globex.member, &item.asset_id).await.unwrap_err(),
        journey.complete_upload(&globex.member, &item.asset_id).await.unwrap_err(),
        journey.delete_asset(&globex.member, &item.asset_id).await.unwrap_err(),
        journey.preview_of(&globex.member, &item.asset_id, PreviewSize::Small).await.unwrap_err(),
        journey.stream_bytes(&globex.member, &item.asset_id, 0, Bytes::from_static(b"x")).await.unwrap_err(),
        journey.add_file(&globex.member, &theirs, "", "Mine", &item.asset_id).await.unwrap_err(),
        journey.open_item(&globex.member, space_id, &item.item_id).await.unwrap_err(),
        journey.download_item(&globex.member, &theirs, &item.item_id).await.unwrap_err(),
        journey.comment(&globex.member, &theirs, &item.item_id, "Hello", &[]).await.unwrap_err(),
    ];
    for refused in &unknown {
        assert_eq!(refused.code(), Code::NotFound, "{refused}");
        assert!(!format!("{refused:?}").contains("secret"), "{refused:?}");
    }
    let asset: assets::Asset = journey.asset(&acme.member, &item.asset_id).await.unwrap();
    assert_eq!(asset.state(), AssetState::Clean);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demos_walk_through_files_goes_to_its_end() {
    let world = start(World::start).await;
    let told = crate::walk(&world, "content").await;
    assert!(told.contains("the same address: 404") && told.ends_with("where they belong.\n"), "{told}");
}
