//! Gauges of what stands in a database.
//!
//! Owns looking it up now and then, and telling it until it is too old: a process that cannot look must not tell what once
//! was. Every process that works looks for itself, so that all tell the same: whoever adds them up counts double. Must not
//! know what is counted.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::names::Metric;

const LOOK_WITHIN: Duration = Duration::from_secs(5);
/// After this many intervals without a look nothing is told.
const KEEP_FOR: u32 = 3;

/// A value, and the attributes it has.
pub type Figure = (f64, Vec<(&'static str, String)>);

/// What was looked up last.
pub struct Figures<T> {
    every: Duration,
    last: Arc<Mutex<Option<(Instant, T)>>>,
}

impl<T> fmt::Debug for Figures<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Figures").field("every", &self.every).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Figures<T> {
    /// Returns figures that are looked up this often; none yet.
    pub fn new(every: Duration) -> Self {
        Self { every, last: Arc::default() }
    }

    /// Tells a gauge by what was looked up last.
    pub fn observe(&self, metric: &'static Metric, tell: fn(&T) -> Vec<Figure>) {
        let (last, keep_for) = (Arc::clone(&self.last), self.every * KEEP_FOR + LOOK_WITHIN);
        metric.observe_gauge(move |gauge| {
            let last = last.lock().unwrap_or_else(PoisonError::into_inner);
            let fresh = last.as_ref().filter(|(at, _)| at.elapsed() < keep_for);
            for (value, attributes) in fresh.map(|(_, seen)| tell(seen)).unwrap_or_default() {
                let attributes: Vec<KeyValue> =
                    attributes.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect();
                gauge.observe(value, &attributes);
            }
        });
    }

    /// Looks until told to stop, each time in a task of its own: giving up waiting must not leave a connection half-way
    /// (launchbadge/sqlx#4393).
    pub async fn keep<F, E>(&self, stop: &CancellationToken, look: impl Fn() -> F)
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: std::error::Error + Send + 'static,
    {
        loop {
            match timeout(LOOK_WITHIN, tokio::spawn(look())).await {
                Ok(Ok(Ok(seen))) => {
                    *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), seen));
                }
                Ok(Ok(Err(error))) => {
                    tracing::warn!(error.chain = %crate::error::chain(&error), "figures cannot be looked up");
                }
                Ok(Err(_)) | Err(_) => tracing::warn!("figures could not be looked up in time"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.every) => {}
            }
        }
    }
}
