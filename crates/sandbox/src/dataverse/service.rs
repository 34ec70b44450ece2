//! Owns the way from a request to operations and back: reading the body, one lock, one commit.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode, Uri};

use super::body::References;
use super::gate::Caller;
use super::operate::{Context, Operation, Outcome, Prefer, operate};
use super::reply::ApiError;
use super::{Dataverse, ROOT, batch};
use crate::odata;
use crate::shelf::{Draft, Shelf};
use crate::world::{lock, now};

/// Answers one operation.
pub(super) async fn web_api(
    State(crm): State<Arc<Dataverse>>,
    Extension(Caller(user)): Extension<Caller>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let (path, query) = odata::below(&uri, ROOT);
    let operation = Operation { method, path: path.to_owned(), query: query.to_owned(), headers, body };
    let outcome = with_context(&crm, &user, |cx, shelf| {
        let mut draft = Draft::new(shelf);
        let outcome = operate(cx, &mut draft, &operation, &References::default())?;
        let changes = draft.into_changes();
        shelf.commit(changes).map_err(|error| ApiError::internal(&error))?;
        Ok(outcome)
    })?;
    Ok(respond(outcome))
}

/// Answers a batch.
pub(super) async fn batch(
    State(crm): State<Arc<Dataverse>>,
    Extension(Caller(user)): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let go_on = Prefer::of(&headers).continue_on_error;
    let answer = with_context(&crm, &user, |cx, shelf| batch::run(cx, shelf, kind, &body, go_on))?;
    let status = answer.failed.map_or(StatusCode::OK, |error| error.status);
    let kind = format!("multipart/mixed; boundary={}", answer.boundary);
    Ok((status, [(CONTENT_TYPE, kind)], answer.body).into_response())
}

fn with_context<T>(
    crm: &Dataverse,
    user: &str,
    work: impl FnOnce(&Context<'_>, &mut Shelf) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let settings = lock(&crm.settings).clone();
    let base = format!("{}{ROOT}", crm.address);
    let mut shelf = lock(&crm.shelf);
    let version = u64::try_from(now().timestamp_micros()).unwrap_or_default();
    work(&Context { base: &base, user, settings: &settings, version }, &mut shelf)
}

fn respond(outcome: Outcome) -> Response {
    let mut response = match outcome.body {
        Some(body) => {
            let kind = "application/json; odata.metadata=minimal";
            (outcome.status, [(CONTENT_TYPE, kind)], Body::from(body.to_string())).into_response()
        }
        None => outcome.status.into_response(),
    };
    for (name, value) in outcome.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
