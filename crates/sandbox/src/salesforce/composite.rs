//! Owns composite requests: several calls in one, which with `allOrNone` take effect together or not at all.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::{Json, Router};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::Salesforce;
use super::reply::ApiError;
use super::seed::Record;

/// The most calls of one request.
const MAX_CALLS: usize = 25;
/// The longest answer of one call.
const MAX_ANSWER: usize = 1 << 24;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    #[serde(default)]
    all_or_none: bool,
    composite_request: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Call {
    method: String,
    url: String,
    reference_id: String,
    body: Option<Value>,
}

/// Answers a composite request: 200 whatever became of its calls.
pub(super) async fn composite(
    State(org): State<Arc<Salesforce>>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let wrong = |error: serde_json::Error| ApiError::bad("JSON_PARSER_ERROR", format!("the body: {error}"));
    let asked: Asked = serde_json::from_slice(&body).map_err(wrong)?;
    if asked.composite_request.len() > MAX_CALLS {
        let message = format!("The limit of {MAX_CALLS} subrequests is exceeded");
        return Err(ApiError::bad("LIMIT_EXCEEDED", message));
    }
    let before = org.book().tasks.clone();
    let calls = super::calls(Arc::clone(&org));
    let mut answers: Vec<(String, StatusCode, Value)> = Vec::new();
    let mut failed = false;
    for call in &asked.composite_request {
        let call: Call = serde_json::from_str(&filled(&call.to_string(), &answers)).map_err(wrong)?;
        if failed && asked.all_or_none {
            answers.push((call.reference_id, StatusCode::BAD_REQUEST, halted()));
            continue;
        }
        let (status, answer) = run(&calls, &call).await?;
        failed |= !status.is_success();
        answers.push((call.reference_id, status, answer));
    }
    if failed && asked.all_or_none {
        undo(&org, &before, &answers)?;
        for (_, status, answer) in answers.iter_mut().filter(|(_, status, _)| status.is_success()) {
            (*status, *answer) = (StatusCode::BAD_REQUEST, halted());
        }
    }
    let shown = answers.into_iter().map(|(reference, status, answer)| {
        json!({"body": answer, "httpHeaders": {}, "httpStatusCode": status.as_u16(), "referenceId": reference})
    });
    Ok(Json(json!({"compositeResponse": shown.collect::<Vec<_>>()})))
}

fn halted() -> Value {
    let message = "The transaction was rolled back since another operation in the same transaction failed.";
    json!([{"errorCode": "PROCESSING_HALTED", "message": message}])
}

/// Puts what earlier calls answered in the place of `@{reference.field}`.
fn filled(text: &str, answers: &[(String, StatusCode, Value)]) -> String {
    let mut text = text.to_owned();
    for (reference, _, answer) in answers {
        for (name, value) in answer.as_object().into_iter().flatten() {
            if let Some(value) = value.as_str() {
                text = text.replace(&format!("@{{{reference}.{name}}}"), value);
            }
        }
    }
    text
}

async fn run(calls: &Router, call: &Call) -> Result<(StatusCode, Value), ApiError> {
    let body = call.body.as_ref().map(Value::to_string).unwrap_or_default();
    let request = Request::builder()
        .method(call.method.as_str())
        .uri(call.url.as_str())
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .map_err(|error| ApiError::bad("INVALID_INPUT", format!("{}: {error}", call.reference_id)))?;
    let response = match calls.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let status = response.status();
    let body = to_bytes(response.into_body(), MAX_ANSWER)
        .await
        .map_err(|error| ApiError::internal(&std::io::Error::other(error)))?;
    Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

/// Takes back what the calls wrote, and leaves alone what others wrote meanwhile.
fn undo(
    org: &Salesforce,
    before: &[Record],
    answers: &[(String, StatusCode, Value)],
) -> Result<(), ApiError> {
    let mut book = org.book();
    let written = answers.iter().filter(|(_, status, answer)| {
        status.is_success() && answer.get("success") == Some(&Value::Bool(true))
    });
    for id in written.filter_map(|(_, _, answer)| answer.get("id").and_then(Value::as_str)) {
        let Some(place) = book.tasks.iter().position(|task| task.id() == id) else { continue };
        match before.iter().find(|task| task.id() == id) {
            Some(task) => book.tasks.splice(place..=place, [task.clone()]).for_each(drop),
            None => drop(book.tasks.remove(place)),
        }
    }
    book.save().map_err(|error| ApiError::internal(&error))
}
