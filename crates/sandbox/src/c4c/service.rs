//! Owns the way from a request to records and back: what is asked, in which format, and what is done.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MATCH, LOCATION};
use http::{Method, StatusCode, Uri};
use serde_json::{Map, Value, json};

use super::reply::ApiError;
use super::schema::{SETS, Set, set};
use super::switches::Settings;
use super::view::{self, etag};
use super::{C4c, ROOT, body, query};
use crate::odata::{self, Options, Segment};
use crate::shelf::{Change, Draft, Row, Shelf};
use crate::world::lock;

/// One request.
struct Call<'a> {
    base: &'a str,
    settings: Settings,
    method: Method,
    headers: HeaderMap,
    query: &'a str,
    options: Options,
    body: Bytes,
    json: bool,
}

/// Answers a call of the OData service.
pub(super) async fn answer(
    State(crm): State<Arc<C4c>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (path, query) = odata::below(&uri, ROOT);
    let accepts = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let mut json = accepts.contains("json");
    let base = format!("{}{ROOT}", crm.address);
    let options = match Options::parse(query) {
        Ok(options) => options,
        Err(name) => return ApiError::bad(format!("Invalid system query option {name}")).answer(json),
    };
    match options.format.as_deref() {
        None => {}
        Some("json") => json = true,
        Some("atom" | "xml") => json = false,
        Some(other) => return ApiError::bad(format!("Format {other} is not supported")).answer(json),
    }
    let settings = lock(&crm.settings).clone();
    let call = Call { base: &base, settings, method, headers, query, options, body, json };
    let mut shelf = lock(&crm.shelf);
    call.dispatch(&mut shelf, path).unwrap_or_else(|error| error.answer(json))
}

impl Call<'_> {
    fn dispatch(&self, shelf: &mut Shelf, path: &str) -> Result<Response, ApiError> {
        let segments = odata::path(path).ok_or_else(|| ApiError::bad("Malformed URI"))?;
        let get = matches!(self.method, Method::GET | Method::HEAD);
        match segments.as_slice() {
            [Segment { name, key: None }] if name.is_empty() && get => Ok(self.service_document()),
            [Segment { name, key: None }] if name == "$metadata" && get => {
                let text = view::metadata(SETS, self.settings.custom_field);
                Ok(([(CONTENT_TYPE, "application/xml")], text).into_response())
            }
            [Segment { name, key: None }] => {
                let set = set(name).ok_or_else(|| ApiError::no_resource(name))?;
                match self.method {
                    Method::GET | Method::HEAD => self.list(shelf, set),
                    Method::POST => self.create(shelf, set),
                    _ => Err(not_allowed()),
                }
            }
            [Segment { name, key: None }, Segment { name: rest, key: None }] if rest == "$count" && get => {
                let set = set(name).ok_or_else(|| ApiError::no_resource(name))?;
                let page = query::page(&self.settings, shelf, set, &self.options)?;
                Ok(([(CONTENT_TYPE, "text/plain")], page.total.to_string()).into_response())
            }
            [Segment { name, key: Some(key) }, rest @ ..] => {
                let set = set(name).ok_or_else(|| ApiError::no_resource(name))?;
                let row = shelf.get(set.name, &key.value).cloned();
                let row = row.ok_or_else(|| ApiError::no_resource(name))?;
                match rest {
                    [] => self.record(shelf, set, &row, &key.value),
                    [Segment { name, key: None }] if get => {
                        let child = set.child(name).ok_or_else(|| ApiError::no_resource(name))?;
                        let rows = view::children(self.base, shelf, child, &key.value);
                        Ok(Json(json!({"d": {"results": rows}})).into_response())
                    }
                    _deeper => Err(ApiError::no_resource(name)),
                }
            }
            _other => Err(ApiError::no_resource(path)),
        }
    }

    fn service_document(&self) -> Response {
        let names: Vec<&str> = SETS.iter().map(|set| set.name).collect();
        if self.json {
            return Json(json!({"d": {"EntitySets": names}})).into_response();
        }
        let sets: String = names.iter().map(|name| format!("<collection href=\"{name}\"/>")).collect();
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><service xmlns=\"http://www.w3.org/2007/app\">\
             <workspace>{sets}</workspace></service>"
        );
        ([(CONTENT_TYPE, "application/atomsvc+xml")], text).into_response()
    }

    fn shown(&self, shelf: &Shelf, set: &'static Set, row: &Row) -> Result<Value, ApiError> {
        view::record(self.base, shelf, set, row, &self.options, self.settings.custom_field).map(Value::Object)
    }

    fn list(&self, shelf: &Shelf, set: &'static Set) -> Result<Response, ApiError> {
        let page = query::page(&self.settings, shelf, set, &self.options)?;
        if !self.json {
            let text = view::atom(self.base, set, &page.rows, true);
            return Ok(([(CONTENT_TYPE, "application/atom+xml")], text).into_response());
        }
        let rows = page.rows.iter().map(|row| self.shown(shelf, set, row)).collect::<Result<Vec<_>, _>>()?;
        let mut answer = Map::new();
        if self.options.count {
            answer.insert("__count".to_owned(), json!(page.total.to_string()));
        }
        answer.insert("results".to_owned(), Value::Array(rows));
        if let Some(next) = page.next {
            let kept = self.query.split('&').filter(|pair| {
                !pair.is_empty() && !pair.starts_with("$skiptoken=") && !pair.starts_with("%24skiptoken=")
            });
            let token = format!("$skiptoken={next}");
            let query: Vec<&str> = kept.chain([token.as_str()]).collect();
            answer
                .insert("__next".to_owned(), json!(format!("{}{}?{}", self.base, set.name, query.join("&"))));
        }
        Ok(Json(json!({"d": answer})).into_response())
    }

    /// One record: wrapped in `results`, which is an object here and not a list.
    fn single(
        &self,
        shelf: &Shelf,
        set: &'static Set,
        row: &Row,
        status: StatusCode,
    ) -> Result<Response, ApiError> {
        let mut response = if self.json {
            let shown = self.shown(shelf, set, row)?;
            let inside = if self.settings.wrap_single { json!({"results": shown}) } else { shown };
            (status, Json(json!({"d": inside}))).into_response()
        } else {
            let text = view::atom(self.base, set, &[row], false);
            (status, [(CONTENT_TYPE, "application/atom+xml;type=entry")], text).into_response()
        };
        if let Ok(value) = HeaderValue::from_str(&etag(row)) {
            response.headers_mut().insert(ETAG, value);
        }
        Ok(response)
    }

    fn object(&self) -> Result<Map<String, Value>, ApiError> {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.contains("json") {
            let message = "The content type must be application/json here";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "OData/415", message));
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(map)) => Ok(map),
            Ok(_other) => Err(ApiError::bad("The body must be one JSON object")),
            Err(error) => Err(ApiError::bad(format!("The body is not JSON: {error}"))),
        }
    }

    fn create(&self, shelf: &mut Shelf, set: &'static Set) -> Result<Response, ApiError> {
        let mut draft = Draft::new(shelf);
        let id = body::create(&self.settings, &mut draft, set, &self.object()?)?;
        let changes = draft.into_changes();
        shelf.commit(changes).map_err(|error| ApiError::internal(&error))?;
        let row = shelf.get(set.name, &id).ok_or_else(|| ApiError::no_resource(set.name))?;
        let mut response = self.single(shelf, set, row, StatusCode::CREATED)?;
        if let Ok(location) = HeaderValue::from_str(&format!("{}{}('{id}')", self.base, set.name)) {
            response.headers_mut().insert(LOCATION, location);
        }
        Ok(response)
    }

    fn record(
        &self,
        shelf: &mut Shelf,
        set: &'static Set,
        row: &Row,
        id: &str,
    ) -> Result<Response, ApiError> {
        if matches!(self.method, Method::GET | Method::HEAD) {
            return self.single(shelf, set, row, StatusCode::OK);
        }
        let wanted = self.headers.get(IF_MATCH).and_then(|value| value.to_str().ok());
        if wanted.is_some_and(|wanted| wanted != "*" && wanted != etag(row)) {
            let message = "The resource was changed by another user";
            return Err(ApiError::new(StatusCode::PRECONDITION_FAILED, "OData/412", message));
        }
        let mut draft = Draft::new(shelf);
        match self.method.as_str() {
            "PATCH" | "MERGE" | "PUT" => {
                body::update(&self.settings, &mut draft, set, row, &self.object()?)?;
            }
            "DELETE" => {
                body::check_writable(set)?;
                draft.push(Change::remove(set.name, id));
            }
            _other => return Err(not_allowed()),
        }
        let changes = draft.into_changes();
        shelf.commit(changes).map_err(|error| ApiError::internal(&error))?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }
}

fn not_allowed() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "OData/405", "Method not allowed")
}
