//! Owns the pages that links from the product lead to: a record, and the list of what there is.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use super::schema::{ENTITIES, Entity, by_logical};
use super::{Dataverse, NAME};
use crate::records::{Entry, detail, listing, missing};
use crate::shelf::{Row, Shelf};
use crate::world::lock;

/// The parameters of a record's page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    etn: String,
    pagetype: String,
    id: String,
}

fn text<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn entry(entity: &Entity, id: &str, row: &Row) -> Entry {
    let title = text(row, entity.title);
    let link = format!("/main.aspx?etn={}&pagetype=entityrecord&id=%7B{id}%7D", entity.logical);
    let title = if title.is_empty() { "(no title)" } else { title };
    Entry { title: title.to_owned(), at: text(row, "createdon").to_owned(), link }
}

/// Lists all records, newest first.
pub(super) async fn home(State(crm): State<Arc<Dataverse>>) -> Response {
    let shelf = lock(&crm.shelf);
    let kinds: Vec<_> = ENTITIES
        .iter()
        .map(|entity| {
            (entity.set, shelf.rows(entity.set).rev().map(|(id, row)| entry(entity, id, row)).collect())
        })
        .collect();
    listing(NAME, &kinds)
}

/// Shows one record with what relates to it.
pub(super) async fn record(State(crm): State<Arc<Dataverse>>, Query(wanted): Query<Wanted>) -> Response {
    let shelf = lock(&crm.shelf);
    let id = wanted.id.trim_start_matches('{').trim_end_matches('}').to_lowercase();
    let entity = by_logical(&wanted.etn).filter(|_| wanted.pagetype == "entityrecord");
    let Some((entity, row)) = entity.and_then(|entity| Some((entity, shelf.get(entity.set, &id)?))) else {
        return missing();
    };
    let shown: Row =
        row.iter().filter(|(name, _)| !name.starts_with('@')).map(|(n, v)| (n.clone(), v.clone())).collect();
    let link = |value: &Value| value.as_str().filter(|other| **other != id).and_then(|id| find(&shelf, id));
    let related: Vec<_> = ["tasks", "phonecalls", "appointments", "annotations", "activityparties"]
        .iter()
        .filter_map(|set| ENTITIES.iter().find(|entity| entity.set == *set))
        .map(|entity| {
            let of_this = |row: &Row| {
                ["_regardingobjectid_value", "_objectid_value", "_activityid_value"]
                    .iter()
                    .any(|name| text(row, name) == id)
            };
            let rows = shelf.rows(entity.set).rev().filter(|(_, row)| of_this(row));
            (entity.set, rows.map(|(id, row)| self::entry(entity, id, row)).collect())
        })
        .collect();
    detail(NAME, entity.logical, text(row, entity.title), &shown, &link, &related)
}

fn find(shelf: &Shelf, id: &str) -> Option<Entry> {
    ENTITIES.iter().find_map(|entity| shelf.get(entity.set, id).map(|row| entry(entity, id, row)))
}
