//! Files and uploads as somebody sends them who means harm: each refused by name, nothing left of it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use journeys::files::announced;
use sharedspaces_proto::assets::v1 as assets;
use sharedspaces_proto::assets::v1::{AssetRefusal, AssetState};
use sharedspaces_proto::identity::v1::Plan;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::block_in_place;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::files::{Scene, reason};
use crate::found;

/// Every scanner finds this, and nothing in it does harm (eicar.org). In two pieces, so that this file is not found.
const EICAR: &str = concat!("X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*");

fn fields(status: &Status) -> Vec<String> {
    let violations = status.get_details_bad_request().map(|details| details.field_violations);
    violations.unwrap_or_default().into_iter().map(|violation| violation.field).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_name_or_size_is_refused_before_anything_is_stored() {
    let scene = Scene::set().await;
    let long = "n".repeat(256);
    for name in [
        "",
        ".",
        "..",
        "../../etc/passwd",
        "a/b.txt",
        "a\\b.txt",
        "C:evil.txt",
        "fraction\u{2044}slash.txt",
        "a\u{0}b.txt",
        "a\r\nSet-Cookie: x.txt",
        "invoice\u{202e}fdp.exe",
        "zero\u{200b}width.txt",
        "quote\".txt",
        " space.txt",
        "dot.",
        &long,
    ] {
        let refused = scene
            .journey
            .start_upload(&scene.guest, announced(&scene.space_id, name, b"x"))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{name:?}: {refused}");
        assert!(fields(&refused).iter().all(|field| field == "file_name"), "{name:?}: {refused}");
        assert!(!fields(&refused).is_empty(), "{name:?}: {refused}");
    }
    for (size_bytes, sha256, field) in [
        (0, "0".repeat(64), "size_bytes"),
        (-1, "0".repeat(64), "size_bytes"),
        (2_147_483_649, "0".repeat(64), "size_bytes"),
        (1, "0".repeat(63), "sha256"),
        (1, String::new(), "sha256"),
    ] {
        let request =
            assets::StartUploadRequest { size_bytes, sha256, ..announced(&scene.space_id, "a.txt", b"x") };
        let refused = scene.journey.start_upload(&scene.guest, request).await.unwrap_err();
        assert_eq!((refused.code(), fields(&refused)), (Code::InvalidArgument, vec![field.to_owned()]));
    }
    assert!(crate::reconciliation::Found::look(&scene.world).await.is_empty(), "something was stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_is_not_what_was_said_is_refused_and_its_bytes_are_gone() {
    let scene = Scene::set().await;
    let (journey, guest, space_id) = (&scene.journey, &scene.guest, scene.space_id.as_str());
    let zip = b"PK\x03\x04\x14\0\0\0\x08\0zip".as_slice();
    for is_direct in [false, true] {
        for (name, file, sent, refusal) in [
            ("offer.pdf", zip, zip, AssetRefusal::TypeMismatch),
            (
                "photo.png",
                b"<svg onload=\"alert(1)\"/>",
                b"<svg onload=\"alert(1)\"/>",
                AssetRefusal::TypeMismatch,
            ),
            ("a.txt", b"hello", b"HELLO", AssetRefusal::Checksum),
        ] {
            let request = assets::StartUploadRequest { is_direct, ..announced(space_id, name, file) };
            let started = journey.start_upload(guest, request).await.unwrap();
            let asset_id = started.asset.unwrap().asset_id;
            let sent = Bytes::from_static(sent);
            if is_direct {
                journey.put_parts(&started.parts, &sent).await.unwrap();
            } else {
                journey.stream_bytes(guest, &asset_id, 0, sent).await.unwrap();
            }
            journey.complete_upload(guest, &asset_id).await.unwrap();
            let refused = journey.checked(guest, &asset_id).await.unwrap();
            assert_eq!((refused.state(), refused.refusal()), (AssetState::Refused, refusal), "{name}");
            // Told to its uploader alone, and never an item.
            assert_eq!(
                journey.asset(&scene.acme.member, &asset_id).await.unwrap_err().code(),
                Code::NotFound
            );
            let refused = journey.add_file(guest, space_id, "", name, &asset_id).await.unwrap_err();
            assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "ASSET_NOT_FOUND"));
        }
    }
    let found = crate::reconciliation::Found::look(&scene.world).await;
    assert!(found.objects.is_empty() && found.uploads.is_empty(), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_lies_is_refused_however_it_is_sent() {
    let scene = Scene::set().await;
    let (journey, guest, space_id) = (&scene.journey, &scene.guest, scene.space_id.as_str());
    let started = journey.start_upload(guest, announced(space_id, "a.txt", b"hello")).await.unwrap();
    let asset_id = started.asset.unwrap().asset_id;
    let longer = journey.stream_bytes(guest, &asset_id, 0, Bytes::from_static(b"hello!")).await.unwrap_err();
    assert_eq!((longer.code(), fields(&longer)), (Code::InvalidArgument, vec!["chunk".to_owned()]));
    journey.stream_bytes(guest, &asset_id, 0, Bytes::from_static(b"hell")).await.unwrap();
    let refused = journey.complete_upload(guest, &asset_id).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "UPLOAD_INCOMPLETE"));

    let request = assets::StartUploadRequest { is_direct: true, ..announced(space_id, "b.txt", b"hello") };
    let direct = journey.start_upload(guest, request).await.unwrap();
    let url = &direct.parts[0].url;
    for lie in [&b"hell"[..], b"hello!", b""] {
        assert_eq!(journey.outside.put(url, Bytes::from_static(lie)).await.unwrap(), 403, "{lie:?}");
    }
    let refused = journey.complete_upload(guest, &direct.asset.unwrap().asset_id).await.unwrap_err();
    assert_eq!(reason(&refused), "UPLOAD_INCOMPLETE");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_serves_its_own_part_and_time_and_nothing_else() {
    let scene = Scene::set().await;
    let (journey, guest, space_id) = (&scene.journey, &scene.guest, scene.space_id.as_str());
    let globex = found(journey, "en", Plan::Ultimate).await;
    let theirs = journey.create_space(&globex.member, "Theirs", "", None).await.unwrap().space_id;
    let direct = |space_id: &str| assets::StartUploadRequest {
        is_direct: true,
        ..announced(space_id, "a.txt", b"hello")
    };
    let own = journey.start_upload(guest, direct(space_id)).await.unwrap();
    let other = journey.start_upload(&globex.member, direct(&theirs)).await.unwrap();
    let (asset_id, url) = (own.asset.unwrap().asset_id, own.parts[0].url.clone());
    let (path, query) = url.split_once('?').unwrap();
    let (other_path, _) = other.parts[0].url.split_once('?').unwrap();
    let hello = || Bytes::from_static(b"hello");
    for forged in [
        // The other tenant's key, by this signature.
        format!("{other_path}?{query}"),
        format!("{path}/../../x?{query}"),
        format!("{path}%2f..%2fx?{query}"),
        format!("{path}%ef%bc%8fx?{query}"),
        url.replace("X-Amz-Expires=900", "X-Amz-Expires=90000"),
        url.replace("X-Amz-Date=2", "X-Amz-Date=1"),
        url.replace("partNumber=1", "partNumber=2"),
        path.to_owned(),
    ] {
        assert_ne!(forged, url);
        let status = journey.outside.put(&forged, hello()).await.unwrap();
        assert!((400..500).contains(&status), "{status}: {forged}");
    }
    assert_eq!(journey.outside.put(&url, hello()).await.unwrap(), 200);
    journey.complete_upload(guest, &asset_id).await.unwrap();
    let clean = journey.checked(guest, &asset_id).await.unwrap();
    assert_eq!(clean.state(), AssetState::Clean);
    // A second PUT changes nothing that was checked.
    let status = journey.outside.put(&url, Bytes::from_static(b"HELLO")).await.unwrap();
    assert!((400..500).contains(&status), "{status}");
    let item = journey.add_file(guest, space_id, "", "A", &asset_id).await.unwrap();
    let saved = journey.download_item(guest, space_id, &item.item_id).await.unwrap();
    assert_eq!(journey.outside.fetch(&saved).await.unwrap().2, b"hello");
    // An address of the content port with one letter changed, and without its token.
    let (begin, token) = saved.rsplit_once('/').unwrap();
    let turned: String = token.chars().rev().collect();
    for forged in
        [format!("{begin}/{turned}"), format!("{begin}/"), format!("{saved}x"), format!("{begin}/..%2f")]
    {
        assert_eq!(journey.outside.fetch(&forged).await.unwrap().0, 404, "{forged}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_not_moved_into_itself_and_nothing_lies_deeper_than_five_levels() {
    let scene = Scene::set().await;
    let (journey, member, space_id) = (&scene.journey, &scene.acme.member, scene.space_id.as_str());
    let outer = journey.create_folder(member, space_id, "Outer").await.unwrap();
    let inner = journey.create_folder(member, space_id, "Inner").await.unwrap();
    journey.move_item(member, space_id, &inner.item_id, &outer.item_id, 0).await.unwrap();
    for into in [&outer.item_id, &inner.item_id] {
        let refused = journey.move_item(member, space_id, &outer.item_id, into, 0).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::FailedPrecondition, "FOLDER_INTO_ITSELF")
        );
    }
    let mut outermost = journey.create_folder(member, space_id, "Level").await.unwrap();
    for _ in 2..=5 {
        let next = journey.create_folder(member, space_id, "Level").await.unwrap();
        journey.move_item(member, space_id, &outermost.item_id, &next.item_id, 0).await.unwrap();
        outermost = next;
    }
    let refused =
        journey.move_item(member, space_id, &outermost.item_id, &inner.item_id, 0).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "FOLDER_TOO_DEEP"));
}

/// Plays clamd, which knows one virus; returns where, and what it was sent.
async fn clamd() -> (String, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let scanned = Arc::new(Mutex::new(0));
    let count = Arc::clone(&scanned);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move { scan(stream, &count).await });
        }
    });
    (address, scanned)
}

async fn scan(mut stream: TcpStream, scanned: &Mutex<usize>) -> std::io::Result<()> {
    let mut command = [0; 10];
    stream.read_exact(&mut command).await?;
    assert_eq!(&command, b"zINSTREAM\0");
    let mut content = Vec::new();
    loop {
        let length = stream.read_u32().await?;
        if length == 0 {
            break;
        }
        let mut piece = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut piece).await?;
        content.extend(piece);
    }
    *scanned.lock().unwrap() += 1;
    let is_found = content.windows(EICAR.len()).any(|window| window == EICAR.as_bytes());
    stream.write_all(if is_found { b"stream: Eicar-Test-Signature FOUND\0" } else { b"stream: OK\0" }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_virus_is_refused_and_what_cannot_be_scanned_is_seen_by_nobody() {
    let mut scene = Scene::set().await;
    let (address, scanned) = clamd().await;
    let restart = |scene: &mut Scene, clamd: &str| {
        block_in_place(|| {
            let world = std::sync::Arc::get_mut(&mut scene.world).unwrap();
            world.stop_service("assets").unwrap();
            world.start_service("assets", &[("SCAN__CLAMD", clamd)]).unwrap();
            world.wait_ready().unwrap();
        });
    };
    restart(&mut scene, &address);
    let (journey, guest, space_id) = (scene.journey.clone(), scene.guest.clone(), scene.space_id.clone());
    let clean = journey.upload(&guest, &space_id, "good.txt", b"good".as_slice(), false).await.unwrap();
    assert_eq!(clean.state(), AssetState::Clean);
    let found = journey.upload(&guest, &space_id, "eicar.txt", EICAR.as_bytes(), false).await.unwrap();
    assert_eq!((found.state(), found.refusal()), (AssetState::Refused, AssetRefusal::Virus));
    // A check may be tried again.
    assert!(*scanned.lock().unwrap() >= 2);

    // Nobody listens there, and no other test is given that port: the file waits, and nobody sees it.
    let nobody = format!("127.0.0.1:{}", xtask::ports::free().unwrap());
    restart(&mut scene, &nobody);
    let started = journey.start_upload(&guest, announced(&space_id, "wait.txt", b"wait")).await.unwrap();
    let asset_id = started.asset.unwrap().asset_id;
    journey.stream_bytes(&guest, &asset_id, 0, Bytes::from_static(b"wait")).await.unwrap();
    journey.complete_upload(&guest, &asset_id).await.unwrap();
    let tries = crate::reconciliation::tries_of_a_check(&scene.world).await;
    assert!(tries >= 1);
    assert_eq!(journey.asset(&guest, &asset_id).await.unwrap().state(), AssetState::Scanning);
    assert_eq!(journey.asset(&scene.acme.member, &asset_id).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(
        journey.add_file(&guest, &space_id, "", "Wait", &asset_id).await.unwrap_err().code(),
        Code::NotFound
    );
    restart(&mut scene, &address);
    assert_eq!(journey.checked(&guest, &asset_id).await.unwrap().state(), AssetState::Clean);
}
