//! Mails, from the commit that asks for one until the mail server took it.

use super::{quantile, rate};
use crate::panel::{Dashboard, Panel, Row};

pub(super) fn dashboard() -> Dashboard {
    let tries = "sharedspaces_email_sent_total";
    let delay = "sharedspaces_email_delay_seconds_bucket";
    let smtp = "sharedspaces_smtp_duration_seconds";
    let job = "job_name=~\".*mail.*\"";
    Dashboard {
        uid: "sharedspaces-mails",
        title: "Shared Spaces / Mails",
        description: "Mails, from the commit that asks for one until the mail server took it.",
        by_service: false,
        rows: vec![
            Row {
                title: "In time",
                panels: vec![
                    Panel::lines("From commit to handover", "s", "Half and 99 of 100 mails take at most so long. 60 s are promised.")
                        .query(quantile(0.5, delay, ""), "p50")
                        .query(quantile(0.99, delay, ""), "p99")
                        .red_from(60.0)
                        .with_exemplars(),
                    Panel::heatmap("From commit to handover, all", "s", "How many mails took how long.")
                        .query(rate(delay, "le"), "{{le}}")
                        .with_exemplars(),
                    Panel::lines("Longest due", "s", "For how long the mail has been due that has waited longest.")
                        .query(format!("max by (job_name) (sharedspaces_job_oldest_age_seconds{{{job}}})"), "{{job_name}}")
                        .red_from(300.0),
                    Panel::lines("Mails that wait", "short", "Mails that wait, are being sent, or are tried again. Those planned for later count as well.")
                        .query(format!("max by (job_name) (sharedspaces_job_pending{{{job}}})"), "{{job_name}}"),
                ],
            },
            Row {
                title: "Tries",
                panels: vec![
                    Panel::lines("Tries", "ops", "Tries per second by how they ended: `not_due` and `gone` were not wanted any more, `put_off` waits for its hour.")
                        .query(rate(tries, "outcome"), "{{outcome}}"),
                    Panel::lines("Tries failed", "percentunit", "Share of tries to hand a mail over that failed, for now or for good.")
                        .query(
                            format!(
                                "{}\n/\n{}",
                                rate(&format!("{tries}{{outcome=~\"failed|retried\"}}"), "job"),
                                rate(&format!("{tries}{{outcome=~\"failed|retried|sent\"}}"), "job")
                            ),
                            "{{job}}",
                        )
                        .red_from(0.1),
                    Panel::lines("Conversations with the mail server, 95th percentile", "s", "95 of 100 take at most so long.")
                        .query(quantile(0.95, &format!("{smtp}_bucket"), "job"), "{{job}}")
                        .with_exemplars(),
                    Panel::lines("Conversations with the mail server failed", "ops", "Conversations per second that failed, by how.")
                        .query(rate(&format!("{smtp}_count{{error_type!=\"\"}}"), "error_type"), "{{error_type}}"),
                ],
            },
        ],
    }
}
