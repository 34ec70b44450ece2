//! Files and the scanner.

use sharedspaces_proto::assets::v1 as pb;

use super::world::Files;
use crate::config::{QuotaSettings, ScanSettings};
use crate::tests::clamd::{EICAR, Plays, play};

async fn files_with(clamd: String) -> Files {
    let scan = ScanSettings { clamd: Some(clamd), refused_types: Vec::new() };
    Files::with(QuotaSettings::default(), scan).await
}

#[tokio::test]
async fn what_the_scanner_finds_is_refused_and_gone_and_other_files_are_clean() {
    let files = files_with(play(Plays::Verdict).await).await;
    let (uploader, space_id) = files.uploader();
    let found = files.upload_file(&uploader, space_id, "eicar.txt", EICAR).await;
    assert_eq!((found.state(), found.refusal()), (pb::AssetState::Refused, pb::AssetRefusal::Virus));
    assert!(files.file_objects().is_empty());
    let clean = files.upload_file(&uploader, space_id, "a.txt", b"hello").await;
    assert_eq!(clean.state(), pb::AssetState::Clean);
    files.reconcile().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_scanned_is_seen_by_nobody() {
    let away = "127.0.0.1:1".to_owned();
    for clamd in [away, play(Plays::HangsUp).await, play(Plays::Says(b"stream: perhaps\0")).await] {
        let files = files_with(clamd).await;
        let (uploader, space_id) = files.uploader();
        let waiting = files.upload_file(&uploader, space_id, "a.txt", b"hello").await;
        assert_eq!(waiting.state(), pb::AssetState::Scanning);
        assert_eq!(files.run_jobs().await, 1);
        assert!(files.describe_file(&uploader, space_id, &waiting.asset_id).await.is_err());
        assert!(files.issue(&uploader, space_id, &waiting.asset_id, false).await.is_err());
        // Its object is there, and nobody gets an address.
        assert_eq!(files.file_objects().len(), 1);
    }
}

#[tokio::test]
async fn a_type_on_the_list_of_those_refused_is_refused() {
    let refused_types = vec!["application/x-msdownload".to_owned()];
    let scan = ScanSettings { clamd: None, refused_types };
    let files = Files::with(QuotaSettings::default(), scan).await;
    let (uploader, space_id) = files.uploader();
    for name in ["setup.exe", "harmless"] {
        let refused = files.upload_file(&uploader, space_id, name, b"MZ\x90\0").await;
        assert_eq!(
            (refused.state(), refused.refusal()),
            (pb::AssetState::Refused, pb::AssetRefusal::Type),
            "{name}"
        );
    }
}
