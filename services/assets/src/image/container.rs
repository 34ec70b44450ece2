//! What the files of images say before any pixel is decoded.
//!
//! Owns walking the three containers: is the file whole, is the image still, how large does each of its headers claim
//! it to be. What lies behind the image is never looked at. Must not decode or unpack anything, whatever it claims.

use super::check_dimensions;
use crate::logo::LogoError;

const PNG_SIGNATURE_BYTES: usize = 8;
/// Length, type and checksum around a chunk's data.
const PNG_CHUNK_FRAME_BYTES: usize = 12;

/// Most scans of a JPEG, inclusive: each costs a pass over all pixels, however few bytes it has. Image programs write
/// ten or so for a progressive image.
pub(super) const MAX_JPEG_SCANS: usize = 20;

/// Returns the PNG with nothing in it but what its pixels and their orientation need; text and profiles, which may
/// unpack to gigabytes, are left out (PNG, third edition, §5, §11).
pub(super) fn essential_png(file: &[u8]) -> Result<Vec<u8>, LogoError> {
    let (signature, mut rest) = file.split_at_checked(PNG_SIGNATURE_BYTES).ok_or(LogoError::Damaged)?;
    let mut kept = signature.to_vec();
    loop {
        let length = usize::try_from(be_u32(rest, 0)?).map_err(|_| LogoError::Damaged)?;
        let whole = length.checked_add(PNG_CHUNK_FRAME_BYTES).ok_or(LogoError::Damaged)?;
        let (chunk, after) = rest.split_at_checked(whole).ok_or(LogoError::Damaged)?;
        match chunk.get(4..8).unwrap_or_default() {
            b"acTL" => return Err(LogoError::Animated),
            b"IHDR" => {
                check_dimensions(be_u32(chunk, 8)?, be_u32(chunk, 12)?)?;
                kept.extend_from_slice(chunk);
            }
            b"PLTE" | b"tRNS" | b"eXIf" | b"IDAT" => kept.extend_from_slice(chunk),
            b"IEND" => {
                kept.extend_from_slice(chunk);
                return Ok(kept);
            }
            _ => {}
        }
        rest = after;
    }
}

/// Returns the JPEG up to its end marker, which must be there: the decoder would paint what is missing grey
/// (ITU-T T.81, annex B). Refuses more scans than [`MAX_JPEG_SCANS`].
pub(super) fn whole_jpeg(file: &[u8]) -> Result<&[u8], LogoError> {
    let (mut at, mut scans) = (2, 0);
    loop {
        at = next_marker(file, at)?;
        let marker = *file.get(at).ok_or(LogoError::Damaged)?;
        at += 1;
        match marker {
            // End of image.
            0xd9 => return file.get(..at).ok_or(LogoError::Damaged),
            // Restarts and the like have no content.
            0x01 | 0xd0..=0xd8 => {}
            _ => {
                scans += usize::from(marker == 0xda);
                if scans > MAX_JPEG_SCANS {
                    return Err(LogoError::TooManyScans);
                }
                let length = file.get(at..).and_then(<[u8]>::first_chunk).ok_or(LogoError::Damaged)?;
                at += usize::from(u16::from_be_bytes(*length));
            }
        }
    }
}

/// Finds the code of the next marker: `ff`, any number of times, then neither `00`, which stands for `ff` in pixels,
/// nor `ff`.
fn next_marker(file: &[u8], from: usize) -> Result<usize, LogoError> {
    let rest = file.get(from..).ok_or(LogoError::Damaged)?;
    let found = rest.windows(2).position(|pair| matches!(pair, [0xff, code] if !matches!(code, 0x00 | 0xff)));
    Ok(from + found.ok_or(LogoError::Damaged)? + 1)
}

/// Returns the WebP up to its end, refused where it is animated or any frame claims too many pixels (RFC 9649, §2).
pub(super) fn still_webp(file: &[u8]) -> Result<&[u8], LogoError> {
    let length = usize::try_from(le_u32(file, 4)?).ok().and_then(|length| length.checked_add(8));
    let file = length.and_then(|length| file.get(..length)).ok_or(LogoError::Damaged)?;
    let mut rest = file.get(12..).ok_or(LogoError::Damaged)?;
    while !rest.is_empty() {
        let length = usize::try_from(le_u32(rest, 4)?).map_err(|_| LogoError::Damaged)?;
        let data = rest.get(8..).and_then(|data| data.get(..length)).ok_or(LogoError::Damaged)?;
        match rest.get(..4).unwrap_or_default() {
            b"ANIM" | b"ANMF" => return Err(LogoError::Animated),
            b"VP8X" if data.first().is_some_and(|flags| flags & 0b10 != 0) => {
                return Err(LogoError::Animated);
            }
            // A frame is decoded by its own header's size, before that is held against the canvas's.
            b"VP8 " => {
                let sides = le_u32(data, 6)?;
                check_dimensions(sides & 0x3fff, (sides >> 16) & 0x3fff)?;
            }
            b"VP8L" => {
                let sides = le_u32(data, 1)?;
                check_dimensions((sides & 0x3fff) + 1, ((sides >> 14) & 0x3fff) + 1)?;
            }
            _ => {}
        }
        // Chunks begin at even places; some writers leave out the last filling byte.
        rest = rest.get(8 + length + length % 2..).unwrap_or_default();
    }
    Ok(file)
}

fn be_u32(bytes: &[u8], at: usize) -> Result<u32, LogoError> {
    four(bytes, at).map(u32::from_be_bytes)
}

fn le_u32(bytes: &[u8], at: usize) -> Result<u32, LogoError> {
    four(bytes, at).map(u32::from_le_bytes)
}

fn four(bytes: &[u8], at: usize) -> Result<[u8; 4], LogoError> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().ok_or(LogoError::Damaged)
}
