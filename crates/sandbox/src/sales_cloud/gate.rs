//! Owns what every call passes: scripted failures, the count, the user and the limits.
//!
//! Knows nothing of what a call does. There is no CSRF here.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};

use super::reply::ApiError;
use super::{PASSWORD, ROOT, SalesCloud, USER};
use crate::watch::Failure;
use crate::world::lock;

/// How long to wait once the calls of a day are used up.
const TOMORROW_SECONDS: u64 = 3_600;

/// Passes every call: failures before and after the effect, then the count.
pub(super) async fn every(State(crm): State<Arc<SalesCloud>>, request: Request, next: Next) -> Response {
    let ordinary = request.uri().path().starts_with(ROOT);
    crm.watch.pass(request, next, ordinary, failed).await
}

fn failed(failure: &Failure<'_>) -> Response {
    ApiError::new(failure.status, failure.code.unwrap_or("failed"), failure.message).into_response()
}

/// Passes the calls of the API.
pub(super) async fn api(State(crm): State<Arc<SalesCloud>>, request: Request, next: Next) -> Response {
    if !is_user(request.headers()) || lock(&crm.settings).locked {
        let mut response =
            ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", "Unauthorized").into_response();
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
        return response;
    }
    if let Some(seconds) = refused_for(&crm) {
        let message = "Too many requests";
        let mut response =
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message).into_response();
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        return response;
    }
    next.run(request).await
}

fn is_user(headers: &HeaderMap) -> bool {
    let given = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, given)| STANDARD.decode(given.trim()).ok());
    given.is_some_and(|given| given == format!("{USER}:{PASSWORD}").as_bytes())
}

/// Counts a call; for how many seconds calls are refused, if they are.
fn refused_for(crm: &SalesCloud) -> Option<u64> {
    if let Some(seconds) = lock(&crm.limit).as_mut().and_then(|limit| limit.count(Instant::now()).err()) {
        return Some(seconds);
    }
    let mut settings = lock(&crm.settings);
    if settings.daily_quota == 0 {
        return Some(TOMORROW_SECONDS);
    }
    settings.daily_quota -= 1;
    None
}
