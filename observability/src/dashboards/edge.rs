//! The gateway, by Envoy's own metrics.

use super::{quantile, rate};
use crate::panel::{Dashboard, Panel, Row};

/// Requests of clients, not those to Envoy's own pages.
const PUBLIC: &str = "envoy_http_conn_manager_prefix!=\"admin\"";

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "sharedspaces-edge",
        title: "Shared Spaces / Edge",
        description: "The gateway, by Envoy's own metrics: what clients ask for, what is turned away, and the way to each service.",
        by_service: false,
        rows: vec![
            Row { title: "Clients", panels: clients() },
            Row { title: "Services", panels: services() },
        ],
    }
}

fn clients() -> Vec<Panel> {
    let requests = format!("envoy_http_downstream_rq_xx{{{PUBLIC}}}");
    vec![
        Panel::lines("Requests", "reqps", "Requests per second by class of status. A gRPC call that fails is a 2xx: see the services.")
            .query(rate(&requests, "envoy_response_code_class"), "{{envoy_response_code_class}}xx"),
        Panel::lines("Requests failed", "percentunit", "Share of requests that were answered with a 5xx.")
            .query(
                format!(
                    "sum(rate(envoy_http_downstream_rq_xx{{{PUBLIC},envoy_response_code_class=\"5\"}}[$__rate_interval]))\n/\nsum(rate({requests}[$__rate_interval]))"
                ),
                "5xx",
            )
            .red_from(0.01),
        Panel::lines("Duration", "ms", "Half, 95 and 99 of 100 requests take at most so long, streams included.")
            .query(quantile(0.5, &format!("envoy_http_downstream_rq_time_bucket{{{PUBLIC}}}"), ""), "p50")
            .query(quantile(0.95, &format!("envoy_http_downstream_rq_time_bucket{{{PUBLIC}}}"), ""), "p95")
            .query(quantile(0.99, &format!("envoy_http_downstream_rq_time_bucket{{{PUBLIC}}}"), ""), "p99")
            .with_exemplars(),
        Panel::lines("Under way", "short", "Requests and connections of clients now.")
            .query(format!("sum(envoy_http_downstream_rq_active{{{PUBLIC}}})"), "requests")
            .query(format!("sum(envoy_http_downstream_cx_active{{{PUBLIC}}})"), "connections"),
        Panel::lines("Turned away", "reqps", "Requests per second that were too many, or had no valid token.")
            .query("sum(rate(envoy_http_local_rate_limit_rate_limited[$__rate_interval]))", "too many")
            .query("sum(rate(envoy_http_jwt_authn_denied[$__rate_interval]))", "no valid token"),
        Panel::stat("Gateways", "short", "Gateways that are heard of.")
            .query("sum(envoy_server_live)", "gateways")
            .red_below(1.0),
    ]
}

fn services() -> Vec<Panel> {
    let cluster = "envoy_cluster_name";
    vec![
        Panel::lines("Processes", "short", "Processes of each service that calls are sent to.").query(
            "max by (envoy_cluster_name) (envoy_cluster_membership_healthy)",
            "{{envoy_cluster_name}}",
        ),
        Panel::lines(
            "Calls failed",
            "percentunit",
            "Share of what was sent to a service and came back as a 5xx.",
        )
        .query(
            // Envoy shows a class of status from its first answer on: until then it is not there, which is not trouble.
            format!(
                "({} or {all} * 0)\n/\n{all}",
                rate("envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"5\"}", cluster),
                all = rate("envoy_cluster_upstream_rq_xx", cluster),
            ),
            "{{envoy_cluster_name}}",
        )
        .red_from(0.01),
        Panel::lines(
            "Duration, 95th percentile",
            "ms",
            "95 of 100 calls take at most so long, seen from the gateway.",
        )
        .query(quantile(0.95, "envoy_cluster_upstream_rq_time_bucket", cluster), "{{envoy_cluster_name}}")
        .with_exemplars(),
        Panel::lines(
            "Tried again, and too late",
            "reqps",
            "Calls per second that were sent again, and that took too long.",
        )
        .query(rate("envoy_cluster_upstream_rq_retry", cluster), "{{envoy_cluster_name}} again")
        .query(rate("envoy_cluster_upstream_rq_timeout", cluster), "{{envoy_cluster_name}} too late"),
    ]
}
