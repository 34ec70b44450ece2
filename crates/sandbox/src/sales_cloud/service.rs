//! Owns the calls: lists, single records, creating, and changing with an ETag.

use std::cmp::Ordering;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MATCH};
use http::{StatusCode, Uri};
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::reply::ApiError;
use super::schema::{COLLECTIONS, Collection};
use super::{SalesCloud, body};
use crate::odata::{Dialect, Options, Wildcards, parse};
use crate::shelf::{Change, Row};
use crate::world::lock;

fn collection(service: &str, name: &str) -> Result<&'static Collection, ApiError> {
    let mut known = COLLECTIONS.iter();
    known.find(|known| known.service == service && known.name == name).ok_or_else(ApiError::not_found)
}

/// The ETag of a record.
fn etag(row: &Row) -> String {
    let hash = digest(&SHA256, Value::Object(row.clone()).to_string().as_bytes());
    let hex: String = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// The value at a path such as `account/id`.
fn value_at<'a>(row: &'a Row, path: &str) -> &'a Value {
    let mut names = path.split('/');
    let first = names.next().and_then(|name| row.get(name));
    names.try_fold(first.unwrap_or(&Value::Null), |value, name| value.get(name)).unwrap_or(&Value::Null)
}

/// Lists records; there is no link to the next page, so a client goes on until a page is short.
pub(super) async fn list(
    State(crm): State<Arc<SalesCloud>>,
    Path((service, name)): Path<(String, String)>,
    uri: Uri,
) -> Result<Json<Value>, ApiError> {
    let collection = collection(&service, &name)?;
    let options = Options::parse(uri.query().unwrap_or_default())
        .map_err(|name| ApiError::bad(format!("{name}: is not supported")))?;
    for (name, given) in [
        ("$expand", !options.expand.is_empty()),
        ("$skiptoken", options.skip_token.is_some()),
        ("$format", options.format.is_some()),
    ] {
        if given {
            return Err(ApiError::bad(format!("{name}: is not supported")));
        }
    }
    let wrong = |_wrong| ApiError::bad("$filter: cannot be understood");
    let condition =
        options.filter.as_deref().map(|text| parse(text, Dialect::V4)).transpose().map_err(wrong)?;
    let settings = lock(&crm.settings).clone();
    let known = |path: &str| {
        let root = path.split('/').next().unwrap_or_default();
        let known = super::schema::is_of_tenant(root)
            || collection.kind(root).is_some()
            || settings.task_references.iter().any(|name| name == root);
        if known { Ok(()) } else { Err(ApiError::bad(format!("{path}: is not a property of {name}"))) }
    };
    condition.iter().flat_map(|condition| condition.fields()).try_for_each(known)?;
    options.order.iter().map(|(path, _)| path.as_str()).try_for_each(known)?;
    options.select.iter().map(String::as_str).try_for_each(known)?;
    let search = options.search.as_deref().map(str::to_lowercase);
    let shelf = lock(&crm.shelf);
    let mut rows: Vec<&Row> = shelf
        .rows(collection.name)
        .map(|(_, row)| row)
        .filter(|row| {
            let holds = |path: &str| value_at(row, path);
            condition.as_ref().is_none_or(|condition| condition.holds(&holds, Wildcards::None))
        })
        .filter(|row| {
            let text = |text: &str| {
                row.values()
                    .any(|value| value.as_str().is_some_and(|value| value.to_lowercase().contains(text)))
            };
            search.as_deref().is_none_or(text)
        })
        .collect();
    rows.sort_by(|left, right| {
        options.order.iter().fold(Ordering::Equal, |order, (path, descending)| {
            let text = |row: &Row| value_at(row, path).as_str().map(str::to_lowercase);
            let found = text(left).cmp(&text(right));
            order.then(if *descending { found.reverse() } else { found })
        })
    });
    let total = rows.len();
    let size = options.top.unwrap_or(settings.page_size).min(settings.page_size);
    let rows = rows.into_iter().skip(options.skip.unwrap_or(0)).take(size);
    let wanted = |name: &str| options.select.is_empty() || options.select.iter().any(|known| known == name);
    let shown = rows.map(|row| {
        let fields = row.iter().filter(|(name, _)| *name == "id" || wanted(name));
        Value::Object(fields.map(|(name, value)| (name.clone(), value.clone())).collect())
    });
    let mut answer = Map::new();
    answer.insert("value".to_owned(), Value::Array(shown.collect()));
    if options.count {
        answer.insert("count".to_owned(), json!(total));
    }
    Ok(Json(Value::Object(answer)))
}

/// Reads one record.
pub(super) async fn read(
    State(crm): State<Arc<SalesCloud>>,
    Path((service, name, id)): Path<(String, String, String)>,
) -> Result<Response, ApiError> {
    let collection = collection(&service, &name)?;
    let shelf = lock(&crm.shelf);
    let row = shelf.get(collection.name, &id).ok_or_else(ApiError::not_found)?;
    Ok(single(row, StatusCode::OK))
}

fn single(row: &Row, status: StatusCode) -> Response {
    let mut response = (status, Json(json!({"value": row}))).into_response();
    if let Ok(etag) = HeaderValue::from_str(&etag(row)) {
        response.headers_mut().insert(ETAG, etag);
    }
    response
}

fn object_of(headers: &HeaderMap, wanted: &str, body: &Bytes) -> Result<Map<String, Value>, ApiError> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some(wanted) {
        let message = format!("The content type must be {wanted}");
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_other) => Err(ApiError::bad("body: must be one JSON object")),
        Err(error) => Err(ApiError::bad(format!("body: {error}"))),
    }
}

/// Creates a record, however often the same one is sent.
pub(super) async fn create(
    State(crm): State<Arc<SalesCloud>>,
    Path((service, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let collection = collection(&service, &name)?;
    let body = object_of(&headers, "application/json", &body)?;
    let settings = lock(&crm.settings).clone();
    let mut shelf = lock(&crm.shelf);
    let row = body::apply(&settings, &shelf, collection, None, &body)?;
    let id = row.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let response = single(&row, StatusCode::CREATED);
    let change = Change::put(collection.name, &id, row);
    shelf.commit(vec![change]).map_err(|error| ApiError::internal(&error))?;
    Ok(response)
}

/// Changes a record, by a merge patch with the ETag that was read.
pub(super) async fn update(
    State(crm): State<Arc<SalesCloud>>,
    Path((service, name, id)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let collection = collection(&service, &name)?;
    let settings = lock(&crm.settings).clone();
    let mut shelf = lock(&crm.shelf);
    let known = shelf.get(collection.name, &id).cloned().ok_or_else(ApiError::not_found)?;
    match headers.get(IF_MATCH).and_then(|value| value.to_str().ok()) {
        None => {
            let status = StatusCode::PRECONDITION_REQUIRED;
            return Err(ApiError::new(status, "precondition_required", "If-Match must be given"));
        }
        Some(wanted) if wanted != etag(&known) => {
            let status = StatusCode::PRECONDITION_FAILED;
            return Err(ApiError::new(status, "precondition_failed", "The record was changed meanwhile"));
        }
        Some(_same) => {}
    }
    let body = object_of(&headers, "application/merge-patch+json", &body)?;
    let row = body::apply(&settings, &shelf, collection, Some(&known), &body)?;
    let response = single(&row, StatusCode::OK);
    let change = Change::put(collection.name, &id, row);
    shelf.commit(vec![change]).map_err(|error| ApiError::internal(&error))?;
    Ok(response)
}

/// Answers a path nothing else answers.
pub(super) async fn nothing() -> ApiError {
    ApiError::not_found()
}
