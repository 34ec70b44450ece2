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

/// The parameters of a query.
#[derive(Deserialize)]
pub(super) struct Asked {
    q: Option<String>,
}

fn malformed(message: impl Into<String>) -> ApiError {
    ApiError::bad("MALFORMED_QUERY", message)
}

/// Answers `query?q=…`, all records at once.
pub(super) async fn query(
    State(org): State<Arc<Salesforce>>,
    Path(version): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Json<Value>, ApiError> {
    let text = asked.q.ok_or_else(|| malformed("A query string has to be specified"))?;
    let parsed = parser::parse(&text)?;
    let book = org.book();
    let answer = eval::run(&parsed, &org.records, &book.tasks, &version)?;
    let records = answer.records;
    Ok(Json(json!({"totalSize": answer.total, "done": true, "records": records})))
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
