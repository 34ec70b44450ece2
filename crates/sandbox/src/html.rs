//! Owns how the sandbox's pages look: escaping, the frame around each page and its headers.
//!
//! Knows nothing of what the pages show.

use std::fmt;

use axum::response::{Html, IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY};

const STYLE: &str = "
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--accent:#2463c7}
@media(prefers-color-scheme:dark){:root{--accent:#8ab4f8}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:0 auto;padding:1rem 1rem 4rem}
header{display:flex;gap:1.25rem;align-items:baseline;border-bottom:1px solid var(--line);padding-bottom:.6rem;margin-bottom:1.2rem}
header b{font-size:1.05rem}a{color:var(--accent);text-decoration:none}a:hover{text-decoration:underline}
h1{font-size:1.4rem;margin:.4rem 0 1rem;overflow-wrap:anywhere}h2{font-size:1.05rem;margin:1.6rem 0 .5rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th{font-weight:600;white-space:nowrap}tr:hover td{background:var(--soft)}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--soft);padding:.8rem;border-radius:.4rem;font-size:.9rem}
iframe{width:100%;height:36rem;border:1px solid var(--line);border-radius:.4rem;background:#fff}
.muted{opacity:.7;font-size:.9rem}button,input{font:inherit;padding:.35rem .8rem;border:1px solid var(--line);border-radius:.35rem}
button.main{background:#2463c7;color:#fff;border-color:#2463c7}form.row{display:flex;gap:.5rem;margin-bottom:1rem}
.card{border:1px solid var(--line);border-radius:.5rem;padding:1rem 1.2rem;margin:0 0 1rem}
";

/// Text that is escaped when written, for element content and quoted attributes alike.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                '\'' => out.write_str("&#39;")?,
                other => fmt::Write::write_char(out, other)?,
            }
        }
        Ok(())
    }
}

/// One page; the body is HTML and must have been escaped by whoever wrote it.
pub(crate) struct Page<'a> {
    /// The title, escaped here.
    pub(crate) title: &'a str,
    /// The body, as HTML.
    pub(crate) body: &'a str,
    /// After how many seconds the browser asks again.
    pub(crate) refresh_seconds: Option<u32>,
    /// Where a form of this page may lead to beside the sandbox, as an origin.
    pub(crate) form_origin: Option<&'a str>,
}

impl<'a> Page<'a> {
    /// A page that neither refreshes nor leads elsewhere.
    pub(crate) fn new(title: &'a str, body: &'a str) -> Self {
        Self { title, body, refresh_seconds: None, form_origin: None }
    }
}

impl IntoResponse for Page<'_> {
    fn into_response(self) -> Response {
        let refresh = self
            .refresh_seconds
            .map(|seconds| format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">"))
            .unwrap_or_default();
        let document = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\">{refresh}\
             <title>{title}</title><style>{STYLE}</style></head><body>{body}</body></html>",
            title = Escaped(self.title),
            body = self.body,
        );
        let mut response = Html(document).into_response();
        let policy = format!(
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
             frame-ancestors 'none'; form-action 'self' {}",
            self.form_origin.unwrap_or_default()
        );
        secure(&mut response, &policy);
        response
    }
}

/// Sets the content security policy and the headers that go with it.
pub(crate) fn secure(response: &mut Response, policy: &str) {
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    } else {
        // Cannot be written as a header: allow nothing rather than everything.
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
    }
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaping_leaves_no_character_that_can_open_a_tag_or_end_an_attribute() {
        assert_eq!(Escaped("<a b='\"&\">").to_string(), "&lt;a b=&#39;&quot;&amp;&quot;&gt;");
    }
}
