//! Owns the pages of the records. What links of the real one look like is not known.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::Value;

use super::schema::{COLLECTIONS, Collection};
use super::{NAME, SalesCloud};
use crate::records::{Entry, detail, listing, missing};
use crate::shelf::{Row, Shelf};
use crate::world::lock;

fn text<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn entry(collection: &Collection, id: &str, row: &Row) -> Entry {
    let at = row.get("adminData").and_then(|admin| admin.get("createdOn")).and_then(Value::as_str);
    Entry {
        title: text(row, collection.title).to_owned(),
        at: at.unwrap_or_default().to_owned(),
        link: format!("/records/{}/{id}", collection.name),
    }
}

/// Lists all records, newest first.
pub(super) async fn home(State(crm): State<Arc<SalesCloud>>) -> Response {
    let shelf = lock(&crm.shelf);
    let kinds: Vec<_> = COLLECTIONS
        .iter()
        .map(|collection| {
            let rows = shelf.rows(collection.name).rev();
            (collection.name, rows.map(|(id, row)| entry(collection, id, row)).collect())
        })
        .collect();
    listing(NAME, &kinds)
}

/// Shows one record with the tasks that relate to it.
pub(super) async fn record(
    State(crm): State<Arc<SalesCloud>>,
    Path((name, id)): Path<(String, String)>,
) -> Response {
    let shelf = lock(&crm.shelf);
    let collection = COLLECTIONS.iter().find(|collection| collection.name == name);
    let Some((collection, row)) =
        collection.and_then(|collection| Some((collection, shelf.get(collection.name, &id)?)))
    else {
        return missing();
    };
    let link = |value: &Value| find(&shelf, value.get("id")?.as_str()?);
    let of_this =
        |row: &Row| row.values().any(|value| value.get("id").and_then(Value::as_str) == Some(id.as_str()));
    let related: Vec<_> = COLLECTIONS
        .iter()
        .filter(|collection| collection.writable)
        .map(|collection| {
            let rows = shelf.rows(collection.name).rev().filter(|(_, row)| of_this(row));
            (collection.name, rows.map(|(id, row)| entry(collection, id, row)).collect())
        })
        .collect();
    detail(NAME, collection.name, text(row, collection.title), row, &link, &related)
}

fn find(shelf: &Shelf, id: &str) -> Option<Entry> {
    COLLECTIONS
        .iter()
        .find_map(|collection| shelf.get(collection.name, id).map(|row| entry(collection, id, row)))
}
