//! What the process does that renders: one PDF in, one picture out.
//!
//! Owns its limits, which it sets itself before it reads a byte. Whatever goes wrong ends it; nobody reads why.

use std::io::{Read, Write, stdin, stdout};
use std::process::ExitCode;

use anyhow::{Context, anyhow, ensure};
use hayro::hayro_interpret::InterpreterSettings;
use hayro::hayro_syntax::Pdf;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings};
use rustix::process::{Resource, Rlimit, setrlimit};

use super::MAX_BYTES;

/// The argument with which the program renders a page and does nothing else.
pub const RENDER_PREVIEW: &str = "render-preview";

/// Addresses it may use, which bounds its memory.
const MEMORY_BYTES: u64 = 1024 * 1024 * 1024;
/// Seconds of a processor.
const PROCESSOR_SECONDS: u64 = 10;
/// Files it may open: what it was given, and no more.
const FILES: u64 = 3;
/// Longer side of the picture: the largest preview there is.
const SIDE_PX: f32 = 1_280.0;

/// Reads a PDF from standard input and writes its first page as PNG to standard output.
pub fn render_preview() -> ExitCode {
    match render() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn render() -> anyhow::Result<()> {
    limit()?;
    let most = u64::try_from(MAX_BYTES)?;
    let mut file = Vec::new();
    stdin().lock().take(most + 1).read_to_end(&mut file)?;
    ensure!(u64::try_from(file.len())? <= most, "too large");
    stdout().lock().write_all(&first_page(file)?)?;
    Ok(())
}

fn limit() -> anyhow::Result<()> {
    for (resource, most) in [
        (Resource::As, MEMORY_BYTES),
        (Resource::Cpu, PROCESSOR_SECONDS),
        (Resource::Nofile, FILES),
        (Resource::Fsize, 0),
        (Resource::Core, 0),
    ] {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

fn first_page(file: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let pdf = Pdf::new(file).map_err(|_| anyhow!("no PDF that can be read"))?;
    let page = pdf.pages().first().context("no page")?;
    let (width, height) = page.render_dimensions();
    let longer = width.max(height);
    ensure!(longer.is_finite() && width.min(height) > 0.0, "no size");
    let scale = SIDE_PX / longer;
    ensure!(width.min(height) * scale >= 1.0, "narrower than a pixel");
    let pixmap = PixmapSettings { x_scale: scale, y_scale: scale, bg_color: WHITE };
    let settings = InterpreterSettings::default();
    let page = hayro::render(page, &RenderCache::new(), &settings, &RenderSettings::default(), &pixmap);
    page.into_png().map_err(|error| anyhow!("the picture could not be written: {error:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::pictures;

    #[test]
    fn the_first_page_is_a_picture_with_what_is_on_it() {
        // A page of 200 by 100, its left half red.
        let png = first_page(pictures::pdf(200, 100)).unwrap();
        let picture = ::image::load_from_memory(&png).unwrap().into_rgb8();
        assert_eq!(picture.dimensions(), (1_280, 640));
        assert_eq!((picture.get_pixel(300, 300).0, picture.get_pixel(900, 300).0), ([255, 0, 0], [255; 3]));
    }

    #[test]
    fn what_is_no_pdf_or_has_a_page_narrower_than_a_pixel_is_refused() {
        let cut = pictures::pdf(200, 100);
        for bad in [
            Vec::new(),
            b"%PDF-1.7\n".to_vec(),
            b"no pdf".to_vec(),
            cut[..40].to_vec(),
            pictures::pdf(14_400, 1),
        ] {
            assert!(first_page(bad.clone()).is_err(), "{:?}", String::from_utf8_lossy(&bad));
        }
    }
}
