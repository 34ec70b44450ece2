//! Metrics that others emit: the gateway, the broker, and what a cluster brings.
//!
//! Owns what is asked of them and where that is written. Must not list what our services emit: that stands in
//! `service_kit::telemetry::names`.

/// Who emits a metric.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// Envoy, at `/stats/prometheus`; a journey asks a running one.
    Envoy,
    /// RabbitMQ's plugin, at `/metrics/detailed`.
    RabbitMq,
    /// The OpenTelemetry collector, of itself.
    Collector,
    /// The collector's connector `span_metrics`, which has the exemplars that the SDK has not.
    SpanMetrics,
    /// kube-state-metrics.
    Kubernetes,
    /// KEDA's operator.
    Keda,
    /// cert-manager.
    CertManager,
    /// CloudNativePG.
    CloudNativePg,
    /// Prometheus, of its alerts.
    Prometheus,
}

/// A metric of somebody else.
#[derive(Clone, Copy, Debug)]
pub struct Foreign {
    /// Its name in Prometheus.
    pub name: &'static str,
    /// The labels that are asked for.
    pub labels: &'static [&'static str],
    /// Who emits it.
    pub source: Source,
}

const fn of(source: Source, name: &'static str, labels: &'static [&'static str]) -> Foreign {
    Foreign { name, labels, source }
}

const MANAGER: &str = "envoy_http_conn_manager_prefix";
const CLUSTER: &str = "envoy_cluster_name";
const CLASS: &str = "envoy_response_code_class";

/// All that is asked of others.
pub const METRICS: &[Foreign] = &[
    of(Source::Envoy, "envoy_server_live", &[]),
    of(Source::Envoy, "envoy_http_downstream_rq_total", &[MANAGER]),
    of(Source::Envoy, "envoy_http_downstream_rq_xx", &[MANAGER, CLASS]),
    of(Source::Envoy, "envoy_http_downstream_rq_time_bucket", &[MANAGER, "le"]),
    of(Source::Envoy, "envoy_http_downstream_rq_active", &[MANAGER]),
    of(Source::Envoy, "envoy_http_downstream_cx_active", &[MANAGER]),
    of(Source::Envoy, "envoy_http_local_rate_limit_rate_limited", &[]),
    of(Source::Envoy, "envoy_http_jwt_authn_denied", &[]),
    of(Source::Envoy, "envoy_cluster_membership_healthy", &[CLUSTER]),
    of(Source::Envoy, "envoy_cluster_upstream_rq_xx", &[CLUSTER, CLASS]),
    of(Source::Envoy, "envoy_cluster_upstream_rq_time_bucket", &[CLUSTER, "le"]),
    of(Source::Envoy, "envoy_cluster_upstream_rq_retry", &[CLUSTER]),
    of(Source::Envoy, "envoy_cluster_upstream_rq_timeout", &[CLUSTER]),
    of(Source::RabbitMq, "rabbitmq_detailed_queue_messages_ready", &["queue"]),
    of(Source::RabbitMq, "rabbitmq_detailed_queue_messages_unacked", &["queue"]),
    of(Source::RabbitMq, "rabbitmq_detailed_queue_consumers", &["queue"]),
    of(Source::Collector, "otelcol_exporter_send_failed_spans", &["exporter"]),
    of(Source::Collector, "otelcol_exporter_send_failed_spans_total", &["exporter"]),
    of(Source::Collector, "otelcol_exporter_send_failed_metric_points", &["exporter"]),
    of(Source::Collector, "otelcol_exporter_send_failed_metric_points_total", &["exporter"]),
    of(Source::Collector, "otelcol_exporter_send_failed_log_records", &["exporter"]),
    of(Source::Collector, "otelcol_exporter_send_failed_log_records_total", &["exporter"]),
    of(
        Source::SpanMetrics,
        "traces_span_metrics_duration_milliseconds_bucket",
        &["le", "service_name", "span_kind", "span_name"],
    ),
    of(Source::Kubernetes, "kube_job_status_failed", &["job_name"]),
    of(Source::Keda, "keda_scaled_object_errors_total", &["scaledObject"]),
    of(Source::CertManager, "certmanager_certificate_expiration_timestamp_seconds", &["name"]),
    of(Source::CloudNativePg, "cnpg_collector_last_available_backup_timestamp", &["cluster"]),
    of(Source::Prometheus, "ALERTS", &["alertname", "alertstate", "severity", "service", "job"]),
];
