//! Previews of files.
//!
//! Owns their form: PNG where something is transparent, JPEG otherwise.

use ::image::{DynamicImage, ImageResult};

use super::encode;
use super::sizes::{fitted, plain};
use crate::asset::PreviewSize;
use crate::logo::Format;

/// A preview.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PreviewPicture {
    pub(crate) size: PreviewSize,
    pub(crate) content_type: &'static str,
    pub(crate) width_px: u32,
    pub(crate) height_px: u32,
    pub(crate) content: Vec<u8>,
}

/// Returns all sizes; none is larger than the picture.
pub(super) fn of(picture: DynamicImage) -> ImageResult<Vec<PreviewPicture>> {
    let mut picture = plain(picture);
    let format = if picture.color().has_alpha() { Format::Png } else { Format::Jpeg };
    let mut all = Vec::new();
    for size in [PreviewSize::Large, PreviewSize::Small] {
        picture = fitted(picture, size.side_px(), size.side_px());
        all.push(PreviewPicture {
            size,
            content_type: format.content_type(),
            width_px: picture.width(),
            height_px: picture.height(),
            content: encode(format, &picture)?,
        });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use ::image::{RgbImage, RgbaImage};

    use super::*;

    #[test]
    fn a_preview_fits_its_square_and_is_never_larger_than_the_picture() {
        for (side, large, small) in [
            ((1_280, 1_280), (1_280, 1_280), (320, 320)),
            ((1_281, 640), (1_280, 640), (320, 160)),
            ((320, 321), (320, 321), (319, 320)),
            ((10, 20), (10, 20), (10, 20)),
        ] {
            let all = of(RgbImage::new(side.0, side.1).into()).unwrap();
            let sides: Vec<_> = all.iter().map(|preview| (preview.width_px, preview.height_px)).collect();
            assert_eq!(sides, [large, small], "{side:?}");
        }
    }

    #[test]
    fn what_is_transparent_stays_so() {
        let clear = of(RgbaImage::new(8, 8).into()).unwrap();
        assert!(clear.iter().all(|preview| preview.content_type == "image/png"));
        let opaque = of(RgbImage::new(8, 8).into()).unwrap();
        assert!(opaque.iter().all(|preview| preview.content_type == "image/jpeg"));
    }
}
