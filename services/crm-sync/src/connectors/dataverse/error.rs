//! What a refusal of Dataverse or of its directory means ("Compose HTTP requests and handle errors", "Service protection
//! API limits", "Microsoft Entra authentication and authorization error codes").
//!
//! Owns telling refusals apart by status and code; texts are only looked at where no code tells. Messages are written
//! for people: what is wrong, and who can put it right.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;

use crate::connectors::CrmError;
use crate::connectors::http::Answer;
use crate::connectors::text::quoted;

/// No wait that is asked for is believed beyond a day.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3_600);
/// A segment of the path that the environment does not know: an entity that is not installed.
const NO_SEGMENT: &str = "0x8006088a";
/// A property that the entity does not have.
const UNDECLARED: &str = "0x80048d19";
/// A record that is not there.
const NO_RECORD: &str = "0x80040217";
/// The user is no member of the environment.
const NO_MEMBER: &str = "0x80072560";

/// What the admin is told where opportunities and leads are missing.
pub(super) const NO_SALES_APP: &str = "This environment has no opportunities and leads: Dynamics 365 Sales is not \
                                       installed. Log on an account and on contacts, or have the app installed.";

/// A refusal, before it is known whether it ends the call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    /// 412 to `If-None-Match: *`: a record with this key exists.
    Exists,
    /// The activity is completed already, and so read-only.
    Closed,
    /// What was asked for comes with the Sales app, which is not installed.
    NoSalesApp,
    /// Anything else.
    Error(CrmError),
}

impl From<Refusal> for CrmError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Error(error) => error,
            Refusal::NoSalesApp => Self::permanent(NO_SALES_APP),
            Refusal::Exists | Refusal::Closed => {
                Self::permanent("Dynamics refused a call that changes nothing.")
            }
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

/// The error of the Web API.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ApiError {
    code: String,
    message: String,
}

impl Refusal {
    /// Reads a refusal. The body need not be JSON: what stands before the API answers in HTML, and 401 is empty.
    pub(super) fn read(answer: &Answer) -> Self {
        Self::of(answer.status, answer.retry_after, &answer.body)
    }

    /// Reads the refusal inside an answer to a batch: its status and body are those of the part.
    pub(super) fn of(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let ErrorBody { error } = serde_json::from_slice(body).unwrap_or_default();
        let after = retry_after.map(|after| after.min(LONGEST_PAUSE));
        let retry = |message: &str| Self::Error(CrmError::Retry { after, message: message.to_owned() });
        match status.as_u16() {
            // Only `If-None-Match: *` is ever sent, so that a failed precondition means that the key is taken.
            412 => Self::Exists,
            400 if error.message.contains("Cannot update Closed or Cancelled") => Self::Closed,
            401 => Self::Error(CrmError::Reauthenticate),
            // To be waited for exactly: who does not is made to wait longer.
            429 => retry("Dynamics limits how much may be sent; it is tried again later."),
            408 | 500 | 502..=599 => retry("Dynamics is not available."),
            _ if is_of_sales_app(&error) => Self::NoSalesApp,
            number => Self::Error(CrmError::permanent(words(&error, number))),
        }
    }
}

/// Tells whether a table or navigation property is missing that only the Sales app brings.
fn is_of_sales_app(error: &ApiError) -> bool {
    let is_missing = [NO_SEGMENT, UNDECLARED].iter().any(|code| error.code.eq_ignore_ascii_case(code));
    let names = ["'opportunities'", "'leads'", "_opportunity_task'", "_lead_task'"];
    is_missing && names.iter().any(|name| error.message.contains(name))
}

/// Says in people's words what was refused.
fn words(error: &ApiError, status: u16) -> String {
    let own = quoted(&error.message);
    match (error.code.to_ascii_lowercase().as_str(), status) {
        (NO_SEGMENT | UNDECLARED, _) => {
            format!("This Dynamics environment lacks a table or column that logging needs{own}")
        }
        (NO_RECORD, _) => {
            "The chosen record is not in Dynamics any more, or the connected user cannot see it.".to_owned()
        }
        (NO_MEMBER, _) => {
            "The connected user is not a member of the environment: an admin must add an application user with a \
             security role for tasks and notes."
                .to_owned()
        }
        (_, 403) => format!(
            "The connected user may not do this in Dynamics: an admin must give its security role the right{own}"
        ),
        (_, 413) => "The log is larger than Dynamics takes.".to_owned(),
        ("", number) => format!("Dynamics refused with status {number}."),
        (code, _) => format!("Dynamics refused with {code}{own}"),
    }
}

/// An error of the directory's token endpoint (RFC 6749 §5.2, with Entra's numbers).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OauthError {
    error: String,
    error_description: String,
    error_codes: Vec<u64>,
    #[serde(skip)]
    status: u16,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

impl OauthError {
    pub(super) fn read(answer: &Answer) -> Self {
        let error: Self = serde_json::from_slice(&answer.body).unwrap_or_default();
        Self { status: answer.status.as_u16(), retry_after: answer.retry_after, ..error }
    }

    fn is_away(&self) -> bool {
        matches!(self.status, 408 | 429 | 500..=599) || self.error == "temporarily_unavailable"
    }

    /// What a refusal means; with `connecting` an admin is there to read it, otherwise one has to be called.
    pub(super) fn class(&self, connecting: bool) -> CrmError {
        if self.is_away() {
            let after = self.retry_after.map(|after| after.min(LONGEST_PAUSE));
            let message = "Microsoft's sign-in is not available.".to_owned();
            return CrmError::Retry { after, message };
        }
        let message = self.words();
        if connecting { CrmError::permanent(message) } else { CrmError::Reconnect { message } }
    }

    fn words(&self) -> String {
        let own = quoted(self.error_description.split(" Trace ID").next().unwrap_or_default());
        match self.error_codes.first() {
            Some(7_000_215) => "Microsoft refuses the client secret: enter its value, not its id.".to_owned(),
            Some(7_000_222) => "The client secret has expired: an admin must make a new one.".to_owned(),
            Some(700_016) => "The tenant does not know this client id.".to_owned(),
            Some(7_000_218) => "Microsoft asks for a client secret.".to_owned(),
            Some(90_002) => "Microsoft knows no such tenant.".to_owned(),
            Some(54_005 | 70_008) if self.error == "invalid_grant" => {
                "Microsoft has ended this sign-in: start again.".to_owned()
            }
            _ if self.error.is_empty() => {
                format!("Microsoft refused to sign in with status {}.", self.status)
            }
            _ => format!("Microsoft refused to sign in with {}{own}", self.error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coded(status: u16, code: &str, message: &str) -> Refusal {
        let body = serde_json::json!({"error": {"code": code, "message": message}}).to_string();
        Refusal::of(StatusCode::from_u16(status).unwrap(), None, body.as_bytes())
    }

    fn class(refusal: &Refusal) -> &'static str {
        match refusal {
            Refusal::Exists => "exists",
            Refusal::Closed => "closed",
            Refusal::NoSalesApp => "no sales app",
            Refusal::Error(CrmError::Retry { .. }) => "retry",
            Refusal::Error(CrmError::Reauthenticate) => "reauthenticate",
            Refusal::Error(CrmError::Permanent { .. }) => "permanent",
            Refusal::Error(_) => "other",
        }
    }

    #[test]
    fn each_refusal_is_told_by_what_to_do_about_it() {
        for (status, code, message, expected) in [
            (401, "", "", "reauthenticate"),
            (403, "0x80040220", "PrivilegeDenied", "permanent"),
            (429, "0x80072322", "Number of requests exceeded the limit of 6000", "retry"),
            (429, "0x80072326", "Number of concurrent requests exceeded the limit of 52.", "retry"),
            (408, "", "", "retry"),
            (500, "0x80040216", "An unexpected error occurred.", "retry"),
            (501, "", "", "permanent"),
            (502, "", "", "retry"),
            (503, "", "", "retry"),
            (504, "", "", "retry"),
            (412, "", "A record with matching key values already exists.", "exists"),
            (412, "0x80040237", "", "exists"),
            (400, "0x80040203", "Cannot update Closed or Cancelled Activity", "closed"),
            (400, "0x80044331", "A validation error occurred.", "permanent"),
            (400, "0x80048d19", "An undeclared property 'x'", "permanent"),
            (404, "0x80040217", "Entity 'account' Does Not Exist", "permanent"),
            (413, "", "", "permanent"),
            (302, "", "", "permanent"),
        ] {
            assert_eq!(class(&coded(status, code, message)), expected, "{status} {code} {message}");
        }
        let html = |status| Refusal::of(StatusCode::from_u16(status).unwrap(), None, b"<html>");
        assert_eq!((class(&html(502)), class(&html(400))), ("retry", "permanent"));
    }

    #[test]
    fn a_wait_that_is_asked_for_is_kept_exactly_but_not_beyond_a_day() {
        for (asked, kept) in [(1, 1), (299, 299), (10_000_000, 86_400)] {
            let refusal = Refusal::of(StatusCode::TOO_MANY_REQUESTS, Some(Duration::from_secs(asked)), b"");
            let Refusal::Error(CrmError::Retry { after, .. }) = refusal else { panic!("{refusal:?}") };
            assert_eq!(after, Some(Duration::from_secs(kept)));
        }
    }

    #[test]
    fn what_the_sales_app_would_bring_is_named_where_it_is_missing() {
        for (status, code, message) in [
            (404, "0x8006088a", "Resource not found for the segment 'opportunities'."),
            (400, "0x80048d19", "An undeclared property 'regardingobjectid_lead_task' which only has"),
        ] {
            let refusal = coded(status, code, message);
            assert_eq!(refusal, Refusal::NoSalesApp);
            assert_eq!(CrmError::from(refusal), CrmError::permanent(NO_SALES_APP));
        }
    }

    #[test]
    fn a_refused_secret_is_for_the_admin_who_connects_or_to_be_called() {
        let error = |status, error: &str, number| OauthError {
            error: error.to_owned(),
            error_description: format!("AADSTS{number}: no. Trace ID: 7"),
            error_codes: vec![number],
            status,
            retry_after: None,
        };
        for number in [7_000_215, 7_000_222, 700_016, 7_000_218, 90_002, 50_173] {
            let refused = error(401, "invalid_client", number);
            let (first, later) = (refused.class(true), refused.class(false));
            assert!(matches!(first, CrmError::Permanent { .. }), "{number}: {first:?}");
            assert!(matches!(later, CrmError::Reconnect { .. }), "{number}: {later:?}");
            assert!(!later.to_string().contains("Trace"), "{later}");
        }
        assert!(matches!(error(503, "", 0).class(false), CrmError::Retry { .. }));
        assert!(matches!(error(400, "temporarily_unavailable", 0).class(true), CrmError::Retry { .. }));
    }
}
