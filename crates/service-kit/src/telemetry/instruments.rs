//! The instruments of what is measured.
//!
//! Owns making them as [`names::METRICS`] says, and the limit on their sets of attributes. Must not know what any of them
//! measures.

use opentelemetry::metrics::{
    AsyncInstrument, Counter, Histogram, Meter, ObservableGauge, ObservableUpDownCounter, UpDownCounter,
};
use opentelemetry::{InstrumentationScope, global};
use opentelemetry_sdk::metrics::{Instrument, Stream};
use tonic::Code;

use super::names::{METRICS, Metric, SCHEMA_URL};

/// Returns the scope of all spans and metrics: what names mean is told by the schema.
pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("sharedspaces").with_schema_url(SCHEMA_URL).build()
}

fn meter() -> Meter {
    global::meter_with_scope(scope())
}

/// Keeps a metric within its number of sets: what is beyond becomes one set, marked as an overflow.
pub(super) fn limit(instrument: &Instrument) -> Option<Stream> {
    let metric = METRICS.iter().find(|metric| metric.name == instrument.name())?;
    // The set without attributes counts as well.
    Stream::builder().with_cardinality_limit(metric.most_series.saturating_add(1)).build().ok()
}

impl Metric {
    fn words(&self) -> &'static str {
        self.description.trim_start()
    }

    /// Returns the instrument of a counter.
    pub fn counter(&self) -> Counter<u64> {
        meter().u64_counter(self.name).with_unit(self.unit).with_description(self.words()).build()
    }

    /// Returns the instrument of an up-down counter.
    pub fn up_down_counter(&self) -> UpDownCounter<i64> {
        meter().i64_up_down_counter(self.name).with_unit(self.unit).with_description(self.words()).build()
    }

    /// Returns the instrument of a histogram, with its bounds.
    pub fn histogram(&self) -> Histogram<f64> {
        let meter = meter();
        let builder = meter.f64_histogram(self.name).with_unit(self.unit).with_description(self.words());
        builder.with_boundaries(self.bounds.to_vec()).build()
    }

    /// Has a gauge looked at each time metrics are sent; what `look` does not tell then is not sent.
    pub fn observe_gauge(
        &self,
        look: impl Fn(&dyn AsyncInstrument<f64>) + Send + Sync + 'static,
    ) -> ObservableGauge<f64> {
        let meter = meter();
        let builder = meter.f64_observable_gauge(self.name).with_unit(self.unit);
        builder.with_description(self.words()).with_callback(look).build()
    }

    /// Has an up-down counter looked at each time metrics are sent.
    pub fn observe_up_down_counter(
        &self,
        look: impl Fn(&dyn AsyncInstrument<i64>) + Send + Sync + 'static,
    ) -> ObservableUpDownCounter<i64> {
        let meter = meter();
        let builder = meter.i64_observable_up_down_counter(self.name).with_unit(self.unit);
        builder.with_description(self.words()).with_callback(look).build()
    }
}

/// Returns a gRPC code as the conventions spell it, such as `NOT_FOUND`.
pub(crate) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
