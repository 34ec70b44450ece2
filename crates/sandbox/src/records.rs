//! Owns the pages on which a person sees the records of a CRM look-alike.
//!
//! Knows nothing of a CRM but what it is given to show.

use std::fmt::Write as _;

use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::Value;

use crate::html::{Escaped, Page};
use crate::shelf::Row;

/// A record as a list shows it.
pub(crate) struct Entry {
    pub(crate) title: String,
    /// When it came, as the CRM writes it; empty where nobody knows.
    pub(crate) at: String,
    /// Where it is shown alone.
    pub(crate) link: String,
}

/// Shows all records by kind, each kind newest first.
pub(crate) fn listing(crm: &str, kinds: &[(&str, Vec<Entry>)]) -> Response {
    let mut body = format!("{}<h1>Records</h1>", navigation(crm));
    for (kind, entries) in kinds {
        table(&mut body, kind, entries);
    }
    Page { refresh_seconds: Some(10), ..Page::new(crm, &body) }.into_response()
}

/// Shows one record, and under it those that belong to it.
pub(crate) fn detail(
    crm: &str,
    kind: &str,
    title: &str,
    row: &Row,
    link: &dyn Fn(&Value) -> Option<Entry>,
    related: &[(&str, Vec<Entry>)],
) -> Response {
    let mut body = format!(
        "{}<p class=\"muted\">{}</p><h1>{}</h1><table>",
        navigation(crm),
        Escaped(kind),
        Escaped(title)
    );
    for (name, value) in row {
        let shown = match (link(value), value) {
            (_, Value::Null) => continue,
            (Some(entry), _) => anchor(&entry),
            (None, Value::String(text)) if text.contains('\n') => format!("<pre>{}</pre>", Escaped(text)),
            (None, Value::String(text)) => Escaped(text).to_string(),
            (None, other) => Escaped(&other.to_string()).to_string(),
        };
        // Writing to a String cannot fail, here and below.
        let _ = write!(body, "<tr><th>{}</th><td>{shown}</td></tr>", Escaped(name));
    }
    body.push_str("</table>");
    for (kind, entries) in related {
        table(&mut body, kind, entries);
    }
    Page::new(title, &body).into_response()
}

/// The page where there is no such record.
pub(crate) fn missing() -> Response {
    let page = Page::new("Not found", "<p>There is no such record. <a href=\"/\">All records</a></p>");
    (StatusCode::NOT_FOUND, page).into_response()
}

fn navigation(crm: &str) -> String {
    format!("<header><b>{}</b><a href=\"/\">Records</a></header>", Escaped(crm))
}

fn anchor(entry: &Entry) -> String {
    format!("<a href=\"{}\">{}</a>", Escaped(&entry.link), Escaped(&entry.title))
}

fn table(body: &mut String, kind: &str, entries: &[Entry]) {
    let _ = write!(body, "<h2>{}</h2><table>", Escaped(kind));
    for entry in entries {
        let at = Escaped(&entry.at);
        let _ = write!(body, "<tr><td>{}</td><td class=\"muted\">{at}</td></tr>", anchor(entry));
    }
    body.push_str("</table>");
    if entries.is_empty() {
        body.push_str("<p class=\"muted\">None yet.</p>");
    }
}
