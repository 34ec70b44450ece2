//! What a refusal of Salesforce means ("Status Codes and Error Responses", "OAuth Authorization Flow Errors").
//!
//! Owns telling refusals apart by status and `errorCode`; texts are only looked at where no code tells. Messages are
//! written for people: what is wrong, and who can put it right.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;

use crate::connectors::CrmError;
use crate::connectors::http::Answer;

/// The daily quota counts the last 24 hours, so something is free again within hours.
const QUOTA_PAUSE: Duration = Duration::from_secs(2 * 3_600);
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3_600);
/// How much of Salesforce's own words is passed on, in characters.
const WORDS_MAX: usize = 300;

/// A refusal, before it is known whether it ends the call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    /// A record with this key exists: another write of the same log was faster.
    AlreadyDone,
    /// The status that the Task was to have is not one of the org's (any more).
    StaleStatus,
    /// The Lead is a Contact by now.
    ConvertedLead,
    /// Anything else.
    Error(CrmError),
}

impl From<Refusal> for CrmError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Error(error) => error,
            Refusal::ConvertedLead => Self::permanent(
                "The chosen Lead was converted in Salesforce, and no Contact has its address: choose a Contact.",
            ),
            Refusal::AlreadyDone | Refusal::StaleStatus => {
                Self::permanent("Salesforce refused a call that changes nothing.")
            }
        }
    }
}

/// One error of the REST API, which answers with an array of them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ApiError {
    error_code: String,
    message: String,
    fields: Vec<String>,
}

impl Refusal {
    /// Reads a refusal. The body need not be JSON: what stands before the API answers in HTML.
    pub(super) fn read(answer: &Answer) -> Self {
        let body = serde_json::from_slice(&answer.body).unwrap_or_default();
        Self::of_body(answer.status, answer.retry_after, body)
    }

    /// Reads the refusal of one call of a composite request. Nothing: it was taken back because another one failed.
    pub(super) fn of_part(status: u16, body: serde_json::Value) -> Option<Self> {
        let was_halted =
            body.get(0).and_then(|error| error.get("errorCode")) == Some(&"PROCESSING_HALTED".into());
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        (!was_halted).then(|| Self::of_body(status, None, body))
    }

    fn of_body(status: StatusCode, retry_after: Option<Duration>, body: serde_json::Value) -> Self {
        if status == StatusCode::MULTIPLE_CHOICES {
            return Self::Error(multiple_matches());
        }
        let errors: Vec<ApiError> = serde_json::from_value(body).unwrap_or_default();
        let first = errors.into_iter().next().unwrap_or_default();
        Self::of(status, retry_after, &first)
    }

    fn of(status: StatusCode, retry_after: Option<Duration>, error: &ApiError) -> Self {
        let after = retry_after.map(|after| after.min(LONGEST_PAUSE));
        let retry = |message: &str| Self::Error(CrmError::Retry { after, message: message.to_owned() });
        match error.error_code.as_str() {
            "DUPLICATE_VALUE" => Self::AlreadyDone,
            "CANNOT_UPDATE_CONVERTED_LEAD" => Self::ConvertedLead,
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
                if error.fields.iter().any(|field| field == "Status") =>
            {
                Self::StaleStatus
            }
            "INVALID_SESSION_ID" => Self::Error(CrmError::Reauthenticate),
            "UNABLE_TO_LOCK_ROW" => retry("The record is being changed in Salesforce."),
            "SERVER_UNAVAILABLE" => retry("Salesforce is not available."),
            // Answered with 403 or 429. Too many long calls at once pass in seconds, the daily quota does not.
            "REQUEST_LIMIT_EXCEEDED" if error.message.starts_with("Concurrent") => {
                retry("Salesforce is busy.")
            }
            "REQUEST_LIMIT_EXCEEDED" => Self::Error(CrmError::Deferred {
                after: after.unwrap_or(QUOTA_PAUSE),
                message: "Salesforce's limit of calls per day is used up; it is tried again later."
                    .to_owned(),
            }),
            code => match status.as_u16() {
                401 => Self::Error(CrmError::Reauthenticate),
                408 | 420 | 429 | 500..=599 => retry("Salesforce is not available."),
                number => Self::Error(CrmError::permanent(words(code, &error.message, number))),
            },
        }
    }
}

/// Several Tasks have one log's key: nothing was changed, and nothing can be until an admin has cleaned up.
pub(super) fn multiple_matches() -> CrmError {
    CrmError::permanent(
        "Several tasks in Salesforce have the key of this log: an admin must delete all but one and make the key \
         field unique.",
    )
}

/// Says in people's words what was refused.
fn words(code: &str, message: &str, status: u16) -> String {
    let own = quoted(message);
    match code {
        "INVALID_CROSS_REFERENCE_KEY" | "ENTITY_IS_DELETED" | "MALFORMED_ID" => {
            "The chosen record is not in Salesforce any more, or the connected user cannot see it.".to_owned()
        }
        "FIELD_INTEGRITY_EXCEPTION" => format!("Salesforce does not link a log to the chosen record{own}"),
        "REQUIRED_FIELD_MISSING" => {
            format!(
                "Salesforce requires fields of a task that a log does not have; an admin can change that{own}"
            )
        }
        "FIELD_CUSTOM_VALIDATION_EXCEPTION" | "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" => {
            format!("A rule of your Salesforce refuses the log{own}")
        }
        "DUPLICATES_DETECTED" => "A duplicate rule of your Salesforce refuses the log.".to_owned(),
        "STRING_TOO_LONG" => format!("A text is longer than Salesforce takes{own}"),
        "API_DISABLED_FOR_ORG" | "API_CURRENTLY_DISABLED" => {
            "The edition of your Salesforce, or the connected user, has no access to its API.".to_owned()
        }
        "NOT_FOUND" | "INVALID_FIELD" => {
            format!("Salesforce lacks a field or object that logging needs{own}")
        }
        _ if code.starts_with("INSUFFICIENT_ACCESS") => {
            "The connected user may not add tasks to the chosen record in Salesforce.".to_owned()
        }
        "" => format!("Salesforce refused with status {status}."),
        code => format!("Salesforce refused with {code}{own}"),
    }
}

/// Salesforce's own words, made harmless: one line, no control characters, of bounded length.
fn quoted(message: &str) -> String {
    let text: String =
        message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WORDS_MAX).collect();
    if text.trim().is_empty() { ".".to_owned() } else { format!(": “{}”.", text.trim()) }
}

/// An error of the token endpoint (RFC 6749 §5.2).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OauthError {
    error: String,
    error_description: String,
    #[serde(skip)]
    status: u16,
}

impl OauthError {
    pub(super) fn read(answer: &Answer) -> Self {
        let error: Self = serde_json::from_slice(&answer.body).unwrap_or_default();
        Self { status: answer.status.as_u16(), ..error }
    }

    /// Two refreshes of one token at once: the one `invalid_grant` that passes by itself.
    fn is_being_processed(&self) -> bool {
        self.error == "invalid_grant" && self.error_description.contains("already being processed")
    }

    fn is_away(&self) -> bool {
        matches!(self.status, 408 | 420 | 429 | 500..=599) || self.error == "rate_limit_exceeded"
    }
}

/// What a refused code means.
pub(super) fn of_exchange(error: &OauthError) -> CrmError {
    if error.is_being_processed() || error.is_away() {
        return CrmError::retry("Salesforce is not available.");
    }
    let own = quoted(&error.error_description);
    CrmError::permanent(match error.error.as_str() {
        "invalid_grant" => format!("Salesforce did not take the code; start again{own}"),
        "inactive_user" | "inactive_org" => {
            "The user or the organisation is not active in Salesforce.".to_owned()
        }
        "" => format!("Salesforce refused to connect with status {}.", error.status),
        code => format!("Salesforce refused to connect with {code}{own}"),
    })
}

/// What refused credentials of a machine mean (JWT bearer): an admin has to put them right.
pub(super) fn of_credentials(error: &OauthError) -> CrmError {
    if error.is_being_processed() || error.is_away() {
        return CrmError::retry("Salesforce is not available.");
    }
    let own = quoted(&error.error_description);
    CrmError::reconnect(match error.error.as_str() {
        "inactive_user" | "inactive_org" => {
            "The user or the organisation is not active in Salesforce.".to_owned()
        }
        "" => format!("Salesforce refused to sign in with status {}.", error.status),
        code => format!(
            "Salesforce refused to sign in with {code}; the connected app must know the certificate and allow the \
             user beforehand{own}"
        ),
    })
}

/// What a refused refresh token means.
pub(super) fn of_refresh(error: &OauthError) -> CrmError {
    match error.error.as_str() {
        "invalid_grant" if !error.is_being_processed() => CrmError::Reconnect {
            message: "Salesforce has ended the connection: an admin must connect it again.".to_owned(),
        },
        "inactive_user" | "inactive_org" => CrmError::Reconnect {
            message:
                "The connected user or organisation is not active in Salesforce: an admin must connect again."
                    .to_owned(),
        },
        // Also a refusal of the app itself: that is for its operator to mend, and no reason to end connections.
        _ => CrmError::retry("Salesforce gives no new access token at the moment."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderMap;

    fn read(status: u16, body: &str) -> Refusal {
        let status = StatusCode::from_u16(status).unwrap();
        Refusal::read(&Answer {
            status,
            retry_after: None,
            headers: HeaderMap::new(),
            body: body.as_bytes().to_vec(),
        })
    }

    fn coded(status: u16, code: &str, message: &str) -> Refusal {
        let error = serde_json::json!([{"errorCode": code, "message": message, "fields": ["Status"]}]);
        read(status, &error.to_string())
    }

    #[test]
    fn each_refusal_is_told_by_what_to_do_about_it() {
        let class = |refusal: Refusal| match refusal {
            Refusal::AlreadyDone => "done",
            Refusal::StaleStatus => "status",
            Refusal::ConvertedLead => "converted",
            Refusal::Error(CrmError::Retry { .. }) => "retry",
            Refusal::Error(CrmError::Reauthenticate) => "reauthenticate",
            Refusal::Error(CrmError::Deferred { .. }) => "deferred",
            Refusal::Error(CrmError::Permanent { .. }) => "permanent",
            Refusal::Error(CrmError::Reconnect { .. }) => "reconnect",
        };
        for (status, code, message, expected) in [
            (401, "INVALID_SESSION_ID", "Session expired or invalid", "reauthenticate"),
            (401, "", "", "reauthenticate"),
            (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", "deferred"),
            (429, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", "deferred"),
            (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.", "retry"),
            (400, "UNABLE_TO_LOCK_ROW", "", "retry"),
            (503, "SERVER_UNAVAILABLE", "", "retry"),
            (400, "SERVER_UNAVAILABLE", "", "retry"),
            (429, "", "", "retry"),
            (500, "UNKNOWN_EXCEPTION", "", "retry"),
            (504, "", "", "retry"),
            (420, "", "", "retry"),
            (400, "DUPLICATE_VALUE", "", "done"),
            (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "", "status"),
            (400, "CANNOT_UPDATE_CONVERTED_LEAD", "", "converted"),
            (300, "", "", "permanent"),
            (400, "STRING_TOO_LONG", "", "permanent"),
            (400, "INVALID_CROSS_REFERENCE_KEY", "", "permanent"),
            (403, "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "", "permanent"),
            (404, "NOT_FOUND", "", "permanent"),
            (302, "", "", "permanent"),
            (400, "SOMETHING_NEW", "", "permanent"),
        ] {
            assert_eq!(class(coded(status, code, message)), expected, "{status} {code} {message}");
        }
        assert_eq!(class(read(502, "<html>Bad gateway</html>")), "retry");
        assert_eq!(class(read(400, "<html>")), "permanent");
    }

    #[test]
    fn what_salesforce_says_is_passed_on_bounded_and_on_one_line() {
        let refusal = coded(400, "STRING_TOO_LONG", &format!("a\nb{}", "x".repeat(1_000)));
        let Refusal::Error(CrmError::Permanent { message }) = refusal else { panic!("{refusal:?}") };
        assert!(message.contains("a b") && message.chars().count() < 400, "{message}");
    }

    #[test]
    fn a_wait_that_is_asked_for_is_kept_but_not_beyond_a_day() {
        let of = |seconds| {
            let after = Some(Duration::from_secs(seconds));
            match Refusal::of(StatusCode::SERVICE_UNAVAILABLE, after, &ApiError::default()) {
                Refusal::Error(CrmError::Retry { after, .. }) => after.unwrap().as_secs(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(of(17), 17);
        assert_eq!(of(10_000_000), 86_400);
    }

    #[test]
    fn only_a_revoked_grant_ends_a_connection() {
        let refused = |error: &str, description: &str, status| {
            let error =
                OauthError { error: error.to_owned(), error_description: description.to_owned(), status };
            matches!(of_refresh(&error), CrmError::Reconnect { .. })
        };
        assert!(refused("invalid_grant", "expired access/refresh token", 400));
        assert!(refused("inactive_user", "", 400));
        assert!(!refused("invalid_grant", "token request is already being processed", 400));
        assert!(!refused("invalid_client", "invalid client credentials", 400));
        assert!(!refused("rate_limit_exceeded", "", 400));
        assert!(!refused("", "", 503));
    }
}
