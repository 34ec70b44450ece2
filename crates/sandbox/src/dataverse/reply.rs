//! Owns the error answers of the Web API: `{"error": {"code", "message"}}`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Value, json};

use crate::odata::Wrong;

/// An error of the Web API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) code: String,
    pub(super) message: String,
}

impl ApiError {
    /// An error with its status.
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    /// The 400 of a query that cannot be understood.
    pub(super) fn query(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "0x80060888", message)
    }

    /// The 400 of a body that cannot be understood.
    pub(super) fn payload(set: &str, inner: &str) -> Self {
        let message = format!(
            "Error identified in Payload provided by the user for Entity :'{set}'  ---->  InnerException : \
             Microsoft.OData.ODataException: {inner}"
        );
        Self::new(StatusCode::BAD_REQUEST, "0x80048d19", message)
    }

    /// The 400 of a property that the entity does not have.
    pub(super) fn undeclared(set: &str, name: &str) -> Self {
        let inner = format!(
            "An undeclared property '{name}' which only has property annotations in the payload but no \
             property value was found in the payload. In OData, only declared navigation properties and \
             declared named streams can be represented as properties without values."
        );
        Self::payload(set, &inner)
    }

    /// The 400 of a column that the entity does not have.
    pub(super) fn no_column(logical: &str, name: &str) -> Self {
        let message =
            format!("Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{logical}'.");
        Self::query(message)
    }

    /// The 404 of a path nothing answers.
    pub(super) fn no_segment(name: &str) -> Self {
        let message = format!("Resource not found for the segment '{name}'.");
        Self::new(StatusCode::NOT_FOUND, "0x8006088a", message)
    }

    /// The 404 of a record that is not there.
    pub(super) fn no_record(logical: &str, id: &str) -> Self {
        let message = format!("Entity '{logical}' With Id = {id} Does Not Exist");
        Self::new(StatusCode::NOT_FOUND, "0x80040217", message)
    }

    /// The 412 of a key that is there.
    pub(super) fn duplicate() -> Self {
        let message = "A record with matching key values already exists.";
        Self::new(StatusCode::PRECONDITION_FAILED, "0x80040237", message)
    }

    /// The 400 of a condition that cannot be understood.
    pub(super) fn condition(wrong: &Wrong, text: &str) -> Self {
        Self::query(match wrong {
            Wrong::Unterminated(at) => {
                format!("There is an unterminated literal at position {at} in '{text}'.")
            }
            Wrong::Syntax(at) => format!("Syntax error at position {at} in '{text}'."),
            Wrong::Function(name) => format!("An unknown function with name '{name}' was found."),
        })
    }

    /// The 500 of a sandbox that could not write.
    pub(super) fn internal(error: &std::io::Error) -> Self {
        let message = format!("the sandbox failed: {error}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "0x80040216", message)
    }

    /// The body.
    pub(super) fn body(&self) -> Value {
        json!({"error": {"code": self.code, "message": self.message}})
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(self.body())).into_response()
    }
}
