//! Telling a file's type by its content.
//!
//! Owns a table of how files begin, and which beginnings go with which endings of names. What a browser would run is
//! told apart from what it shows, and kept as a stream of bytes. Must not trust a name to say what a file is.

use crate::asset::extension;

/// How much of the beginning is looked at.
const HEAD_BYTES: usize = 8 * 1_024;
/// How far into a file readers of PDF look for its beginning.
const PDF_WITHIN_BYTES: usize = 1_024;

const OCTET_STREAM: &str = "application/octet-stream";
const PLAIN_TEXT: &str = "text/plain";
const ZIP: &str = "application/zip";
const OLE: &str = "application/x-ole-storage";
const RTF: &str = "application/rtf";
const ISO_MEDIA: &str = "video/mp4";

/// How files begin: where, with what, and what they are.
const SIGNATURES: [(usize, &[u8], &str); 31] = [
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (8, b"WEBP", "image/webp"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"PK\x03\x04", ZIP),
    (0, b"PK\x05\x06", ZIP),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
    (0, b"{\\rtf", RTF),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (257, b"ustar", "application/x-tar"),
    (4, b"ftyp", ISO_MEDIA),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"MZ", "application/x-msdownload"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"\xca\xfe\xba\xbe", "application/x-mach-binary"),
    (0, b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (0, b"#!", "text/x-script"),
    (0, b"L\0\0\0\x01\x14\x02\0", "application/x-ms-shortcut"),
];

/// What is run rather than shown, by somebody's system or by a browser.
const RUN: [&str; 6] = [
    "application/x-msdownload",
    "application/x-executable",
    "application/x-mach-binary",
    "application/x-ms-shortcut",
    "text/x-script",
    MARKUP,
];

/// HTML, SVG and other XML.
const MARKUP: &str = "text/html";
const MARKS: [&str; 12] = [
    "<!doctype",
    "<html",
    "<head",
    "<body",
    "<script",
    "<svg",
    "<?xml",
    "<iframe",
    "<img",
    "<a ",
    "<math",
    "<style",
];

/// Types of office files, by what they are inside and the ending of the name.
const OFFICE: [(&str, &str, &str); 9] = [
    (OLE, "doc", "application/msword"),
    (OLE, "xls", "application/vnd.ms-excel"),
    (OLE, "ppt", "application/vnd.ms-powerpoint"),
    (ZIP, "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (ZIP, "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (ZIP, "pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    (ZIP, "odt", "application/vnd.oasis.opendocument.text"),
    (ZIP, "ods", "application/vnd.oasis.opendocument.spreadsheet"),
    (ZIP, "odp", "application/vnd.oasis.opendocument.presentation"),
];

/// Keeps the beginning of a file that passes by.
#[derive(Debug, Default)]
pub(crate) struct Sniffer {
    head: Vec<u8>,
}

/// What a file is by its content.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Sniffed {
    found: &'static str,
    extension: String,
}

impl Sniffer {
    /// Looks at the next bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let wanted = HEAD_BYTES.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(bytes.get(..wanted).unwrap_or_default());
    }

    /// Returns what the file is, whatever its name says.
    pub(crate) fn finish(self, file_name: &str) -> Sniffed {
        Sniffed { found: found(&self.head), extension: extension(file_name) }
    }
}

impl Sniffed {
    /// Returns the type to send it with. What would be run is a stream of bytes.
    pub(crate) fn content_type(&self) -> &'static str {
        let is_ours = |inside: &str, extension: &str| inside == self.found && extension == self.extension;
        match OFFICE.iter().find(|(inside, extension, _)| is_ours(inside, extension)) {
            Some((_, _, office)) => office,
            None if RUN.contains(&self.found) => OCTET_STREAM,
            None => self.found,
        }
    }

    /// Tells whether it is of one of these types.
    pub(crate) fn is_any_of(&self, types: &[String]) -> bool {
        types.iter().any(|refused| refused == self.found || refused == self.content_type())
    }

    /// Tells whether the name says something else than the content. A name whose ending says nothing never does.
    pub(crate) fn contradicts_name(&self) -> bool {
        match expected(&self.extension) {
            Some(expected) => !expected.contains(&self.found),
            None if is_text(&self.extension) => {
                ![PLAIN_TEXT, OCTET_STREAM, MARKUP, "text/x-script"].contains(&self.found)
            }
            None => false,
        }
    }
}

/// Returns what a file with this ending must be; nothing for endings that say nothing, or belong to text.
fn expected(extension: &str) -> Option<&'static [&'static str]> {
    Some(match extension {
        "pdf" => &["application/pdf"],
        "png" => &["image/png"],
        "jpg" | "jpeg" | "jpe" => &["image/jpeg"],
        "webp" => &["image/webp"],
        "gif" => &["image/gif"],
        "tif" | "tiff" => &["image/tiff"],
        "zip" | "jar" | "epub" => &[ZIP],
        // With a password, these are kept as their ancestors were.
        "docx" | "docm" | "xlsx" | "xlsm" | "pptx" | "pptm" | "odt" | "ods" | "odp" => &[ZIP, OLE],
        "doc" => &[OLE, RTF, ZIP],
        "xls" | "ppt" | "msg" | "msi" => &[OLE, ZIP],
        "rtf" => &[RTF],
        "7z" => &["application/x-7z-compressed"],
        "rar" => &["application/vnd.rar"],
        "gz" | "tgz" => &["application/gzip"],
        "bz2" => &["application/x-bzip2"],
        "xz" => &["application/x-xz"],
        "mp4" | "m4v" | "m4a" | "mov" | "heic" | "avif" => &[ISO_MEDIA],
        "webm" | "mkv" => &["video/webm"],
        "wav" => &["audio/wav"],
        "avi" => &["video/x-msvideo"],
        "flac" => &["audio/flac"],
        "ogg" => &["audio/ogg"],
        "exe" | "dll" => &["application/x-msdownload"],
        _ => return None,
    })
}

fn is_text(extension: &str) -> bool {
    let texts = ["txt", "csv", "md", "log", "json", "xml", "html", "htm", "svg", "css", "js", "yaml", "yml"];
    texts.contains(&extension)
}

fn found(head: &[u8]) -> &'static str {
    let begins = |(at, signature, _): &&(usize, &[u8], &str)| {
        head.get(*at..).is_some_and(|rest| rest.starts_with(signature)) && is_riff_where_it_must_be(head, *at)
    };
    if let Some((_, _, found)) = SIGNATURES.iter().find(begins) {
        return found;
    }
    if is_markup(head) {
        return MARKUP;
    }
    let start = head.get(..PDF_WITHIN_BYTES).unwrap_or(head);
    if start.windows(5).any(|five| five == b"%PDF-") {
        return "application/pdf";
    }
    if is_plain_text(head) { PLAIN_TEXT } else { OCTET_STREAM }
}

/// What is told by its ninth byte lies in a RIFF file.
fn is_riff_where_it_must_be(head: &[u8], at: usize) -> bool {
    at != 8 || head.starts_with(b"RIFF")
}

fn is_markup(head: &[u8]) -> bool {
    // Without zero bytes, UTF-16 reads as ASCII does.
    let text: Vec<u8> = head.iter().filter(|byte| **byte != 0).map(u8::to_ascii_lowercase).collect();
    MARKS.iter().any(|mark| text.windows(mark.len()).any(|window| window == mark.as_bytes()))
}

/// Tells text in UTF-8 from anything else.
fn is_plain_text(head: &[u8]) -> bool {
    let text = match str::from_utf8(head) {
        Ok(text) => text,
        // Only its end may be cut off.
        Err(error) if error.error_len().is_none() => {
            head.get(..error.valid_up_to()).and_then(|whole| str::from_utf8(whole).ok()).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sniffed(content: &[u8], name: &str) -> Sniffed {
        let mut sniffer = Sniffer::default();
        for piece in content.chunks(3) {
            sniffer.feed(piece);
        }
        sniffer.finish(name)
    }

    #[test]
    fn a_file_is_what_its_content_says_whatever_its_name() {
        let png: &[u8] = b"\x89PNG\r\n\x1a\nrest";
        let webp: &[u8] = b"RIFF\x01\0\0\0WEBPVP8 ";
        for (content, expected) in [
            (png, "image/png"),
            (webp, "image/webp"),
            (b"xxxxxxxxWEBP", "text/plain"),
            (b"%PDF-1.7", "application/pdf"),
            (b"junk\n%PDF-1.7", "application/pdf"),
            ("Grüße".as_bytes(), "text/plain"),
            (b"a\0b", "application/octet-stream"),
            (b"\xff\xfe\xfd", "application/octet-stream"),
        ] {
            assert_eq!(sniffed(content, "any").content_type(), expected, "{content:?}");
        }
    }

    #[test]
    fn what_a_browser_or_system_would_run_is_a_stream_of_bytes() {
        let utf16: Vec<u8> = "<svg onload=alert(1)>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let runs: [&[u8]; 9] = [
            b"<svg onload=alert(1)>",
            b"\xef\xbb\xbf<?xml version='1.0'?><html/>",
            b"text before <ScRiPt>alert(1)</script>",
            &utf16,
            b"<!DOCTYPE html>%PDF-1.7",
            b"MZ\x90\0",
            b"\x7fELF",
            b"#!/bin/sh",
            b"\xca\xfe\xba\xbe",
        ];
        for content in runs {
            assert_eq!(sniffed(content, "a.txt").content_type(), OCTET_STREAM, "{content:?}");
        }
    }

    #[test]
    fn a_name_that_says_something_else_is_found_out() {
        let zip: &[u8] = b"PK\x03\x04rest";
        for (content, name, contradicts) in [
            (zip, "a.pdf", true),
            (zip, "a.txt", true),
            (zip, "a.PDF", true),
            (zip, "a.zip", false),
            (zip, "a.docx", false),
            (zip, "a", false),
            (zip, "a.unheard-of", false),
            (b"%PDF-1.7", "a.pdf", false),
            (b"%PDF-1.7", "a.docx", true),
            (b"random", "a.pdf", true),
            (b"MZ\x90\0", "invoice.pdf", true),
            (b"MZ\x90\0", "a.exe", false),
            (b"<svg/>", "a.png", true),
            (b"<svg/>", "a.svg", false),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "secret.docx", false),
            ("Latin: \u{e4}".as_bytes(), "a.txt", false),
            (b"Latin: \xe4", "a.txt", false),
        ] {
            assert_eq!(sniffed(content, name).contradicts_name(), contradicts, "{name}: {content:?}");
        }
    }

    #[test]
    fn an_office_file_is_told_from_other_archives_by_its_name() {
        let zip = b"PK\x03\x04rest";
        assert_eq!(sniffed(zip, "a.zip").content_type(), ZIP);
        assert!(sniffed(zip, "a.docx").content_type().ends_with("wordprocessingml.document"));
        let ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
        assert_eq!(sniffed(ole, "a.xls").content_type(), "application/vnd.ms-excel");
        assert_eq!(sniffed(ole, "a.docx").content_type(), OLE);
    }

    #[test]
    fn a_refused_type_is_told_by_what_was_found_and_by_what_it_would_be_sent_as() {
        let refused = ["application/x-msdownload".to_owned(), ZIP.to_owned()];
        assert!(sniffed(b"MZ", "a").is_any_of(&refused));
        assert!(sniffed(b"PK\x03\x04", "a").is_any_of(&refused));
        assert!(!sniffed(b"text", "a").is_any_of(&refused));
    }
}
