//! One service: the calls it answers, those it makes, its database, its processes.

use super::{quantile, rate, share};
use crate::panel::{Dashboard, Panel, Row};

/// The services that are chosen.
const CHOSEN: &str = "job=~\"$service\"";

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "sharedspaces-service",
        title: "Shared Spaces / Service",
        description: "One service: the calls it answers by rate, errors and duration, those it makes, its database, its processes.",
        by_service: true,
        rows: vec![
            Row { title: "Calls it answers", panels: answered() },
            Row { title: "Calls it makes", panels: made() },
            Row { title: "Database", panels: database() },
            Row { title: "Processes", panels: processes() },
        ],
    }
}

fn answered() -> Vec<Panel> {
    let calls = format!("rpc_server_call_duration_seconds_count{{{CHOSEN}}}");
    let failed = format!("rpc_server_call_duration_seconds_count{{{CHOSEN},error_type!=\"\"}}");
    let buckets = format!("rpc_server_call_duration_seconds_bucket{{{CHOSEN}}}");
    vec![
        Panel::lines("Calls", "reqps", "Calls per second, the twelve busiest methods.")
            .query(format!("topk(12, {})", rate(&calls, "rpc_method")), "{{rpc_method}}"),
        Panel::lines("Calls failed", "percentunit", "Share of calls that failed by the service's own fault, by method and status.")
            .query(
                format!("{}\n/ on (rpc_method) group_left\n{}", rate(&failed, "rpc_method, error_type"), rate(&calls, "rpc_method")),
                "{{rpc_method}} {{error_type}}",
            )
            .red_from(0.001),
        Panel::lines("Answers by status", "reqps", "Calls per second by their status, those that the client is to blame for included.")
            .query(rate(&calls, "job, rpc_response_status_code"), "{{job}} {{rpc_response_status_code}}"),
        Panel::lines("Duration", "s", "Half, 95 and 99 of 100 calls take at most so long.")
            .query(quantile(0.5, &buckets, "job"), "{{job}} p50")
            .query(quantile(0.95, &buckets, "job"), "{{job}} p95")
            .query(quantile(0.99, &buckets, "job"), "{{job}} p99")
            .red_from(0.25)
            .with_exemplars(),
        Panel::heatmap("Durations", "s", "How many calls took how long.")
            .query(rate(&buckets, "le"), "{{le}}")
            .with_exemplars(),
        Panel::lines("Slowest methods, 95th percentile", "s", "95 of 100 calls of a method take at most so long; the twelve slowest.")
            .query(format!("topk(12, {})", quantile(0.95, &buckets, "rpc_method")), "{{rpc_method}}")
            .with_exemplars(),
        Panel::lines("Spans of calls, 99th percentile", "ms", "As the collector sees them; its points lead to traces.")
            .query(
                quantile(
                    0.99,
                    "traces_span_metrics_duration_milliseconds_bucket{service_name=~\"$service\",span_kind=\"SPAN_KIND_SERVER\"}",
                    "span_name",
                ),
                "{{span_name}}",
            )
            .with_exemplars(),
        Panel::lines("Calls under way", "short", "Calls being answered now.")
            .query(format!("sum by (job) (sharedspaces_rpc_server_active_requests{{{CHOSEN}}})"), "{{job}}"),
        Panel::lines("Admitted and refused", "ops", "Decisions per second of the layer that asks who calls. Many refusals: somebody tries doors, or keys do not fit.")
            .query(rate(&format!("sharedspaces_authz_decisions_total{{{CHOSEN}}}"), "job, outcome"), "{{job}} {{outcome}}"),
    ]
}

fn made() -> Vec<Panel> {
    let peers = format!("rpc_client_call_duration_seconds_count{{{CHOSEN}}}");
    let refused = format!("rpc_client_call_duration_seconds_count{{{CHOSEN},error_type!=\"\"}}");
    let outside = format!("http_client_request_duration_seconds_count{{{CHOSEN}}}");
    let failed = format!("http_client_request_duration_seconds_count{{{CHOSEN},error_type!=\"\"}}");
    vec![
        Panel::lines("Calls of other services", "reqps", "Calls per second of other services, by method.")
            .query(rate(&peers, "job, rpc_method"), "{{job}} → {{rpc_method}}"),
        Panel::lines(
            "Calls of other services not answered with OK",
            "reqps",
            "By status; what was not found counts as well.",
        )
        .query(
            rate(&refused, "job, service_peer_name, rpc_response_status_code"),
            "{{job}} → {{service_peer_name}} {{rpc_response_status_code}}",
        ),
        Panel::lines("Calls of other services, 95th percentile", "s", "95 of 100 take at most so long.")
            .query(
                quantile(
                    0.95,
                    &format!("rpc_client_call_duration_seconds_bucket{{{CHOSEN}}}"),
                    "job, service_peer_name",
                ),
                "{{job}} → {{service_peer_name}}",
            )
            .with_exemplars(),
        Panel::lines(
            "Requests to the outside",
            "reqps",
            "HTTP requests per second to CRMs, the object store and the key set.",
        )
        .query(
            rate(&outside, "job, server_address, http_response_status_code"),
            "{{job}} → {{server_address}} {{http_response_status_code}}",
        ),
        Panel::lines(
            "Requests to the outside failed",
            "percentunit",
            "Share of HTTP requests without an answer, or with one of 400 and more.",
        )
        .query(share(&failed, &outside, "job, server_address"), "{{job}} → {{server_address}}")
        .red_from(0.2),
        Panel::lines("Requests to the outside, 95th percentile", "s", "95 of 100 take at most so long.")
            .query(
                quantile(
                    0.95,
                    &format!("http_client_request_duration_seconds_bucket{{{CHOSEN}}}"),
                    "job, server_address",
                ),
                "{{job}} → {{server_address}}",
            )
            .with_exemplars(),
    ]
}

fn database() -> Vec<Panel> {
    let work = format!("db_client_operation_duration_seconds_count{{{CHOSEN}}}");
    let failed = format!("db_client_operation_duration_seconds_count{{{CHOSEN},error_type!=\"\"}}");
    let per_process = |metric: &str| format!("sum by (job, instance) ({metric}{{{CHOSEN}}})");
    vec![
        Panel::lines("Units of work", "ops", "Units of work per second: reads, writes and transactions.")
            .query(rate(&work, "job, db_operation_name"), "{{job}} {{db_operation_name}}"),
        Panel::lines("Units of work failed", "ops", "Per second, by the error and PostgreSQL's code.")
            .query(rate(&failed, "job, error_type, db_response_status_code"), "{{job}} {{error_type}} {{db_response_status_code}}"),
        Panel::lines("Units of work, 95th percentile", "s", "95 of 100 take at most so long, waiting for a connection included.")
            .query(
                quantile(0.95, &format!("db_client_operation_duration_seconds_bucket{{{CHOSEN}}}"), "job, db_operation_name"),
                "{{job}} {{db_operation_name}}",
            )
            .with_exemplars(),
        Panel::lines("Waiting for a connection, 99th percentile", "s", "99 of 100 units of work wait at most so long for a connection.")
            .query(quantile(0.99, &format!("db_client_connection_wait_time_seconds_bucket{{{CHOSEN}}}"), "job"), "{{job}}"),
        Panel::lines("Connections used", "percentunit", "Share of each process's pool that is in use. At 100 % units of work wait.")
            .query(
                format!(
                    "sum by (job, instance) (db_client_connection_count{{{CHOSEN},db_client_connection_state=\"used\"}})\n/\n{}",
                    per_process("db_client_connection_max")
                ),
                "{{job}} {{instance}}",
            )
            .red_from(0.9),
        Panel::lines("Waiting for connections", "short", "Units of work that wait for a connection now.")
            .query(per_process("db_client_connection_pending_requests"), "{{job}} {{instance}}")
            .red_from(1.0),
        Panel::lines("Got no connection", "ops", "Units of work per second that got no connection in time.")
            .query(rate(&format!("db_client_connection_timeouts_total{{{CHOSEN}}}"), "job"), "{{job}}"),
    ]
}

fn processes() -> Vec<Panel> {
    vec![
        Panel::lines("Memory", "bytes", "Physical memory of each process. At its limit it is ended.")
            .query(format!("process_memory_usage_bytes{{{CHOSEN}}}"), "{{job}} {{instance}}"),
        Panel::lines(
            "Open files",
            "short",
            "File descriptors of each process: connections and files. One that only grows leaks.",
        )
        .query(format!("process_unix_file_descriptor_count{{{CHOSEN}}}"), "{{job}} {{instance}}"),
        Panel::lines(
            "Tasks",
            "short",
            "Tasks of the runtime that have not ended. One that only grows leaks.",
        )
        .query(format!("sharedspaces_runtime_tasks{{{CHOSEN}}}"), "{{job}} {{instance}}"),
        Panel::lines("Uploads", "short", "Uploads that have not ended, by state.")
            .query("max by (state) (sharedspaces_upload_sessions)", "{{state}}"),
    ]
}
