//! The sizes of a logo, and its background.

use ::image::{GenericImageView, load_from_memory};
use service_kit::caller::{Caller, CallerKind};
use sharedspaces_proto::assets::v1 as pb;
use sharedspaces_proto::assets::v1::LogoRendition::{Full, Gallery, Header};
use sharedspaces_proto::spaces::v1::Permission;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::pictures;
use super::world::{World, by, fields, reason};

async fn fetch_in(
    world: &World,
    caller: &Caller,
    logo: &pb::Logo,
    rendition: pb::LogoRendition,
    transparent: bool,
) -> Vec<u8> {
    let url = world.get_in(caller, &logo.logo_id, rendition, transparent).await.unwrap().url;
    world.fetch_from(&url).await
}

fn told(refused: &Status) -> (Code, String) {
    (refused.code(), reason(refused))
}

/// Makes the only logo one from before there were sizes.
async fn forget_sizes(world: &World) {
    world.sql("DELETE FROM logo_renditions").await;
    world.sql("UPDATE logos SET is_rendered = false, can_be_transparent = false, render_after = now()").await;
    for key in world.objects().into_iter().filter(|key| key.contains('.')) {
        std::fs::remove_file(world.bucket_dir().join(key)).unwrap();
    }
}

#[tokio::test]
async fn each_size_has_its_own_picture_in_the_format_of_the_logo() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    for file in [pictures::png(600, 480), pictures::jpeg(600, 480), pictures::webp(600, 480)] {
        let logo = world.upload(&editor, space_id, &file).await.unwrap();
        let format = ::image::guess_format(&file).unwrap();
        for (rendition, sides) in [(Full, (600, 480)), (Header, (500, 400)), (Gallery, (200, 160))] {
            let picture = fetch_in(&world, &editor, &logo, rendition, false).await;
            assert_eq!(::image::guess_format(&picture).unwrap(), format);
            let picture = load_from_memory(&picture).unwrap();
            assert_eq!(picture.dimensions(), sides, "{format:?} {rendition:?}");
            let (top, bottom) = (picture.get_pixel(9, 9).0, picture.get_pixel(9, sides.1 - 9).0);
            assert!(top[0] > 200 && bottom[2] > 200, "{format:?} {rendition:?}: {top:?} {bottom:?}");
        }
    }
}

#[tokio::test]
async fn a_background_of_one_colour_is_there_or_not_as_asked() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let logo = world.upload(&editor, space_id, &pictures::framed_png(500)).await.unwrap();
    assert!(logo.can_be_transparent);
    for (rendition, side) in [(Header, 400), (Gallery, 160)] {
        for transparent in [false, true] {
            let picture = fetch_in(&world, &editor, &logo, rendition, transparent).await;
            let picture = load_from_memory(&picture).unwrap().to_rgba8();
            assert_eq!(picture.dimensions(), (side, side));
            let (corner, middle) = (picture.get_pixel(2, 2).0, picture.get_pixel(side / 2, side / 2).0);
            assert_eq!(corner[3], if transparent { 0 } else { 255 }, "{rendition:?}");
            assert_eq!(middle, [20, 20, 230, 255], "{rendition:?}");
        }
    }
}

#[tokio::test]
async fn a_png_that_is_transparent_already_stays_so() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let logo = world.upload(&editor, space_id, &pictures::transparent_png(40)).await.unwrap();
    assert!(logo.can_be_transparent);
    let picture = fetch_in(&world, &editor, &logo, Header, true).await;
    let picture = load_from_memory(&picture).unwrap().to_rgba8();
    assert_eq!((picture.get_pixel(2, 2).0[3], picture.get_pixel(30, 2).0), (0, [230, 20, 20, 255]));
}

#[tokio::test]
async fn a_background_that_cannot_be_removed_is_refused_by_name() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    for (file, expected) in [
        (pictures::jpeg(40, 20), "TRANSPARENCY_NEEDS_PNG"),
        (pictures::webp(40, 20), "TRANSPARENCY_NEEDS_PNG"),
        (pictures::png(40, 20), "BACKGROUND_NOT_UNIFORM"),
    ] {
        let logo = world.upload(&editor, space_id, &file).await.unwrap();
        assert!(!logo.can_be_transparent);
        let expected = (Code::FailedPrecondition, expected.to_owned());
        let refused = world.get_in(&editor, &logo.logo_id, Header, true).await.unwrap_err();
        assert_eq!(told(&refused), expected);
        assert_eq!(told(&world.format(&editor, &logo.logo_id, true).await.unwrap_err()), expected);
        assert!(world.format(&editor, &logo.logo_id, false).await.is_ok());
    }
}

#[tokio::test]
async fn a_size_that_is_not_made_or_does_not_exist_is_refused_with_the_field() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let logo = world.upload(&editor, space_id, &pictures::framed_png(40)).await.unwrap();
    let refused = world.get_in(&editor, &logo.logo_id, Full, true).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(fields(&refused)[0].0, "rendition");
    let unknown = pb::GetLogoRequest { logo_id: logo.logo_id, rendition: 9, transparent_background: false };
    let refused = world.client().get_logo(by(&editor, unknown)).await.unwrap_err();
    assert_eq!((refused.code(), fields(&refused)[0].0.as_str()), (Code::InvalidArgument, "rendition"));
}

#[tokio::test]
async fn formatting_shows_both_sizes_to_whoever_may_edit_the_space_and_to_nobody_else() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let logo = world.upload(&editor, space_id, &pictures::framed_png(500)).await.unwrap();
    let formatted = world.format(&editor, &logo.logo_id, true).await.unwrap();
    let (header, gallery) = (formatted.header.unwrap(), formatted.gallery.unwrap());
    assert_eq!((header.rendition(), header.width_px, header.height_px), (Header, 400, 400));
    assert_eq!((gallery.rendition(), gallery.width_px, gallery.height_px), (Gallery, 160, 160));
    for link in [header, gallery] {
        assert_eq!(link.logo.as_ref(), Some(&logo));
        let picture = load_from_memory(&world.fetch_from(&link.url).await).unwrap();
        assert_eq!(picture.get_pixel(2, 2).0[3], 0);
    }
    let viewer = testkit::caller_of(editor.organization_id, CallerKind::Member);
    world.spaces.allow(&viewer, space_id, &[Permission::View]);
    world.spaces.show(&viewer, &logo.logo_id);
    let refused = world.format(&viewer, &logo.logo_id, true).await.unwrap_err();
    assert_eq!(told(&refused), (Code::NotFound, "LOGO_NOT_FOUND".to_owned()));
    // A banner belongs to no space that anybody could edit.
    let banner = world.upload_banner(&editor, &pictures::framed_png(40)).await.unwrap();
    let refused = world.format(&editor, &banner.logo_id, true).await.unwrap_err();
    assert_eq!(told(&refused), (Code::NotFound, "LOGO_NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn a_logo_from_before_there_were_sizes_gets_them_and_shows_no_other_until_then() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let logo = world.upload(&editor, space_id, &pictures::framed_png(500)).await.unwrap();
    world.spaces.show(&editor, &logo.logo_id);
    let before = fetch_in(&world, &editor, &logo, Gallery, true).await;
    let objects = world.objects();
    assert_eq!(objects.len(), 5);
    forget_sizes(&world).await;

    let refused = world.get_in(&editor, &logo.logo_id, Header, false).await.unwrap_err();
    assert_eq!(told(&refused), (Code::Unavailable, "RENDITION_NOT_READY".to_owned()));
    assert_eq!(refused.get_details_retry_info().unwrap().retry_delay.unwrap().as_secs(), 30);
    assert_eq!(world.batch_get(&editor, &[(&logo.logo_id, false)], Gallery).await.unwrap(), []);
    assert!(!fetch_in(&world, &editor, &logo, Full, false).await.is_empty());

    assert_eq!(world.logos.render_missing().await.unwrap(), 1);
    assert_eq!(world.objects(), objects);
    assert_eq!(fetch_in(&world, &editor, &logo, Gallery, true).await, before);
    assert_eq!(world.get(&editor, &logo.logo_id).await.unwrap().logo, Some(logo));
    assert_eq!(world.logos.render_missing().await.unwrap(), 0);
}

#[tokio::test]
async fn a_logo_whose_sizes_cannot_be_made_holds_up_no_other_and_is_tried_again() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let broken = world.upload(&editor, space_id, &pictures::png(40, 20)).await.unwrap();
    world.upload(&editor, space_id, &pictures::png(40, 20)).await.unwrap();
    forget_sizes(&world).await;
    let fault = format!(r#"{{"target":"s3","method":"GET","path":"{}","status":403}}"#, broken.logo_id);
    world.break_s3(fault).await;
    assert_eq!(world.logos.render_missing().await.unwrap(), 1);
    assert_eq!(world.logos.render_missing().await.unwrap(), 0, "it is left alone for five minutes");
    world.sql("UPDATE logos SET render_after = render_after - interval '5 minutes'").await;
    assert_eq!(world.logos.render_missing().await.unwrap(), 1);
}

#[tokio::test]
async fn sizes_made_while_their_logo_goes_leave_nothing_behind() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    world.upload(&editor, space_id, &pictures::png(40, 20)).await.unwrap();
    forget_sizes(&world).await;
    world.break_s3(r#"{"target":"s3","method":"PUT","path":".header","stall_seconds":5}"#).await;
    let rendering = tokio::spawn({
        let logos = world.logos.clone();
        async move { logos.render_missing().await }
    });
    testkit::eventually("the other size", async || world.count_objects() == 2).await;
    world.sql("DELETE FROM logos").await;
    rendering.await.unwrap().unwrap();
    assert_eq!(world.count_objects(), 0);
}
