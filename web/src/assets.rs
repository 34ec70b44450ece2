//! The files that pages are drawn with: one stylesheet, one script for all pages and one for those of a space, one icon.
//!
//! Owns serving them from the binary under addresses that change with their content, so that browsers keep them for good,
//! and packed where the browser unpacks. Pages are not packed: what somebody else had written into one beside what is secret
//! could be told from their length.

use std::io::Write;
use std::sync::LazyLock;

use axum::Router;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use ring::digest::{SHA256, digest};

use crate::theme;

/// What is under an address that names its content never changes.
pub(crate) const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

static CSS: LazyLock<Kept> =
    LazyLock::new(|| Kept::new(include_str!("../assets/app.css"), ("css", "text/css; charset=utf-8")));
static JS: LazyLock<Kept> =
    LazyLock::new(|| Kept::new(include_str!("../assets/app.js"), ("js", "text/javascript; charset=utf-8")));
static ROOM_JS: LazyLock<Kept> =
    LazyLock::new(|| Kept::new(include_str!("../assets/room.js"), ("js", "text/javascript; charset=utf-8")));
const ICON: &str = include_str!("../assets/icon.svg");

/// A file as it is kept.
struct Kept {
    path: String,
    content_type: HeaderValue,
    plain: &'static str,
    /// The same as gzip; nothing where it could not be packed.
    packed: Option<Vec<u8>>,
}

impl Kept {
    fn new(plain: &'static str, (ending, content_type): (&str, &'static str)) -> Self {
        Self {
            path: format!("/static/{}.{ending}", fingerprint(plain)),
            content_type: HeaderValue::from_static(content_type),
            plain,
            packed: packed(plain).ok(),
        }
    }

    fn answer(&'static self, asked: &HeaderMap) -> Response {
        let headers = [
            (CONTENT_TYPE, self.content_type.clone()),
            (CACHE_CONTROL, FOR_GOOD),
            (VARY, HeaderValue::from_static("accept-encoding")),
        ];
        match self.packed.as_deref().filter(|_| unpacks(asked)) {
            Some(packed) => {
                let encoding = [(CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
                (headers, encoding, packed).into_response()
            }
            None => (headers, self.plain).into_response(),
        }
    }
}

/// Whether the browser takes gzip.
fn unpacks(asked: &HeaderMap) -> bool {
    let accepted = asked.get(ACCEPT_ENCODING).and_then(|header| header.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next() == Some("gzip") && parts.all(|part| !matches!(part, "q=0" | "q=0.0" | "q=0.00"))
    })
}

fn packed(plain: &str) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain.as_bytes())?;
    encoder.finish()
}

/// Where the stylesheet is.
pub(crate) fn css_path() -> &'static str {
    &CSS.path
}

/// Where the script is.
pub(crate) fn js_path() -> &'static str {
    &JS.path
}

/// Where the script of a space's pages is.
pub(crate) fn room_js_path() -> &'static str {
    &ROOM_JS.path
}

fn fingerprint(content: &str) -> String {
    let hash = digest(&SHA256, content.as_bytes());
    hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Returns what is served as it is.
pub(crate) fn routes() -> Router {
    Router::new()
        .route(css_path(), get(async |headers: HeaderMap| CSS.answer(&headers)))
        .route(js_path(), get(async |headers: HeaderMap| JS.answer(&headers)))
        .route(room_js_path(), get(async |headers: HeaderMap| ROOM_JS.answer(&headers)))
        .route("/static/icon.svg", get(async || icon()))
        .route("/static/theme.css", get(theme::stylesheet))
}

fn icon() -> Response {
    let icon_type = HeaderValue::from_static("image/svg+xml");
    ([(CONTENT_TYPE, icon_type), (CACHE_CONTROL, FOR_GOOD)], ICON).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a browser fetches at most before it can draw a page and follow it with all scripts.
    const MOST: usize = 40_000;

    #[test]
    fn stylesheet_and_scripts_together_are_at_most_40_kb_packed() {
        let sizes = [&CSS, &JS, &ROOM_JS].map(|kept| kept.packed.as_ref().unwrap().len());
        assert!(sizes.iter().sum::<usize>() <= MOST, "{sizes:?}");
    }

    #[test]
    fn a_file_is_packed_for_those_that_unpack_it_and_as_it_is_for_others() {
        let asked = |accepted: &'static str| {
            HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accepted))])
        };
        let packed = CSS.answer(&asked("br, gzip;q=0.8"));
        assert_eq!(packed.headers()[CONTENT_ENCODING], "gzip");
        assert_eq!(packed.headers()[VARY], "accept-encoding");
        for plain in [HeaderMap::new(), asked("br"), asked("gzip;q=0")] {
            assert!(!CSS.answer(&plain).headers().contains_key(CONTENT_ENCODING), "{plain:?}");
        }
    }
}
