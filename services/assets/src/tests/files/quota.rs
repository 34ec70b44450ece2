//! How much an organisation and a person may have.

use sharedspaces_proto::assets::v1 as pb;
use tonic::Code;

use super::world::{Files, announced};
use crate::config::{QuotaSettings, ScanSettings};
use crate::tests::world::{by, reason};

#[tokio::test]
async fn a_quota_of_bytes_is_used_up_to_the_last_and_told_before_an_upload_begins() {
    let files = Files::with(QuotaSettings { bytes: 10, assets: 100 }, ScanSettings::default()).await;
    let (uploader, space_id) = files.uploader();
    files.upload_file(&uploader, space_id, "a.txt", b"12345").await;
    let refused = files.start(&uploader, announced(space_id, "b.txt", b"123456")).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::ResourceExhausted, "QUOTA_EXCEEDED"));
    let held = files.begin(&uploader, space_id, "b.txt", b"12345").await;
    assert!(files.start(&uploader, announced(space_id, "c.txt", b"1")).await.is_err());
    let usage = files.client().get_storage_usage(by(&uploader, pb::GetStorageUsageRequest {})).await.unwrap();
    let expected =
        pb::GetStorageUsageResponse { used_bytes: 10, quota_bytes: 10, asset_count: 2, quota_assets: 100 };
    assert_eq!(usage.into_inner(), expected);
    // What is given up or refused counts no more, and another organisation has a quota of its own.
    files.delete(&uploader, &held).await.unwrap();
    let refused = files.upload_file(&uploader, space_id, "b.pdf", b"12345").await;
    assert_eq!(refused.state(), pb::AssetState::Refused);
    files.begin(&uploader, space_id, "c.txt", b"12345").await;
    let (stranger, elsewhere) = files.uploader();
    files.begin(&stranger, elsewhere, "d.txt", b"1234567890").await;
}

#[tokio::test]
async fn a_quota_of_files_is_used_up_to_the_last() {
    let files = Files::with(QuotaSettings { bytes: 100, assets: 2 }, ScanSettings::default()).await;
    let (uploader, space_id) = files.uploader();
    for name in ["a.txt", "b.txt"] {
        files.begin(&uploader, space_id, name, b"1").await;
    }
    let refused = files.start(&uploader, announced(space_id, "c.txt", b"1")).await.unwrap_err();
    assert_eq!(reason(&refused), "QUOTA_EXCEEDED");
}

#[tokio::test]
async fn two_uploads_at_once_do_not_take_the_same_bytes() {
    let files = Files::with(QuotaSettings { bytes: 10, assets: 100 }, ScanSettings::default()).await;
    let (uploader, space_id) = files.uploader();
    let start = || files.start(&uploader, announced(space_id, "a.txt", b"123456"));
    let (one, two, three) = tokio::join!(start(), start(), start());
    assert_eq!([one, two, three].iter().filter(|started| started.is_ok()).count(), 1);
}

#[tokio::test]
async fn a_person_has_twenty_uploads_under_way_and_not_one_more() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let mut last = String::new();
    for number in 0..20 {
        last = files.begin(&uploader, space_id, &format!("{number}.txt"), b"1").await;
    }
    let refused = files.start(&uploader, announced(space_id, "20.txt", b"1")).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::ResourceExhausted, "TOO_MANY_UPLOADS"));
    let other = files.colleague(&uploader, space_id, &super::world::GUEST);
    files.begin(&other, space_id, "20.txt", b"1").await;
    files.delete(&uploader, &last).await.unwrap();
    files.begin(&uploader, space_id, "20.txt", b"1").await;
}
