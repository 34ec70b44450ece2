//! Owns what a body may say, and the record that comes out of it.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};

use super::reply::ApiError;
use super::schema::{Collection, EXTRA_REFERENCES, Kind, is_of_tenant};
use super::seed::CALLER;
use super::switches::Settings;
use crate::shelf::{Row, Shelf};
use crate::world::now;

/// Lays a body over what is there, or over nothing.
pub(super) fn apply(
    settings: &Settings,
    shelf: &Shelf,
    collection: &'static Collection,
    known: Option<&Row>,
    body: &Map<String, Value>,
) -> Result<Row, ApiError> {
    if !collection.writable {
        let message = format!("{} cannot be written by this user", collection.name);
        return Err(ApiError::new(http::StatusCode::FORBIDDEN, "forbidden", message));
    }
    let mut row = known.cloned().unwrap_or_default();
    for (name, value) in body {
        if is_of_tenant(name) {
            return Err(ApiError::bad(format!("{name}: is read only")));
        }
        let kind = kind(settings, collection, name)
            .ok_or_else(|| ApiError::bad(format!("{name}: is not a property of {}", collection.name)))?;
        if value.is_null() {
            // A merge patch takes away what is null.
            row.remove(name);
            continue;
        }
        check(shelf, kind, value).map_err(|why| ApiError::bad(format!("{name}: {why}")))?;
        row.insert(name.clone(), value.clone());
    }
    if row.get("description").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(ApiError::bad("description: must be given"));
    }
    let at = json!(now().to_rfc3339_opts(SecondsFormat::Micros, true));
    if known.is_none() {
        let id = crate::world::guid().map_err(|error| ApiError::internal(&error))?;
        row.insert("id".to_owned(), json!(id));
        let number = 5001 + shelf.rows(collection.name).count();
        row.insert("displayId".to_owned(), json!(number.to_string()));
        row.entry("status").or_insert_with(|| json!("OPEN"));
        row.entry("owner").or_insert_with(|| json!({"id": CALLER}));
        row.insert("adminData".to_owned(), json!({"createdOn": at, "updatedOn": at}));
    } else if let Some(admin) = row.get_mut("adminData").and_then(Value::as_object_mut) {
        admin.insert("updatedOn".to_owned(), at);
    }
    Ok(row)
}

/// The kind of a property that the tenant has.
fn kind(settings: &Settings, collection: &Collection, name: &str) -> Option<Kind> {
    let extra = EXTRA_REFERENCES.iter().find(|(known, _)| *known == name);
    let extra = extra.filter(|_| collection.writable && settings.task_references.iter().any(|on| on == name));
    collection.kind(name).or_else(|| extra.map(|(_, target)| Kind::Reference(target)))
}

fn check(shelf: &Shelf, kind: Kind, value: &Value) -> Result<(), &'static str> {
    let text = value.as_str();
    let id = value.get("id").and_then(Value::as_str);
    let fits = |right: bool, rule: &'static str| if right { Ok(()) } else { Err(rule) };
    match kind {
        Kind::Text => fits(text.is_some(), "must be text"),
        Kind::OneOf(values) => {
            fits(text.is_some_and(|text| values.contains(&text)), "is none of the known values")
        }
        Kind::Moment => {
            let right = text.is_some_and(|text| DateTime::parse_from_rfc3339(text).is_ok());
            fits(right, "must be a moment as in RFC 3339")
        }
        Kind::Reference(target) => {
            fits(id.is_some_and(|id| shelf.get(target, id).is_some()), "leads to no record")
        }
        Kind::Somebody => fits(id.is_some(), "must be an object with an id"),
        Kind::Notes => {
            let note = |note: &Value| note.get("content").is_some_and(Value::is_string);
            fits(
                value.as_array().is_some_and(|notes| notes.iter().all(note)),
                "must be objects with a content",
            )
        }
        Kind::Extensions => fits(value.is_object(), "must be an object"),
        Kind::Object => Err("is read only"),
    }
}
