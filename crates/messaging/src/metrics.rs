//! What is measured, and the spans of messages.
//!
//! Owns the instruments; their names come from the kit. No attribute of a metric may name a tenant, person or event.

use std::sync::LazyLock;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};
use service_kit::telemetry::{names, propagation};
use tracing::Span;
use tracing::field::Empty;

use crate::topology::EXCHANGE;

const SYSTEM: &str = "rabbitmq";
pub(crate) const PUBLISH: &str = "publish";
pub(crate) const RECEIVE: &str = "receive";
pub(crate) const PROCESS: &str = "process";
pub(crate) const ACK: &str = "ack";

/// The instruments of this crate.
pub(crate) struct Metrics {
    pub(crate) sent: Counter<u64>,
    pub(crate) consumed: Counter<u64>,
    pub(crate) redelivered: Counter<u64>,
    pub(crate) parked: Counter<u64>,
    pub(crate) operation_duration: Histogram<f64>,
    pub(crate) process_duration: Histogram<f64>,
    pub(crate) delivery_age: Histogram<f64>,
    pub(crate) job_runs: Counter<u64>,
    pub(crate) job_duration: Histogram<f64>,
}

/// Built at the first use, which is after telemetry has been set up.
pub(crate) static METRICS: LazyLock<Metrics> = LazyLock::new(|| Metrics {
    sent: names::MESSAGING_CLIENT_SENT_MESSAGES.counter(),
    consumed: names::MESSAGING_CLIENT_CONSUMED_MESSAGES.counter(),
    redelivered: names::CONSUMER_REDELIVERIES.counter(),
    parked: names::DLQ_PUBLISHED.counter(),
    operation_duration: names::MESSAGING_CLIENT_OPERATION_DURATION.histogram(),
    process_duration: names::MESSAGING_PROCESS_DURATION.histogram(),
    delivery_age: names::EVENT_DELIVERY_AGE.histogram(),
    job_runs: names::JOB_RUNS.counter(),
    job_duration: names::JOB_DURATION.histogram(),
});

/// Returns what the conventions call the place that an event is sent to.
pub(crate) fn destination_of(routing_key: &str) -> String {
    format!("{EXCHANGE}:{routing_key}")
}

/// Returns the attributes that the semantic conventions ask for on a message's metrics.
pub(crate) fn message_attributes(
    destination: &str,
    operation: &'static str,
    error: Option<&'static str>,
) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new(names::MESSAGING_SYSTEM, SYSTEM),
        KeyValue::new(names::MESSAGING_DESTINATION_NAME, destination.to_owned()),
        KeyValue::new(names::MESSAGING_OPERATION_NAME, operation),
    ];
    attributes.extend(error.map(|error| KeyValue::new(names::ERROR_TYPE, error)));
    attributes
}

/// Measures how long the broker took for something.
pub(crate) fn measure_operation(
    destination: &str,
    (name, kind): (&'static str, &'static str),
    took: Duration,
    error: Option<&'static str>,
) {
    let mut attributes = message_attributes(destination, name, error);
    attributes.push(KeyValue::new(names::MESSAGING_OPERATION_TYPE, kind));
    METRICS.operation_duration.record(took.as_secs_f64(), &attributes);
}

/// Returns the span of sending an event. It belongs to the trace in which the event was written, and is linked to it: the
/// message carries that context, not the span's.
pub(crate) fn send_span(routing_key: &str, event_id: &str, traceparent: Option<&str>) -> Span {
    let destination = destination_of(routing_key);
    let span = tracing::info_span!(
        "send",
        otel.name = format!("{PUBLISH} {destination}"),
        otel.kind = "producer",
        otel.status_code = Empty,
        messaging.system = SYSTEM,
        messaging.operation.name = PUBLISH,
        messaging.operation.type = "send",
        messaging.destination.name = destination,
        messaging.rabbitmq.destination.routing_key = routing_key,
        messaging.message.id = event_id,
        error.type = Empty,
    );
    propagation::continue_from(&span, traceparent);
    propagation::link_to(&span, traceparent);
    span
}

/// Returns the span of acknowledging a batch, linked to what is in it.
pub(crate) fn settle_span<'a>(
    queue: &str,
    count: usize,
    traceparents: impl Iterator<Item = &'a str>,
) -> Span {
    let span = tracing::info_span!(
        "settle",
        otel.name = format!("{ACK} {queue}"),
        otel.kind = "client",
        otel.status_code = Empty,
        messaging.system = SYSTEM,
        messaging.operation.name = ACK,
        messaging.operation.type = "settle",
        messaging.destination.name = queue,
        messaging.batch.message_count = i64::try_from(count).unwrap_or(i64::MAX),
        error.type = Empty,
    );
    for traceparent in traceparents {
        propagation::link_to(&span, Some(traceparent));
    }
    span
}

/// Notes on a span that it failed, in a word of a closed set.
pub(crate) fn mark_failed(span: &Span, error: &'static str) {
    span.record(names::ERROR_TYPE, error);
    span.record("otel.status_code", "ERROR");
}

/// Returns the span of one try of a job; that of an event is called after where the event came from.
pub(crate) fn job_span(job: &crate::jobs::Claimed, source: Option<(&str, &str)>) -> Span {
    let span = match source {
        Some((queue, routing_key)) => {
            let destination = format!("{}:{queue}", destination_of(routing_key));
            tracing::info_span!(
                "event",
                otel.name = format!("{PROCESS} {destination}"),
                otel.kind = "consumer",
                otel.status_code = Empty,
                messaging.system = SYSTEM,
                messaging.operation.name = PROCESS,
                messaging.operation.type = PROCESS,
                messaging.destination.name = destination,
                messaging.rabbitmq.destination.routing_key = routing_key,
                messaging.message.id = Empty,
                job.id = %job.id,
                job.name = %job.name,
                job.attempt = job.attempt,
                error.type = Empty,
            )
        }
        None => tracing::info_span!(
            "job",
            otel.name = format!("job {}", job.name),
            otel.kind = "consumer",
            otel.status_code = Empty,
            job.id = %job.id,
            job.name = %job.name,
            job.attempt = job.attempt,
            error.type = Empty,
        ),
    };
    propagation::continue_from(&span, job.traceparent.as_deref());
    propagation::link_to(&span, job.traceparent.as_deref());
    span
}
