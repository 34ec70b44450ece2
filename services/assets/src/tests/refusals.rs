//! Uploads that are refused: by whom, in what form, with which content.

use futures_util::stream::{self, StreamExt, pending};
use service_kit::ids::SpaceId;
use sharedspaces_proto::assets::v1 as pb;
use sharedspaces_proto::spaces::v1::Permission;
use tonic::{Code, Status};

use super::pictures;
use super::world::{World, chunk, fields, parts, reason};

async fn assert_nothing_was_kept(world: &World) {
    assert_eq!((world.count_rows("READY").await, world.count_rows("PENDING").await), (0, 0));
    assert_eq!(world.count_objects(), 0);
}

#[tokio::test]
async fn who_may_not_edit_the_space_is_refused_before_any_byte_is_read() {
    let world = World::new().await;
    let space_id: SpaceId = testkit::ids().next();
    let guest = world.person(space_id, &[Permission::View, Permission::Upload]);
    let stranger = testkit::caller(service_kit::caller::CallerKind::Member);
    let header_only = || stream::iter(parts(space_id, "logo.png", &[])).chain(pending());

    let denied = world.send(&guest, None, header_only()).await.unwrap_err();
    assert_eq!(
        (denied.code(), reason(&denied).as_str()),
        (Code::PermissionDenied, "INTERNAL_PARTICIPANTS_ONLY")
    );
    let unknown = world.send(&stranger, None, header_only()).await.unwrap_err();
    assert_eq!((unknown.code(), reason(&unknown).as_str()), (Code::NotFound, "SPACE_NOT_FOUND"));
    assert_nothing_was_kept(&world).await;
}

#[tokio::test]
async fn every_hostile_file_is_refused_with_the_field_and_the_rule() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let png = pictures::png(64, 64);
    let files: &[(&str, Vec<u8>, &str, &str)] = &[
        ("a GIF named .png", pictures::gif(), "LOGO_FORMAT_REFUSED", "which is GIF"),
        ("an SVG", pictures::svg(), "LOGO_FORMAT_REFUSED", "which is SVG"),
        ("a web page", b"<!doctype html><p>hello".to_vec(), "LOGO_FORMAT_REFUSED", "PNG, JPEG or WebP"),
        ("a truncated PNG", png[..png.len() / 2].to_vec(), "LOGO_DAMAGED", "cut off"),
        ("an animated PNG", pictures::animated_png(), "LOGO_FORMAT_REFUSED", "still image"),
        ("an animated WebP", pictures::animated_webp(), "LOGO_FORMAT_REFUSED", "still image"),
        ("a wide PNG", pictures::png_claiming(4_097, 1), "LOGO_DIMENSIONS_REFUSED", "4097 × 1"),
        ("a bomb", pictures::png_claiming(30_000, 30_000), "LOGO_DIMENSIONS_REFUSED", "16000000 pixels"),
    ];
    for (what, file, expected, words) in files {
        let refused = world.upload(&editor, space_id, file).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, *expected), "{what}");
        let named = fields(&refused);
        assert_eq!(named.len(), 1, "{what}");
        assert_eq!(named[0].0, "chunk", "{what}");
        assert!(named[0].1.contains(words), "{what}: {}", named[0].1);
    }
    assert_nothing_was_kept(&world).await;
}

#[tokio::test]
async fn an_upload_out_of_form_is_refused_with_the_field_and_the_rule() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let header = |name: &str| parts(space_id, name, &[]);
    let with = |rest: Vec<pb::UploadLogoRequest>| [header("logo.png"), rest].concat();
    let no_space = pb::UploadLogoHeader { space_id: "nonsense".to_owned(), file_name: String::new() };
    let no_space = pb::UploadLogoRequest { part: Some(pb::upload_logo_request::Part::Header(no_space)) };
    let uploads = [
        ("header", vec![]),
        ("header", vec![chunk(b"first")]),
        ("header", with(header("logo.png"))),
        ("header.space_id", vec![no_space]),
        ("header.file_name", header(&"n".repeat(256))),
        ("header.file_name", header("a\u{202e}gnp.exe")),
        ("chunk", with(vec![])),
        ("chunk", with(vec![pb::UploadLogoRequest { part: None }])),
        ("chunk", with(vec![chunk(&[7; 262_145])])),
        ("chunk", with(vec![chunk(&[7; 300_000])])),
    ];
    for (index, (field, upload)) in uploads.into_iter().enumerate() {
        let refused: Status = world.send(&editor, None, stream::iter(upload)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{index}: {refused:?}");
        let named: Vec<_> = fields(&refused).into_iter().map(|(field, _)| field).collect();
        assert_eq!(named, [field], "{index}");
    }
    assert_nothing_was_kept(&world).await;
    let longest = [header(&"n".repeat(255)), vec![chunk(&pictures::png(8, 8))]].concat();
    assert!(world.send(&editor, None, stream::iter(longest)).await.is_ok());
}
