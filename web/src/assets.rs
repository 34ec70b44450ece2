//! The files that pages are drawn with: one stylesheet, one script, one icon.
//!
//! Owns serving them from the binary under addresses that change with their content, so that browsers keep them for good.

use std::sync::OnceLock;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ring::digest::{SHA256, digest};

use crate::theme;

const CSS: &str = include_str!("../assets/app.css");
const JS: &str = include_str!("../assets/app.js");
const ICON: &str = include_str!("../assets/icon.svg");
/// What is under an address that names its content never changes.
pub(crate) const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Where the stylesheet is.
pub(crate) fn css_path() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| format!("/static/{}.css", fingerprint(CSS)))
}

/// Where the script is.
pub(crate) fn js_path() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| format!("/static/{}.js", fingerprint(JS)))
}

fn fingerprint(content: &str) -> String {
    let hash = digest(&SHA256, content.as_bytes());
    hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Returns what is served as it is.
pub(crate) fn routes() -> Router {
    Router::new()
        .route(css_path(), get(async || file(CSS, "text/css; charset=utf-8")))
        .route(js_path(), get(async || file(JS, "text/javascript; charset=utf-8")))
        .route("/static/icon.svg", get(async || file(ICON, "image/svg+xml")))
        .route("/static/theme.css", get(theme::stylesheet))
}

fn file(content: &'static str, content_type: &'static str) -> Response {
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(content_type)), (CACHE_CONTROL, FOR_GOOD)];
    (headers, content).into_response()
}
