//! Requests to others over HTTP: CRMs, the object store, the key set.
//!
//! Owns their spans and their durations. Must not note a path, a query or a header, nor the name of a tenant: where a
//! host begins with one, only its domain is told.

use std::sync::LazyLock;
use std::time::Instant;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;
use tracing::field::Empty;
use tracing::{Instrument, Span};
use url::{Host, Url};

use super::names;

/// Built at the first use, which is after telemetry has been set up.
static DURATION: LazyLock<Histogram<f64>> = LazyLock::new(|| names::HTTP_CLIENT_REQUEST_DURATION.histogram());

/// A request as it is told.
#[derive(Clone, Debug)]
pub struct Outgoing {
    method: &'static str,
    host: String,
    port: u16,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Told {
    /// The answer's status, where it is known.
    pub status: Option<u16>,
    /// Why there was no answer, in a word of a closed set.
    pub error: Option<&'static str>,
}

impl Outgoing {
    /// Returns a request to an address of the settings. A method that HTTP does not define counts as `_OTHER`.
    pub fn new(method: &str, url: &Url) -> Self {
        Self::to(method, url, url.host_str().unwrap_or_default().to_owned())
    }

    /// Returns a request to an address whose host begins with the name of a tenant.
    pub fn of_tenant(method: &str, url: &Url) -> Self {
        Self::to(method, url, domain_of(url))
    }

    fn to(method: &str, url: &Url, host: String) -> Self {
        let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
        let method = known.into_iter().find(|known| *known == method).unwrap_or("_OTHER");
        Self { method, host, port: url.port_or_known_default().unwrap_or_default() }
    }

    /// Makes the request within a span of its own, and measures it. `tell` says what came of it.
    pub async fn observe<T>(&self, request: impl Future<Output = T>, tell: impl FnOnce(&T) -> Told) -> T {
        let span = self.span();
        let started = Instant::now();
        let result = request.instrument(span.clone()).await;
        self.note(&span, started, tell(&result));
        result
    }

    fn span(&self) -> Span {
        tracing::info_span!(
            "http",
            otel.name = self.method,
            otel.kind = "client",
            otel.status_code = Empty,
            http.request.method = self.method,
            http.response.status_code = Empty,
            server.address = self.host,
            server.port = i64::from(self.port),
            error.type = Empty,
        )
    }

    fn note(&self, span: &Span, started: Instant, told: Told) {
        let mut attributes = vec![
            KeyValue::new(names::HTTP_REQUEST_METHOD, self.method),
            KeyValue::new(names::SERVER_ADDRESS, self.host.clone()),
            KeyValue::new(names::SERVER_PORT, i64::from(self.port)),
        ];
        if let Some(status) = told.status {
            span.record(names::HTTP_RESPONSE_STATUS_CODE, i64::from(status));
            attributes.push(KeyValue::new(names::HTTP_RESPONSE_STATUS_CODE, i64::from(status)));
        }
        let refused = told.status.filter(|status| *status >= 400).map(|status| status.to_string());
        if let Some(error) = told.error.map(str::to_owned).or(refused) {
            span.record(names::ERROR_TYPE, error.as_str());
            span.record("otel.status_code", "ERROR");
            attributes.push(KeyValue::new(names::ERROR_TYPE, error));
        }
        DURATION.record(started.elapsed().as_secs_f64(), &attributes);
    }
}

/// Tells a failure of `reqwest` in a word.
pub fn word_of(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "connect"
    } else {
        "cut_off"
    }
}

/// A CRM's host begins with the name of its tenant: only the last two labels say which CRM it is.
fn domain_of(url: &Url) -> String {
    match url.host() {
        Some(Host::Domain(name)) => {
            let labels: Vec<&str> = name.rsplitn(3, '.').take(2).collect();
            labels.into_iter().rev().collect::<Vec<_>>().join(".")
        }
        Some(address) => address.to_string(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_host_name_the_tenant_is_left_out() {
        for (url, domain) in [
            ("https://acme--sb.sandbox.my.salesforce.com/services/data", "salesforce.com"),
            ("https://my1000123.de1.crm.cloud.sap", "cloud.sap"),
            ("https://contoso.crm4.dynamics.com/?q=secret", "dynamics.com"),
            ("http://127.0.0.1:9000/bucket/key", "127.0.0.1"),
            ("http://localhost:9000", "localhost"),
            ("http://[::1]:9000", "[::1]"),
        ] {
            assert_eq!(domain_of(&url.parse().unwrap()), domain);
        }
    }

    #[test]
    fn a_method_is_one_of_http_or_other() {
        let url = "https://keys.example.com".parse().unwrap();
        assert_eq!(Outgoing::new("PATCH", &url).method, "PATCH");
        assert_eq!(Outgoing::new("acme", &url).method, "_OTHER");
        assert_eq!(
            (Outgoing::new("GET", &url).host.as_str(), Outgoing::new("GET", &url).port),
            ("keys.example.com", 443)
        );
    }
}
