//! The smaller sizes of a picture.
//!
//! Owns how large each is, and making them. Must not enlarge anything.

use ::image::imageops::{FilterType, resize};
use ::image::{DynamicImage, ImageResult, Rgba, RgbaImage};

use super::{background, encode};
use crate::logo::{Format, Rendition, View};

/// Highest picture for the header, in pixels.
const HEADER_HEIGHT_PX: u32 = 400;
/// Largest picture for the gallery, in pixels.
const GALLERY_PX: (u32, u32) = (320, 160);

/// A picture in one of the smaller sizes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SmallPicture {
    pub(crate) view: View,
    pub(crate) width_px: u32,
    pub(crate) height_px: u32,
    pub(crate) content: Vec<u8>,
}

/// Returns all smaller sizes. Those with the background removed are among them for a PNG where that can be done.
pub(super) fn of(format: Format, picture: DynamicImage) -> ImageResult<Vec<SmallPicture>> {
    let header = fitted(plain(picture), u32::MAX, HEADER_HEIGHT_PX);
    let clear =
        if format == Format::Png { background::removed(&header).map(DynamicImage::from) } else { None };
    let mut all = Vec::new();
    for (header, is_transparent) in [(Some(header), false), (clear, true)] {
        let Some(header) = header else { continue };
        all.push(written(format, View { rendition: Rendition::Header, is_transparent }, &header)?);
        let gallery = fitted(header, GALLERY_PX.0, GALLERY_PX.1);
        all.push(written(format, View { rendition: Rendition::Gallery, is_transparent }, &gallery)?);
    }
    Ok(all)
}

fn written(format: Format, view: View, picture: &DynamicImage) -> ImageResult<SmallPicture> {
    let content = encode(format, picture)?;
    Ok(SmallPicture { view, width_px: picture.width(), height_px: picture.height(), content })
}

/// Returns the picture with one byte per channel, and no other channels than colours and, where there is one, alpha.
pub(super) fn plain(picture: DynamicImage) -> DynamicImage {
    if picture.color().has_alpha() { picture.into_rgba8().into() } else { picture.into_rgb8().into() }
}

/// Returns the picture scaled to fit, its sides in the same proportion, or as it is where it fits already.
pub(super) fn fitted(picture: DynamicImage, max_width: u32, max_height: u32) -> DynamicImage {
    let (width, height) = (picture.width(), picture.height());
    if width <= max_width && height <= max_height {
        return picture;
    }
    let by_height = (scaled(width, max_height, height), max_height);
    let (width, height) =
        if by_height.0 <= max_width { by_height } else { (max_width, scaled(height, max_width, width)) };
    match picture {
        DynamicImage::ImageRgba8(picture) => scaled_by_weight(picture, width, height).into(),
        picture => picture.resize_exact(width, height, FilterType::Triangle),
    }
}

/// Returns `side · numerator ÷ denominator`, rounded, and at least 1.
fn scaled(side: u32, numerator: u32, denominator: u32) -> u32 {
    let denominator = u64::from(denominator.max(1));
    let exact = (u64::from(side) * u64::from(numerator) + denominator / 2) / denominator;
    u32::try_from(exact).unwrap_or(u32::MAX).max(1)
}

/// Scales with each pixel's colour weighted by its opacity: the colour of what is transparent, often black, would
/// otherwise show as a rim.
fn scaled_by_weight(mut picture: RgbaImage, width: u32, height: u32) -> RgbaImage {
    for Rgba([red, green, blue, alpha]) in picture.pixels_mut() {
        for channel in [red, green, blue] {
            *channel = share(u16::from(*channel) * u16::from(*alpha), u16::from(u8::MAX));
        }
    }
    let mut small = resize(&picture, width, height, FilterType::Triangle);
    for Rgba([red, green, blue, alpha]) in small.pixels_mut() {
        for channel in [red, green, blue] {
            *channel = share(u16::from(*channel) * u16::from(u8::MAX), u16::from(*alpha));
        }
    }
    small
}

fn share(whole: u16, parts: u16) -> u8 {
    let rounded = whole.saturating_add(parts / 2).checked_div(parts).unwrap_or_default();
    u8::try_from(rounded).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use ::image::{Rgb, RgbImage, load_from_memory};

    use super::*;

    fn blank(width: u32, height: u32) -> DynamicImage {
        RgbImage::from_pixel(width, height, Rgb([1, 2, 3])).into()
    }

    fn sides(width: u32, height: u32) -> Vec<(u32, u32)> {
        let all = of(Format::Jpeg, blank(width, height)).unwrap();
        all.iter().map(|small| (small.width_px, small.height_px)).collect()
    }

    #[test]
    fn a_header_is_at_most_400_high_and_a_gallery_picture_320_by_160_and_nothing_is_enlarged() {
        for (side, header, gallery) in [
            ((10, 10), (10, 10), (10, 10)),
            ((320, 160), (320, 160), (320, 160)),
            ((321, 160), (321, 160), (320, 160)),
            ((320, 161), (320, 161), (318, 160)),
            ((700, 400), (700, 400), (280, 160)),
            ((700, 401), (698, 400), (279, 160)),
            ((4_096, 1), (4_096, 1), (320, 1)),
            ((1, 4_096), (1, 400), (1, 160)),
            ((1_000, 800), (500, 400), (200, 160)),
        ] {
            assert_eq!(sides(side.0, side.1), [header, gallery], "{side:?}");
        }
    }

    #[test]
    fn only_a_png_whose_background_can_go_has_transparent_sizes() {
        let mut framed = RgbImage::from_pixel(64, 64, Rgb([250, 250, 250]));
        for (x, y, pixel) in framed.enumerate_pixels_mut() {
            if (16..48).contains(&x) && (16..48).contains(&y) {
                *pixel = Rgb([0, 0, 200]);
            }
        }
        let framed = DynamicImage::from(framed);
        assert_eq!(of(Format::Jpeg, framed.clone()).unwrap().len(), 2);
        assert_eq!(of(Format::Webp, framed.clone()).unwrap().len(), 2);
        assert_eq!(of(Format::Png, blank(8, 8)).unwrap().len(), 2);
        let all = of(Format::Png, framed).unwrap();
        assert_eq!(all.len(), 4);
        for small in all {
            let picture = load_from_memory(&small.content).unwrap().to_rgba8();
            let (corner, middle) = (picture.get_pixel(1, 1).0, picture.get_pixel(32, 32).0);
            assert_eq!(corner[3] == 0, small.view.is_transparent, "{:?}", small.view);
            assert_eq!(middle, [0, 0, 200, 255], "{:?}", small.view);
        }
    }

    #[test]
    fn the_colour_of_what_is_transparent_leaves_no_rim() {
        // Red beside transparent green, in stripes that end up in one pixel.
        let stripes = RgbaImage::from_fn(800, 800, |x, _| {
            if x % 2 == 0 { Rgba([200, 0, 0, 255]) } else { Rgba([0, 255, 0, 0]) }
        });
        let small = fitted(stripes.into(), 320, 160).to_rgba8();
        for Rgba([red, green, blue, alpha]) in small.pixels() {
            assert!((195..=205).contains(red) && *green == 0 && *blue == 0, "{red} {green} {blue} {alpha}");
            assert!((90..=165).contains(alpha), "{alpha}");
        }
    }
}
