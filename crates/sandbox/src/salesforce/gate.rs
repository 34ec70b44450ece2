//! Owns what every call passes: scripted failures, the count of calls, the session and the quota.
//!
//! Knows nothing of what a call does.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::{Json, RequestExt as _};
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

use super::Salesforce;
use super::reply::ApiError;
use crate::watch::Failure;
use crate::world::now;

/// The versions of the REST API that are known.
pub(super) const VERSIONS: std::ops::RangeInclusive<u32> = 60..=70;

/// Passes every call: failures before and after the effect, then the count.
pub(super) async fn every(State(org): State<Arc<Salesforce>>, request: Request, next: Next) -> Response {
    let rest = request.uri().path().starts_with("/services/data/");
    let mut response = org.watch.pass(request, next, rest, failed).await;
    if rest {
        let settings = org.current_settings();
        let usage = format!("api-usage={}/{}", settings.calls_used, settings.daily_quota);
        if let Ok(usage) = HeaderValue::from_str(&usage) {
            response.headers_mut().insert(HeaderName::from_static("sforce-limit-info"), usage);
        }
    }
    response
}

fn failed(failure: &Failure<'_>) -> Response {
    let Failure { status, code, message, path } = *failure;
    if path.starts_with("/services/oauth2/") {
        let code = code.unwrap_or("invalid_grant");
        return (status, Json(json!({"error": code, "error_description": message}))).into_response();
    }
    let usual = if status.is_server_error() { "SERVER_UNAVAILABLE" } else { "UNKNOWN_EXCEPTION" };
    ApiError::new(status, code.unwrap_or(usual), message).into_response()
}

/// Passes the calls of the REST API: a known version, a session that holds, and quota left.
pub(super) async fn rest(
    State(org): State<Arc<Salesforce>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let path =
        request.extract_parts::<axum::extract::RawPathParams>().await.map_err(|_| ApiError::no_resource())?;
    let version = path.iter().find(|(name, _)| *name == "version").map(|(_, value)| value.to_owned());
    if !version.as_deref().is_some_and(is_version) {
        return Err(ApiError::no_resource());
    }
    check_session(&org, request.headers())?;
    {
        let mut settings = org.settings();
        if settings.calls_used >= settings.daily_quota {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "REQUEST_LIMIT_EXCEEDED",
                "TotalRequests Limit exceeded.",
            ));
        }
        settings.calls_used += 1;
    }
    Ok(next.run(request).await)
}

fn is_version(text: &str) -> bool {
    text.strip_prefix('v')
        .and_then(|text| text.strip_suffix(".0"))
        .and_then(|number| number.parse().ok())
        .is_some_and(|number| VERSIONS.contains(&number))
}

/// Refuses a call whose bearer token is not that of a session that holds.
pub(super) fn check_session(org: &Salesforce, headers: &HeaderMap) -> Result<(), ApiError> {
    let token = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    let book = org.book();
    let session = token.and_then(|token| book.sessions.get(token));
    if session.is_some_and(|session| session.expires_at > now()) {
        Ok(())
    } else {
        Err(ApiError::no_session())
    }
}
