//! What is deleted, and what crashes leave behind.

use sharedspaces_proto::assets::v1 as pb;

use super::world::{Files, announced, id, noise};
use crate::tests::pictures;
use crate::tests::world::reason;

const PART: usize = 16 * 1024 * 1024;

#[tokio::test]
async fn an_upload_that_did_not_go_on_for_a_day_is_deleted_with_its_parts() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let file = noise(PART + 1);
    let asset_id = files.begin(&uploader, space_id, "a.bin", &file).await;
    files.stream(&uploader, &asset_id, 0, &file[..PART]).await.unwrap();
    assert!(files.open_uploads().len() > 1, "{:?}", files.open_uploads());
    files.age_files("23 hours 59 minutes").await;
    assert_eq!(files.assets.collect().await.unwrap(), 0);
    files.age_files("24 hours 1 minute").await;
    assert_eq!(files.assets.collect().await.unwrap(), 1);
    assert!(files.states().await.is_empty() && files.open_uploads().is_empty());
}

#[tokio::test]
async fn a_file_that_no_item_has_shown_for_a_day_is_deleted_and_one_that_is_shown_stays() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let shown = files.upload_file(&uploader, space_id, "shown.png", &pictures::png(8, 8)).await.asset_id;
    let unshown = files.upload_file(&uploader, space_id, "unshown.png", &pictures::png(8, 8)).await.asset_id;
    let item = testkit::ids().next();
    files.place_file(&uploader, item, space_id, &shown, 1).await;
    files.age_files("24 hours 1 minute").await;
    // Asked for by spaces, it is kept for another day.
    files.describe_file(&uploader, space_id, &unshown).await.unwrap();
    assert_eq!(files.assets.collect().await.unwrap(), 0);
    files.age_files("24 hours 1 minute").await;
    assert_eq!(files.assets.collect().await.unwrap(), 1);
    assert_eq!(files.states().await, [("shown.png".to_owned(), "CLEAN".to_owned())]);
    assert_eq!(files.file_objects().len(), 3);
    files.reconcile().await;
    // Removed, it has a day again.
    files.place_file(&uploader, item, space_id, "", 2).await;
    assert_eq!(files.assets.collect().await.unwrap(), 0);
    files.age_files("24 hours 1 minute").await;
    assert_eq!(files.assets.collect().await.unwrap(), 1);
    assert!(files.file_objects().is_empty());
}

#[tokio::test]
async fn an_older_event_about_an_item_changes_nothing() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let asset_id = files.upload_file(&uploader, space_id, "a.txt", b"hello").await.asset_id;
    let item = testkit::ids().next();
    files.place_file(&uploader, item, space_id, &asset_id, 5).await;
    for version in [4, 5] {
        files.place_file(&uploader, item, space_id, "", version).await;
        assert_eq!(
            reason(&files.delete(&uploader, &asset_id).await.unwrap_err()),
            "ASSET_IN_USE",
            "{version}"
        );
    }
    files.place_file(&uploader, item, space_id, "", 6).await;
    files.delete(&uploader, &asset_id).await.unwrap();
}

#[tokio::test]
async fn a_refusal_is_told_for_thirty_days() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let refused = files.upload_file(&uploader, space_id, "a.pdf", b"no pdf").await;
    files.age_files("29 days 23 hours").await;
    assert_eq!(files.assets.collect().await.unwrap(), 0);
    assert_eq!(files.asset(&uploader, &refused.asset_id).await.unwrap().state(), pb::AssetState::Refused);
    files.age_files("30 days 1 hour").await;
    assert_eq!(files.assets.collect().await.unwrap(), 1);
    assert!(files.states().await.is_empty());
}

#[tokio::test]
async fn a_row_stays_until_the_store_has_nothing_of_it() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let asset_id = files.upload_file(&uploader, space_id, "a.txt", b"hello").await.asset_id;
    files.delete(&uploader, &asset_id).await.unwrap();
    files.break_s3(r#"{"target":"s3","method":"DELETE","drop":true,"times":1}"#).await;
    assert!(files.assets.collect().await.is_err());
    assert_eq!(files.states().await, [("a.txt".to_owned(), "ABANDONED".to_owned())]);
    assert_eq!(files.assets.collect().await.unwrap(), 1);
    files.reconcile().await;
}

/// Stops where a crash would: after each write to the store whose outcome is lost, then goes on as a new process does.
#[tokio::test]
async fn nothing_is_left_over_or_missing_after_a_crash_at_any_point() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();

    // Reserved; the store was never asked.
    files.break_s3(r#"{"target":"s3","method":"POST","status":503,"times":1}"#).await;
    assert!(files.start(&uploader, announced(space_id, "1-begun.txt", b"1")).await.is_err());

    // A part is stored, the row does not say so: it is sent again. The client library has repeated it once.
    let part = files.begin(&uploader, space_id, "2-part.txt", b"hello").await;
    files.break_s3(r#"{"target":"s3","method":"PUT","phase":"after_commit","drop":true,"times":2}"#).await;
    assert_eq!(
        reason(&files.stream(&uploader, &part, 0, b"hello").await.unwrap_err()),
        "OBJECT_STORE_UNAVAILABLE"
    );
    files.stream(&uploader, &part, 0, b"hello").await.unwrap();
    files.complete(&uploader, &part).await.unwrap();

    // The parts are one object, the check did not begin: it begins again.
    files.break_s3(r#"{"target":"s3","method":"POST","phase":"after_commit","drop":true,"times":1}"#).await;
    assert_eq!(files.run_jobs().await, 1);
    assert_eq!(files.asset(&uploader, &part).await.unwrap().state(), pb::AssetState::Scanning);
    assert_eq!(files.run_jobs().await, 0);
    assert_eq!(files.asset(&uploader, &part).await.unwrap().state(), pb::AssetState::Clean);

    // Refused, the object still there: it is deleted, and the reason is the first one.
    let refused = files.begin(&uploader, space_id, "3-refused.pdf", b"no pdf").await;
    files.stream(&uploader, &refused, 0, b"no pdf").await.unwrap();
    files.complete(&uploader, &refused).await.unwrap();
    files.break_s3(r#"{"target":"s3","method":"DELETE","phase":"after_commit","drop":true,"times":3}"#).await;
    testkit::eventually("the refusal", async || {
        files.run_jobs().await;
        files.asset(&uploader, &refused).await.unwrap().state() == pb::AssetState::Refused
    })
    .await;
    let told = files.asset(&uploader, &refused).await.unwrap();
    assert_eq!(told.refusal(), pb::AssetRefusal::TypeMismatch);

    // Given up between the check's last look and its word: the check changes nothing.
    let given_up = files.begin(&uploader, space_id, "4-given-up.txt", b"hello").await;
    files.stream(&uploader, &given_up, 0, b"hello").await.unwrap();
    files.complete(&uploader, &given_up).await.unwrap();
    files.delete(&uploader, &given_up).await.unwrap();
    files.assets.check(uploader.organization_id, id(&given_up)).await.unwrap();

    // Complete, and the job is still to run when everything else is collected.
    let late = files.begin(&uploader, space_id, "5-late.txt", b"hello").await;
    files.stream(&uploader, &late, 0, b"hello").await.unwrap();
    files.complete(&uploader, &late).await.unwrap();

    while files.assets.collect().await.unwrap() > 0 {}
    assert_eq!(files.run_jobs().await, 0);
    files.reconcile().await;
    let states = files.states().await;
    let states: Vec<_> = states.iter().map(|(name, state)| (name.as_str(), state.as_str())).collect();
    assert_eq!(states, [("2-part.txt", "CLEAN"), ("3-refused.pdf", "REFUSED"), ("5-late.txt", "CLEAN")]);
    assert!(files.open_uploads().is_empty(), "{:?}", files.open_uploads());
}

#[tokio::test]
async fn an_object_that_is_not_what_the_store_was_sent_is_refused() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let asset_id = files.begin(&uploader, space_id, "a.txt", b"hello").await;
    files.stream(&uploader, &asset_id, 0, b"hello").await.unwrap();
    files.complete(&uploader, &asset_id).await.unwrap();
    // The store has lost the part: what arrived is shorter than was said.
    let root = files.bucket_dir().parent().unwrap().to_owned();
    for name in files.open_uploads().iter().filter(|name| name.contains(".part-")) {
        std::fs::remove_file(root.join(name)).unwrap();
    }
    assert_eq!(files.run_jobs().await, 0);
    let refused = files.asset(&uploader, &asset_id).await.unwrap();
    assert_eq!((refused.state(), refused.refusal()), (pb::AssetState::Refused, pb::AssetRefusal::Size));
    assert!(files.open_uploads().is_empty(), "{:?}", files.open_uploads());
}
