//! What stands before and behind every page.
//!
//! Owns refusing unsafe requests that do not come from our own pages, the headers that keep a browser from running or
//! fetching what is not ours, knowing the visitor, and drawing the page of a failure. Must not know a page but that one.

use std::net::SocketAddr;

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
    let network = network(&request);
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

/// What proxies before us said of the browser's network, and who called us; the services believe as much as they are told to.
fn network(request: &Request) -> String {
    let peer =
        request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_string());
    let told =
        request.headers().get("x-forwarded-for").and_then(|told| told.to_str().ok()).map(str::to_owned);
    told.into_iter().chain(peer).collect::<Vec<_>>().join(", ")
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
}
