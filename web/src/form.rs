//! Forms.
//!
//! Owns what was typed into one and what is wrong with it, so that a refused form comes back as it was. Must not know which
//! forms there are.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, Request};
use prost_types::FieldMask;
use tonic::{Code, Status};
use url::form_urlencoded;

use crate::failure::{Failure, Reason, field_errors, reason, words};
use crate::texts::Texts;

/// Longest form without files: a description has at most 65,535 characters of four bytes, each of which is written with three.
const MAX_BYTES: usize = 1_048_576;

/// A form as it was typed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filled {
    values: BTreeMap<String, String>,
    errors: BTreeMap<String, String>,
    /// What is wrong with the whole.
    pub(crate) general: String,
}

impl Filled {
    /// Returns a form that holds these values already.
    pub(crate) fn with<const N: usize>(values: [(&str, &str); N]) -> Self {
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { values: BTreeMap::from(values), ..Self::default() }
    }

    /// What was typed; empty where nothing was.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// Takes out what was typed, with what stands around it cut.
    pub(crate) fn text(&self, name: &str) -> String {
        self.value(name).trim().to_owned()
    }

    /// Takes out lines as a browser sends them, with their ends as we keep them.
    pub(crate) fn lines(&self, name: &str) -> String {
        self.value(name).replace("\r\n", "\n").trim_end().to_owned()
    }

    /// Whether a box is ticked.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.value(name) == "on"
    }

    /// What is wrong with a field; empty where nothing is.
    pub(crate) fn error(&self, name: &str) -> &str {
        self.errors.get(name).map_or("", String::as_str)
    }

    /// Whether anything is wrong.
    pub(crate) fn is_refused(&self) -> bool {
        !self.errors.is_empty() || !self.general.is_empty()
    }

    /// Sets a value.
    pub(crate) fn put(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_owned(), value.to_owned());
    }

    /// Never shows a secret again.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.values.remove(name);
        self
    }

    /// Says what is wrong with one field.
    pub(crate) fn wrong(mut self, name: &str, words: &str) -> Self {
        self.errors.insert(name.to_owned(), words.to_owned());
        self
    }

    /// Says what is wrong with the whole, and nothing else.
    pub(crate) fn saying(self, words: &str) -> Self {
        Self { general: words.to_owned(), ..self.accepted() }
    }

    /// Takes back that anything is wrong, where the page tells it in another way.
    pub(crate) fn accepted(mut self) -> Self {
        self.errors.clear();
        self.general.clear();
        self
    }

    /// Says what the API refused; fails where typing cannot put it right.
    pub(crate) fn refused(mut self, t: &'static Texts, status: Status) -> Result<Self, Failure> {
        if matches!(
            status.code(),
            Code::Unauthenticated | Code::Internal | Code::Unknown | Code::Unimplemented
        ) {
            return Err(status.into());
        }
        self.errors = field_errors(t, &status);
        // A reason with words of its own is told above the form, whatever field the API puts it on.
        self.general = match t.reason(&reason(&status)) {
            Some(words) => words.to_owned(),
            None if self.errors.is_empty() => words(t, &status),
            None => t.reason_fields.to_owned(),
        };
        Ok(self)
    }
}

impl<S: Send + Sync> FromRequest<S> for Filled {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let body = axum::body::to_bytes(request.into_body(), MAX_BYTES).await.map_err(|_| Reason::BadForm)?;
        let values =
            form_urlencoded::parse(&body).map(|(name, value)| (name.into_owned(), value.into_owned()));
        Ok(Self { values: values.collect(), ..Self::default() })
    }
}

/// Names the fields that a call changes.
pub(crate) fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts;
    use service_kit::locale::Locale;
    use service_kit::validate::Violations;

    #[test]
    fn a_refused_form_keeps_what_was_typed_and_names_the_rule_beside_its_field() {
        let typed = Filled::with([("title", ""), ("description", "kept")]);
        let status = Status::from(Violations::one("title", "must have 1 to 255 characters"));
        let back = typed.refused(texts::of(Locale::German), status).unwrap();
        assert_eq!(back.value("description"), "kept");
        assert_eq!(back.error("title"), texts::of(Locale::German).rule("title").unwrap());
        assert!(back.is_refused());
    }

    #[test]
    fn a_secret_is_not_shown_again() {
        assert_eq!(Filled::with([("password", "canary")]).without("password").value("password"), "");
    }
}
