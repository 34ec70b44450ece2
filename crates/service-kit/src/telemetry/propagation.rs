//! Trace context across processes (W3C Trace Context).
//!
//! Owns taking it from headers, putting it into metadata, and writing it as the text that outbox, AMQP and job rows
//! carry. Baggage is neither read nor sent: it comes from anybody.

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tonic::metadata::MetadataMap;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
/// A `traceparent` has 55 characters; `tracestate` is cut off at what the W3C asks to keep.
const MAX_VALUE: usize = 512;

struct Headers<'a>(&'a http::HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok()).filter(|value| value.len() <= MAX_VALUE)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

struct Text<'a>(&'a str);

impl Extractor for Text<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT && self.0.len() <= MAX_VALUE).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

/// Makes `span` a child of what the headers of an inbound call say.
pub(crate) fn continue_from_headers(span: &Span, headers: &http::HeaderMap) {
    set_parent(span, TraceContextPropagator::new().extract(&Headers(headers)));
}

/// Makes `span` a child of a stored trace context, such as that of an event or job.
pub fn continue_from(span: &Span, traceparent: Option<&str>) {
    if let Some(traceparent) = traceparent {
        set_parent(span, TraceContextPropagator::new().extract(&Text(traceparent)));
    }
}

/// Writes the current trace context as a `traceparent`; nothing where there is no trace.
pub fn current_traceparent() -> Option<String> {
    let mut carrier = std::collections::HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// Links `span` to a stored trace context: what it is about came from there.
pub fn link_to(span: &Span, traceparent: Option<&str>) {
    if let Some(traceparent) = traceparent {
        let context = TraceContextPropagator::new().extract(&Text(traceparent));
        let origin = context.span().span_context().clone();
        if origin.is_valid() {
            span.add_link(origin);
        }
    }
}

/// Puts the current trace context into the metadata of an outbound call.
pub(crate) fn inject(metadata: &mut MetadataMap) {
    let mut carrier = std::collections::HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut carrier);
    for name in [TRACEPARENT, TRACESTATE] {
        if let Some(value) = carrier.get(name).and_then(|value| value.parse().ok()) {
            metadata.insert(name, value);
        }
    }
}

fn set_parent(span: &Span, parent: Context) {
    if parent.span().span_context().is_valid() {
        // Fails only where no telemetry is set up, as in unit tests: then there is no trace to continue.
        let _no_telemetry = span.set_parent(parent);
    }
}
