//! Who may what with a file.

use service_kit::caller::Caller;
use sharedspaces_proto::assets::v1 as pb;
use sharedspaces_proto::spaces::v1::Permission;
use sqlx::AssertSqlSafe;
use tonic::{Code, Status};
use uuid::Uuid;

use super::world::{Files, GUEST, announced};
use crate::tests::world::{by, reason};

fn assert_unknown<T: std::fmt::Debug>(answer: Result<T, Status>) {
    let refused = answer.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "ASSET_NOT_FOUND"));
}

/// Expects that somebody knows nothing of a file, by any call.
async fn assert_knows_nothing(files: &Files, caller: &Caller, asset_id: &str) {
    assert_unknown(files.asset(caller, asset_id).await);
    assert_unknown(files.stream(caller, asset_id, 0, b"hello").await);
    assert_unknown(files.complete(caller, asset_id).await);
    assert_unknown(files.delete(caller, asset_id).await);
    let again = pb::ContinueUploadRequest { asset_id: asset_id.to_owned() };
    assert_unknown(files.client().continue_upload(by(caller, again)).await);
    let preview = pb::GetPreviewRequest { asset_id: asset_id.to_owned(), size: 0 };
    assert_unknown(files.client().get_preview(by(caller, preview)).await);
}

#[tokio::test]
async fn who_may_not_upload_begins_nothing() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let viewer = files.colleague(&uploader, space_id, &[Permission::View, Permission::Download]);
    let refused = files.start(&viewer, announced(space_id, "a.txt", b"1")).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::PermissionDenied, "UPLOADING_NOT_ALLOWED")
    );
    let stranger = testkit::caller_of(uploader.organization_id, uploader.kind);
    let refused = files.start(&stranger, announced(space_id, "a.txt", b"1")).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "SPACE_NOT_FOUND"));
    assert!(files.states().await.is_empty() && files.open_uploads().is_empty());
}

#[tokio::test]
async fn who_may_no_longer_upload_completes_nothing() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let asset_id = files.begin(&uploader, space_id, "a.txt", b"hello").await;
    files.stream(&uploader, &asset_id, 0, b"hello").await.unwrap();
    files.spaces.allow(&uploader, space_id, &[Permission::View]);
    assert_eq!(reason(&files.complete(&uploader, &asset_id).await.unwrap_err()), "UPLOADING_NOT_ALLOWED");
    assert_eq!(files.run_jobs().await, 0);
    assert_eq!(files.asset(&uploader, &asset_id).await.unwrap().state(), pb::AssetState::Uploading);
}

#[tokio::test]
async fn anothers_upload_is_unknown_within_the_organisation_and_beyond() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let asset_id = files.begin(&uploader, space_id, "a.txt", b"hello").await;
    let (stranger, _) = files.uploader();
    files.spaces.allow(&stranger, space_id, &GUEST);
    for other in [&files.colleague(&uploader, space_id, &GUEST), &stranger] {
        assert_knows_nothing(&files, other, &asset_id).await;
    }
    // Nor by the calls of services, for another organisation.
    assert_unknown(files.describe_file(&stranger, space_id, &asset_id).await);
    assert_unknown(files.issue(&stranger, space_id, &asset_id, false).await);
    assert_unknown(files.asset(&uploader, &Uuid::nil().to_string()).await);
}

#[tokio::test]
async fn another_organisations_clean_file_is_unknown() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let asset = files.upload_file(&uploader, space_id, "a.txt", b"hello").await;
    let (stranger, _) = files.uploader();
    files.spaces.allow(&stranger, space_id, &GUEST);
    assert_knows_nothing(&files, &stranger, &asset.asset_id).await;
    assert_unknown(files.describe_file(&stranger, space_id, &asset.asset_id).await);
    assert_unknown(files.issue(&stranger, space_id, &asset.asset_id, false).await);
}

#[tokio::test]
async fn a_file_becomes_an_item_by_its_uploader_in_its_space_or_where_it_stands() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let other = files.colleague(&uploader, space_id, &GUEST);
    let elsewhere = testkit::ids().next();
    let asset_id = files.upload_file(&uploader, space_id, "a.txt", b"hello").await.asset_id;
    assert!(files.describe_file(&uploader, space_id, &asset_id).await.is_ok());
    assert_unknown(files.describe_file(&uploader, elsewhere, &asset_id).await);
    assert_unknown(files.describe_file(&other, space_id, &asset_id).await);
    let item = testkit::ids().next();
    files.place_file(&uploader, item, space_id, &asset_id, 1).await;
    assert!(files.describe_file(&other, space_id, &asset_id).await.is_ok());
    assert_unknown(files.describe_file(&other, elsewhere, &asset_id).await);
    files.place_file(&uploader, item, space_id, "", 2).await;
    assert_unknown(files.describe_file(&other, space_id, &asset_id).await);
}

#[tokio::test]
async fn a_file_is_seen_in_the_spaces_that_show_it() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let copy = testkit::ids().next();
    let first = files.colleague(&uploader, space_id, &[Permission::View]);
    let second = files.colleague(&uploader, copy, &[Permission::View]);
    let asset_id = files.upload_file(&uploader, space_id, "a.txt", b"hello").await.asset_id;
    assert_unknown(files.asset(&first, &asset_id).await);
    assert_unknown(files.asset(&second, &asset_id).await);
    let item = testkit::ids().next();
    files.place_file(&uploader, item, space_id, &asset_id, 1).await;
    files.place_file(&uploader, testkit::ids().next(), copy, &asset_id, 1).await;
    assert!(files.asset(&first, &asset_id).await.is_ok());
    assert!(files.asset(&second, &asset_id).await.is_ok());
    // Removed from the first, it stays in the second.
    files.place_file(&uploader, item, space_id, "", 2).await;
    assert_unknown(files.asset(&first, &asset_id).await);
    assert!(files.asset(&second, &asset_id).await.is_ok());
}

#[tokio::test]
async fn a_file_whose_item_was_removed_is_seen_by_its_uploader_alone() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let colleague = files.colleague(&uploader, space_id, &GUEST);
    let picture = crate::tests::pictures::jpeg(64, 64);
    let asset_id = files.upload_file(&uploader, space_id, "a.jpg", &picture).await.asset_id;
    let preview = async |caller: &Caller| {
        let request = pb::GetPreviewRequest { asset_id: asset_id.clone(), size: 0 };
        files.client().get_preview(by(caller, request)).await
    };
    let item = testkit::ids().next();
    files.place_file(&uploader, item, space_id, &asset_id, 1).await;
    assert!(files.asset(&colleague, &asset_id).await.is_ok());
    assert!(preview(&colleague).await.is_ok());
    files.place_file(&uploader, item, space_id, "", 2).await;
    assert_unknown(files.asset(&colleague, &asset_id).await);
    assert_unknown(preview(&colleague).await);
    assert!(files.asset(&uploader, &asset_id).await.is_ok());
    assert!(preview(&uploader).await.is_ok());
    files.spaces.allow(&uploader, space_id, &[]);
    assert_unknown(preview(&uploader).await);
}

#[tokio::test]
async fn only_what_no_item_shows_is_deleted_and_repeating_it_changes_nothing() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let asset_id = files.upload_file(&uploader, space_id, "a.txt", b"hello").await.asset_id;
    let item = testkit::ids().next();
    files.place_file(&uploader, item, space_id, &asset_id, 1).await;
    let refused = files.delete(&uploader, &asset_id).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "ASSET_IN_USE"));
    files.place_file(&uploader, item, space_id, "", 2).await;
    for _ in 0..2 {
        files.delete(&uploader, &asset_id).await.unwrap();
    }
    assert_unknown(files.asset(&uploader, &asset_id).await);
    assert_eq!(files.assets.collect().await.unwrap(), 1);
    files.reconcile().await;
    assert!(files.file_objects().is_empty());
}

#[tokio::test]
async fn the_role_of_the_service_sees_no_row_of_files_without_saying_whose() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let file = crate::tests::pictures::png(8, 8);
    let asset_id = files.upload_file(&uploader, space_id, "a.png", &file).await.asset_id;
    files.place_file(&uploader, testkit::ids().next(), space_id, &asset_id, 1).await;
    let stranger = testkit::caller(uploader.kind).organization_id.to_string();
    for (table, own) in [("assets", 1), ("asset_previews", 2), ("asset_places", 1)] {
        for (organization_id, expected) in
            [("", 0), (stranger.as_str(), 0), (&uploader.organization_id.to_string(), own)]
        {
            let mut tx = files.database.database.pool().begin().await.unwrap();
            let acting = format!("SET LOCAL app.organization_id = '{organization_id}'");
            sqlx::query(AssertSqlSafe(acting)).execute(&mut *tx).await.unwrap();
            let seen: i64 = sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
                .fetch_one(&mut *tx)
                .await
                .unwrap();
            assert_eq!(seen, expected, "{table}, {organization_id}");
        }
    }
}
