//! Owns what every call on a CRM look-alike passes: delay, scripted failures, and the count of calls.
//!
//! Also the limits by which CRMs throttle. Knows nothing of what a call does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use serde_json::{Value, json};

use crate::faults::{Call, Fault, Faults, Phase, Target};
use crate::http::{dropped, is_dropped};
use crate::world::lock;

/// How often each call was made; the status is None where the connection was dropped.
type Calls = BTreeMap<(String, String, Option<u16>), u64>;

/// An answer that a scripted failure gives, to be written in the CRM's own words.
pub(crate) struct Failure<'a> {
    pub(crate) status: StatusCode,
    pub(crate) code: Option<&'a str>,
    pub(crate) message: &'a str,
    pub(crate) path: &'a str,
}

/// What is known of the calls of one look-alike, and how they are to fail.
pub(crate) struct Watch {
    target: Target,
    faults: Arc<Faults>,
    calls: Mutex<Calls>,
    latency_ms: AtomicU64,
}

impl Watch {
    /// Watches over the calls of one party.
    pub(crate) fn new(target: Target, faults: Arc<Faults>) -> Self {
        Self { target, faults, calls: Mutex::new(Calls::new()), latency_ms: AtomicU64::new(0) }
    }

    /// Makes every call take so long before anything happens.
    pub(crate) fn set_latency_ms(&self, milliseconds: u64) {
        self.latency_ms.store(milliseconds, Ordering::Relaxed);
    }

    /// How long every call takes at least.
    pub(crate) fn latency_ms(&self) -> u64 {
        self.latency_ms.load(Ordering::Relaxed)
    }

    /// Counts the calls by method, route and status, for tests.
    pub(crate) fn calls(&self) -> Value {
        let calls = lock(&self.calls);
        let entries = calls.iter().map(|((method, path, status), count)| {
            json!({"method": method, "path": path, "status": status, "count": count})
        });
        Value::Array(entries.collect())
    }

    /// Passes a call; `ordinary` tells whether a failure that names no path may hit it.
    pub(crate) async fn pass(
        &self,
        request: Request,
        next: Next,
        ordinary: bool,
        fail: fn(&Failure<'_>) -> Response,
    ) -> Response {
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let route = request
            .extensions()
            .get::<MatchedPath>()
            .map_or_else(|| path.clone(), |route| route.as_str().to_owned());
        let latency = self.latency_ms();
        if latency > 0 && ordinary {
            tokio::time::sleep(Duration::from_millis(latency)).await;
        }
        let call = |phase| Call { target: self.target, phase, method: &method, path: &path, ordinary };
        let response = match self.failed(&call(Phase::BeforeCommit), fail).await {
            Some(response) => response,
            None => {
                let response = next.run(request).await;
                let after = call(Phase::AfterCommit);
                let failed =
                    if response.status().is_success() { self.failed(&after, fail).await } else { None };
                failed.unwrap_or(response)
            }
        };
        let status = (!is_dropped(&response)).then(|| response.status().as_u16());
        *lock(&self.calls).entry((method.to_string(), route, status)).or_default() += 1;
        response
    }

    /// The answer of the failure that is due; None if there is none or it only delays.
    async fn failed(&self, call: &Call<'_>, fail: fn(&Failure<'_>) -> Response) -> Option<Response> {
        let fault = self.faults.take_http(call)?;
        fault.stall().await;
        if fault.drop {
            return Some(dropped());
        }
        let status = StatusCode::from_u16(fault.status?).ok()?;
        let message = fault.message.as_deref().unwrap_or("scripted failure");
        let code = fault.error_code.as_deref();
        let mut response = fail(&Failure { status, code, message, path: call.path });
        retry_after(&mut response, &fault);
        Some(response)
    }
}

fn retry_after(response: &mut Response, fault: &Fault) {
    if let Some(seconds) = fault.retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// So many calls in a sliding window; whoever goes on calling while refused waits longer.
#[derive(Debug)]
pub(crate) struct Limit {
    calls: usize,
    window: Duration,
    made: VecDeque<Instant>,
    refused_until: Option<Instant>,
}

impl Limit {
    /// A limit of so many calls in so long.
    pub(crate) fn new(calls: usize, window: Duration) -> Self {
        Self { calls, window, made: VecDeque::new(), refused_until: None }
    }

    /// Counts a call; how many are left, or for how many seconds calls are refused.
    pub(crate) fn count(&mut self, at: Instant) -> Result<usize, u64> {
        let seconds = |until: Instant| until.duration_since(at).as_secs_f64().ceil().max(1.0);
        if let Some(until) = self.refused_until.filter(|until| *until > at) {
            let later = until + Duration::from_secs(1);
            self.refused_until = Some(later);
            return Err(Duration::from_secs_f64(seconds(later)).as_secs());
        }
        self.refused_until = None;
        while self.made.front().is_some_and(|made| *made + self.window <= at) {
            self.made.pop_front();
        }
        if self.made.len() >= self.calls {
            let until = self.made.front().map_or(at, |made| *made) + self.window;
            self.refused_until = Some(until);
            return Err(Duration::from_secs_f64(seconds(until)).as_secs());
        }
        self.made.push_back(at);
        Ok(self.calls - self.made.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_lets_so_many_through_and_punishes_who_does_not_wait() {
        let start = Instant::now();
        let mut limit = Limit::new(2, Duration::from_secs(10));
        assert_eq!(limit.count(start), Ok(1));
        assert_eq!(limit.count(start), Ok(0));
        assert_eq!(limit.count(start), Err(10));
        assert_eq!(limit.count(start), Err(11));
        assert_eq!(limit.count(start + Duration::from_secs(10)), Err(2));
        assert_eq!(limit.count(start + Duration::from_secs(13)), Ok(1));
    }
}
