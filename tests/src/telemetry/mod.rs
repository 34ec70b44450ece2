//! A collector that keeps what it is sent, to look at in tests.
//!
//! Owns receiving traces, metrics and logs by OTLP over gRPC, keeping them in memory, and offering the metrics to
//! Prometheus. Must not judge: that is the tests'.

mod exposition;
mod metrics;
mod spans;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

pub use metrics::{Emitted, Series, Value};
pub use spans::{Log, Span};

/// How long a batch may be: what is waiting at the end of a busy second.
const MESSAGE_BYTES: usize = 16 * 1024 * 1024;
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A running collector. It ends when it is dropped, or [stopped](Self::stop).
#[derive(Debug)]
pub struct OtlpSink {
    endpoint: String,
    openmetrics_url: String,
    kept: Kept,
    stop: watch::Sender<bool>,
}

#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Received>>);

#[derive(Debug, Default)]
struct Received {
    spans: Vec<Span>,
    logs: Vec<Log>,
    metrics: metrics::Store,
}

impl OtlpSink {
    /// Starts a collector on two free ports of this machine.
    pub async fn start() -> anyhow::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let kept = Kept::default();
        let grpc = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", grpc.local_addr()?);
        let server = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(kept.clone()).max_decoding_message_size(MESSAGE_BYTES))
            .add_service(MetricsServiceServer::new(kept.clone()).max_decoding_message_size(MESSAGE_BYTES))
            .add_service(LogsServiceServer::new(kept.clone()).max_decoding_message_size(MESSAGE_BYTES));
        let until = ended(stopped.clone());
        tokio::spawn(server.serve_with_incoming_shutdown(TcpListenerStream::new(grpc), until));

        let http = TcpListener::bind("127.0.0.1:0").await?;
        let openmetrics_url = format!("http://{}/metrics", http.local_addr()?);
        let shown = kept.clone();
        let routes =
            Router::new().route(
                "/metrics",
                get(move || async move {
                    ([(CONTENT_TYPE, OPEN_METRICS)], exposition::text(&shown.lock().metrics))
                }),
            );
        let serve = axum::serve(http, routes).with_graceful_shutdown(ended(stopped));
        tokio::spawn(async move { serve.await });
        Ok(Self { endpoint, openmetrics_url, kept, stop })
    }

    /// Returns where to send to: the setting `telemetry.otlp_endpoint`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns where Prometheus finds the metrics; `job` and `instance` stand in them already (`honor_labels`).
    pub fn openmetrics_url(&self) -> &str {
        &self.openmetrics_url
    }

    /// Returns the settings by which every service of a world sends here, each second.
    pub fn settings(&self) -> [(&'static str, String); 2] {
        let every_second = "1".to_owned();
        [
            ("TELEMETRY__OTLP_ENDPOINT", self.endpoint.clone()),
            ("TELEMETRY__METRIC_INTERVAL_SECONDS", every_second),
        ]
    }

    /// Returns the last value of each series.
    pub fn metrics(&self) -> Vec<Series> {
        self.kept.lock().metrics.series()
    }

    /// Returns what was emitted, by the metric's name.
    pub fn emitted(&self) -> std::collections::BTreeMap<String, Emitted> {
        self.kept.lock().metrics.emitted()
    }

    /// Returns all spans that have ended, in the order they came.
    pub fn spans(&self) -> Vec<Span> {
        self.kept.lock().spans.clone()
    }

    /// Returns all that was logged, in the order it came.
    pub fn logs(&self) -> Vec<Log> {
        self.kept.lock().logs.clone()
    }

    /// Returns who called whom: the caller's and the callee's service.
    pub fn edges(&self) -> BTreeSet<(String, String)> {
        spans::edges(&self.kept.lock().spans)
    }

    /// Returns who applied events of which queue.
    pub fn queues(&self) -> BTreeSet<(String, String)> {
        spans::queues(&self.kept.lock().spans)
    }

    /// Stops receiving; what came before stays to be looked at.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Received> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns when a sink was stopped or dropped.
async fn ended(mut stopped: watch::Receiver<bool>) {
    // An error says that the sink was dropped.
    let _dropped = stopped.wait_for(|stopped| *stopped).await;
}

#[tonic::async_trait]
impl TraceService for Kept {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.lock().spans.extend(spans::read(request.into_inner()));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Kept {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.lock().logs.extend(spans::read_logs(request.into_inner()));
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Kept {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.lock().metrics.take(request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
