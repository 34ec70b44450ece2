//! Log lines on standard output, with the trace they belong to.
//!
//! Owns putting `trace_id` and `span_id` of the innermost span at the front of each line, whatever its own fields are, so
//! that a line leads to its trace. Must not change what a line says.

use std::fmt;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{Format, FormatEvent, FormatFields, Json, Writer};
use tracing_subscriber::registry::LookupSpan;

/// One JSON object a line.
pub(super) struct TracedLines {
    service: &'static str,
    version: &'static str,
    lines: Format<Json>,
}

impl TracedLines {
    pub(super) fn new(service: &'static str, version: &'static str) -> Self {
        let lines = tracing_subscriber::fmt::format().json().flatten_event(true).with_span_list(false);
        Self { service, version, lines }
    }
}

impl<S, N> FormatEvent<S, N> for TracedLines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.lines.format_event(context, Writer::new(&mut line), event)?;
        let Some(rest) = line.strip_prefix('{') else { return writer.write_str(&line) };
        write!(writer, r#"{{"service.name":"{}","service.version":"{}","#, self.service, self.version)?;
        let current = Context::current();
        let span = current.span();
        let span = span.span_context();
        if span.is_valid() {
            write!(writer, r#""trace_id":"{}","span_id":"{}","#, span.trace_id(), span.span_id())?;
        }
        writer.write_str(rest)
    }
}
