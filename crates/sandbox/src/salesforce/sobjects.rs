//! Owns the calls on single records: describe, create, upsert by external id, read.
//!
//! The rules of Task's fields are task's business.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Salesforce;
use super::ids::normalize;
use super::reply::ApiError;
use super::schema::{Access, EXTERNAL_ID_FIELD, Field, Kind, TASK, TASK_PRIORITIES, TASK_STATUSES, object};
use super::seed::Record;
use super::task::{self, Verb};

/// The parameters of an upsert.
#[derive(Deserialize)]
pub(super) struct UpsertOptions {
    #[serde(default, rename = "updateOnly")]
    update_only: bool,
}

/// The parameters of a read.
#[derive(Deserialize)]
pub(super) struct ReadOptions {
    fields: Option<String>,
}

/// Describes Task.
pub(super) async fn describe(State(org): State<Arc<Salesforce>>) -> Json<Value> {
    let unique = org.settings().unique;
    let fields: Vec<Value> = TASK.fields.iter().map(|field| describe_field(field, unique)).collect();
    Json(json!({"name": "Task", "label": "Task", "keyPrefix": TASK.prefix, "createable": true,
        "updateable": true, "queryable": true, "fields": fields}))
}

fn describe_field(field: &Field, unique: bool) -> Value {
    let external = field.name == EXTERNAL_ID_FIELD;
    let (kind, length) = match field.kind {
        Kind::Id => ("id", 18),
        Kind::Reference(_) => ("reference", 18),
        Kind::Text(max) => ("string", max),
        Kind::LongText(max) => ("textarea", max),
        Kind::Picklist => ("picklist", 255),
        Kind::Date => ("date", 0),
        Kind::DateTime => ("datetime", 0),
        Kind::Boolean => ("boolean", 0),
        Kind::Number => ("double", 0),
    };
    let values: Vec<&str> = match field.name {
        "Status" => TASK_STATUSES.iter().map(|(name, _)| *name).collect(),
        "Priority" => TASK_PRIORITIES.to_vec(),
        _other => Vec::new(),
    };
    let required = matches!(field.name, "Status" | "Priority");
    json!({
        "name": field.name,
        "label": field.name,
        "type": kind,
        "length": length,
        "custom": external,
        "externalId": external,
        "idLookup": external || field.kind == Kind::Id,
        "unique": external && unique,
        "createable": field.access != Access::ReadOnly,
        "updateable": field.access == Access::Write,
        "filterable": !matches!(field.kind, Kind::LongText(_)),
        "nillable": !required && field.kind != Kind::Id && field.kind != Kind::Boolean,
        "referenceTo": if let Kind::Reference(objects) = field.kind { objects } else { &[] },
        "picklistValues": values.iter().map(|value| json!({"value": value, "label": value, "active": true}))
            .collect::<Vec<_>>(),
    })
}

fn object_of(body: &Bytes) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_other) => Err(ApiError::bad("JSON_PARSER_ERROR", "The body must be one JSON object")),
        Err(error) => Err(ApiError::bad("JSON_PARSER_ERROR", format!("The body is not JSON: {error}"))),
    }
}

/// Creates a task, with no key of the client's unless the body holds one.
pub(super) async fn create(State(org): State<Arc<Salesforce>>, body: Bytes) -> Result<Response, ApiError> {
    let fields = task::apply(&org, Verb::Create, None, &object_of(&body)?)?;
    let unique = org.settings().unique;
    let mut book = org.book();
    let key = fields.get(EXTERNAL_ID_FIELD).filter(|key| !key.is_null());
    let twin = book.tasks.iter().find(|task| key.is_some_and(|key| task.value(EXTERNAL_ID_FIELD) == key));
    if let Some(twin) = twin.filter(|_| unique) {
        let message = format!(
            "duplicate value found: {EXTERNAL_ID_FIELD} duplicates value on record with id: {}",
            twin.id()
        );
        return Err(ApiError::bad("DUPLICATE_VALUE", message).of(&[EXTERNAL_ID_FIELD]));
    }
    let id = insert(&mut book, fields)?;
    Ok((StatusCode::CREATED, Json(json!({"id": id, "success": true, "errors": []}))).into_response())
}

fn insert(book: &mut super::Book, mut fields: BTreeMap<String, Value>) -> Result<String, ApiError> {
    let id = book.next_task_id();
    fields.insert("Id".to_owned(), Value::String(id.clone()));
    book.tasks.push(Record { object: TASK.name.to_owned(), fields });
    book.save().map_err(|error| ApiError::internal(&error))?;
    Ok(id)
}

/// Creates or updates the task with an external key: 201, 200, or 300 where several have it.
pub(super) async fn upsert(
    State(org): State<Arc<Salesforce>>,
    Path((version, field, key)): Path<(String, String, String)>,
    Query(options): Query<UpsertOptions>,
    body: Bytes,
) -> Result<Response, ApiError> {
    check_key(&field, &key)?;
    let mut body = object_of(&body)?;
    if let Some(name) = body.keys().find(|name| is_key_field(name) || name.eq_ignore_ascii_case("Id")) {
        let message = format!("The {name} field should not be specified in the sobject data.");
        return Err(ApiError::bad("INVALID_FIELD", message).of(&[name]));
    }
    let mut book = org.book();
    let matches = places(&book.tasks, &key);
    match matches.as_slice() {
        [] if options.update_only => {
            Err(ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "Provided external ID does not exist"))
        }
        [] => {
            body.insert(EXTERNAL_ID_FIELD.to_owned(), Value::String(key));
            let fields = task::apply(&org, Verb::Create, None, &body)?;
            let id = insert(&mut book, fields)?;
            Ok((StatusCode::CREATED, Json(json!({"id": id, "success": true, "errors": [], "created": true})))
                .into_response())
        }
        [place] => {
            let known = book.tasks.get_mut(*place).ok_or_else(ApiError::no_resource)?;
            known.fields = task::apply(&org, Verb::Update, Some(known), &body)?;
            let id = known.id().to_owned();
            book.save().map_err(|error| ApiError::internal(&error))?;
            Ok(Json(json!({"id": id, "success": true, "errors": [], "created": false})).into_response())
        }
        several => Ok(multiple(&version, &book.tasks, several)),
    }
}

/// Reads the task with an external key.
pub(super) async fn read_by_key(
    State(org): State<Arc<Salesforce>>,
    Path((version, field, key)): Path<(String, String, String)>,
    Query(options): Query<ReadOptions>,
) -> Result<Response, ApiError> {
    check_key(&field, &key)?;
    let book = org.book();
    match places(&book.tasks, &key).as_slice() {
        [] => Err(ApiError::no_resource()),
        [place] => {
            let task = book.tasks.get(*place).ok_or_else(ApiError::no_resource)?;
            Ok(Json(view(&version, task, options.fields.as_deref())?).into_response())
        }
        several => Ok(multiple(&version, &book.tasks, several)),
    }
}

fn is_key_field(name: &str) -> bool {
    name.eq_ignore_ascii_case(EXTERNAL_ID_FIELD)
}

fn check_key(field: &str, key: &str) -> Result<(), ApiError> {
    if !is_key_field(field) {
        let message = format!("Provided external ID field does not exist or is not accessible: {field}");
        return Err(ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", message));
    }
    match TASK.field(EXTERNAL_ID_FIELD).map(|field| field.kind) {
        Some(Kind::Text(max)) => task::check_length(EXTERNAL_ID_FIELD, key, max),
        _other => Ok(()),
    }
}

fn places(tasks: &[Record], key: &str) -> Vec<usize> {
    let same = |task: &Record| task.text(EXTERNAL_ID_FIELD) == Some(key);
    tasks.iter().enumerate().filter(|(_, task)| same(task)).map(|(place, _)| place).collect()
}

fn multiple(version: &str, tasks: &[Record], places: &[usize]) -> Response {
    let urls: Vec<String> =
        places.iter().filter_map(|place| tasks.get(*place)).map(|task| url_of(version, task)).collect();
    (StatusCode::MULTIPLE_CHOICES, Json(urls)).into_response()
}

/// The path of a record in the REST API.
pub(super) fn url_of(version: &str, record: &Record) -> String {
    format!("/services/data/{version}/sobjects/{}/{}", record.object, record.id())
}

/// Reads one record of any object by its id.
pub(super) async fn read(
    State(org): State<Arc<Salesforce>>,
    Path((version, name, id)): Path<(String, String, String)>,
    Query(options): Query<ReadOptions>,
) -> Result<Json<Value>, ApiError> {
    let object = object(&name).ok_or_else(ApiError::no_resource)?;
    let missing = || {
        let message = format!("Provided external ID field does not exist or is not accessible: {id}");
        ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    };
    let normal = normalize(&id).ok_or_else(missing)?;
    let book = org.book();
    let record = book
        .tasks
        .iter()
        .find(|task| task.id() == normal)
        .or_else(|| org.seeded(&normal))
        .filter(|record| record.object == object.name)
        .ok_or_else(missing)?;
    view(&version, record, options.fields.as_deref()).map(Json)
}

fn view(version: &str, record: &Record, wanted: Option<&str>) -> Result<Value, ApiError> {
    let object = object(&record.object).ok_or_else(ApiError::no_resource)?;
    let mut shown = Map::new();
    shown.insert("attributes".to_owned(), json!({"type": record.object, "url": url_of(version, record)}));
    let names: Vec<&str> = match wanted {
        Some(wanted) => wanted.split(',').map(str::trim).collect(),
        None => object.fields.iter().map(|field| field.name).collect(),
    };
    for name in names {
        let field = object.field(name).ok_or_else(|| {
            ApiError::bad(
                "INVALID_FIELD",
                format!("No such column '{name}' on sobject of type {}", object.name),
            )
        })?;
        shown.insert(field.name.to_owned(), record.value(field.name).clone());
    }
    Ok(Value::Object(shown))
}
