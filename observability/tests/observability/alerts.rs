//! The alerts that name a cause: each with what makes it fire, and with what is just not enough.

use std::collections::BTreeSet;

use observability::cause;
use observability::rule::Rule;

use crate::promtool::{Labels, Moment, Series, Story, labels, tell};

/// An alert at both sides of its limit.
struct Case {
    alert: &'static str,
    time: &'static str,
    firing: Vec<Labels>,
    wrong: Series,
    right: Series,
}

fn seen(series: &[(&str, &str)]) -> Series {
    series.iter().map(|(series, values)| ((*series).to_owned(), (*values).to_owned())).collect()
}

fn case(
    alert: &'static str,
    time: &'static str,
    firing: &[(&'static str, &str)],
    wrong: &[(&str, &str)],
    right: &[(&str, &str)],
) -> Case {
    Case { alert, time, firing: vec![labels(firing)], wrong: seen(wrong), right: seen(right) }
}

const SERVICES: [&str; 5] = ["assets", "crm-sync", "identity", "notifications", "spaces"];

fn all_services(series: &str, values: &str) -> Series {
    SERVICES.map(|service| (format!("{series}{{job=\"{service}\"}}"), values.to_owned())).into()
}

#[expect(clippy::too_many_lines, reason = "one table")]
fn cases() -> Vec<Case> {
    let pool = "db_client_connection_pending_requests{job=\"spaces\",instance=\"a\"}";
    let timeouts = "db_client_connection_timeouts_total{job=\"spaces\",instance=\"a\"}";
    let refused = "sharedspaces_authz_decisions_total{job=\"spaces\",outcome=\"refused\"}";
    let admitted = "sharedspaces_authz_decisions_total{job=\"spaces\",outcome=\"admitted\"}";
    let version =
        |version: &str| format!("sharedspaces_build_info{{job=\"spaces\",service_version=\"{version}\"}}");
    let outbox = "sharedspaces_outbox_oldest_age_seconds{job=\"spaces\",instance=\"a\"}";
    let due = "sharedspaces_job_oldest_age_seconds{job=\"spaces\",job_name=\"end_visits\"}";
    let dead = "sharedspaces_job_dead{job=\"spaces\",job_name=\"end_visits\"}";
    let parked = "sharedspaces_dlq_published_total{job=\"spaces\",consumer=\"spaces.from-identity\"}";
    let again = "sharedspaces_consumer_redeliveries_total{job=\"spaces\",consumer=\"spaces.from-identity\"}";
    let delivered = "messaging_client_consumed_messages_total{job=\"spaces\"}";
    let queue = "rabbitmq_detailed_queue_messages_ready{queue=\"spaces.from-identity\"}";
    let mails = |outcome: &str| {
        format!("sharedspaces_email_sent_total{{job=\"notifications\",outcome=\"{outcome}\"}}")
    };
    let (sent, failed, retried, put_off) =
        (mails("sent"), mails("failed"), mails("retried"), mails("put_off"));
    let crm = |state: &str| {
        format!(
            "sharedspaces_crm_connections{{job=\"crm-sync\",crm_provider=\"salesforce\",state=\"{state}\"}}"
        )
    };
    let request = "http_client_request_duration_seconds_count{job=\"crm-sync\",server_address=\"crm\"}";
    let request_failed = "http_client_request_duration_seconds_count{job=\"crm-sync\",server_address=\"crm\",error_type=\"500\"}";
    let class = |class: u8| {
        format!(
            "envoy_http_downstream_rq_xx{{envoy_http_conn_manager_prefix=\"gateway\",envoy_response_code_class=\"{class}\"}}"
        )
    };
    let asked = "envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix=\"gateway\"}";
    let limited = "envoy_http_local_rate_limit_rate_limited";
    let healthy = "envoy_cluster_membership_healthy{envoy_cluster_name=\"spaces\"}";
    let job = "kube_job_status_failed{job_name=\"spaces-migrate-1\"}";
    let scaler = "keda_scaled_object_errors_total{scaledObject=\"spaces-work\"}";
    let certificate = "certmanager_certificate_expiration_timestamp_seconds{name=\"spaces\"}";
    let backup = "cnpg_collector_last_available_backup_timestamp{cluster=\"spaces-database\"}";
    let spaces = ("job", "spaces");
    vec![
        case(
            "DatabasePoolPending",
            "6m",
            &[spaces, ("instance", "a")],
            &[(pool, "1+0x10")],
            &[(pool, "1+0x4 0+0x6")],
        ),
        case("DatabasePoolTimeouts", "20m", &[spaces], &[(timeouts, "_x18 1+0x5")], &[(timeouts, "3+0x25")]),
        case(
            "DatabasePoolTimeouts",
            "30m",
            &[spaces],
            &[(timeouts, "3+0x20 4+0x10")],
            &[(timeouts, "3+0x5 4+0x30")],
        ),
        case(
            "RefusalsHigh",
            "35m",
            &[spaces],
            &[(refused, "0+66x40"), (admitted, "0+60x40")],
            &[(refused, "0+66x40"), (admitted, "0+70x40")],
        ),
        // Many of few are no attack.
        case(
            "RefusalsHigh",
            "35m",
            &[spaces],
            &[(refused, "0+61x40"), (admitted, "0+0x40")],
            &[(refused, "0+59x40"), (admitted, "0+0x40")],
        ),
        case(
            "VersionsMixed",
            "62m",
            &[spaces],
            &[(&version("1"), "1+0x70"), (&version("2"), "1+0x70")],
            &[(&version("1"), "1+0x50"), (&version("2"), "1+0x70")],
        ),
        case("OutboxStalled", "4m", &[spaces], &[(outbox, "31+0x10")], &[(outbox, "30+0x10")]),
        case(
            "JobsOverdue",
            "7m",
            &[spaces, ("job_name", "end_visits")],
            &[(due, "301+0x10")],
            &[(due, "300+0x10")],
        ),
        case(
            "JobsDead",
            "7m",
            &[spaces, ("job_name", "end_visits")],
            &[(dead, "1+0x10")],
            &[(dead, "0+0x10")],
        ),
        // The first message of a process makes the series.
        case(
            "MessagesParked",
            "70m",
            &[spaces, ("consumer", "spaces.from-identity")],
            &[(parked, "_x65 1+0x10")],
            &[(parked, "1+0x80")],
        ),
        case(
            "MessagesParked",
            "70m",
            &[spaces, ("consumer", "spaces.from-identity")],
            &[(parked, "1+0x60 2+0x20")],
            &[(parked, "1+0x5 2+0x80")],
        ),
        case(
            "RedeliveriesHigh",
            "30m",
            &[spaces],
            &[(again, "0+6x40"), (delivered, "0+100x40")],
            &[(again, "0+5x40"), (delivered, "0+100x40")],
        ),
        case(
            "QueueGrowing",
            "12m",
            &[("queue", "spaces.from-identity")],
            &[(queue, "1001+0x20")],
            &[(queue, "1000+0x20")],
        ),
        case(
            "MailsFailing",
            "30m",
            &[("job", "notifications")],
            &[(&sent, "0+88x40"), (&failed, "0+6x40"), (&retried, "0+6x40")],
            &[(&sent, "0+90x40"), (&failed, "0+5x40"), (&retried, "0+5x40"), (&put_off, "0+9x40")],
        ),
        case(
            "CrmReconnectNeeded",
            "12m",
            &[("job", "crm-sync"), ("crm_provider", "salesforce")],
            &[(&crm("reconnect_needed"), "1+0x20"), (&crm("connected"), "3+0x20")],
            &[(&crm("reconnect_needed"), "0+0x20"), (&crm("connected"), "3+0x20")],
        ),
        case(
            "OutsideRequestsFailing",
            "30m",
            &[("job", "crm-sync"), ("server_address", "crm")],
            &[(request, "0+79x40"), (request_failed, "0+21x40")],
            &[(request, "0+80x40"), (request_failed, "0+20x40")],
        ),
        case(
            "EdgeErrors",
            "20m",
            &[],
            &[(&class(2), "0+9880x30"), (&class(5), "0+120x30")],
            &[(&class(2), "0+9900x30"), (&class(5), "0+100x30"), (&class(4), "0+500x30")],
        ),
        case(
            "EdgeUpstreamDown",
            "4m",
            &[("envoy_cluster_name", "spaces")],
            &[(healthy, "0+0x10")],
            &[(healthy, "1+0x10")],
        ),
        case(
            "EdgeRateLimiting",
            "35m",
            &[],
            &[(limited, "0+6x40"), (asked, "0+100x40")],
            &[(limited, "0+5x40"), (asked, "0+100x40")],
        ),
        case("EdgeAbsent", "7m", &[], &[], &[("envoy_server_live{instance=\"a\"}", "1+0x10")]),
        case(
            "CollectorDropping",
            "20m",
            &[("exporter", "otlp")],
            &[("otelcol_exporter_send_failed_metric_points{exporter=\"otlp\"}", "0+1x30")],
            &[("otelcol_exporter_send_failed_metric_points{exporter=\"otlp\"}", "9+0x30")],
        ),
        case(
            "CollectorDropping",
            "20m",
            &[("exporter", "otlp")],
            &[("otelcol_exporter_send_failed_spans_total{exporter=\"otlp\"}", "0+1x30")],
            &[("otelcol_exporter_send_failed_log_records_total{exporter=\"otlp\"}", "9+0x30")],
        ),
        case(
            "MigrationFailed",
            "2m",
            &[("job_name", "spaces-migrate-1")],
            &[(job, "1+0x5")],
            &[(job, "0+0x5"), ("kube_job_status_failed{job_name=\"report\"}", "1+0x5")],
        ),
        case(
            "ScalerFailing",
            "30m",
            &[("scaledObject", "spaces-work")],
            &[(scaler, "0+1x40")],
            &[(scaler, "4+0x40")],
        ),
        // The tests' time begins at 0: 14 days are 1,209,600 s.
        case(
            "CertificateExpiring",
            "62m",
            &[("name", "spaces")],
            &[(certificate, "1209500+0x70")],
            &[(certificate, "1216900+0x70")],
        ),
        case(
            "BackupOverdue",
            "62m",
            &[("cluster", "spaces-database")],
            &[(backup, "-129600+0x70")],
            &[(backup, "-125900+0x70")],
        ),
    ]
}

#[test]
fn each_cause_is_told_of_beyond_its_limit_and_not_at_it() {
    let mut stories = Vec::new();
    for case in cases() {
        let (alert, time) = (case.alert, case.time);
        stories
            .push(Story { series: case.wrong, moments: vec![Moment { alert, time, firing: case.firing }] });
        stories.push(Story { series: case.right, moments: vec![Moment { alert, time, firing: Vec::new() }] });
    }
    tell(&cause::groups(), &stories);
}

#[test]
fn a_service_that_says_nothing_is_missed_after_five_minutes() {
    let absent: Vec<Labels> =
        SERVICES.map(|service| labels(&[("job", service), ("service", service)])).into();
    let moment = |time, firing| Moment { alert: "ServiceAbsent", time, firing };
    let stories = [
        Story {
            series: all_services("sharedspaces_build_info", "1+0x20"),
            moments: vec![moment("15m", Vec::new())],
        },
        Story {
            // Prometheus shows a value for five minutes more, unless it is told that the series has ended.
            series: all_services("sharedspaces_build_info", "1+0x10 stale"),
            moments: vec![moment("15m", Vec::new()), moment("17m", absent)],
        },
    ];
    tell(&cause::groups(), &stories);
}

#[test]
fn every_cause_has_its_case() {
    let rules = cause::groups().into_iter().flat_map(|group| group.rules);
    let named: BTreeSet<&str> = rules
        .filter_map(|rule| match rule {
            Rule::Alert(alert) => Some(alert.name),
            Rule::Record { .. } => None,
        })
        .collect();
    let mut told: BTreeSet<&str> = cases().into_iter().map(|case| case.alert).collect();
    told.insert("ServiceAbsent");
    assert_eq!(named, told);
}
