//! The picture of a logo that goes into mails.
//!
//! Owns its form: PNG or JPEG, which every mail program shows, and small enough to travel with each mail. The same logo
//! gives the same bytes.

use ::image::codecs::jpeg::JpegEncoder;
use ::image::{DynamicImage, ImageResult, Rgb, RgbImage};

use super::encode;
use super::sizes::{fitted, plain};
use crate::logo::Format;

/// Largest picture in mails, in pixels.
const MAX_PX: (u32, u32) = (320, 120);
/// Largest picture in mails, in bytes, inclusive.
pub(crate) const MAX_BYTES: usize = 128 * 1024;
/// Of JPEGs, from the best down, until the picture is small enough.
const QUALITIES: [u8; 3] = [90, 75, 50];

/// A logo as mails show it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct MailPicture {
    pub(crate) content_type: &'static str,
    pub(crate) width_px: u32,
    pub(crate) height_px: u32,
    pub(crate) content: Vec<u8>,
}

/// Returns the picture: what is transparent stays so, unless the picture would be too large for a mail.
pub(super) fn of(format: Format, picture: DynamicImage) -> ImageResult<MailPicture> {
    let picture = fitted(plain(picture), MAX_PX.0, MAX_PX.1);
    let (width_px, height_px) = (picture.width(), picture.height());
    let made = |format: Format, content| MailPicture {
        content_type: format.content_type(),
        width_px,
        height_px,
        content,
    };
    if format != Format::Jpeg {
        let content = encode(Format::Png, &picture)?;
        if content.len() <= MAX_BYTES {
            return Ok(made(Format::Png, content));
        }
    }
    let opaque = on_white(&picture);
    let mut content = Vec::new();
    for quality in QUALITIES {
        content.clear();
        opaque.write_with_encoder(JpegEncoder::new_with_quality(&mut content, quality))?;
        if content.len() <= MAX_BYTES {
            break;
        }
    }
    Ok(made(Format::Jpeg, content))
}

/// Returns the picture as it looks on white paper.
fn on_white(picture: &DynamicImage) -> RgbImage {
    let pixels = picture.to_rgba8();
    RgbImage::from_fn(pixels.width(), pixels.height(), |x, y| {
        let [red, green, blue, alpha] = pixels.get_pixel(x, y).0;
        let blend = |channel: u8| {
            let (channel, alpha) = (u16::from(channel), u16::from(alpha));
            u8::try_from((channel * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
        };
        Rgb([blend(red), blend(green), blend(blue)])
    })
}

#[cfg(test)]
mod tests {
    use ::image::{Rgba, RgbaImage, load_from_memory};

    use super::*;

    #[test]
    fn a_picture_in_mails_is_at_most_320_by_120_and_never_enlarged() {
        for (side, expected) in [
            ((320, 120), (320, 120)),
            ((321, 120), (320, 120)),
            ((320, 121), (317, 120)),
            ((4_096, 16), (320, 1)),
            ((120, 480), (30, 120)),
            ((10, 20), (10, 20)),
        ] {
            let made = of(Format::Png, RgbImage::new(side.0, side.1).into()).unwrap();
            assert_eq!((made.width_px, made.height_px), expected, "{side:?}");
        }
    }

    #[test]
    fn mails_get_png_or_jpeg_whatever_the_logo_is() {
        let opaque = || DynamicImage::from(RgbImage::from_pixel(8, 8, Rgb([9, 9, 200])));
        for (format, expected) in
            [(Format::Png, "image/png"), (Format::Webp, "image/png"), (Format::Jpeg, "image/jpeg")]
        {
            assert_eq!(of(format, opaque()).unwrap().content_type, expected);
        }
        let clear = of(Format::Webp, RgbaImage::new(8, 8).into()).unwrap();
        assert_eq!(load_from_memory(&clear.content).unwrap().to_rgba8().get_pixel(1, 1).0[3], 0);
    }

    #[test]
    fn what_would_be_too_large_becomes_a_jpeg_on_white() {
        // Noise, which no compression makes smaller, with transparent columns.
        let mut state = 0x2545_f491_u32;
        let noise = RgbaImage::from_fn(640, 240, |x, _| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let [red, green, blue, _] = state.to_le_bytes();
            Rgba([red, green, blue, if x < 64 { 0 } else { 255 }])
        });
        let cut = ::image::imageops::crop_imm(&noise, 0, 0, 320, 120).to_image();
        let made = of(Format::Png, cut.into()).unwrap();
        assert_eq!(made.content_type, "image/jpeg");
        assert!(made.content.len() <= MAX_BYTES, "{}", made.content.len());
        let corner = load_from_memory(&made.content).unwrap().to_rgb8().get_pixel(4, 4).0;
        assert!(corner.iter().all(|channel| *channel > 230), "{corner:?}");
    }

    #[test]
    fn the_same_logo_gives_the_same_bytes() {
        let make = || of(Format::Webp, RgbImage::from_pixel(500, 200, Rgb([3, 90, 7])).into()).unwrap();
        assert_eq!(make(), make());
    }
}
