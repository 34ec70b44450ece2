//! What stands before and behind every page.
//!
//! Owns refusing unsafe requests that do not come from our own pages, the headers that keep a browser from running or
//! fetching what is not ours, knowing the visitor, and drawing the page of a failure. Must not know a page but that one.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ORIGIN, REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::Web;
use crate::cookie;
use crate::failure::{Failure, Reason};
use crate::session::Session;
use crate::visitor::Visitor;

const SEC_FETCH_SITE: &str = "sec-fetch-site";
/// The one unsafe address that mail programs call: it carries its own token (RFC 8058).
pub(crate) const ONE_CLICK: &str = "/v1/unsubscribe";

/// Puts the headers that every answer has.
pub(crate) async fn harden(State(web): State<Web>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        // Not `no-referrer`: with it browsers say `Origin: null` for our own forms.
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=()",
        ),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(CONTENT_SECURITY_POLICY, web.policy.clone());
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    }
    response
}

/// Returns the policy: nothing inline, nothing from anywhere else but pictures from where files are kept.
pub(crate) fn policy(content_origins: &[String]) -> anyhow::Result<HeaderValue> {
    let pictures = content_origins.join(" ");
    let text = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' {pictures}; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    Ok(HeaderValue::from_str(&text)?)
}

/// Refuses what another site had the browser send.
pub(crate) async fn same_origin(State(web): State<Web>, request: Request, next: Next) -> Response {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if is_safe || request.uri().path() == ONE_CLICK || is_ours(request.headers(), &web.origins) {
        return next.run(request).await;
    }
    (StatusCode::FORBIDDEN, Failure::Own(Reason::ForeignForm)).into_response()
}

/// A browser names the page's origin with every unsafe request; one that does not at least says where the page was from.
fn is_ours(headers: &HeaderMap, origins: &[String]) -> bool {
    match headers.get(ORIGIN) {
        Some(origin) => origins.iter().any(|ours| origin.as_bytes() == ours.as_bytes()),
        None => headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "same-origin"),
    }
}

/// Tells whether a request may count as the person's own doing: not one that another site led to.
pub(crate) fn is_from_our_page(headers: &HeaderMap) -> bool {
    headers.get(SEC_FETCH_SITE).is_none_or(|site| site == "same-origin" || site == "none")
}

/// Finds out who asks, keeps their tokens fresh, and draws the page of whatever fails.
pub(crate) async fn know_visitor(State(web): State<Web>, mut request: Request, next: Next) -> Response {
    let network = network(&request, web.trusted_proxies);
    let kept: Option<Session> = cookie::SESSION.open(&web.sealer, request.headers());
    let had_cookie = cookie::SESSION.find(request.headers()).is_some();
    let is_stale = kept.as_ref().is_some_and(|session| session.is_stale(web.now()));
    let session = match kept {
        Some(session) if is_stale => web.refresher.refresh(session, &network).await,
        other => Ok(other),
    };
    let address = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let headers = request.headers().clone();
    let (session, failed) = match session {
        Ok(session) => (session, None),
        Err(status) => (None, Some(Failure::Status(status))),
    };
    let visitor = Visitor::new(web.clone(), session.clone(), (address, network), headers);
    request.extensions_mut().insert(visitor.clone());
    let mut response = match &failed {
        None => next.run(request).await,
        Some(failure) => failure.clone().into_response(),
    };
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        response = failure.page(&visitor, response.status());
    }
    let cookie = match &session {
        Some(session) if is_stale => cookie::SESSION.seal(&web.sealer, session).ok(),
        None if had_cookie && failed.is_none() => Some(cookie::SESSION.forget()),
        _ => None,
    };
    // What a page has set wins: it may have signed somebody in, or out.
    let is_set = |value: &HeaderValue| value.as_bytes().starts_with(cookie::SESSION.name.as_bytes());
    if let Some(cookie) = cookie
        && !response.headers().get_all(SET_COOKIE).iter().any(is_set)
    {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// The browser's address: whom the farthest of our own proxies was called by, else who called us. Each proxy adds its
/// caller at the end, and what a browser wrote itself stands before those.
fn network(request: &Request, trusted_proxies: usize) -> String {
    let lists = request.headers().get_all("x-forwarded-for");
    let entries: Vec<&str> =
        lists.iter().filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(',')).collect();
    let place = entries.len().checked_sub(trusted_proxies).filter(|_| trusted_proxies > 0);
    let told =
        place.and_then(|place| entries.get(place)).and_then(|entry| entry.trim().parse::<IpAddr>().ok());
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    told.or(peer).map(|address| address.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))])
    }

    #[test]
    fn a_form_counts_as_ours_only_from_our_own_origin() {
        let ours = ["https://rooms.example".to_owned()];
        assert!(is_ours(&headers("origin", "https://rooms.example"), &ours));
        assert!(is_ours(&headers(SEC_FETCH_SITE, "same-origin"), &ours));
        for foreign in ["https://evil.example", "null", "http://rooms.example", "https://rooms.example.evil"]
        {
            assert!(!is_ours(&headers("origin", foreign), &ours), "{foreign}");
        }
        for foreign in ["cross-site", "same-site", "none"] {
            assert!(!is_ours(&headers(SEC_FETCH_SITE, foreign), &ours), "{foreign}");
        }
        assert!(!is_ours(&HeaderMap::new(), &ours));
    }

    #[test]
    fn a_browsers_address_is_what_our_own_proxies_say_and_never_what_it_says_itself() {
        let seen = |told: &str, trusted: usize| {
            let mut request = Request::new(axum::body::Body::empty());
            request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([10, 0, 0, 9], 4_711))));
            if !told.is_empty() {
                request.headers_mut().insert("x-forwarded-for", told.parse().unwrap());
            }
            network(&request, trusted)
        };
        assert_eq!(seen("", 0), "10.0.0.9");
        assert_eq!(seen("1.1.1.1", 0), "10.0.0.9");
        assert_eq!(seen("1.1.1.1, 203.0.113.7", 1), "203.0.113.7");
        assert_eq!(seen("1.1.1.1, 203.0.113.7, 198.51.100.1", 2), "203.0.113.7");
        assert_eq!(seen("203.0.113.7", 2), "10.0.0.9");
        assert_eq!(seen("nonsense", 1), "10.0.0.9");
    }
}
