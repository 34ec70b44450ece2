//! Making a clean image of an upload.
//!
//! Owns telling the format by content, decoding under limits, and re-encoding in the same format, so that neither
//! metadata nor anything hidden in the file survives; only pixels do. A profile (ICC) is metadata too: colours are
//! taken as sRGB. The smaller sizes are made in the same place and under the same limits. Must not trust a name, a type
//! or a size that somebody says.

mod background;
mod container;
mod mail;
mod previews;
mod sizes;

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use ::image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use ::image::codecs::png::{PngDecoder, PngEncoder};
use ::image::codecs::webp::{WebPDecoder, WebPEncoder};
use ::image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageResult, Limits, guess_format};
use service_kit::error::CommonError;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::logo::{Format, LogoError};

pub(crate) use mail::MailPicture;
pub(crate) use previews::PreviewPicture;
pub(crate) use sizes::SmallPicture;

/// Images converted at once: each may take a whole core and some 200 MiB.
const MAX_CONVERSIONS: usize = 2;
/// How long an upload waits for its turn.
const MAX_WAIT: Duration = Duration::from_secs(10);

const MAX_SIDE_PX: u32 = 4_096;
const MAX_PIXELS: u64 = 16_000_000;
const MAX_DECODED_BYTES: u64 = 96 * 1024 * 1024;
/// Largest re-encoded image in bytes, inclusive: pixels that were squeezed well may take far more than was sent.
const MAX_ENCODED_BYTES: usize = 20 * 1024 * 1024;
/// Of re-encoded JPEGs, 1 to 100.
const JPEG_QUALITY: u8 = 90;
/// How far into a text an `<svg` is looked for.
const SVG_WITHIN_BYTES: usize = 1_024;

/// An image made by this service.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) format: Format,
    pub(crate) width_px: u32,
    pub(crate) height_px: u32,
    pub(crate) content: Vec<u8>,
    /// The smaller sizes.
    pub(crate) small: Vec<SmallPicture>,
}

/// Converts images, few at once and off the threads that answer calls.
#[derive(Clone)]
pub(crate) struct Converter {
    places: Arc<Semaphore>,
    max_wait: Duration,
}

impl Default for Converter {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(MAX_CONVERSIONS)), max_wait: MAX_WAIT }
    }
}

impl Converter {
    /// Returns a clean image of `upload`, with its smaller sizes. Errors: what is wrong with it, or
    /// [`LogoError::Busy`] after [`MAX_WAIT`].
    pub(crate) async fn convert(&self, upload: Vec<u8>) -> Result<Picture, LogoError> {
        self.run(move || convert(&upload)).await
    }

    /// Returns the smaller sizes of an image that was converted before. Errors as [`Self::convert`].
    pub(crate) async fn shrink(&self, image: Vec<u8>) -> Result<Vec<SmallPicture>, LogoError> {
        self.run(move || {
            let (format, image) = read(&image)?;
            sizes::of(format, image).map_err(unexpected)
        })
        .await
    }

    /// Returns previews of an image that somebody uploaded as a file. Errors as [`Self::convert`].
    pub(crate) async fn preview(&self, upload: Vec<u8>) -> Result<Vec<PreviewPicture>, LogoError> {
        self.run(move || {
            let (_, image) = read(&upload)?;
            previews::of(image).map_err(unexpected)
        })
        .await
    }

    /// Returns a logo that was converted before as mails show it. Errors as [`Self::convert`].
    pub(crate) async fn for_mail(&self, image: Vec<u8>) -> Result<MailPicture, LogoError> {
        self.run(move || {
            let (format, image) = read(&image)?;
            mail::of(format, image).map_err(unexpected)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, LogoError> + Send + 'static,
    ) -> Result<T, LogoError> {
        let waited = timeout(self.max_wait, Arc::clone(&self.places).acquire_owned()).await;
        let place = waited.ok().and_then(Result::ok).ok_or(LogoError::Busy)?;
        // The place is held by the work, not by the caller, who may give up.
        let work = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(place);
            done
        });
        match work.await {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(error.chain = %error, "decoding an image panicked");
                Err(LogoError::Damaged)
            }
        }
    }
}

/// Returns a clean image of `upload`, with its smaller sizes.
fn convert(upload: &[u8]) -> Result<Picture, LogoError> {
    let (format, image) = read(upload)?;
    let content = encode(format, &image).map_err(unexpected)?;
    check_encoded(content.len())?;
    let (width_px, height_px) = (image.width(), image.height());
    let small = sizes::of(format, image).map_err(unexpected)?;
    Ok(Picture { format, width_px, height_px, content, small })
}

/// Returns what an upload really is, and its pixels.
fn read(upload: &[u8]) -> Result<(Format, DynamicImage), LogoError> {
    match guess_format(upload) {
        Ok(ImageFormat::Png) => {
            let essential = container::essential_png(upload)?;
            let decoder = PngDecoder::with_limits(Cursor::new(essential), limits());
            Ok((Format::Png, decode(decoder)?))
        }
        Ok(ImageFormat::Jpeg) => {
            Ok((Format::Jpeg, decode(JpegDecoder::new(Cursor::new(container::whole_jpeg(upload)?)))?))
        }
        Ok(ImageFormat::WebP) => {
            Ok((Format::Webp, decode(WebPDecoder::new(Cursor::new(container::still_webp(upload)?)))?))
        }
        Ok(ImageFormat::Gif) => Err(LogoError::FormatRefused { found: "GIF" }),
        _ if is_svg(upload) => Err(LogoError::FormatRefused { found: "SVG" }),
        _ => Err(LogoError::FormatRefused { found: "something else" }),
    }
}

fn unexpected(error: ImageError) -> LogoError {
    CommonError::Unexpected(error.into()).into()
}

fn decode<D: ImageDecoder>(decoder: ImageResult<D>) -> Result<DynamicImage, LogoError> {
    let mut decoder = decoder.map_err(|_| LogoError::Damaged)?;
    let (width_px, height_px) = decoder.dimensions();
    check_dimensions(width_px, height_px)?;
    let refused = |error| match error {
        ImageError::Limits(_) => LogoError::DimensionsRefused { width_px, height_px },
        _ => LogoError::Damaged,
    };
    limits().reserve(decoder.total_bytes()).map_err(refused)?;
    decoder.set_limits(limits()).map_err(refused)?;
    // Metadata will be gone, so what it says about which side is up is done to the pixels.
    let orientation = decoder.orientation().map_err(refused)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(refused)?;
    image.apply_orientation(orientation);
    Ok(image)
}

fn encode(format: Format, image: &DynamicImage) -> ImageResult<Vec<u8>> {
    let mut content = Vec::new();
    match format {
        Format::Png => image.write_with_encoder(PngEncoder::new(&mut content))?,
        Format::Jpeg => {
            image.write_with_encoder(JpegEncoder::new_with_quality(&mut content, JPEG_QUALITY))?;
        }
        Format::Webp => image.write_with_encoder(WebPEncoder::new_lossless(&mut content))?,
    }
    Ok(content)
}

fn check_dimensions(width_px: u32, height_px: u32) -> Result<(), LogoError> {
    let pixels = u64::from(width_px) * u64::from(height_px);
    if width_px > MAX_SIDE_PX || height_px > MAX_SIDE_PX || pixels > MAX_PIXELS {
        return Err(LogoError::DimensionsRefused { width_px, height_px });
    }
    Ok(())
}

fn check_encoded(size_bytes: usize) -> Result<(), LogoError> {
    if size_bytes > MAX_ENCODED_BYTES {
        return Err(LogoError::ConvertedTooLarge { size_bytes });
    }
    Ok(())
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE_PX);
    limits.max_image_height = Some(MAX_SIDE_PX);
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    limits
}

/// Tells an SVG, only to say so in the refusal: what is not known as something good is refused anyway.
fn is_svg(upload: &[u8]) -> bool {
    let start = upload.get(..SVG_WITHIN_BYTES).unwrap_or(upload);
    start.windows(4).any(|four| four.eq_ignore_ascii_case(b"<svg"))
}

#[cfg(test)]
mod tests;
