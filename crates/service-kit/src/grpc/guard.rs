//! What keeps one call from harming the others: load shedding, deadlines, panics.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt;
use sharedspaces_proto::find_method_rule;
use tokio::sync::Semaphore;
use tonic::Code;

use super::{CONTEXT, refusal};
use crate::error::internal;

/// How long a unary call may take where the caller names no deadline, or a longer one.
const UNARY_DEADLINE: Duration = Duration::from_secs(10);
/// How long a streamed call may take: what is streamed has its own limits on pace, and a file goes on with the next one.
const STREAM_DEADLINE: Duration = Duration::from_secs(300);
/// How much sooner than asked a call ends. The transport watches the same header from outside all layers, and would
/// answer CANCELLED without a reason or a request id.
const BEFORE_THE_TRANSPORT: Duration = Duration::from_millis(5);
const RETRY_AFTER_SHED: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) struct Guard(Arc<Semaphore>);

impl Guard {
    pub(super) fn new(max_in_flight: usize) -> Self {
        Self(Arc::new(Semaphore::new(max_in_flight)))
    }
}

/// Sheds what is beyond the limit rather than queueing it, and ends what takes longer than its deadline.
pub(super) async fn within_limits(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let Ok(_place) = guard.0.try_acquire() else {
        let message = "too many calls at once";
        return refusal(Code::ResourceExhausted, message, "OVERLOADED", Some(RETRY_AFTER_SHED)).into_http();
    };
    let is_streaming = find_method_rule(request.uri().path()).is_some_and(|rule| rule.is_streaming);
    let most = if is_streaming { STREAM_DEADLINE } else { UNARY_DEADLINE };
    let asked = asked_timeout(request.headers()).map(|asked| asked.saturating_sub(BEFORE_THE_TRANSPORT));
    let allowed = asked.map_or(most, |asked| asked.min(most));
    let Ok(mut context) = CONTEXT.try_with(|context| *context) else {
        return internal("sharedspaces").into_http();
    };
    context.deadline = Instant::now() + allowed;
    let answer = CONTEXT.scope(context, next.run(request));
    match tokio::time::timeout(allowed, answer).await {
        Ok(response) => response,
        Err(_) => refusal(Code::DeadlineExceeded, "the deadline has passed", "DEADLINE", None).into_http(),
    }
}

/// Turns a panic into an internal error of this one call.
pub(super) async fn catch_panic(request: Request, next: Next) -> Response {
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!("a handler panicked");
            internal("sharedspaces").into_http()
        }
    }
}

/// Reads `grpc-timeout`: up to eight digits and a unit.
fn asked_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3_600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Option<Duration> {
        asked_timeout(&HeaderMap::from_iter([(
            axum::http::HeaderName::from_static("grpc-timeout"),
            text.parse().unwrap(),
        )]))
    }

    #[test]
    fn a_deadline_is_read_in_each_unit_and_nonsense_is_none() {
        assert_eq!(asked("3S"), Some(Duration::from_secs(3)));
        assert_eq!(asked("250m"), Some(Duration::from_millis(250)));
        assert_eq!(asked("99999999H"), Some(Duration::from_secs(99_999_999 * 3_600)));
        for bad in ["", "S", "100000000S", "1x", "-1S", "é"] {
            assert_eq!(HeaderMap::new().get("x"), None);
            if let Ok(value) = axum::http::HeaderValue::from_str(bad) {
                let headers =
                    HeaderMap::from_iter([(axum::http::HeaderName::from_static("grpc-timeout"), value)]);
                assert_eq!(asked_timeout(&headers), None, "{bad:?}");
            }
        }
    }
}
