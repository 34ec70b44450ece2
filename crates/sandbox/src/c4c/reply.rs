//! Owns the error answers of the OData service, in JSON or XML as the client reads it.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;

use crate::html::Escaped;
use crate::odata::Wrong;

/// An error of the OData service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl ApiError {
    /// An error with its status.
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// A 400.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "OData/400", message)
    }

    /// The 404 of a path nothing answers.
    pub(super) fn no_resource(name: &str) -> Self {
        let message = format!("Resource not found for segment '{name}'");
        Self::new(StatusCode::NOT_FOUND, "OData/404", message)
    }

    /// The 400 of a property that the collection does not have.
    pub(super) fn no_property(entity: &str, name: &str) -> Self {
        Self::bad(format!("Property {name} not found in type {entity}"))
    }

    /// The 400 of a condition that cannot be understood.
    pub(super) fn condition(wrong: &Wrong) -> Self {
        Self::bad(match wrong {
            Wrong::Unterminated(at) => format!("Invalid token detected at position {at}: literal has no end"),
            Wrong::Syntax(at) => format!("Invalid token detected at position {at}"),
            Wrong::Function(name) => format!("Function '{name}' is not supported in $filter"),
        })
    }

    /// The 500 of a sandbox that could not write.
    pub(super) fn internal(error: &std::io::Error) -> Self {
        let message = format!("the sandbox failed: {error}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "OData/500", message)
    }

    /// The answer, in JSON or in XML.
    pub(super) fn answer(&self, json: bool) -> Response {
        if json {
            let body =
                json!({"error": {"code": self.code, "message": {"lang": "en", "value": self.message}}});
            return (self.status, axum::Json(body)).into_response();
        }
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
             <error xmlns=\"http://schemas.microsoft.com/ado/2007/08/dataservices/metadata\">\
             <code>{}</code><message xml:lang=\"en\">{}</message></error>",
            Escaped(self.code),
            Escaped(&self.message)
        );
        (self.status, [(CONTENT_TYPE, "application/xml")], body).into_response()
    }
}
