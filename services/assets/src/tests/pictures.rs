//! Files to upload, good and hostile.

use std::io::Cursor;

use ::image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

/// Returns a picture whose upper half is red and whose lower half is blue.
fn two_halves(width: u32, height: u32) -> DynamicImage {
    let pixel = |_, y| if y < height / 2 { Rgb([230, 20, 20]) } else { Rgb([20, 20, 230]) };
    RgbImage::from_fn(width, height, pixel).into()
}

fn written(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    file_of(&two_halves(width, height), format)
}

fn file_of(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// Returns a PNG of a blue square on white, with a margin of a quarter all around.
pub(crate) fn framed_png(side: u32) -> Vec<u8> {
    let inside = side / 4..side - side / 4;
    let pixel = |x, y| {
        if inside.contains(&x) && inside.contains(&y) { Rgb([20, 20, 230]) } else { Rgb([255, 255, 255]) }
    };
    file_of(&RgbImage::from_fn(side, side, pixel).into(), ImageFormat::Png)
}

/// Returns a PNG whose left half is transparent black and whose right half is red.
pub(crate) fn transparent_png(side: u32) -> Vec<u8> {
    let pixel = |x, _| if x < side / 2 { Rgba([0, 0, 0, 0]) } else { Rgba([230, 20, 20, 255]) };
    file_of(&RgbaImage::from_fn(side, side, pixel).into(), ImageFormat::Png)
}

pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    written(ImageFormat::Png, width, height)
}

pub(crate) fn jpeg(width: u32, height: u32) -> Vec<u8> {
    written(ImageFormat::Jpeg, width, height)
}

pub(crate) fn webp(width: u32, height: u32) -> Vec<u8> {
    written(ImageFormat::WebP, width, height)
}

/// The smallest GIF.
pub(crate) fn gif() -> Vec<u8> {
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;".to_vec()
}

pub(crate) fn svg() -> Vec<u8> {
    br#"<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>"#.to_vec()
}

/// Puts a chunk into a PNG, right after its header.
pub(crate) fn with_png_chunk(png: &[u8], kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    const SIGNATURE_AND_HEADER: usize = 8 + 25;
    let mut body = kind.to_vec();
    body.extend_from_slice(data);
    let mut file = png[..SIGNATURE_AND_HEADER].to_vec();
    file.extend_from_slice(&u32::try_from(data.len()).unwrap().to_be_bytes());
    file.extend_from_slice(&body);
    file.extend_from_slice(&crc32(&body).to_be_bytes());
    file.extend_from_slice(&png[SIGNATURE_AND_HEADER..]);
    file
}

/// Returns a good PNG of exactly `size` bytes.
pub(crate) fn png_of_size(size: usize) -> Vec<u8> {
    let small = png(8, 8);
    let filling = vec![b'x'; size - small.len() - 12];
    let file = with_png_chunk(&small, b"zzZz", &filling);
    assert_eq!(file.len(), size);
    file
}

/// Returns a PNG that says it has these sides; its pixels do not matter, for nobody gets to them.
pub(crate) fn png_claiming(width: u32, height: u32) -> Vec<u8> {
    let mut file = png(8, 8);
    file[16..20].copy_from_slice(&width.to_be_bytes());
    file[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc32(&file[12..29]);
    file[29..33].copy_from_slice(&crc.to_be_bytes());
    file
}

pub(crate) fn animated_png() -> Vec<u8> {
    with_png_chunk(&png(8, 8), b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0])
}

/// Returns an extended WebP with these chunks.
pub(crate) fn extended_webp(flags: u8, width: u32, height: u32, chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut extended = vec![flags, 0, 0, 0];
    extended.extend_from_slice(&(width - 1).to_le_bytes()[..3]);
    extended.extend_from_slice(&(height - 1).to_le_bytes()[..3]);
    let mut body = b"WEBP".to_vec();
    for (kind, data) in [(b"VP8X", extended.as_slice())].iter().chain(chunks) {
        body.extend_from_slice(*kind);
        body.extend_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
        body.extend_from_slice(data);
        body.resize(body.len().next_multiple_of(2), 0);
    }
    let mut file = b"RIFF".to_vec();
    file.extend_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
    file.extend_from_slice(&body);
    file
}

pub(crate) fn animated_webp() -> Vec<u8> {
    extended_webp(0b10, 8, 8, &[(b"ANIM", &[0; 6]), (b"ANMF", &[0; 24])])
}

/// Returns an EXIF block (TIFF) with an orientation and a text.
pub(crate) fn exif(orientation: u8, text: &str) -> Vec<u8> {
    let mut block = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    block.extend_from_slice(&[orientation, 0, 0, 0, 0, 0, 0, 0]);
    block.extend_from_slice(text.as_bytes());
    block
}

/// Puts an EXIF block into a JPEG.
pub(crate) fn jpeg_with_exif(jpeg: &[u8], exif: &[u8]) -> Vec<u8> {
    let mut file = jpeg[..2].to_vec();
    file.extend_from_slice(&[0xff, 0xe1]);
    file.extend_from_slice(&u16::try_from(2 + 6 + exif.len()).unwrap().to_be_bytes());
    file.extend_from_slice(b"Exif\0\0");
    file.extend_from_slice(exif);
    file.extend_from_slice(&jpeg[2..]);
    file
}

/// Returns a JPEG whose one scan is repeated so many times in all.
pub(crate) fn jpeg_of_scans(scans: usize) -> Vec<u8> {
    let file = jpeg(8, 8);
    let start = file.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
    let (head, scan) = file[..file.len() - 2].split_at(start);
    [head, &scan.repeat(scans), &[0xff, 0xd9]].concat()
}

pub(crate) fn contains(file: &[u8], text: &str) -> bool {
    file.windows(text.len()).any(|part| part == text.as_bytes())
}

/// The checksum of PNG chunks (PNG, third edition, annex D).
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    };
    !bytes.iter().fold(u32::MAX, step)
}

/// A PDF of one page of these sides, its left half red.
pub(crate) fn pdf(width: u32, height: u32) -> Vec<u8> {
    let drawing = format!("1 0 0 rg 0 0 {} {height} re f", width / 2);
    let page = format!(
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] /Contents 4 0 R /Resources << >> >>"
    );
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        page,
        format!("<< /Length {} >>\nstream\n{drawing}\nendstream", drawing.len()),
    ];
    let mut file = "%PDF-1.7\n".to_owned();
    let mut table = "0000000000 65535 f \n".to_owned();
    for (number, object) in (1..).zip(&objects) {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let at = file.len();
    file.push_str(&format!("xref\n0 5\n{table}trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n{at}\n%%EOF\n"));
    file.into_bytes()
}
