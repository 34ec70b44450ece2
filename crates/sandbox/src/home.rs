//! Owns the first page of the sandbox and the JSON calls that steer it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::crm::Crm;
use crate::faults::{Fault, Faults};
use crate::html::{Escaped, Page};
use crate::salesforce::{Salesforce, Switches};

/// What the first page and the steering calls know.
#[derive(Clone)]
pub(crate) struct Desk {
    /// The scripted failures.
    pub(crate) faults: Arc<Faults>,
    /// The Salesforce look-alike.
    pub(crate) salesforce: Arc<Salesforce>,
    /// The other look-alikes.
    pub(crate) crms: Arc<[Arc<dyn Crm>]>,
    /// Where everything is, as name and address.
    pub(crate) places: Arc<Vec<(&'static str, String)>>,
}

/// `/`, `/api/faults`, `/api/salesforce/…`, and `records` and `calls` of each of the other look-alikes.
pub(crate) fn router(desk: Desk) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/api/faults", get(list).post(add).delete(clear))
        .route("/api/salesforce/tasks", get(tasks))
        .route("/api/salesforce/calls", get(calls))
        .route("/api/{crm}/records", get(records_of))
        .route("/api/{crm}/calls", get(calls_of))
        .with_state(desk)
}

async fn page(State(desk): State<Desk>) -> Response {
    let mut body = String::from(
        "<header><b>Sandbox</b><a href=\"/mail\">Mails</a></header><h1>The outside world, on this machine</h1>\
         <p>Nothing here leaves it: mails are kept and shown, files go into a directory, and the CRMs are \
         look-alikes with made-up companies.</p><table>",
    );
    for (name, address) in desk.places.iter() {
        let shown = if address.starts_with("http") {
            format!("<a href=\"{0}\">{0}</a>", Escaped(address))
        } else {
            Escaped(address).to_string()
        };
        body.push_str(&format!("<tr><th>{}</th><td>{shown}</td></tr>", Escaped(name)));
    }
    body.push_str(
        "</table><h2>For tests</h2><table>\
         <tr><th><a href=\"/api/mails\">/api/mails</a></th><td>The mails as JSON; <code>?to=</code> filters; DELETE empties.</td></tr>\
         <tr><th><a href=\"/api/salesforce/tasks\">/api/salesforce/tasks</a></th><td>Every task in the CRM.</td></tr>\
         <tr><th><a href=\"/api/salesforce/calls\">/api/salesforce/calls</a></th><td>How often the CRM was called, and how it answered.</td></tr>\
         <tr><th>/api/…/records</th><td>Every record of <a href=\"/api/dataverse/records\">dataverse</a>, \
         <a href=\"/api/c4c/records\">c4c</a> and <a href=\"/api/sales_cloud/records\">sales_cloud</a>; \
         their calls are at <code>/api/…/calls</code>.</td></tr>\
         <tr><th><a href=\"/api/faults\">/api/faults</a></th><td>Failures still to happen; POST adds one, DELETE forgets all.</td></tr>\
         </table><h2>Making something fail</h2>\
         <pre>{\"target\":\"mailbox\",\"phase\":\"rcpt\",\"reply\":\"451 4.3.0 later\",\"times\":2}\n\
         {\"target\":\"mailbox\",\"phase\":\"after_data\",\"drop\":true}\n\
         {\"target\":\"s3\",\"status\":503,\"times\":3}\n\
         {\"target\":\"s3\",\"phase\":\"after_commit\",\"drop\":true}\n\
         {\"target\":\"salesforce\",\"status\":400,\"errorCode\":\"UNABLE_TO_LOCK_ROW\"}\n\
         {\"target\":\"salesforce\",\"phase\":\"after_commit\",\"status\":504}\n\
         {\"target\":\"salesforce\",\"expire_all_tokens\":true,\"rotation\":true,\"daily_quota\":5}\n\
         {\"target\":\"dataverse\",\"status\":429,\"retry_after\":3,\"errorCode\":\"0x80072322\"}\n\
         {\"target\":\"c4c\",\"phase\":\"after_commit\",\"drop\":true,\"times\":1000,\"every\":5}\n\
         {\"target\":\"dataverse\",\"expire_all_tokens\":true,\"sales_app\":false,\"request_limit\":9,\"window_seconds\":5}\n\
         {\"target\":\"c4c\",\"expire_all_tokens\":true,\"custom_field\":false,\"page_size\":3,\"technical_user\":true,\"wrap_single\":false}\n\
         {\"target\":\"sales_cloud\",\"latency_ms\":200,\"daily_quota\":5,\"locked\":true}</pre>",
    );
    Page::new("Sandbox", &body).into_response()
}

async fn list(State(desk): State<Desk>) -> Json<Value> {
    let mut listed = Map::new();
    listed.insert("faults".to_owned(), json!(desk.faults.list()));
    listed.insert("salesforce".to_owned(), json!(desk.salesforce.current_settings()));
    listed.extend(desk.crms.iter().map(|crm| (crm.name().to_owned(), crm.settings())));
    Json(Value::Object(listed))
}

async fn add(State(desk): State<Desk>, body: Bytes) -> Result<StatusCode, (StatusCode, Json<Value>)> {
    let refused = |error: String| (StatusCode::BAD_REQUEST, Json(json!({"error": error})));
    let body: Value = serde_json::from_slice(&body).map_err(|error| refused(format!("body: {error}")))?;
    let target = body.get("target").and_then(Value::as_str);
    let fails =
        ["status", "drop", "stall_seconds", "phase", "times"].iter().any(|key| body.get(key).is_some());
    let only_target = body.as_object().is_some_and(|body| body.len() == 1);
    if !fails && !only_target && target == Some("salesforce") {
        let switches: Switches =
            serde_json::from_value(body).map_err(|error| refused(format!("body: {error}")))?;
        desk.salesforce.switch(&switches).map_err(|error| refused(format!("cannot be kept: {error}")))?;
        return Ok(StatusCode::CREATED);
    }
    if let Some(crm) = desk.crms.iter().find(|crm| !fails && target == Some(crm.name())) {
        crm.switch(body).map_err(refused)?;
        return Ok(StatusCode::CREATED);
    }
    let fault: Fault = serde_json::from_value(body).map_err(|error| refused(format!("body: {error}")))?;
    desk.faults.add(fault.validate().map_err(refused)?);
    Ok(StatusCode::CREATED)
}

async fn clear(State(desk): State<Desk>) -> StatusCode {
    desk.faults.clear();
    desk.salesforce.reset_settings();
    desk.crms.iter().for_each(|crm| crm.reset());
    StatusCode::NO_CONTENT
}

async fn records_of(State(desk): State<Desk>, Path(crm): Path<String>) -> Result<Json<Value>, StatusCode> {
    let crm = desk.crms.iter().find(|known| known.name() == crm).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(crm.records()))
}

async fn calls_of(State(desk): State<Desk>, Path(crm): Path<String>) -> Result<Json<Value>, StatusCode> {
    let crm = desk.crms.iter().find(|known| known.name() == crm).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(crm.calls()))
}

async fn tasks(State(desk): State<Desk>) -> Json<Value> {
    Json(desk.salesforce.tasks())
}

async fn calls(State(desk): State<Desk>) -> Json<Value> {
    Json(desk.salesforce.calls())
}
