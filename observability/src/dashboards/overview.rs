//! Is it well? And the way of a write: call, outbox, broker, job, mail, CRM.

use super::{quantile, rate, share};
use crate::panel::{Dashboard, Panel, Row};

const CALLS: &str = "rpc_server_call_duration_seconds_count";

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "sharedspaces-overview",
        title: "Shared Spaces / Overview",
        description: "Whether it is well, and the way of a write: call, outbox, broker, job, mail and CRM.",
        by_service: false,
        rows: vec![
            Row { title: "Is it well?", panels: well() },
            Row { title: "Calls", panels: calls() },
            Row { title: "From a write to its effect", panels: effects() },
        ],
    }
}

fn well() -> Vec<Panel> {
    vec![
        Panel::stat(
            "Smallest budget left",
            "percentunit",
            "What is left of the error budget of 30 days, of the promise that has least. Below 0 it is broken.",
        )
        .query("min(slo:error_budget_remaining:ratio)", "budget left")
        .red_below(0.25),
        Panel::stat("Alerts that page", "short", "Alerts for which somebody is called, now.")
            .query("count(ALERTS{alertstate=\"firing\", severity=\"page\"}) or vector(0)", "alerts")
            .red_from(1.0),
        Panel::stat("Processes", "short", "Processes that are heard of. Each service runs at least two that serve and two that work.")
            .query("count(sharedspaces_build_info)", "processes"),
        Panel::stat("Jobs failed for good", "short", "Jobs that no further try is made of; each waits for a person.")
            .query("sum(max by (job, job_name) (sharedspaces_job_dead))", "dead jobs")
            .red_from(1.0),
    ]
}

fn calls() -> Vec<Panel> {
    vec![
        Panel::lines("Calls answered", "reqps", "Calls per second that each service answers, those of other services included.")
            .query(rate(CALLS, "job"), "{{job}}"),
        Panel::lines(
            "Calls failed",
            "percentunit",
            "Share of calls that failed by the service's own fault: internal, unavailable, too late. 0.1 % is the budget.",
        )
        .query(share(&format!("{CALLS}{{error_type!=\"\"}}"), CALLS, "job"), "{{job}}")
        .red_from(0.001),
        Panel::lines("Calls, 99th percentile", "s", "99 of 100 calls take at most so long. 250 ms are promised, 100 ms of identity.")
            .query(quantile(0.99, "rpc_server_call_duration_seconds_bucket", "job"), "{{job}}")
            .red_from(0.25)
            .with_exemplars(),
        Panel::lines("Versions", "short", "Processes by service and version; two versions of a service only while it is rolled out.")
            .query("count by (job, service_version) (sharedspaces_build_info)", "{{job}} {{service_version}}"),
    ]
}

fn effects() -> Vec<Panel> {
    vec![
        Panel::lines("Events published", "ops", "Events per second that each service hands to the broker.")
            .query(rate("messaging_client_sent_messages_total", "job"), "{{job}}"),
        Panel::lines(
            "Oldest event not published",
            "s",
            "Age of the oldest event in each outbox. Seconds are normal; 30 page.",
        )
        .query("max by (job) (sharedspaces_outbox_oldest_age_seconds)", "{{job}}")
        .red_from(30.0),
        Panel::heatmap(
            "From commit to effect",
            "s",
            "How long events took from the commit that made them until a consumer had applied them.",
        )
        .query(rate("sharedspaces_event_delivery_age_seconds_bucket", "le"), "{{le}}")
        .with_exemplars(),
        Panel::lines(
            "Tries of jobs",
            "ops",
            "Tries per second by how they ended: retries are normal, dead ones are not.",
        )
        .query(rate("sharedspaces_job_runs_total", "outcome"), "{{outcome}}"),
        Panel::lines(
            "Mails handed over, 99th percentile",
            "s",
            "From the commit that asks for a mail until the mail server took it. 60 s are promised.",
        )
        .query(quantile(0.99, "sharedspaces_email_delay_seconds_bucket", ""), "mails")
        .red_from(60.0)
        .with_exemplars(),
        Panel::lines(
            "Logs in the CRM, 99th percentile",
            "s",
            "From the moment a log was due until it stood in the CRM. Five minutes are promised.",
        )
        .query(quantile(0.99, "sharedspaces_crm_sync_lag_seconds_bucket", "crm_provider"), "{{crm_provider}}")
        .red_from(300.0)
        .with_exemplars(),
    ]
}
