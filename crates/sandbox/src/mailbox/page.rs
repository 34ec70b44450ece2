//! Owns the pages that show the mails.
//!
//! A mail is what a stranger wrote: its HTML is only ever shown inside a sandboxed frame that can run
//! nothing and load nothing, and everything else of it is escaped.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};

use super::api::Filter;
use super::store::{Mail, Mailbox};
use crate::html::{Escaped, Page, secure};

const NAVIGATION: &str = "<header><b>Sandbox</b><a href=\"/\">Home</a><a href=\"/mail\">Mails</a></header>";

/// Lets links of a mail open in a new tab and forbids the rest.
const FRAME_START: &str = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
    style-src 'unsafe-inline'; img-src data:\"><base target=\"_blank\">";

/// `/mail` lists, `/mail/{id}` shows one, `/mail/{id}/raw` gives its bytes.
pub(crate) fn router(mailbox: Arc<Mailbox>) -> Router {
    Router::new()
        .route("/mail", get(list))
        .route("/mail/{id}", get(show))
        .route("/mail/{id}/raw", get(raw))
        .with_state(mailbox)
}

async fn list(State(mailbox): State<Arc<Mailbox>>, Query(filter): Query<Filter>) -> Response {
    let mails = mailbox.list(filter.to());
    let wanted = filter.to().unwrap_or_default();
    let mut body = format!(
        "{NAVIGATION}<h1>Mails</h1><form class=\"row\"><input type=\"search\" name=\"to\" value=\"{}\" \
         placeholder=\"recipient\" aria-label=\"recipient\"><button>Show</button></form>",
        Escaped(wanted)
    );
    if mails.is_empty() {
        body.push_str("<p class=\"muted\">No mail yet. This page looks again by itself.</p>");
    } else {
        body.push_str("<table><tr><th>Received (UTC)</th><th>To</th><th>Subject</th></tr>");
        for mail in mails {
            row(&mut body, &mail);
        }
        body.push_str("</table>");
    }
    Page { refresh_seconds: Some(5), ..Page::new("Mails", &body) }.into_response()
}

fn row(body: &mut String, mail: &Mail) {
    // Writing to a String cannot fail.
    let _ = write!(
        body,
        "<tr><td class=\"muted\">{}</td><td>{}</td><td><a href=\"/mail/{}\">{}</a></td></tr>",
        mail.received_at.format("%Y-%m-%d %H:%M:%S"),
        Escaped(&mail.envelope.to.join(", ")),
        mail.id,
        Escaped(subject(mail)),
    );
}

fn subject(mail: &Mail) -> &str {
    if mail.message.subject.trim().is_empty() { "(no subject)" } else { &mail.message.subject }
}

async fn show(State(mailbox): State<Arc<Mailbox>>, Path(id): Path<u64>) -> Response {
    let Some(mail) = mailbox.find(id) else {
        return not_found();
    };
    let message = &mail.message;
    let mut body = format!(
        "{NAVIGATION}<h1>{}</h1><p class=\"muted\">To {} · {} UTC · <a href=\"/mail/{id}/raw\">raw source</a></p>",
        Escaped(subject(&mail)),
        Escaped(&mail.envelope.to.join(", ")),
        mail.received_at.format("%Y-%m-%d %H:%M:%S"),
    );
    if let Some(html) = &message.html {
        let document = format!("{FRAME_START}{html}");
        // Writing to a String cannot fail, here and below.
        let _ = write!(
            body,
            "<h2>HTML</h2><iframe title=\"HTML part\" \
             sandbox=\"allow-popups allow-popups-to-escape-sandbox\" srcdoc=\"{}\"></iframe>",
            Escaped(&document)
        );
    }
    if let Some(text) = &message.text {
        let _ = write!(body, "<h2>Text</h2><pre>{}</pre>", Escaped(text));
    }
    if !message.attachments.is_empty() {
        let _ = write!(body, "<h2>Attached</h2><p>{}</p>", Escaped(&message.attachments.join(", ")));
    }
    body.push_str("<h2>Headers</h2><table>");
    for (name, value) in &message.headers {
        let _ = write!(body, "<tr><th>{}</th><td>{}</td></tr>", Escaped(name), Escaped(value));
    }
    body.push_str("</table>");
    Page::new(subject(&mail), &body).into_response()
}

async fn raw(State(mailbox): State<Arc<Mailbox>>, Path(id): Path<u64>) -> Response {
    let Some(mail) = mailbox.find(id) else {
        return not_found();
    };
    let mut response = mail.raw.clone().into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    secure(&mut response, "default-src 'none'; sandbox");
    response
}

fn not_found() -> Response {
    let page = Page::new("Not found", "<p>There is no such mail. <a href=\"/mail\">All mails</a></p>");
    (StatusCode::NOT_FOUND, page).into_response()
}
