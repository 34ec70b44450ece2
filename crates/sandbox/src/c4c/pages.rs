//! Owns the pages that links from the product lead to: a record, and the list of what there is.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use super::body::rows_of;
use super::schema::{SETS, Set};
use super::view::shown_moment;
use super::{C4c, NAME};
use crate::records::{Entry, detail, listing, missing};
use crate::shelf::{Row, Shelf};
use crate::world::lock;

/// The parameters of a record's page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    #[serde(rename = "param.InternalID")]
    id: String,
    #[serde(rename = "param.Type")]
    thing: String,
}

fn text<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn entry(set: &Set, row: &Row) -> Entry {
    let link = format!(
        "/sap/public/byd/runtime?bo_ns=http://sap.com/thingTypes&bo=COD_GENERIC&node=Root\
         &operation=OnExtInspect&param.InternalID={}&param.Type={}&sapbyd-agent=TAB",
        text(row, set.readable),
        set.thing
    );
    let title = text(row, set.title);
    let title = if title.is_empty() { "(no subject)" } else { title };
    Entry { title: title.to_owned(), at: shown_moment(text(row, "CreationDateTime")), link }
}

/// Lists all records, newest first.
pub(super) async fn home(State(crm): State<Arc<C4c>>) -> Response {
    let shelf = lock(&crm.shelf);
    let kinds: Vec<_> = SETS
        .iter()
        .map(|set| (set.entity, shelf.rows(set.name).rev().map(|(_, row)| entry(set, row)).collect()))
        .collect();
    listing(NAME, &kinds)
}

/// Shows one record with what is nested in it and what relates to it.
pub(super) async fn record(State(crm): State<Arc<C4c>>, Query(wanted): Query<Wanted>) -> Response {
    let shelf = lock(&crm.shelf);
    let found = SETS.iter().find(|set| set.thing == wanted.thing).and_then(|set| {
        let mut rows = shelf.rows(set.name).map(|(_, row)| row);
        rows.find(|row| text(row, set.readable) == wanted.id).map(|row| (set, row))
    });
    let Some((set, row)) = found else {
        return missing();
    };
    let mut shown = row.clone();
    for child in set.children {
        let nested = shelf
            .rows(&rows_of(child))
            .map(|(_, row)| row)
            .filter(|nested| text(nested, "ParentObjectID") == text(row, "ObjectID"));
        for (place, nested) in nested.enumerate() {
            let values = nested.iter().filter(|(name, _)| !name.ends_with("ObjectID"));
            let lines: Vec<String> = values
                .map(|(name, value)| format!("{name}: {}", value.as_str().unwrap_or(&value.to_string())))
                .collect();
            shown.insert(format!("{} {}", child.navigation, place + 1), Value::String(lines.join("\n")));
        }
    }
    let own = text(row, "UUID").to_owned();
    let link = |value: &Value| value.as_str().filter(|other| *other != own).and_then(|id| find(&shelf, id));
    let related: Vec<_> = SETS
        .iter()
        .filter(|set| set.writable)
        .map(|set| {
            let rows = shelf.rows(set.name).rev().map(|(_, row)| row);
            let of_this = rows.filter(|row| {
                ["AccountUUID", "PrimaryContactUUID"].iter().any(|name| text(row, name) == own)
            });
            (set.entity, of_this.map(|row| entry(set, row)).collect())
        })
        .collect();
    detail(NAME, set.entity, text(row, set.title), &shown, &link, &related)
}

fn find(shelf: &Shelf, uuid: &str) -> Option<Entry> {
    SETS.iter().find_map(|set| {
        let mut rows = shelf.rows(set.name).map(|(_, row)| row);
        rows.find(|row| text(row, "UUID") == uuid).map(|row| entry(set, row))
    })
}
