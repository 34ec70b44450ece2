//! Uploading straight to the object store.

use service_kit::caller::Caller;
use service_kit::ids::SpaceId;
use sharedspaces_proto::assets::v1 as pb;

use super::world::{Files, announced, noise};
use crate::tests::world::{by, fields, reason};

const PART: usize = 16 * 1024 * 1024;

async fn start(files: &Files, caller: &Caller, space_id: SpaceId, file: &[u8]) -> pb::StartUploadResponse {
    let request = pb::StartUploadRequest { is_direct: true, ..announced(space_id, "a.bin", file) };
    files.start(caller, request).await.unwrap()
}

async fn missing(files: &Files, caller: &Caller, asset_id: &str) -> pb::ContinueUploadResponse {
    let request = pb::ContinueUploadRequest { asset_id: asset_id.to_owned() };
    files.client().continue_upload(by(caller, request)).await.unwrap().into_inner()
}

async fn put(files: &Files, url: &str, content: &[u8]) -> u16 {
    files.http.put(url).body(content.to_vec()).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_file_arrives_in_parts_in_any_order_and_goes_on_with_what_is_missing() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let file = noise(PART + 5);
    let started = start(&files, &uploader, space_id, &file).await;
    assert_eq!(started.url_ttl.unwrap().seconds, 900);
    let sizes: Vec<_> =
        started.parts.iter().map(|part| (part.part_number, part.offset_bytes, part.size_bytes)).collect();
    assert_eq!(sizes, [(1, 0, 16_777_216), (2, 16_777_216, 5)]);
    let asset_id = started.asset.unwrap().asset_id;
    assert_eq!(put(&files, &started.parts[1].url, &file[PART..]).await, 200);
    assert_eq!(reason(&files.complete(&uploader, &asset_id).await.unwrap_err()), "UPLOAD_INCOMPLETE");

    let rest = missing(&files, &uploader, &asset_id).await;
    assert_eq!(rest.asset.unwrap().received_bytes, 5);
    assert_eq!(rest.parts.iter().map(|part| part.part_number).collect::<Vec<_>>(), [1]);
    assert_eq!(put(&files, &rest.parts[0].url, &file[..PART]).await, 200);
    assert!(missing(&files, &uploader, &asset_id).await.parts.is_empty());
    files.complete(&uploader, &asset_id).await.unwrap();
    assert_eq!(files.run_jobs().await, 0);
    assert_eq!(files.asset(&uploader, &asset_id).await.unwrap().state(), pb::AssetState::Clean);
    files.reconcile().await;
}

#[tokio::test]
async fn a_part_of_another_length_is_refused_by_the_store() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let started = start(&files, &uploader, space_id, b"hello").await;
    for lie in [&b"hell"[..], b"hello!", b""] {
        assert_eq!(put(&files, &started.parts[0].url, lie).await, 403, "{lie:?}");
    }
    assert_eq!(put(&files, &started.parts[0].url, b"hello").await, 200);
}

#[tokio::test]
async fn an_address_is_good_for_its_own_part_and_object_alone() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let one = start(&files, &uploader, space_id, b"hello").await;
    let two = start(&files, &uploader, space_id, b"HELLO").await;
    let (first, second) = (one.asset.unwrap().asset_id, two.asset.unwrap().asset_id);
    let url = &one.parts[0].url;
    for edited in [
        url.replace("partNumber=1", "partNumber=2"),
        url.replace(&first, &second),
        url.replace("assets/", "logos/"),
        url.replace("assets/", "logos%2f..%2fassets/"),
        url.replace("X-Amz-Expires=900", "X-Amz-Expires=604800"),
        url.replace("&uploadId=", "&upload="),
    ] {
        assert_ne!(&edited, url);
        let status = put(&files, &edited, b"hello").await;
        assert!((400..500).contains(&status), "{status}: {edited}");
    }
    // What reads, lists or deletes is another method, which is signed too.
    assert_eq!(files.http.get(url).send().await.unwrap().status().as_u16(), 403);
    assert_eq!(files.http.delete(url).send().await.unwrap().status().as_u16(), 403);
}

#[tokio::test]
async fn nobody_puts_anything_once_the_file_was_checked_or_given_up() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let one = start(&files, &uploader, space_id, b"hello").await;
    let asset_id = one.asset.unwrap().asset_id;
    put(&files, &one.parts[0].url, b"hello").await;
    files.complete(&uploader, &asset_id).await.unwrap();
    files.run_jobs().await;
    let status = put(&files, &one.parts[0].url, b"HELLO").await;
    assert!((400..500).contains(&status), "{status}");
    let url = files.issue(&uploader, space_id, &asset_id, false).await.unwrap();
    assert_eq!(files.fetch_from(&url).await, b"hello");

    let two = start(&files, &uploader, space_id, b"other").await;
    let given_up = two.asset.unwrap().asset_id;
    put(&files, &two.parts[0].url, b"other").await;
    files.delete(&uploader, &given_up).await.unwrap();
    assert_eq!(files.assets.collect().await.unwrap(), 1);
    let status = put(&files, &two.parts[0].url, b"other").await;
    assert!((400..500).contains(&status), "{status}");
    assert!(files.open_uploads().is_empty(), "{:?}", files.open_uploads());
    files.reconcile().await;
}

#[tokio::test]
async fn a_direct_upload_is_not_streamed_and_a_streamed_one_has_no_addresses() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let direct = start(&files, &uploader, space_id, b"hello").await.asset.unwrap().asset_id;
    let refused = files.stream(&uploader, &direct, 0, b"hello").await.unwrap_err();
    assert_eq!(fields(&refused)[0].0, "header.asset_id");
    let streamed = files.begin(&uploader, space_id, "a.txt", b"hello").await;
    let rest = missing(&files, &uploader, &streamed).await;
    assert!(rest.parts.is_empty() && rest.url_ttl.is_none());
}

#[tokio::test]
async fn a_repeated_start_gives_the_same_file_with_addresses_that_are_not_kept() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let mut started = Vec::new();
    for _ in 0..2 {
        let announced = pb::StartUploadRequest { is_direct: true, ..announced(space_id, "a.bin", b"hello") };
        let mut request = by(&uploader, announced);
        request.metadata_mut().insert("idempotency-key", "once".parse().unwrap());
        started.push(files.client().start_upload(request).await.unwrap().into_inner());
    }
    assert_eq!(started[0].asset.clone().unwrap().asset_id, started[1].asset.clone().unwrap().asset_id);
    assert_eq!(put(&files, &started[1].parts[0].url, b"hello").await, 200);
    let kept: Vec<Vec<u8>> = sqlx::query_scalar("SELECT reply FROM idempotency_keys")
        .fetch_all(&files.database.superuser_pool())
        .await
        .unwrap();
    assert!(!kept.is_empty() && kept.iter().all(|kept| !String::from_utf8_lossy(kept).contains("http")));
}
