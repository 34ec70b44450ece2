//! Uploading through the service.

use futures_util::{StreamExt, stream};
use sharedspaces_proto::assets::v1 as pb;
use sharedspaces_proto::assets::v1::upload_asset_request::Part;
use tonic::Code;

use super::world::{Files, announced, messages, noise};
use crate::tests::world::{by, fields, reason};

const PART: usize = 16 * 1024 * 1024;

#[tokio::test]
async fn a_file_is_seen_by_nobody_else_before_it_was_checked() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let other = files.colleague(&uploader, space_id, &super::world::GUEST);
    let asset_id = files.begin(&uploader, space_id, "notes.txt", b"hello").await;
    files.stream(&uploader, &asset_id, 0, b"hello").await.unwrap();
    let completed = files.complete(&uploader, &asset_id).await.unwrap();
    assert_eq!(completed.state(), pb::AssetState::Scanning);
    assert_eq!(files.asset(&other, &asset_id).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(files.describe_file(&uploader, space_id, &asset_id).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(files.issue(&uploader, space_id, &asset_id, false).await.unwrap_err().code(), Code::NotFound);

    assert_eq!(files.run_jobs().await, 0);
    assert_eq!(files.asset(&other, &asset_id).await.unwrap_err().code(), Code::NotFound);
    files.place_file(&uploader, testkit::ids().next(), space_id, &asset_id, 1).await;
    let seen = files.asset(&other, &asset_id).await.unwrap();
    assert_eq!((seen.state(), seen.content_type.as_str()), (pb::AssetState::Clean, "text/plain"));
    assert_eq!((seen.received_bytes, seen.size_bytes, seen.can_be_inline), (5, 5, true));
    assert_eq!(files.describe_file(&uploader, space_id, &asset_id).await.unwrap(), seen);
    files.reconcile().await;
    assert!(files.open_uploads().is_empty());
}

#[tokio::test]
async fn an_upload_goes_on_where_a_cut_stream_stopped() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let file = noise(PART + 300_000);
    let asset_id = files.begin(&uploader, space_id, "big.bin", &file).await;
    // Cut off within the second part.
    let cut = messages(&asset_id, 0, &file[..PART + 200_000]);
    let arrived = files.send(&uploader, stream::iter(cut)).await.unwrap();
    let at = i64::try_from(PART).unwrap();
    assert_eq!(arrived.received_bytes, at);
    let early = files.complete(&uploader, &asset_id).await.unwrap_err();
    assert_eq!((early.code(), reason(&early).as_str()), (Code::FailedPrecondition, "UPLOAD_INCOMPLETE"));

    for wrong in [0, at - 1, at + 1, at + 200_000, -1] {
        let refused = files.stream(&uploader, &asset_id, wrong, &file[PART..]).await.unwrap_err();
        assert_eq!(fields(&refused)[0].0, "header.offset_bytes", "{wrong}");
    }
    let whole = files.stream(&uploader, &asset_id, at, &file[PART..]).await.unwrap();
    assert_eq!(whole.received_bytes, whole.size_bytes);
    files.complete(&uploader, &asset_id).await.unwrap();
    assert_eq!(files.run_jobs().await, 0);
    let clean = files.asset(&uploader, &asset_id).await.unwrap();
    assert_eq!(
        (clean.state(), clean.content_type.as_str()),
        (pb::AssetState::Clean, "application/octet-stream")
    );
    files.reconcile().await;
}

#[tokio::test]
async fn a_stream_that_another_has_taken_over_adds_no_more() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let asset_id = files.begin(&uploader, space_id, "a.txt", b"hello").await;
    let (more, wait) = tokio::sync::oneshot::channel::<()>();
    let late = messages(&asset_id, 0, b"HELLO");
    let first = stream::iter(late[..1].to_vec());
    let rest = stream::once(async move {
        wait.await.unwrap();
        late[1].clone()
    });
    let mut client = files.client();
    let old = by(&uploader, first.chain(rest));
    let old = tokio::spawn(async move { client.upload_asset(old).await });
    testkit::eventually("the stream has begun", async || {
        let begun: i64 = sqlx::query_scalar("SELECT count(*) FROM assets WHERE stream_id IS NOT NULL")
            .fetch_one(&files.database.superuser_pool())
            .await
            .unwrap();
        begun == 1
    })
    .await;
    files.stream(&uploader, &asset_id, 0, b"hello").await.unwrap();
    more.send(()).unwrap();
    assert_eq!(reason(&old.await.unwrap().unwrap_err()), "UPLOAD_INTERRUPTED");
}

#[tokio::test]
async fn completing_twice_at_once_has_the_file_checked_once() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let asset_id = files.begin(&uploader, space_id, "a.txt", b"hello").await;
    files.stream(&uploader, &asset_id, 0, b"hello").await.unwrap();
    let (one, other) =
        tokio::join!(files.complete(&uploader, &asset_id), files.complete(&uploader, &asset_id));
    assert_eq!(one.unwrap().state(), pb::AssetState::Scanning);
    assert_eq!(other.unwrap().state(), pb::AssetState::Scanning);
    let jobs: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs")
        .fetch_one(&files.database.superuser_pool())
        .await
        .unwrap();
    assert_eq!(jobs, 1);
    files.run_jobs().await;
    assert_eq!(files.complete(&uploader, &asset_id).await.unwrap().state(), pb::AssetState::Clean);
    let ended = files.stream(&uploader, &asset_id, 5, b"").await.unwrap_err();
    assert_eq!(reason(&ended), "UPLOAD_ENDED");
}

#[tokio::test]
async fn a_length_that_lies_is_refused() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let asset_id = files.begin(&uploader, space_id, "a.txt", b"hello").await;
    let longer = files.stream(&uploader, &asset_id, 0, b"hello!").await.unwrap_err();
    assert_eq!(fields(&longer)[0].0, "chunk");
    assert_eq!(files.asset(&uploader, &asset_id).await.unwrap().received_bytes, 0);
    let shorter = files.stream(&uploader, &asset_id, 0, b"hell").await.unwrap();
    assert_eq!(shorter.received_bytes, 0);
    let refused = files.complete(&uploader, &asset_id).await.unwrap_err();
    assert_eq!(reason(&refused), "UPLOAD_INCOMPLETE");
    // Announced as much as can be, sent as little.
    let mut huge = announced(space_id, "huge.bin", b"x");
    huge.size_bytes = 2_147_483_648;
    let huge = files.start(&uploader, huge).await.unwrap().asset.unwrap();
    files.stream(&uploader, &huge.asset_id, 0, b"x").await.unwrap();
    assert_eq!(reason(&files.complete(&uploader, &huge.asset_id).await.unwrap_err()), "UPLOAD_INCOMPLETE");
}

#[tokio::test]
async fn a_checksum_that_lies_is_refused_and_the_bytes_are_gone() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let mut lie = announced(space_id, "a.txt", b"hello");
    lie.sha256 = super::world::sha256(b"other");
    let asset_id = files.start(&uploader, lie).await.unwrap().asset.unwrap().asset_id;
    files.stream(&uploader, &asset_id, 0, b"hello").await.unwrap();
    files.complete(&uploader, &asset_id).await.unwrap();
    assert_eq!(files.run_jobs().await, 0);
    let refused = files.asset(&uploader, &asset_id).await.unwrap();
    assert_eq!((refused.state(), refused.refusal()), (pb::AssetState::Refused, pb::AssetRefusal::Checksum));
    assert!(files.file_objects().is_empty() && files.open_uploads().is_empty());
    files.reconcile().await;
}

#[tokio::test]
async fn a_zip_named_pdf_is_refused_with_its_reason_told_to_its_uploader_alone() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let other = files.colleague(&uploader, space_id, &super::world::GUEST);
    let refused = files.upload_file(&uploader, space_id, "offer.pdf", b"PK\x03\x04 and so on").await;
    assert_eq!(
        (refused.state(), refused.refusal()),
        (pb::AssetState::Refused, pb::AssetRefusal::TypeMismatch)
    );
    assert_eq!(files.asset(&other, &refused.asset_id).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(
        files.issue(&uploader, space_id, &refused.asset_id, false).await.unwrap_err().code(),
        Code::NotFound
    );
    assert!(files.file_objects().is_empty());
    let taken = files.upload_file(&uploader, space_id, "offer.zip", b"PK\x03\x04 and so on").await;
    assert_eq!((taken.state(), taken.can_be_inline), (pb::AssetState::Clean, false));
}

#[tokio::test]
async fn what_is_wrong_with_an_announcement_is_named() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let good = announced(space_id, "a.txt", b"hello");
    let bad = pb::StartUploadRequest {
        space_id: "x".to_owned(),
        file_name: "../a\u{202e}".to_owned(),
        size_bytes: 0,
        sha256: "abc".to_owned(),
        is_direct: false,
    };
    let refused = files.start(&uploader, bad).await.unwrap_err();
    let named: Vec<String> = fields(&refused).into_iter().map(|(field, _)| field).collect();
    assert_eq!(named, ["space_id", "file_name", "file_name", "size_bytes", "sha256"]);
    for size_bytes in [0, -1, 2_147_483_649] {
        let request = pb::StartUploadRequest { size_bytes, ..good.clone() };
        assert_eq!(fields(&files.start(&uploader, request).await.unwrap_err())[0].0, "size_bytes");
    }
    assert!(files.states().await.is_empty() && files.open_uploads().is_empty());
}

#[tokio::test]
async fn a_stream_that_does_not_begin_with_its_header_is_refused() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let asset_id = files.begin(&uploader, space_id, "a.txt", b"hello").await;
    let good = messages(&asset_id, 0, b"hello");
    for (bad, field) in [
        (vec![good[1].clone()], "header"),
        (vec![], "header"),
        (vec![good[0].clone(), good[0].clone()], "header"),
        (vec![good[0].clone(), pb::UploadAssetRequest { part: None }], "chunk"),
    ] {
        let refused = files.send(&uploader, stream::iter(bad)).await.unwrap_err();
        assert_eq!(fields(&refused)[0].0, field);
    }
    let large = pb::UploadAssetRequest { part: Some(Part::Chunk(vec![0; 256 * 1024 + 1].into())) };
    let refused = files.send(&uploader, stream::iter([good[0].clone(), large])).await.unwrap_err();
    assert_eq!(fields(&refused)[0].0, "chunk");
}

#[tokio::test]
async fn a_repeated_start_gives_the_same_file() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let mut request = by(&uploader, announced(space_id, "a.txt", b"hello"));
        request.metadata_mut().insert("idempotency-key", "once".parse().unwrap());
        let started = files.client().start_upload(request).await.unwrap().into_inner();
        ids.push(started.asset.unwrap().asset_id);
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(files.states().await.len(), 1);
}

#[tokio::test]
async fn of_two_starts_at_once_under_one_key_the_second_keeps_nothing_reserved() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    for number in 0..5 {
        let start = async || {
            let mut request = by(&uploader, announced(space_id, "a.txt", b"hello"));
            request.metadata_mut().insert("idempotency-key", format!("key-{number}").parse().unwrap());
            files.client().start_upload(request).await.unwrap().into_inner().asset.unwrap().asset_id
        };
        let (one, other) = tokio::join!(start(), start());
        assert_eq!(one, other);
        let states = files.states().await;
        assert_eq!(states.iter().filter(|(_, state)| state == "UPLOADING").count(), number + 1, "{states:?}");
    }
}

#[tokio::test]
async fn nothing_stays_reserved_where_the_store_does_not_begin() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    files.break_s3(r#"{"target":"s3","method":"POST","status":500}"#).await;
    let refused = files.start(&uploader, announced(space_id, "a.txt", b"hello")).await.unwrap_err();
    assert_eq!(reason(&refused), "OBJECT_STORE_UNAVAILABLE");
    assert_eq!(files.states().await, [("a.txt".to_owned(), "ABANDONED".to_owned())]);
    assert_eq!(files.assets.collect().await.unwrap(), 1);
    assert!(files.states().await.is_empty());
}
