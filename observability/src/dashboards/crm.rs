//! Logs, from the moment they are due until they stand in a CRM.

use super::{quantile, rate, share};
use crate::panel::{Dashboard, Panel, Row};

pub(super) fn dashboard() -> Dashboard {
    let lag = "sharedspaces_crm_sync_lag_seconds_bucket";
    let requests = "http_client_request_duration_seconds";
    let ours = "job=\"crm-sync\"";
    Dashboard {
        uid: "sharedspaces-crm",
        title: "Shared Spaces / CRM",
        description: "Logs, from the moment they are due until they stand in a CRM, and the connections to CRMs.",
        by_service: false,
        rows: vec![
            Row {
                title: "In time",
                panels: vec![
                    Panel::lines("From due to written", "s", "Half and 99 of 100 logs take at most so long. Five minutes are promised.")
                        .query(quantile(0.5, lag, "crm_provider"), "{{crm_provider}} p50")
                        .query(quantile(0.99, lag, "crm_provider"), "{{crm_provider}} p99")
                        .red_from(300.0)
                        .with_exemplars(),
                    Panel::heatmap("From due to written, all", "s", "How many logs took how long.")
                        .query(rate(lag, "le"), "{{le}}")
                        .with_exemplars(),
                    Panel::lines("Jobs that wait", "short", "Logs and reads that wait, run, or wait for a CRM to be there again.")
                        .query(format!("max by (job_name) (sharedspaces_job_pending{{{ours}}})"), "{{job_name}}"),
                    Panel::lines("Tries", "ops", "Tries per second of crm-sync's jobs by how they ended.")
                        .query(rate(&format!("sharedspaces_job_runs_total{{{ours}}}"), "job_name, outcome"), "{{job_name}} {{outcome}}"),
                ],
            },
            Row {
                title: "Connections",
                panels: vec![
                    Panel::lines("Connections", "short", "Connections by CRM and state. One that needs to be connected anew waits for its administrator.")
                        .query("max by (crm_provider, state) (sharedspaces_crm_connections)", "{{crm_provider}} {{state}}"),
                    Panel::lines("Requests", "reqps", "Requests per second by CRM, method and status.")
                        .query(
                            rate(&format!("{requests}_count{{{ours}}}"), "server_address, http_request_method, http_response_status_code"),
                            "{{http_request_method}} {{server_address}} {{http_response_status_code}}",
                        ),
                    Panel::lines("Requests failed", "percentunit", "Share of requests without an answer, or with one of 400 and more.")
                        .query(
                            share(&format!("{requests}_count{{{ours},error_type!=\"\"}}"), &format!("{requests}_count{{{ours}}}"), "server_address"),
                            "{{server_address}}",
                        )
                        .red_from(0.2),
                    Panel::lines("Requests, 95th percentile", "s", "95 of 100 take at most so long.")
                        .query(quantile(0.95, &format!("{requests}_bucket{{{ours}}}"), "server_address"), "{{server_address}}")
                        .with_exemplars(),
                ],
            },
        ],
    }
}
