//! Owns what every call passes: scripted failures, the count, the access token, and service protection.
//!
//! Knows nothing of what a call does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use axum::Json;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use super::reply::ApiError;
use super::seed::APP_USER;
use super::{Dataverse, ROOT, TENANT, TOKENS};
use crate::watch::Failure;
use crate::world::{lock, now};

/// Why a call does not pass.
enum Refused {
    /// 401 without a body that tells where tokens come from.
    Token,
    /// 403: the user is not there.
    User,
    /// 429, with the seconds to wait.
    Limit(&'static str, String, u64),
}

impl Refused {
    fn answer(self, crm: &Dataverse) -> Response {
        match self {
            Self::Token => unauthorized(crm),
            Self::User => {
                let message = "The user is not a member of the organization.";
                ApiError::new(StatusCode::FORBIDDEN, "0x80072560", message).into_response()
            }
            Self::Limit(code, message, seconds) => {
                let mut response =
                    ApiError::new(StatusCode::TOO_MANY_REQUESTS, code, message).into_response();
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
                response
            }
        }
    }
}

/// Who calls, once the token was checked.
#[derive(Clone)]
pub(super) struct Caller(pub(super) String);

/// Passes every call: failures before and after the effect, then the count.
pub(super) async fn every(State(crm): State<Arc<Dataverse>>, request: Request, next: Next) -> Response {
    let ordinary = request.uri().path().starts_with(ROOT);
    crm.under_way.fetch_add(1, Ordering::Relaxed);
    let _under_way = UnderWay(&crm.under_way);
    crm.watch.pass(request, next, ordinary, failed).await
}

fn failed(failure: &Failure<'_>) -> Response {
    if failure.path.starts_with(ROOT) {
        return ApiError::new(failure.status, failure.code.unwrap_or("0x80040216"), failure.message)
            .into_response();
    }
    let error = failure.code.unwrap_or("temporarily_unavailable");
    (failure.status, Json(json!({"error": error, "error_description": failure.message}))).into_response()
}

/// Counts a call down when it ends.
struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Passes the calls of the Web API: a token that holds, a user that is there, and no limit exceeded.
pub(super) async fn web_api(State(crm): State<Arc<Dataverse>>, mut request: Request, next: Next) -> Response {
    let passed = caller(&crm, request.headers()).and_then(|user| Ok((protect(&crm, &user)?, user)));
    let (left, user) = match passed {
        Ok(passed) => passed,
        Err(refused) => return refused.answer(&crm),
    };
    request.extensions_mut().insert(Caller(user));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("odata-version"), HeaderValue::from_static("4.0"));
    let burst = HeaderName::from_static("x-ms-ratelimit-burst-remaining-xrm-requests");
    headers.insert(burst, HeaderValue::from(left));
    response
}

fn caller(crm: &Dataverse, headers: &HeaderMap) -> Result<String, Refused> {
    let token = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    let shelf = lock(&crm.shelf);
    let row = token.and_then(|token| shelf.get(TOKENS, token));
    let text = |name: &str| row.and_then(|row| row.get(name)).and_then(Value::as_str);
    let expires_at = text("expires_at").and_then(|at| at.parse::<DateTime<Utc>>().ok());
    let Some(user) = text("user").filter(|_| expires_at.is_some_and(|at| at > now())) else {
        return Err(Refused::Token);
    };
    if user == APP_USER && !lock(&crm.settings).app_user {
        return Err(Refused::User);
    }
    Ok(user.to_owned())
}

/// The 401 without a body that tells where tokens come from.
fn unauthorized(crm: &Dataverse) -> Response {
    let mut response = StatusCode::UNAUTHORIZED.into_response();
    let text =
        format!("Bearer authorization_uri={0}/{TENANT}/oauth2/authorize, resource_id={0}/", crm.address);
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    response
}

/// Applies the service protection limits of a user.
fn protect(crm: &Dataverse, user: &str) -> Result<usize, Refused> {
    let settings = lock(&crm.settings).clone();
    if crm.under_way.load(Ordering::Relaxed) > settings.concurrency_limit {
        let message =
            format!("Number of concurrent requests exceeded the limit of {}.", settings.concurrency_limit);
        return Err(Refused::Limit("0x80072326", message, 1));
    }
    let mut limits = lock(&crm.limits);
    let limit = limits.entry(user.to_owned()).or_insert_with(|| settings.limit());
    limit.count(Instant::now()).map_err(|seconds| {
        let message = format!(
            "Number of requests exceeded the limit of {} over time window of {} seconds.",
            settings.request_limit, settings.window_seconds
        );
        Refused::Limit("0x80072322", message, seconds)
    })
}
