//! Alerts that name a cause.
//!
//! Owns what is looked at before a promise is broken, and what no promise sees: work that stands still has no duration,
//! so it pages by its age. Must not repeat a promise.

use crate::rule::{Alert, Group, Rule, Severity};

/// The services by the label `job`.
const SERVICES: [&str; 5] = ["assets", "crm-sync", "identity", "notifications", "spaces"];

/// Returns the alerts by what they are about.
#[must_use]
pub fn groups() -> Vec<Group> {
    [
        ("services", services()),
        ("messages", messages()),
        ("mails", mails()),
        ("outside", outside()),
        ("edge", edge()),
        ("platform", platform()),
    ]
    .map(|(name, alerts)| Group {
        name: name.to_owned(),
        interval: None,
        rules: alerts.into_iter().map(Rule::Alert).collect(),
    })
    .into()
}

fn alert(severity: Severity, name: &'static str, wait: &'static str, expr: &str, summary: &str) -> Alert {
    Alert { name, expr: expr.to_owned(), wait, severity, summary: summary.to_owned(), labels: Vec::new() }
}

fn page(name: &'static str, wait: &'static str, expr: &str, summary: &str) -> Alert {
    alert(Severity::Page, name, wait, expr, summary)
}

fn ticket(name: &'static str, wait: &'static str, expr: &str, summary: &str) -> Alert {
    alert(Severity::Ticket, name, wait, expr, summary)
}

/// What a counter has grown by. One that is new counts from 0: it did not exist before its first event.
fn grown(counter: &str, by: &str, window: &str) -> String {
    format!(
        "sum by ({by}) (increase({counter}[{window}])) > 0\nor\nsum by ({by}) ({counter} unless {counter} offset {window}) > 0"
    )
}

fn services() -> Vec<Alert> {
    let mut alerts = vec![
        ticket(
            "DatabasePoolPending",
            "5m",
            "sum by (job, instance) (db_client_connection_pending_requests) > 0",
            "{{ $labels.job }} waits for connections to its database at {{ $labels.instance }}",
        ),
        ticket(
            "DatabasePoolTimeouts",
            "0m",
            &grown("db_client_connection_timeouts_total", "job", "15m"),
            "{{ $labels.job }} got no connection to its database in time",
        ),
        ticket(
            "RefusalsHigh",
            "15m",
            "sum by (job) (rate(sharedspaces_authz_decisions_total{outcome=\"refused\"}[15m])) > 1\nand\n\
             sum by (job) (rate(sharedspaces_authz_decisions_total{outcome=\"refused\"}[15m]))\n  \
             > 0.5 * sum by (job) (rate(sharedspaces_authz_decisions_total[15m]))",
            "{{ $labels.job }} refuses more calls than it admits",
        ),
        ticket(
            "VersionsMixed",
            "1h",
            "count by (job) (count by (job, service_version) (sharedspaces_build_info)) > 1",
            "{{ $labels.job }} has run in several versions for an hour",
        ),
    ];
    // A service that is gone says nothing, not even that its calls fail.
    alerts.extend(SERVICES.map(|service| Alert {
        labels: vec![("service", service.to_owned())],
        ..page(
            "ServiceAbsent",
            "5m",
            &format!("absent(sharedspaces_build_info{{job=\"{service}\"}})"),
            "no process of {{ $labels.job }} is heard of",
        )
    }));
    alerts
}

fn messages() -> Vec<Alert> {
    vec![
        page(
            "OutboxStalled",
            "2m",
            "max by (job) (sharedspaces_outbox_oldest_age_seconds) > 30",
            "{{ $labels.job }} does not publish its events",
        ),
        page(
            "JobsOverdue",
            "5m",
            "max by (job, job_name) (sharedspaces_job_oldest_age_seconds) > 300",
            "{{ $labels.job_name }} of {{ $labels.job }} has been due for five minutes",
        ),
        ticket(
            "JobsDead",
            "5m",
            "max by (job, job_name) (sharedspaces_job_dead) > 0",
            "{{ $labels.job_name }} of {{ $labels.job }} failed for good and waits for a person",
        ),
        ticket(
            "MessagesParked",
            "0m",
            &grown("sharedspaces_dlq_published_total", "job, consumer", "1h"),
            "{{ $labels.consumer }} got a message that it cannot read",
        ),
        ticket(
            "RedeliveriesHigh",
            "10m",
            "sum by (job) (rate(sharedspaces_consumer_redeliveries_total[15m]))\n  \
             > 0.05 * sum by (job) (rate(messaging_client_consumed_messages_total[15m]))",
            "one in twenty messages to {{ $labels.job }} comes again",
        ),
        ticket(
            "QueueGrowing",
            "10m",
            "sum by (queue) (rabbitmq_detailed_queue_messages_ready) > 1000",
            "{{ $labels.queue }} holds more than a thousand messages",
        ),
    ]
}

fn mails() -> Vec<Alert> {
    vec![ticket(
        "MailsFailing",
        "10m",
        "sum by (job) (rate(sharedspaces_email_sent_total{outcome=~\"failed|retried\"}[15m]))\n  \
             > 0.1 * sum by (job) (rate(sharedspaces_email_sent_total{outcome=~\"failed|retried|sent\"}[15m]))",
        "one in ten tries of {{ $labels.job }} to hand a mail over fails",
    )]
}

fn outside() -> Vec<Alert> {
    vec![
        ticket(
            "CrmReconnectNeeded",
            "10m",
            "max by (job, crm_provider) (sharedspaces_crm_connections{state=\"reconnect_needed\"}) > 0",
            "a connection to {{ $labels.crm_provider }} needs its administrator",
        ),
        ticket(
            "OutsideRequestsFailing",
            "10m",
            "sum by (job, server_address) (rate(http_client_request_duration_seconds_count{error_type!=\"\"}[15m]))\n  \
             > 0.2 * sum by (job, server_address) (rate(http_client_request_duration_seconds_count[15m]))",
            "one in five requests of {{ $labels.job }} to {{ $labels.server_address }} fails",
        ),
    ]
}

fn edge() -> Vec<Alert> {
    let public = "envoy_http_conn_manager_prefix!=\"admin\"";
    vec![
        page(
            "EdgeErrors",
            "5m",
            &format!(
                "sum(rate(envoy_http_downstream_rq_xx{{{public},envoy_response_code_class=\"5\"}}[5m]))\n  \
                 > 0.01 * sum(rate(envoy_http_downstream_rq_xx{{{public}}}[5m]))"
            ),
            "the gateway answers one in a hundred requests with a 5xx",
        ),
        page(
            "EdgeUpstreamDown",
            "2m",
            "max by (envoy_cluster_name) (envoy_cluster_membership_healthy) == 0",
            "the gateway has no process of {{ $labels.envoy_cluster_name }} to send calls to",
        ),
        ticket(
            "EdgeRateLimiting",
            "15m",
            &format!(
                "sum(rate(envoy_http_local_rate_limit_rate_limited[15m]))\n  \
                 > 0.05 * sum(rate(envoy_http_downstream_rq_total{{{public}}}[15m]))"
            ),
            "the gateway turns one in twenty requests away as too many",
        ),
        page("EdgeAbsent", "5m", "absent(envoy_server_live)", "no gateway is heard of"),
    ]
}

fn platform() -> Vec<Alert> {
    let dropped = ["spans", "metric_points", "log_records"].map(|kind| {
        // With and without the suffix: versions of the collector differ.
        let name = format!("otelcol_exporter_send_failed_{kind}");
        format!("sum by (exporter) (rate({name}_total[5m]) or rate({name}[5m])) > 0")
    });
    vec![
        ticket(
            "CollectorDropping",
            "10m",
            &dropped.join("\nor\n"),
            "the collector loses what {{ $labels.exporter }} sends on",
        ),
        page(
            "MigrationFailed",
            "0m",
            "max by (job_name) (kube_job_status_failed{job_name=~\".+-migrate.*\"}) > 0",
            "{{ $labels.job_name }} failed: the new release cannot start",
        ),
        ticket(
            "ScalerFailing",
            "15m",
            "sum by (scaledObject) (rate(keda_scaled_object_errors_total[5m])) > 0",
            "{{ $labels.scaledObject }} does not scale: its queue cannot be asked",
        ),
        ticket(
            "CertificateExpiring",
            "1h",
            "min by (name) (certmanager_certificate_expiration_timestamp_seconds) - time() < 14 * 86400",
            "the certificate {{ $labels.name }} ends within 14 days and was not renewed",
        ),
        ticket(
            "BackupOverdue",
            "1h",
            "time() - max by (cluster) (cnpg_collector_last_available_backup_timestamp) > 36 * 3600",
            "{{ $labels.cluster }} has no back-up of the last 36 hours",
        ),
    ]
}
