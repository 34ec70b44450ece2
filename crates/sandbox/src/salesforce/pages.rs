//! Owns the pages that links from the product lead to: a record, and the list of what there is.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::Value;

use super::Salesforce;
use super::ids::normalize;
use super::schema::{Kind, object};
use super::seed::Record;
use crate::html::{Escaped, Page};

const NAVIGATION: &str = "<header><b>Salesforce look-alike</b><a href=\"/\">Records</a></header>";

/// Lists all records, tasks newest first.
pub(super) async fn home(State(org): State<Arc<Salesforce>>) -> Response {
    let mut body = format!("{NAVIGATION}<h1>Records</h1>");
    let book = org.book();
    table(&mut body, "Tasks", book.tasks.iter().rev());
    for name in ["Account", "Opportunity", "Contact", "Lead"] {
        table(&mut body, name, org.records.iter().filter(|record| record.object == name));
    }
    Page { refresh_seconds: Some(10), ..Page::new("Salesforce look-alike", &body) }.into_response()
}

fn table<'a>(body: &mut String, title: &str, records: impl Iterator<Item = &'a Record>) {
    // Writing to a String cannot fail, here and below.
    let _ = write!(body, "<h2>{title}</h2><table>");
    let mut empty = true;
    for record in records {
        empty = false;
        let _ = write!(body, "<tr><td>{}</td></tr>", link(record));
    }
    body.push_str("</table>");
    if empty {
        body.push_str("<p class=\"muted\">None yet.</p>");
    }
}

fn title(record: &Record) -> &str {
    record.text("Name").or_else(|| record.text("Subject")).unwrap_or("(no subject)")
}

fn link(record: &Record) -> String {
    format!("<a href=\"/lightning/r/{}/{}/view\">{}</a>", record.object, record.id(), Escaped(title(record)))
}

/// Shows one record with what relates to it.
pub(super) async fn record(
    State(org): State<Arc<Salesforce>>,
    Path((name, id)): Path<(String, String)>,
) -> Response {
    let book = org.book();
    let id = normalize(&id).unwrap_or_default();
    let find = |id: &str| book.tasks.iter().find(|task| task.id() == id).or_else(|| org.seeded(id));
    let found = find(&id)
        .filter(|record| record.object.eq_ignore_ascii_case(&name))
        .and_then(|record| Some((record, object(&record.object)?)));
    let Some((record, object)) = found else {
        let page = Page::new("Not found", "<p>There is no such record. <a href=\"/\">All records</a></p>");
        return (StatusCode::NOT_FOUND, page).into_response();
    };
    let mut body = format!(
        "{NAVIGATION}<p class=\"muted\">{}</p><h1>{}</h1><table>",
        Escaped(object.name),
        Escaped(title(record))
    );
    for field in object.fields {
        let value = record.value(field.name);
        let shown = match (field.kind, value) {
            (_, Value::Null) => continue,
            (Kind::Reference(_), Value::String(target)) => match find(target) {
                Some(target) => link(target),
                None => Escaped(target).to_string(),
            },
            (Kind::LongText(_), Value::String(text)) => format!("<pre>{}</pre>", Escaped(text)),
            (_, Value::String(text)) => Escaped(text).to_string(),
            (_, other) => Escaped(&other.to_string()).to_string(),
        };
        let _ = write!(body, "<tr><th>{}</th><td>{shown}</td></tr>", Escaped(field.name));
    }
    body.push_str("</table>");
    if record.object != "Task" {
        let related = |task: &&Record| {
            ["WhoId", "WhatId", "AccountId"].iter().any(|name| task.text(name) == Some(record.id()))
        };
        table(&mut body, "Activity", book.tasks.iter().rev().filter(related));
    }
    Page::new(title(record), &body).into_response()
}
