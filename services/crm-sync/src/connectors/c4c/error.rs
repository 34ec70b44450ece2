//! What a refusal of SAP C4C means (SAP C4C OData API developer guide, "CSRF token", "Error responses").
//!
//! Owns telling refusals apart by status and header. The body of an error is JSON, XML or plain text, so that it only
//! serves to tell people more.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde::Deserialize;

use crate::connectors::CrmError;
use crate::connectors::http::Answer;
use crate::connectors::text::quoted;

/// A wait from here on counts as a quota that is used up.
const LONG: Duration = Duration::from_secs(600);
/// No wait that is asked for is believed beyond a day.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3_600);

/// A refusal, before it is known whether it ends the call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    /// The CSRF token does not belong to a session (any more): nothing was done.
    Csrf,
    /// Anything else.
    Error(CrmError),
}

impl From<Refusal> for CrmError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Error(error) => error,
            Refusal::Csrf => Self::retry("SAP does not take the token of its own session."),
        }
    }
}

impl From<CrmError> for Refusal {
    fn from(error: CrmError) -> Self {
        Self::Error(error)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    error: ApiError,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ApiError {
    message: Message,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message {
    value: String,
}

impl Refusal {
    /// Reads a refusal.
    pub(super) fn read(answer: &Answer) -> Self {
        let after = answer.retry_after.map(|after| after.min(LONGEST_PAUSE));
        let retry = |message: &str| Self::Error(CrmError::Retry { after, message: message.to_owned() });
        match (answer.status.as_u16(), after) {
            (403, _) if requires_token(&answer.headers) => Self::Csrf,
            (401, _) => Self::Error(CrmError::Reauthenticate),
            (429 | 503, Some(after)) if after >= LONG => Self::Error(CrmError::Deferred {
                after,
                message: "SAP's limit of calls is used up; it is tried again later.".to_owned(),
            }),
            (408 | 429 | 500..=599, _) => retry("SAP is not available."),
            (status, _) => {
                let ErrorBody { error } = serde_json::from_slice(&answer.body).unwrap_or_default();
                Self::Error(CrmError::permanent(words(&error.message.value, status)))
            }
        }
    }
}

fn requires_token(headers: &HeaderMap) -> bool {
    headers.get("x-csrf-token").is_some_and(|token| token.as_bytes().eq_ignore_ascii_case(b"required"))
}

/// Says in people's words what was refused.
fn words(message: &str, status: u16) -> String {
    let own = quoted(message);
    match status {
        403 => format!(
            "The integration user may not do this in SAP: an admin must give its communication arrangement the right{own}"
        ),
        404 => format!(
            "SAP does not know this record or service: it was deleted, the integration user cannot see it, or the \
             address is wrong{own}"
        ),
        400 => format!("SAP refused the log{own}"),
        number if own == "." => format!("SAP refused with status {number}."),
        number => format!("SAP refused with status {number}{own}"),
    }
}

/// What a refusal of the sign-in means: only an admin can put it right.
pub(super) fn of_sign_in(refusal: Refusal) -> CrmError {
    let message = match refusal {
        Refusal::Error(CrmError::Reauthenticate) => {
            "SAP refuses the user or its password: an admin must enter those of an integration user."
                .to_owned()
        }
        Refusal::Error(CrmError::Permanent { message }) => message,
        other => return other.into(),
    };
    CrmError::Reconnect { message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::StatusCode;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
        let pairs = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: None,
            headers: pairs.collect(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn each_refusal_is_told_by_what_to_do_about_it() {
        let class = |answer: &Answer| match Refusal::read(answer) {
            Refusal::Csrf => "csrf",
            Refusal::Error(CrmError::Retry { .. }) => "retry",
            Refusal::Error(CrmError::Reauthenticate) => "reauthenticate",
            Refusal::Error(CrmError::Permanent { .. }) => "permanent",
            Refusal::Error(_) => "other",
        };
        for (status, headers, expected) in [
            (403, &[("x-csrf-token", "Required")][..], "csrf"),
            (403, &[("x-csrf-token", "required")][..], "csrf"),
            (403, &[("x-csrf-token", "abc")][..], "permanent"),
            (403, &[][..], "permanent"),
            (401, &[][..], "reauthenticate"),
            (429, &[][..], "retry"),
            (500, &[][..], "retry"),
            (503, &[][..], "retry"),
            (504, &[][..], "retry"),
            (400, &[][..], "permanent"),
            (404, &[][..], "permanent"),
            (412, &[][..], "permanent"),
            (301, &[][..], "permanent"),
        ] {
            assert_eq!(class(&answer(status, headers, "CSRF token validation failed")), expected, "{status}");
        }
    }

    #[test]
    fn a_wait_is_kept_and_a_long_one_counts_as_a_used_up_quota() {
        let read = |seconds| {
            let after = Some(Duration::from_secs(seconds));
            Refusal::read(&Answer { retry_after: after, ..answer(429, &[], "") })
        };
        let Refusal::Error(CrmError::Retry { after, .. }) = read(599) else { panic!() };
        assert_eq!(after, Some(Duration::from_secs(599)));
        for (asked, kept) in [(600, 600), (90_000, 86_400)] {
            let Refusal::Error(CrmError::Deferred { after, .. }) = read(asked) else { panic!() };
            assert_eq!(after, Duration::from_secs(kept));
        }
    }

    #[test]
    fn what_sap_says_is_passed_on_from_json_and_left_out_from_anything_else() {
        let json = r#"{"error":{"code":"x","message":{"lang":"en","value":"Name\nis wrong"}}}"#;
        let told = |body| CrmError::from(Refusal::read(&answer(400, &[], body))).to_string();
        assert_eq!(told(json), "SAP refused the log: “Name is wrong”.");
        assert_eq!(told("<error>secret</error>"), "SAP refused the log.");
    }

    #[test]
    fn a_refused_user_is_for_an_admin_to_put_right() {
        let refused = || Refusal::read(&answer(401, &[], ""));
        assert!(matches!(of_sign_in(refused()), CrmError::Reconnect { .. }));
        assert!(matches!(of_sign_in(Refusal::read(&answer(403, &[], ""))), CrmError::Reconnect { .. }));
        assert!(matches!(of_sign_in(Refusal::read(&answer(503, &[], ""))), CrmError::Retry { .. }));
    }
}
