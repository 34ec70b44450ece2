//! Traces, metrics and logs.
//!
//! Owns setting up all three and sending them by OTLP; logs also go to standard output. Must not be used to carry
//! anything personal: no address, token, name or body.

pub mod figures;
mod instruments;
mod lines;
pub mod names;
pub mod outgoing;
mod process;
pub mod propagation;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry::{KeyValue, global};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::clock::SystemClock;
use crate::config::{LogFormat, TelemetryConfig};
use crate::ids::Ids;

pub(crate) use instruments::code_name;
use lines::TracedLines;

/// lapin logs what the broker returns with its body.
const NO_BODIES: &str = "lapin::returned_messages=off";
pub(crate) const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// What was set up; [`Telemetry::flush`] sends what is left when the process ends.
pub struct Telemetry {
    traces: SdkTracerProvider,
    metrics: Option<SdkMeterProvider>,
    logs: Option<SdkLoggerProvider>,
}

impl Telemetry {
    /// Sets up telemetry for this process. Call within the runtime, once.
    pub fn init(
        service: &'static str,
        version: &'static str,
        config: &TelemetryConfig,
    ) -> anyhow::Result<Self> {
        // Tells replicas of a service apart; a process that was started again is another one.
        let instance: uuid::Uuid = Ids::new(Arc::new(SystemClock)).next();
        let resource = Resource::builder_empty()
            .with_schema_url(
                [
                    KeyValue::new(names::SERVICE_NAME, service),
                    KeyValue::new(names::SERVICE_VERSION, version),
                    KeyValue::new(names::SERVICE_INSTANCE_ID, instance.to_string()),
                ],
                names::SCHEMA_URL,
            )
            .build();
        let telemetry = Self::exporters(resource, config)?;
        if let Some(metrics) = &telemetry.metrics {
            global::set_meter_provider(metrics.clone());
        }
        let traces = tracing_opentelemetry::layer()
            .with_tracer(telemetry.traces.tracer_with_scope(instruments::scope()))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        let format = match config.log_format {
            LogFormat::Json => tracing_subscriber::fmt::layer()
                .fmt_fields(JsonFields::new())
                .event_format(TracedLines::new(service, version))
                .boxed(),
            LogFormat::Text => tracing_subscriber::fmt::layer().boxed(),
        };
        // Exporters log through tracing themselves: what they say must not be sent by them again.
        let own = |metadata: &tracing::Metadata<'_>| !metadata.target().starts_with("opentelemetry");
        let logs = telemetry.logs.as_ref().map(OpenTelemetryTracingBridge::new);
        tracing_subscriber::registry()
            .with(EnvFilter::try_new(&config.log_filter)?.add_directive(NO_BODIES.parse()?))
            // What is logged is sent as logs, which lead to their span by its id.
            .with(traces.with_filter(filter_fn(is_span)))
            .with(format)
            .with(logs.map(|layer| layer.with_filter(filter_fn(own))))
            .try_init()?;
        process::observe(version);
        Ok(telemetry)
    }

    fn exporters(resource: Resource, config: &TelemetryConfig) -> anyhow::Result<Self> {
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.sample_ratio)));
        let mut traces = SdkTracerProvider::builder().with_resource(resource.clone()).with_sampler(sampler);
        let Some(endpoint) = &config.otlp_endpoint else {
            return Ok(Self { traces: traces.build(), metrics: None, logs: None });
        };
        let endpoint = endpoint.as_str();
        traces =
            traces.with_batch_exporter(SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?);
        let exporter = MetricExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
        let reader = PeriodicReader::builder(exporter).with_interval(config.metric_interval()).build();
        let metrics = SdkMeterProvider::builder()
            .with_resource(resource.clone())
            .with_reader(reader)
            .with_view(instruments::limit)
            .build();
        let logs = SdkLoggerProvider::builder()
            .with_resource(resource)
            .with_batch_exporter(LogExporter::builder().with_tonic().with_endpoint(endpoint).build()?)
            .build();
        Ok(Self { traces: traces.build(), metrics: Some(metrics), logs: Some(logs) })
    }

    /// Sends what is left, for at most a second each; losing telemetry never fails a stop.
    pub fn flush(self) {
        let results = [
            Some(self.traces.shutdown_with_timeout(FLUSH_TIMEOUT)),
            self.metrics.map(|metrics| metrics.shutdown_with_timeout(FLUSH_TIMEOUT)),
            self.logs.map(|logs| logs.shutdown_with_timeout(FLUSH_TIMEOUT)),
        ];
        for error in results.into_iter().flatten().filter_map(Result::err) {
            tracing::warn!(error.chain = %error, "telemetry was not flushed");
        }
    }
}

fn is_span(metadata: &tracing::Metadata<'_>) -> bool {
    metadata.is_span()
}
