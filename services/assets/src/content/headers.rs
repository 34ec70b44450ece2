//! How content is sent.
//!
//! Owns the headers that keep a browser from running anything: each answer is saved, or shown in a sandbox without
//! scripts, frames or an origin of its own.

use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Puts what every answer has, also a refusal.
pub(super) fn put_common(headers: &mut HeaderMap) {
    let fixed = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"),
        (CACHE_CONTROL, "private, no-store"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
}

/// Puts what belongs to a file. What is shown may be shown within the pages of another origin, the web client's.
pub(super) fn put_file(headers: &mut HeaderMap, content_type: &str, file_name: &str, is_inline: bool) {
    let content_type = if content_type == "text/plain" { "text/plain; charset=utf-8" } else { content_type };
    let octets = HeaderValue::from_static("application/octet-stream");
    headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap_or(octets));
    let saved = HeaderValue::from_static("attachment");
    let disposition = disposition(file_name, is_inline);
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_str(&disposition).unwrap_or(saved));
    let policy = if is_inline { "cross-origin" } else { "same-origin" };
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static(policy));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
}

/// Returns how a file is to be handled, with its name for old and for new programs (RFC 6266, RFC 8187).
fn disposition(file_name: &str, is_inline: bool) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || " .-_()".contains(c) { c } else { '_' };
    let simple: String = file_name.chars().map(plain).collect();
    let mut exact = String::new();
    for byte in file_name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            exact.push(char::from(byte));
        } else {
            exact.push_str(&format!("%{byte:02X}"));
        }
    }
    let handling = if is_inline { "inline" } else { "attachment" };
    format!("{handling}; filename=\"{simple}\"; filename*=UTF-8''{exact}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_out_of_its_header() {
        for (name, expected) in [
            ("a b.pdf", "attachment; filename=\"a b.pdf\"; filename*=UTF-8''a%20b.pdf"),
            ("März.pdf", "attachment; filename=\"M_rz.pdf\"; filename*=UTF-8''M%C3%A4rz.pdf"),
            ("a\"; x=\"b", "attachment; filename=\"a__ x__b\"; filename*=UTF-8''a%22%3B%20x%3D%22b"),
            (
                "a\r\nSet-Cookie: b",
                "attachment; filename=\"a__Set-Cookie_ b\"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20b",
            ),
            ("a%22.txt", "attachment; filename=\"a_22.txt\"; filename*=UTF-8''a%2522.txt"),
        ] {
            assert_eq!(disposition(name, false), expected, "{name:?}");
            assert!(HeaderValue::from_str(&disposition(&"ä".repeat(255), true)).is_ok());
        }
    }
}
