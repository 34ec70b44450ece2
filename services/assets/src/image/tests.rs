use ::image::{GenericImageView, load_from_memory};

use super::*;
use crate::tests::pictures;

fn kinds_of(png: &[u8]) -> Vec<String> {
    let mut kinds = Vec::new();
    let mut rest = &png[8..];
    while !rest.is_empty() {
        let length = usize::try_from(u32::from_be_bytes(rest[..4].try_into().unwrap())).unwrap();
        kinds.push(String::from_utf8(rest[4..8].to_vec()).unwrap());
        rest = &rest[length + 12..];
    }
    kinds.dedup();
    kinds
}

#[test]
fn pixels_survive_and_the_format_stays() {
    for (file, format) in [
        (pictures::png(32, 16), Format::Png),
        (pictures::jpeg(32, 16), Format::Jpeg),
        (pictures::webp(32, 16), Format::Webp),
    ] {
        let picture = convert(&file).unwrap();
        assert_eq!((picture.format, picture.width_px, picture.height_px), (format, 32, 16));
        let image = load_from_memory(&picture.content).unwrap();
        let (top, bottom) = (image.get_pixel(16, 2).0, image.get_pixel(16, 13).0);
        assert!(
            top[0] > 200 && top[2] < 60 && bottom[0] < 60 && bottom[2] > 200,
            "{format:?}: {top:?} {bottom:?}"
        );
    }
}

#[test]
fn a_png_keeps_nothing_but_its_pixels() {
    let png = pictures::with_png_chunk(&pictures::png(8, 8), b"iCCP", b"name\0\0not a profile");
    assert_eq!(kinds_of(&convert(&png).unwrap().content), ["IHDR", "IDAT", "IEND"]);
}

#[test]
fn what_metadata_says_about_which_side_is_up_is_done_to_the_pixels() {
    // 6: the right side of what is seen is stored first.
    let turned = pictures::exif(6, "");
    let jpeg = pictures::jpeg_with_exif(&pictures::jpeg(32, 16), &turned);
    let png = pictures::with_png_chunk(&pictures::png(32, 16), b"eXIf", &turned);
    let still = &pictures::webp(32, 16)[20..];
    let webp = pictures::extended_webp(0b1000, 32, 16, &[(b"VP8L", still), (b"EXIF", &turned)]);
    for file in [jpeg, png, webp] {
        let picture = convert(&file).unwrap();
        assert_eq!((picture.width_px, picture.height_px), (16, 32), "{:?}", picture.format);
        let image = load_from_memory(&picture.content).unwrap();
        assert!(image.get_pixel(13, 16).0[0] > 200, "the stored top is the right side");
        assert!(image.get_pixel(2, 16).0[2] > 200, "the stored bottom is the left side");
    }
}

#[test]
fn a_file_cut_off_anywhere_is_damaged_in_every_format() {
    for file in [pictures::png(24, 24), pictures::jpeg(24, 24), pictures::webp(24, 24)] {
        for length in 16..file.len() {
            let refused = convert(&file[..length]);
            assert!(matches!(refused, Err(LogoError::Damaged)), "{length} of {}: {refused:?}", file.len());
        }
    }
}

#[test]
fn a_file_with_any_byte_changed_is_refused_or_converted_but_never_fatal() {
    for file in [pictures::png(12, 12), pictures::jpeg(12, 12), pictures::webp(12, 12)] {
        for at in 0..file.len() {
            for change in [0xff, 0x80, 0x01] {
                let mut changed = file.clone();
                changed[at] ^= change;
                if let Ok(picture) = convert(&changed) {
                    assert!(u64::from(picture.width_px) * u64::from(picture.height_px) <= MAX_PIXELS);
                }
            }
        }
    }
}

#[test]
fn sides_and_pixels_are_taken_up_to_their_limits_and_refused_beyond() {
    for (width, height) in [(4_096, 1), (1, 4_096), (4_000, 4_000), (4_096, 3_906)] {
        assert!(check_dimensions(width, height).is_ok(), "{width} × {height}");
    }
    for (width, height) in [(4_097, 1), (1, 4_097), (4_000, 4_001), (4_096, 4_096), (u32::MAX, u32::MAX)] {
        let refused = check_dimensions(width, height);
        assert!(matches!(refused, Err(LogoError::DimensionsRefused { .. })), "{width} × {height}");
    }
}

#[test]
fn a_small_canvas_does_not_hide_a_large_frame() {
    let lossy =
        [&[0x10, 0, 0, 0x9d, 0x01, 0x2a][..], &16_383_u16.to_le_bytes(), &16_383_u16.to_le_bytes()].concat();
    let lossless = [&[0x2f][..], &((16_383_u32 << 14) | 16_383).to_le_bytes()].concat();
    for (kind, frame) in [(b"VP8 ", lossy), (b"VP8L", lossless)] {
        let refused = convert(&pictures::extended_webp(0, 8, 8, &[(kind, &frame)]));
        assert!(matches!(refused, Err(LogoError::DimensionsRefused { .. })), "{refused:?}");
    }
}

#[test]
fn a_large_jpeg_is_refused_by_its_header() {
    let mut jpeg = pictures::jpeg(16, 16);
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
    assert!(matches!(
        convert(&jpeg),
        Err(LogoError::DimensionsRefused { width_px: 65_535, height_px: 65_535 })
    ));
}

#[test]
fn a_jpeg_of_20_scans_is_taken_and_one_of_21_is_refused() {
    assert!(convert(&pictures::jpeg_of_scans(container::MAX_JPEG_SCANS)).is_ok());
    let refused = convert(&pictures::jpeg_of_scans(container::MAX_JPEG_SCANS + 1));
    assert!(matches!(refused, Err(LogoError::TooManyScans)), "{refused:?}");
}

#[test]
fn a_converted_image_of_20_mib_is_kept_and_a_larger_one_is_refused() {
    assert!(check_encoded(20_971_520).is_ok());
    let refused = check_encoded(20_971_521);
    assert!(matches!(refused, Err(LogoError::ConvertedTooLarge { size_bytes: 20_971_521 })));
}

#[tokio::test]
async fn two_conversions_run_at_once_and_a_third_waits_for_its_turn_but_not_for_ever() {
    let converter = Converter { max_wait: Duration::from_millis(50), ..Converter::default() };
    let first = Arc::clone(&converter.places).acquire_owned().await.unwrap();
    assert!(converter.convert(pictures::png(8, 8)).await.is_ok());
    let second = Arc::clone(&converter.places).acquire_owned().await.unwrap();
    assert!(matches!(converter.convert(pictures::png(8, 8)).await, Err(LogoError::Busy)));
    let patient = Converter { max_wait: MAX_WAIT, ..converter };
    let mut waiting = Box::pin(patient.convert(pictures::png(8, 8)));
    assert!(timeout(Duration::from_millis(50), &mut waiting).await.is_err());
    drop((first, second));
    assert!(waiting.await.is_ok());
}
