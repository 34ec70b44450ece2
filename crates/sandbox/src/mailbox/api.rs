//! Owns the mailbox's JSON feed, for tests and scripts.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::store::{Mail, Mailbox};

#[derive(Deserialize)]
pub(super) struct Filter {
    pub(super) to: Option<String>,
}

impl Filter {
    /// The address asked for; an empty one asks for all.
    pub(super) fn to(&self) -> Option<&str> {
        self.to.as_deref().map(str::trim).filter(|to| !to.is_empty())
    }
}

#[derive(Serialize)]
struct MailView<'a> {
    id: u64,
    received_at: DateTime<Utc>,
    from: &'a str,
    to: &'a [String],
    subject: &'a str,
    message_id: Option<&'a str>,
    headers: BTreeMap<&'a str, String>,
    text: Option<&'a str>,
    html: Option<&'a str>,
}

impl<'a> From<&'a Mail> for MailView<'a> {
    fn from(mail: &'a Mail) -> Self {
        Self {
            id: mail.id,
            received_at: mail.received_at,
            from: mail.message.from.as_deref().unwrap_or(&mail.envelope.from),
            to: &mail.envelope.to,
            subject: &mail.message.subject,
            message_id: mail.message.message_id.as_deref(),
            headers: mail.message.header_map(),
            text: mail.message.text.as_deref(),
            html: mail.message.html.as_deref(),
        }
    }
}

/// `GET /api/mails?to=…` lists mails newest first, `DELETE /api/mails` throws all away.
pub(crate) fn router(mailbox: Arc<Mailbox>) -> Router {
    Router::new().route("/api/mails", get(list).delete(clear)).with_state(mailbox)
}

async fn list(State(mailbox): State<Arc<Mailbox>>, Query(filter): Query<Filter>) -> Json<serde_json::Value> {
    let mails = mailbox.list(filter.to());
    let views = mails.iter().map(|mail| serde_json::json!(MailView::from(mail.as_ref()))).collect();
    Json(serde_json::Value::Array(views))
}

async fn clear(State(mailbox): State<Arc<Mailbox>>) -> Result<StatusCode, (StatusCode, String)> {
    let cleared = mailbox.clear().map(|()| StatusCode::NO_CONTENT);
    cleared.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, format!("cannot remove a mail: {error}")))
}
