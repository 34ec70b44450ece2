//! Owns SOQL: a small but real parser and its evaluation over the org's records.
//!
//! Reads only, and knows no sharing rules: the one user sees everything.

mod eval;
mod lexer;
mod parser;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Salesforce;
use super::reply::ApiError;
use super::schema::Object;
use super::seed::Record;
use crate::world::{lock, token};

/// The parameters of a query.
#[derive(Deserialize)]
pub(super) struct Asked {
    q: Option<String>,
}

fn malformed(message: impl Into<String>) -> ApiError {
    ApiError::bad("MALFORMED_QUERY", message)
}

/// Answers `query?q=…`, with the address of the next page where one does not hold all.
pub(super) async fn query(
    State(org): State<Arc<Salesforce>>,
    Path(version): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<Value>, ApiError> {
    let text = asked.q.ok_or_else(|| malformed("A query string has to be specified"))?;
    let parsed = parser::parse(&text)?;
    let book = org.book();
    let answer = eval::run(&parsed, &org.records, &book.tasks, &version)?;
    drop(book);
    let (total, records) = (answer.total, answer.records);
    if records.len() <= org.settings().batch_size {
        return Ok(Json(json!({"totalSize": total, "done": true, "records": records})));
    }
    let cursor = token(12).map_err(|error| ApiError::internal(&error))?;
    lock(&org.cursors).insert(cursor.clone(), records);
    page(&org, &version, &cursor, 0).map(Json)
}

/// Answers the next page of a query.
pub(super) async fn more(
    State(org): State<Arc<Salesforce>>,
    Path((version, cursor)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let place = cursor.rsplit_once('~').and_then(|(cursor, from)| Some((cursor, from.parse().ok()?)));
    let (cursor, from) = place.ok_or_else(no_cursor)?;
    page(&org, &version, cursor, from).map(Json)
}

fn no_cursor() -> ApiError {
    ApiError::bad("INVALID_QUERY_LOCATOR", "invalid query locator")
}

fn page(org: &Salesforce, version: &str, cursor: &str, from: usize) -> Result<Value, ApiError> {
    let size = org.settings().batch_size;
    let cursors = lock(&org.cursors);
    let all = cursors.get(cursor).ok_or_else(no_cursor)?;
    let records: Vec<&Value> = all.iter().skip(from).take(size).collect();
    let next = from.saturating_add(size);
    if next >= all.len() {
        return Ok(json!({"totalSize": all.len(), "done": true, "records": records}));
    }
    // Relative, as the real one writes it.
    let next = format!("/services/data/{version}/query/{cursor}~{next}");
    Ok(json!({"totalSize": all.len(), "done": false, "nextRecordsUrl": next, "records": records}))
}

/// A condition of SOQL alone, as searches take one.
pub(super) struct Condition(parser::Condition);

impl Condition {
    /// Reads a condition and checks it against an object.
    pub(super) fn parse(text: &str, object: &'static Object) -> Result<Self, ApiError> {
        let condition = parser::parse_condition(text)?;
        eval::check_condition(object, &condition)?;
        Ok(Self(condition))
    }

    /// Tells whether a record meets it; `all` is where relations lead.
    pub(super) fn holds(&self, record: &Record, all: &[Record]) -> bool {
        eval::holds(&self.0, record, all)
    }
}
