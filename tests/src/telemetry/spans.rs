//! Spans and logs, as tests look at them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

/// A span that has ended.
#[derive(Clone, Debug)]
pub struct Span {
    /// Whose it is.
    pub service: String,
    /// Its name.
    pub name: String,
    /// `server`, `client`, `producer`, `consumer` or `internal`.
    pub kind: &'static str,
    /// Its trace, in hexadecimal digits.
    pub trace_id: String,
    /// Its id.
    pub span_id: String,
    /// Its parent's id; empty: it has none.
    pub parent_id: String,
    /// The traces that it is linked to.
    pub links: Vec<String>,
    /// Whether it ended in an error.
    pub is_error: bool,
    /// What it tells, as text.
    pub attributes: BTreeMap<String, String>,
    /// By which schema: that of its scope and that of its resource.
    pub schemas: [String; 2],
    /// All of it: attributes, events, links and status too.
    pub text: String,
}

/// A line of a log.
#[derive(Clone, Debug)]
pub struct Log {
    /// Whose it is.
    pub service: String,
    /// `INFO` and the like.
    pub severity: String,
    /// What was logged.
    pub message: String,
    /// Its trace; empty: it was logged in none.
    pub trace_id: String,
    /// Its span.
    pub span_id: String,
    /// What else it tells, as text.
    pub attributes: BTreeMap<String, String>,
    /// All of it.
    pub text: String,
}

pub(super) fn read(request: ExportTraceServiceRequest) -> Vec<Span> {
    let mut spans = Vec::new();
    for of_resource in request.resource_spans {
        let resource = attributes_of(of_resource.resource.as_ref());
        for of_scope in of_resource.scope_spans {
            for span in of_scope.spans {
                spans.push(Span {
                    service: service_of(&resource),
                    kind: match span.kind() {
                        SpanKind::Server => "server",
                        SpanKind::Client => "client",
                        SpanKind::Producer => "producer",
                        SpanKind::Consumer => "consumer",
                        SpanKind::Internal | SpanKind::Unspecified => "internal",
                    },
                    trace_id: hex(&span.trace_id),
                    span_id: hex(&span.span_id),
                    parent_id: hex(&span.parent_span_id),
                    links: span.links.iter().map(|link| hex(&link.trace_id)).collect(),
                    is_error: span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error),
                    attributes: texts(&span.attributes),
                    schemas: [of_scope.schema_url.clone(), of_resource.schema_url.clone()],
                    text: format!("{resource:?} {span:?}"),
                    name: span.name,
                });
            }
        }
    }
    spans
}

pub(super) fn read_logs(request: ExportLogsServiceRequest) -> Vec<Log> {
    let mut logs = Vec::new();
    for of_resource in request.resource_logs {
        let resource = attributes_of(of_resource.resource.as_ref());
        for record in of_resource.scope_logs.into_iter().flat_map(|of_scope| of_scope.log_records) {
            logs.push(Log {
                service: service_of(&resource),
                message: record.body.as_ref().map(text).unwrap_or_default(),
                trace_id: hex(&record.trace_id),
                span_id: hex(&record.span_id),
                attributes: texts(&record.attributes),
                text: format!("{resource:?} {record:?}"),
                severity: record.severity_text,
            });
        }
    }
    logs
}

/// Who called whom: a span that answers, and its parent in another service.
pub(super) fn edges(spans: &[Span]) -> BTreeSet<(String, String)> {
    let by_id: HashMap<(&str, &str), &Span> =
        spans.iter().map(|span| ((span.trace_id.as_str(), span.span_id.as_str()), span)).collect();
    let answers = spans.iter().filter(|span| span.kind == "server");
    answers
        .filter_map(|span| {
            let caller = by_id.get(&(span.trace_id.as_str(), span.parent_id.as_str()))?;
            (caller.service != span.service).then(|| (caller.service.clone(), span.service.clone()))
        })
        .collect()
}

/// Who applied events of which queue: its name is the last part of where they came from.
pub(super) fn queues(spans: &[Span]) -> BTreeSet<(String, String)> {
    let applied = spans.iter().filter(|span| span.kind == "consumer");
    applied
        .filter_map(|span| {
            let (_, queue) = span.attributes.get("messaging.destination.name")?.rsplit_once(':')?;
            Some((span.service.clone(), queue.to_owned()))
        })
        .collect()
}

pub(super) fn attributes_of(resource: Option<&Resource>) -> BTreeMap<String, String> {
    resource.map(|resource| texts(&resource.attributes)).unwrap_or_default()
}

pub(super) fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let pairs = attributes.iter();
    pairs.map(|pair| (pair.key.clone(), pair.value.as_ref().map(text).unwrap_or_default())).collect()
}

fn service_of(resource: &BTreeMap<String, String>) -> String {
    resource.get("service.name").cloned().unwrap_or_default()
}

fn text(value: &AnyValue) -> String {
    match &value.value {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(any_value::Value::DoubleValue(number)) => number.to_string(),
        Some(any_value::Value::BoolValue(is_so)) => is_so.to_string(),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _never = write!(text, "{byte:02x}");
        text
    })
}
