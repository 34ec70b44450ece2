//! What is measured.
//!
//! Owns the instruments; their names come from the kit. No attribute may name a tenant, person or event.

use std::sync::LazyLock;

use opentelemetry::metrics::{Counter, Gauge, Histogram};
use opentelemetry::{KeyValue, global};
use service_kit::telemetry::names;

/// The instruments of this crate.
pub(crate) struct Metrics {
    pub(crate) outbox_pending: Gauge<u64>,
    pub(crate) outbox_oldest_age: Gauge<f64>,
    pub(crate) sent: Counter<u64>,
    pub(crate) consumed: Counter<u64>,
    pub(crate) redelivered: Counter<u64>,
    pub(crate) parked: Counter<u64>,
    pub(crate) delivery_age: Histogram<f64>,
    pub(crate) process_duration: Histogram<f64>,
    pub(crate) job_runs: Counter<u64>,
}

/// Built at the first use, which is after telemetry has been set up.
pub(crate) static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
    let meter = global::meter("sharedspaces.messaging");
    Metrics {
        outbox_pending: meter.u64_gauge(names::OUTBOX_PENDING).with_unit("{event}").build(),
        outbox_oldest_age: meter.f64_gauge(names::OUTBOX_OLDEST_AGE).with_unit("s").build(),
        sent: meter.u64_counter(names::MESSAGING_CLIENT_SENT_MESSAGES).with_unit("{message}").build(),
        consumed: meter.u64_counter(names::MESSAGING_CLIENT_CONSUMED_MESSAGES).with_unit("{message}").build(),
        redelivered: meter.u64_counter(names::CONSUMER_REDELIVERIES).with_unit("{message}").build(),
        parked: meter.u64_counter(names::DLQ_PUBLISHED).with_unit("{message}").build(),
        delivery_age: meter.f64_histogram(names::EVENT_DELIVERY_AGE).with_unit("s").build(),
        process_duration: meter.f64_histogram(names::MESSAGING_PROCESS_DURATION).with_unit("s").build(),
        job_runs: meter.u64_counter(names::JOB_RUNS).with_unit("{run}").build(),
    }
});

/// Returns the attributes that the semantic conventions ask for on a message's metrics.
pub(crate) fn message_attributes(destination: &str, operation: &'static str) -> [KeyValue; 3] {
    [
        KeyValue::new(names::MESSAGING_SYSTEM, "rabbitmq"),
        KeyValue::new(names::MESSAGING_DESTINATION_NAME, destination.to_owned()),
        KeyValue::new(names::MESSAGING_OPERATION_NAME, operation),
    ]
}
