//! Previews of images.

use sharedspaces_proto::assets::v1 as pb;
use sharedspaces_proto::spaces::v1::Permission;
use tonic::{Code, Status};

use super::world::Files;
use crate::tests::pictures;
use crate::tests::world::{by, reason};
use service_kit::caller::Caller;

async fn preview(
    files: &Files,
    caller: &Caller,
    asset_id: &str,
    size: pb::PreviewSize,
) -> Result<pb::GetPreviewResponse, Status> {
    let request = pb::GetPreviewRequest { asset_id: asset_id.to_owned(), size: size.into() };
    Ok(files.client().get_preview(by(caller, request)).await?.into_inner())
}

#[tokio::test]
async fn an_image_has_previews_in_two_sizes_for_whoever_sees_it() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let guest = files.colleague(&uploader, space_id, &[Permission::View]);
    let file = pictures::jpeg(1_600, 800);
    let asset = files.upload_file(&uploader, space_id, "a.jpg", &file).await;
    assert!(asset.has_preview);
    files.place_file(&uploader, testkit::ids().next(), space_id, &asset.asset_id, 1).await;
    for (size, width_px, height_px) in [
        (pb::PreviewSize::Unspecified, 320, 160),
        (pb::PreviewSize::Small, 320, 160),
        (pb::PreviewSize::Large, 1_280, 640),
    ] {
        let found = preview(&files, &guest, &asset.asset_id, size).await.unwrap();
        assert_eq!((found.width_px, found.height_px), (width_px, height_px));
        let answer = files.http.get(&found.url).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "image/jpeg");
        assert_eq!(answer.headers()["cross-origin-resource-policy"], "cross-origin");
        let picture = ::image::load_from_memory(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!((picture.width(), picture.height()), (width_px.unsigned_abs(), height_px.unsigned_abs()));
    }
    let url = preview(&files, &guest, &asset.asset_id, pb::PreviewSize::Small).await.unwrap().url;
    files.spaces.allow(&guest, space_id, &[]);
    assert_eq!(files.http.get(&url).send().await.unwrap().status(), 404);
    assert_eq!(
        preview(&files, &guest, &asset.asset_id, pb::PreviewSize::Small).await.unwrap_err().code(),
        Code::NotFound
    );
    files.reconcile().await;
}

#[tokio::test]
async fn what_is_no_good_image_has_no_preview_and_stays_a_good_file() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let mut cut_off = pictures::png(64, 64);
    cut_off.truncate(60);
    for (name, content) in [
        ("bomb.png", pictures::png_claiming(30_000, 30_000)),
        ("cut.png", cut_off),
        ("moving.png", pictures::animated_png()),
        ("a.txt", b"text".to_vec()),
    ] {
        let asset = files.upload_file(&uploader, space_id, name, &content).await;
        assert_eq!((asset.state(), asset.has_preview), (pb::AssetState::Clean, false), "{name}");
        let refused = preview(&files, &uploader, &asset.asset_id, pb::PreviewSize::Small).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::NotFound, "PREVIEW_NOT_FOUND"),
            "{name}"
        );
    }
    files.reconcile().await;
}

#[tokio::test]
async fn previews_are_made_again_where_the_store_was_away() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    files.break_s3(r#"{"target":"s3","method":"PUT","path":"preview-large","drop":true,"times":9}"#).await;
    let asset = files.upload_file(&uploader, space_id, "a.png", &pictures::png(8, 8)).await;
    assert_eq!((asset.state(), asset.has_preview), (pb::AssetState::Clean, false));
    testkit::eventually("the previews", async || {
        files.run_jobs().await;
        files.asset(&uploader, &asset.asset_id).await.unwrap().has_preview
    })
    .await;
    files.reconcile().await;
}
