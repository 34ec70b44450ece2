//! What a page says when something does not go.
//!
//! Owns putting a status of the API into the person's words: beside the fields where they can be put right, as a page of its own
//! otherwise. The table of reasons is `texts`'. Must not show what the API's message says of our insides.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::response::{IntoResponse, Redirect, Response};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::cookie;
use crate::frame::{Frame, render};
use crate::texts::Texts;
use crate::visitor::Visitor;

/// Why there is no page.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The API refused, or did not answer.
    Status(Box<Status>),
    /// We refuse ourselves.
    Own(Reason),
}

/// What we refuse ourselves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reason {
    /// There is no such page.
    NoSuchPage,
    /// Another site had the browser send this.
    ForeignForm,
    /// The form is not one of ours.
    BadForm,
    /// The page could not be drawn.
    Undrawable,
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Status(Box::new(status))
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self::Own(reason)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let code = match &self {
            Self::Own(Reason::NoSuchPage) => StatusCode::NOT_FOUND,
            Self::Own(Reason::ForeignForm) => StatusCode::FORBIDDEN,
            Self::Own(Reason::BadForm) => StatusCode::BAD_REQUEST,
            Self::Own(Reason::Undrawable) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Status(status) => code_of(status.code()),
        };
        let mut response = code.into_response();
        // The layer that knows the visitor draws the page.
        response.extensions_mut().insert(self);
        response
    }
}

#[derive(askama::Template)]
#[template(path = "failure.html")]
struct FailurePage<'a> {
    frame: Frame,
    heading: &'a str,
    words: String,
    request_id: String,
}

impl Failure {
    /// Draws the page.
    pub(crate) fn page(self, visitor: &Visitor, code: StatusCode) -> Response {
        let t = visitor.texts();
        let (heading, words, request_id) = match &self {
            Self::Status(status) if status.code() == Code::Unauthenticated => {
                let forget = [(SET_COOKIE, cookie::SESSION.forget())];
                return (forget, Redirect::to(&visitor.sign_in_page())).into_response();
            }
            Self::Status(status) => {
                let wait = status.get_details_retry_info().and_then(|info| info.retry_delay);
                let mut response =
                    Self::draw(visitor, (heading(t, status), words(t, status), request_id(status)), code);
                if let Some(wait) = wait {
                    response.headers_mut().insert(RETRY_AFTER, wait.as_secs().max(1).into());
                }
                return response;
            }
            Self::Own(Reason::NoSuchPage) => (t.not_found_heading, t.not_found, String::new()),
            Self::Own(Reason::ForeignForm) => (t.failed_heading, t.foreign_form, String::new()),
            Self::Own(Reason::BadForm) => (t.failed_heading, t.bad_form, String::new()),
            Self::Own(Reason::Undrawable) => (t.failed_heading, t.reason_internal, String::new()),
        };
        Self::draw(visitor, (heading, words.to_owned(), request_id), code)
    }

    fn draw(
        visitor: &Visitor,
        (heading, words, request_id): (&str, String, String),
        code: StatusCode,
    ) -> Response {
        let frame = Frame::new(visitor, heading);
        let page = FailurePage { frame, heading, words, request_id };
        match render(&page) {
            Ok(response) => (code, response).into_response(),
            Err(_) => code.into_response(),
        }
    }
}

fn code_of(code: Code) -> StatusCode {
    match code {
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::InvalidArgument | Code::FailedPrecondition | Code::AlreadyExists | Code::Aborted => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Returns the reason of a status, such as `SPACE_ADDRESS_TAKEN`; empty where it says none.
pub(crate) fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

fn request_id(status: &Status) -> String {
    status.get_details_request_info().map(|info| info.request_id).unwrap_or_default()
}

fn heading(t: &'static Texts, status: &Status) -> &'static str {
    match status.code() {
        Code::NotFound => t.not_found_heading,
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => t.unavailable_heading,
        _ => t.failed_heading,
    }
}

/// Puts a status into words.
pub(crate) fn words(t: &'static Texts, status: &Status) -> String {
    let found = t.reason(&reason(status)).unwrap_or(match status.code() {
        Code::NotFound => t.not_found,
        Code::PermissionDenied => t.reason_denied,
        Code::ResourceExhausted => t.reason_too_many,
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => t.reason_unavailable,
        Code::InvalidArgument => t.reason_fields,
        Code::Aborted => t.reason_changed,
        _ => t.reason_internal,
    });
    found.to_owned()
}

/// Returns what is wrong with each field: the field's name in the form, and the rule in the person's words.
pub(crate) fn field_errors(t: &'static Texts, status: &Status) -> BTreeMap<String, String> {
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    let mut errors = BTreeMap::new();
    for violation in violations {
        let field = violation.field.split(['.', '[']).next().unwrap_or_default().to_owned();
        let words = t.rule(&field).map_or(violation.description, str::to_owned);
        errors.entry(field).or_insert(words);
    }
    errors
}
