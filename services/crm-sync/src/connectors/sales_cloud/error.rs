//! What a refusal of SAP Sales Cloud V2 means. The shape of its errors is not documented in public, so that only the
//! status counts (see docs/adding-a-crm.md).
//!
//! Owns telling refusals apart. Passes no text of the CRM on, because none is known to be made for people.

use std::time::Duration;

use crate::connectors::CrmError;
use crate::connectors::http::Answer;

/// A wait from here on counts as a quota that is used up.
const LONG: Duration = Duration::from_secs(600);
/// No wait that is asked for is believed beyond a day.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3_600);

/// Reads a refusal.
pub(super) fn read(answer: &Answer) -> CrmError {
    let after = answer.retry_after.map(|after| after.min(LONGEST_PAUSE));
    match (answer.status.as_u16(), after) {
        (401, _) => CrmError::Reauthenticate,
        // 30,000 calls a day were seen on a test tenant.
        (429 | 503, Some(after)) if after >= LONG => CrmError::Deferred {
            after,
            message: "SAP Sales Cloud's limit of calls is used up; it is tried again later.".to_owned(),
        },
        (408 | 429 | 500..=599, _) => {
            CrmError::Retry { after, message: "SAP Sales Cloud is not available.".to_owned() }
        }
        (400, _) => CrmError::permanent(
            "SAP Sales Cloud refused the log: the chosen record is not there, or tasks of this tenant have no such \
             field.",
        ),
        (403, _) => CrmError::permanent(
            "The API user may not do this in SAP Sales Cloud: an admin must give it the right to tasks.",
        ),
        (404, _) => CrmError::permanent(
            "SAP Sales Cloud does not know this record or service: it was deleted, the API user cannot see it, or the \
             address is wrong.",
        ),
        (status, _) => CrmError::permanent(format!("SAP Sales Cloud refused with status {status}.")),
    }
}

/// What a refusal of the sign-in means: only an admin can put it right.
pub(super) fn of_sign_in(refusal: CrmError) -> CrmError {
    let message = match refusal {
        CrmError::Reauthenticate => {
            "SAP Sales Cloud refuses the user or its password: an admin must enter those of an API user."
                .to_owned()
        }
        CrmError::Permanent { message } => message,
        other => return other,
    };
    CrmError::Reconnect { message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    fn refused(status: u16, seconds: Option<u64>) -> CrmError {
        read(&Answer {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: seconds.map(Duration::from_secs),
            headers: HeaderMap::new(),
            body: b"{\"error\":{\"message\":\"secret\"}}".to_vec(),
        })
    }

    #[test]
    fn each_refusal_is_told_by_what_to_do_about_it() {
        let class = |status| match refused(status, None) {
            CrmError::Retry { .. } => "retry",
            CrmError::Reauthenticate => "reauthenticate",
            CrmError::Permanent { .. } => "permanent",
            _ => "other",
        };
        for (status, expected) in [
            (401, "reauthenticate"),
            (408, "retry"),
            (429, "retry"),
            (500, "retry"),
            (503, "retry"),
            (400, "permanent"),
            (403, "permanent"),
            (404, "permanent"),
            (415, "permanent"),
            (302, "permanent"),
        ] {
            assert_eq!(class(status), expected, "{status}");
            assert!(!refused(status, None).to_string().contains("secret"));
        }
    }

    #[test]
    fn a_wait_is_kept_and_a_long_one_counts_as_a_used_up_quota() {
        let CrmError::Retry { after, .. } = refused(429, Some(599)) else { panic!() };
        assert_eq!(after, Some(Duration::from_secs(599)));
        for (asked, kept) in [(600, 600), (90_000, 86_400)] {
            let CrmError::Deferred { after, .. } = refused(429, Some(asked)) else { panic!() };
            assert_eq!(after, Duration::from_secs(kept));
        }
    }

    #[test]
    fn a_refused_user_is_for_an_admin_to_put_right() {
        assert!(matches!(of_sign_in(refused(401, None)), CrmError::Reconnect { .. }));
        assert!(matches!(of_sign_in(refused(403, None)), CrmError::Reconnect { .. }));
        assert!(matches!(of_sign_in(refused(503, None)), CrmError::Retry { .. }));
    }
}
