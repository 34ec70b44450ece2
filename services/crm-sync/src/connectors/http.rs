//! The HTTP client of the connectors.
//!
//! Owns its limits: a deadline on every call, no redirects, at most 1 MiB of an answer, public addresses only. Must
//! not log an address, a header or a body: they hold tokens and customers' data.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Request, RequestBuilder, StatusCode};
use service_kit::telemetry::outgoing::{self, Outgoing, Told};

use super::{CrmError, Hosts};

/// The largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest a call may take; less where a caller is waiting.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(8);
/// What is left for our own answer after a call within somebody's deadline.
const MARGIN: Duration = Duration::from_millis(500);

/// Returns a client whose names resolve by the rule of `hosts`.
pub(super) fn client(hosts: Hosts) -> reqwest::Result<Client> {
    Client::builder()
        .user_agent(concat!("shared-spaces/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT)
        .redirect(Policy::none())
        .no_proxy()
        .dns_resolver(Arc::new(hosts))
        .build()
}

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Read from the headers.
    pub(super) retry_after: Option<Duration>,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// Returns a header's text; nothing where it is absent or no text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Reads the body as JSON; what is none is a CRM that is out of order.
    pub(super) fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, CrmError> {
        serde_json::from_slice(&self.body)
            .map_err(|_| CrmError::retry("The CRM gave an answer that cannot be read."))
    }
}

/// Sends a request and reads its answer, whatever its status. Errors where no whole answer came: then it is not known
/// whether the request had an effect.
pub(super) async fn send(request: RequestBuilder) -> Result<Answer, CrmError> {
    let limit = service_kit::grpc::remaining()
        .map_or(CALL_TIMEOUT, |remaining| remaining.saturating_sub(MARGIN).min(CALL_TIMEOUT));
    let (client, request) = request.timeout(limit).build_split();
    let request = request.map_err(|error| unanswered(&error))?;
    let outgoing = Outgoing::of_tenant(request.method().as_str(), request.url());
    outgoing.observe(answered(client, request), tell).await.map_err(Unanswered::into_crm_error)
}

/// Why there is no answer.
enum Unanswered {
    Http(reqwest::Error),
    TooLarge,
}

impl Unanswered {
    fn into_crm_error(self) -> CrmError {
        match self {
            Self::Http(error) => unanswered(&error),
            Self::TooLarge => CrmError::retry("The CRM gave an answer of more than 1 MiB."),
        }
    }
}

fn tell(answer: &Result<Answer, Unanswered>) -> Told {
    match answer {
        Ok(answer) => Told { status: Some(answer.status.as_u16()), error: None },
        Err(Unanswered::Http(error)) => Told { status: None, error: Some(outgoing::word_of(error)) },
        Err(Unanswered::TooLarge) => Told { status: None, error: Some("too_large") },
    }
}

async fn answered(client: Client, request: Request) -> Result<Answer, Unanswered> {
    let mut response = client.execute(request).await.map_err(Unanswered::Http)?;
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let headers = response.headers().clone();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Unanswered::Http)? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(Unanswered::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, retry_after, headers, body })
}

fn unanswered(error: &reqwest::Error) -> CrmError {
    tracing::warn!(error.type = outgoing::word_of(error), "the crm did not answer");
    CrmError::retry("The CRM did not answer.")
}

/// Reads `Retry-After` in seconds; the CRMs send no dates.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_seconds_and_nonsense_is_none() {
        let read = |text: &str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]));
        assert_eq!(read("17"), Some(Duration::from_secs(17)));
        assert_eq!(read("-1"), None);
        assert_eq!(read("soon"), None);
    }
}
