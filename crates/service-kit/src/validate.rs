//! Checks on what comes in.
//!
//! Owns the list of violated rules, so that a caller learns of all of them at once. A check returns the value in its
//! checked form and notes what is wrong; [`Violations::into_result`] at the end decides. Holds no rule of a domain.

use std::fmt;
use std::str::FromStr;

use tonic_types::{ErrorDetails, StatusExt};
use uuid::Uuid;

/// One field and the rule it breaks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// The field's path in the request, such as `admin.email_address`.
    pub field: String,
    /// The rule, in words a person can act on.
    pub rule: String,
}

/// All the fields that break a rule.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Violations(Vec<Violation>);

impl std::error::Error for Violations {}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", violation.field, violation.rule)?;
        }
        Ok(())
    }
}

impl From<Violations> for tonic::Status {
    fn from(violations: Violations) -> Self {
        let mut details = ErrorDetails::with_error_info("INVALID_FIELD", "sharedspaces", []);
        for violation in violations.iter() {
            details.add_bad_request_violation(&violation.field, &violation.rule);
        }
        let message = format!("the request has invalid fields: {violations}");
        Self::with_error_details(tonic::Code::InvalidArgument, message, details)
    }
}

impl Violations {
    /// Returns a list with one violation.
    pub fn one(field: impl Into<String>, rule: impl Into<String>) -> Self {
        let mut violations = Self::default();
        violations.add(field, rule);
        violations
    }

    /// Notes a violated rule.
    pub fn add(&mut self, field: impl Into<String>, rule: impl Into<String>) {
        self.0.push(Violation { field: field.into(), rule: rule.into() });
    }

    /// Iterates over what was noted, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Violation> {
        self.0.iter()
    }

    /// Returns an error where anything was noted.
    pub fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }

    /// Checks a text of one line: trimmed, `min` to `max` characters, no control characters.
    pub fn line(&mut self, field: &str, value: &str, min: usize, max: usize) -> String {
        let value = value.trim();
        if value.chars().any(is_control) {
            self.add(field, "must not contain control characters");
        }
        self.length(field, value, min, max);
        value.to_owned()
    }

    /// Checks a text of several lines: at most `max` characters, no control characters but line breaks and tabs.
    pub fn paragraphs(&mut self, field: &str, value: &str, max: usize) -> String {
        let value = value.replace("\r\n", "\n");
        if value.chars().any(|c| is_control(c) && c != '\n' && c != '\t') {
            self.add(field, "must not contain control characters but line breaks and tabs");
        }
        self.length(field, &value, 0, max);
        value
    }

    /// Checks an id. What is noted as wrong comes back as the nil id, which [`Self::into_result`] keeps from use.
    pub fn id<T: From<Uuid>>(&mut self, field: &str, value: &str) -> T {
        T::from(Uuid::from_str(value).unwrap_or_else(|_| {
            self.add(field, "must be a UUID");
            Uuid::nil()
        }))
    }

    fn length(&mut self, field: &str, value: &str, min: usize, max: usize) {
        let characters = value.chars().count();
        if characters < min || characters > max {
            self.add(field, format!("must have {min} to {max} characters, has {characters}"));
        }
    }
}

/// Tells control characters, and what moves text about invisibly (bidirectional overrides, line separators).
pub fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(value: &str) -> Result<(), Violations> {
        let mut check = Violations::default();
        check.line("title", value, 1, 255);
        check.into_result()
    }

    #[test]
    fn a_line_is_taken_up_to_its_limit_and_refused_beyond() {
        assert!(line(&"é".repeat(255)).is_ok());
        let refused = line(&"é".repeat(256)).unwrap_err();
        assert_eq!(refused.to_string(), "title: must have 1 to 255 characters, has 256");
        assert!(line("   ").is_err());
    }

    #[test]
    fn control_and_bidirectional_characters_are_refused_in_a_line() {
        for bad in ["a\nb", "a\0b", "a\u{202e}b", "a\u{2028}b", "a\u{85}b"] {
            assert!(line(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn paragraphs_keep_line_breaks_and_tabs_only() {
        let mut check = Violations::default();
        assert_eq!(check.paragraphs("note", "a\r\n\tb", 1_000), "a\n\tb");
        assert!(check.clone().into_result().is_ok());
        check.paragraphs("note", "a\u{7}b", 1_000);
        assert!(check.into_result().is_err());
    }

    #[test]
    fn all_violations_are_told_at_once() {
        let mut check = Violations::default();
        check.line("title", "", 1, 255);
        check.id::<Uuid>("space_id", "nonsense");
        assert_eq!(check.into_result().unwrap_err().iter().count(), 2);
    }
}
