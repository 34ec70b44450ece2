//! Owns what every call passes: scripted failures, the count, who calls, CSRF and the limit of calls.
//!
//! Knows nothing of what a call does.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use http::header::{
    AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, SET_COOKIE,
    WWW_AUTHENTICATE,
};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::reply::ApiError;
use super::{C4c, PASSWORD, ROOT, SESSIONS, TOKENS, USER};
use crate::shelf::{Change, Row};
use crate::watch::Failure;
use crate::world::{lock, now, token};

const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");
const COOKIE_NAME: &str = "SAP_SESSIONID_SBX_100";
/// How long a session lasts.
const SESSION_LIFE: TimeDelta = TimeDelta::minutes(30);

/// How somebody came in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Name and password: writes need a CSRF token.
    Basic,
    /// A token: they do not.
    Bearer,
}

/// Passes every call: failures before and after the effect, then the count.
pub(super) async fn every(State(crm): State<Arc<C4c>>, request: Request, next: Next) -> Response {
    let ordinary = request.uri().path().starts_with(ROOT);
    crm.watch.pass(request, next, ordinary, failed).await
}

fn failed(failure: &Failure<'_>) -> Response {
    if failure.path.starts_with(ROOT) {
        let body = json!({"error": {"code": failure.code.unwrap_or("OData/500"),
            "message": {"lang": "en", "value": failure.message}}});
        return (failure.status, Json(body)).into_response();
    }
    let error = failure.code.unwrap_or("temporarily_unavailable");
    (failure.status, Json(json!({"error": error, "error_description": failure.message}))).into_response()
}

/// Passes the calls of the OData service.
pub(super) async fn service(State(crm): State<Arc<C4c>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let Some(way) = way(&crm, headers) else {
        return unauthorized();
    };
    if let Some(seconds) = over_limit(&crm) {
        let message = "Too many requests. Try again later.";
        let mut response = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "OData/429", message).answer(true);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        return response;
    }
    let asked = headers.get(&CSRF).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let fetches = asked.as_deref().is_some_and(|asked| asked.eq_ignore_ascii_case("fetch"));
    let technical = lock(&crm.settings).technical_user;
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let session = session(&crm, headers);
    if reads {
        if fetches && technical {
            let message = "CSRF tokens are not for technical users";
            return ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "OData/500", message).answer(true);
        }
        let mut response = next.run(request).await;
        if fetches && way == Way::Basic && response.status().is_success() {
            hand_out(&crm, session, &mut response);
        }
        return response;
    }
    let right = session.is_some_and(|(_, token)| asked.as_ref() == Some(&token));
    if way == Way::Basic && !technical && !right {
        let refused = [(CSRF, "Required"), (CONTENT_TYPE, "text/plain")];
        return (StatusCode::FORBIDDEN, refused, "CSRF token validation failed").into_response();
    }
    next.run(request).await
}

fn unauthorized() -> Response {
    let headers =
        [(WWW_AUTHENTICATE, "Basic realm=\"SAP NetWeaver Application Server\""), (CONTENT_TYPE, "text/html")];
    let body = "<html><head><title>Logon failed</title></head><body>Logon failed</body></html>";
    (StatusCode::UNAUTHORIZED, headers, body).into_response()
}

fn over_limit(crm: &C4c) -> Option<u64> {
    lock(&crm.limit).as_mut().and_then(|limit| limit.count(Instant::now()).err())
}

/// Checks the user and password of a Basic header against those expected.
pub(super) fn is_basic(headers: &HeaderMap, user: &str, password: &str) -> bool {
    let given = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, given)| STANDARD.decode(given.trim()).ok());
    given.is_some_and(|given| given == format!("{user}:{password}").as_bytes())
}

fn way(crm: &C4c, headers: &HeaderMap) -> Option<Way> {
    if is_basic(headers, USER, PASSWORD) {
        return Some(Way::Basic);
    }
    let token = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?.trim();
    let shelf = lock(&crm.shelf);
    holds(shelf.get(TOKENS, token)?).then_some(Way::Bearer)
}

fn holds(row: &Row) -> bool {
    let at = row.get("expires_at").and_then(Value::as_str).and_then(|at| at.parse::<DateTime<Utc>>().ok());
    at.is_some_and(|at| at > now())
}

/// The session of a request's cookie, with its CSRF token.
fn session(crm: &C4c, headers: &HeaderMap) -> Option<(String, String)> {
    let shelf = lock(&crm.shelf);
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut ids = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == COOKIE_NAME).then_some(value)
    });
    ids.find_map(|id| {
        let row = shelf.get(SESSIONS, id).filter(|row| holds(row))?;
        Some((id.to_owned(), row.get("token")?.as_str()?.to_owned()))
    })
}

/// Tells the CSRF token of the session, or of a new one with its cookie.
fn hand_out(crm: &C4c, session: Option<(String, String)>, response: &mut Response) {
    let (cookie, csrf) = match session {
        Some((_, csrf)) => (None, csrf),
        None => {
            let (Ok(id), Ok(csrf)) = (token(24), token(16)) else {
                *response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
                return;
            };
            let mut row = Row::new();
            row.insert("token".to_owned(), json!(csrf));
            row.insert("expires_at".to_owned(), json!(now() + SESSION_LIFE));
            if let Err(error) = lock(&crm.shelf).commit(vec![Change::put(SESSIONS, &id, row)]) {
                *response = ApiError::internal(&error).answer(true);
                return;
            }
            (Some(format!("{COOKIE_NAME}={id}; path=/; HttpOnly")), csrf)
        }
    };
    let headers = response.headers_mut();
    if let Ok(csrf) = HeaderValue::from_str(&csrf) {
        headers.insert(CSRF, csrf);
    }
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok()) {
        headers.append(SET_COOKIE, cookie);
    }
}
