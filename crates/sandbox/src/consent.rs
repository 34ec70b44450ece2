//! Owns what the pages have in common on which an admin of a CRM allows an app, and who may be sent back to.
//!
//! Nobody types a password there: the org has one user, who is signed in already. Which app asks and what it
//! gets is the CRM's business.

use std::fmt::Write as _;
use std::net::IpAddr;

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::{HeaderValue, LOCATION};
use url::{Host, Url};

use crate::html::{Escaped, Page};

/// What a page asks.
pub(crate) struct Ask<'a> {
    pub(crate) crm: &'a str,
    pub(crate) client: &'a str,
    pub(crate) user: &'a str,
    pub(crate) scope: &'a str,
    /// Where the form goes.
    pub(crate) action: &'a str,
    /// What the form carries along.
    pub(crate) fields: &'a [(&'a str, Option<&'a String>)],
}

impl Ask<'_> {
    /// Writes the page; its form may lead to where `redirect` is.
    pub(crate) fn page(&self, redirect: &Url) -> Response {
        let mut body = format!(
            "<header><b>{}</b></header><div class=\"card\"><h1>Allow access?</h1>\
             <p><b>{}</b> asks to act as <b>{}</b>.</p><p class=\"muted\">Scope: {}</p>\
             <form method=\"post\" action=\"{}\">",
            Escaped(self.crm),
            Escaped(self.client),
            Escaped(self.user),
            Escaped(self.scope),
            Escaped(self.action)
        );
        for (name, value) in self.fields {
            if let Some(value) = value {
                let value = Escaped(value);
                // Writing to a String cannot fail.
                let _ = write!(body, "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
            }
        }
        body.push_str(
            "<button class=\"main\" name=\"decision\" value=\"allow\">Allow</button> \
             <button name=\"decision\" value=\"deny\">Deny</button></form></div>",
        );
        // Browsers hold a form's redirects against form-action too.
        let origin = redirect.origin().ascii_serialization();
        Page { form_origin: Some(&origin), ..Page::new("Allow access?", &body) }.into_response()
    }
}

/// Tells whether an address stays on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    };
    local && matches!(url.scheme(), "http" | "https") && url.fragment().is_none()
}

/// The page for an app that cannot be sent back.
pub(crate) fn refused(error: &str) -> Response {
    let body = format!("<h1>The app was refused</h1><p>error={}</p>", Escaped(error));
    (StatusCode::BAD_REQUEST, Page::new("Refused", &body)).into_response()
}

/// Sends a browser back to the app, with what it shall know.
pub(crate) fn send_back(mut redirect: Url, state: Option<&str>, parameters: &[(&str, &str)]) -> Response {
    redirect.query_pairs_mut().extend_pairs(parameters);
    if let Some(state) = state {
        redirect.query_pairs_mut().append_pair("state", state);
    }
    match HeaderValue::from_str(redirect.as_str()) {
        Ok(location) => (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response(),
        Err(_) => refused("redirect_uri_mismatch"),
    }
}
