//! Events and jobs, from the outbox to the effect.

use super::{quantile, rate};
use crate::panel::{Dashboard, Panel, Row};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "sharedspaces-messaging",
        title: "Shared Spaces / Messaging",
        description: "Events from the outbox through the broker to their effect, and the jobs that do what is done outside.",
        by_service: false,
        rows: vec![
            Row { title: "Outbox", panels: outbox() },
            Row { title: "Broker", panels: broker() },
            Row { title: "Consumers", panels: consumers() },
            Row { title: "Jobs", panels: jobs() },
        ],
    }
}

fn outbox() -> Vec<Panel> {
    let sent = "messaging_client_sent_messages_total";
    vec![
        Panel::lines(
            "Events not published",
            "short",
            "Events that wait in each outbox. It falls to 0 again and again.",
        )
        .query("max by (job) (sharedspaces_outbox_pending)", "{{job}}"),
        Panel::lines(
            "Oldest event not published",
            "s",
            "Age of the oldest event in each outbox. Seconds are normal; 30 page.",
        )
        .query("max by (job) (sharedspaces_outbox_oldest_age_seconds)", "{{job}}")
        .red_from(30.0),
        Panel::lines("Events published", "ops", "Events per second by routing key.").query(
            rate(&format!("{sent}{{error_type=\"\"}}"), "messaging_destination_name"),
            "{{messaging_destination_name}}",
        ),
        Panel::lines(
            "Events refused by the broker",
            "ops",
            "Events per second that the broker did not take; they stay in the outbox and are offered again.",
        )
        .query(rate(&format!("{sent}{{error_type!=\"\"}}"), "job, error_type"), "{{job}} {{error_type}}"),
    ]
}

fn broker() -> Vec<Panel> {
    let of_ours = "queue=~\".+from-.+\"";
    vec![
        Panel::lines(
            "Messages that wait",
            "short",
            "Messages in each queue that no consumer has. A consumer that is away lets it grow.",
        )
        .query(format!("sum by (queue) (rabbitmq_detailed_queue_messages_ready{{{of_ours}}})"), "{{queue}}")
        .red_from(1000.0),
        Panel::lines(
            "Messages under way",
            "short",
            "Messages in each queue that a consumer has and has not settled.",
        )
        .query(
            format!("sum by (queue) (rabbitmq_detailed_queue_messages_unacked{{{of_ours}}})"),
            "{{queue}}",
        ),
        Panel::lines(
            "Consumers",
            "short",
            "Consumers of each queue: one works, the others stand by. None: nobody listens.",
        )
        .query(format!("sum by (queue) (rabbitmq_detailed_queue_consumers{{{of_ours}}})"), "{{queue}}"),
        Panel::lines(
            "The broker's answers, 95th percentile",
            "s",
            "95 of 100 confirms of an event, and settlings of a batch, take at most so long.",
        )
        .query(
            quantile(
                0.95,
                "messaging_client_operation_duration_seconds_bucket",
                "job, messaging_operation_name",
            ),
            "{{job}} {{messaging_operation_name}}",
        )
        .with_exemplars(),
    ]
}

fn consumers() -> Vec<Panel> {
    let age = "sharedspaces_event_delivery_age_seconds_bucket";
    vec![
        Panel::lines("Events delivered", "ops", "Events per second by queue.")
            .query(rate("messaging_client_consumed_messages_total", "messaging_destination_name"), "{{messaging_destination_name}}"),
        Panel::lines("Events delivered again", "ops", "Events per second that the broker delivers once more, after a crash or a lost connection. Each takes effect once.")
            .query(rate("sharedspaces_consumer_redeliveries_total", "consumer"), "{{consumer}}"),
        Panel::lines("Messages parked", "short", "Messages that could not be read, over the range shown. Each waits for a person.")
            .query("sum by (consumer) (increase(sharedspaces_dlq_published_total[$__range]))", "{{consumer}}")
            .red_from(1.0),
        Panel::lines("From commit to effect", "s", "Half and 99 of 100 events take at most so long from the commit that made them. 30 s are promised.")
            .query(quantile(0.5, age, "consumer"), "{{consumer}} p50")
            .query(quantile(0.99, age, "consumer"), "{{consumer}} p99")
            .red_from(30.0)
            .with_exemplars(),
        Panel::heatmap("From commit to effect, all", "s", "How many events took how long from the commit that made them.")
            .query(rate(age, "le"), "{{le}}")
            .with_exemplars(),
        Panel::lines("Applying an event, 95th percentile", "s", "95 of 100 tries take at most so long.")
            .query(
                quantile(0.95, "messaging_process_duration_seconds_bucket", "messaging_destination_name"),
                "{{messaging_destination_name}}",
            )
            .with_exemplars(),
        Panel::lines("Applying an event failed", "ops", "Tries per second that failed, by the error.")
            .query(
                rate("messaging_process_duration_seconds_count{error_type!=\"\"}", "messaging_destination_name, error_type"),
                "{{messaging_destination_name}} {{error_type}}",
            ),
    ]
}

fn jobs() -> Vec<Panel> {
    vec![
        Panel::lines("Tries", "ops", "Tries per second by how they ended: `retry` is tried again, `dead` never, `lost` goes on elsewhere.")
            .query(rate("sharedspaces_job_runs_total", "job, outcome"), "{{job}} {{outcome}}"),
        Panel::lines("Jobs that wait", "short", "Jobs that wait, run, or wait to run again. Those planned for later count as well.")
            .query("max by (job, job_name) (sharedspaces_job_pending)", "{{job}} {{job_name}}"),
        Panel::lines("Longest due", "s", "For how long the job has been due that has waited longest. Five minutes page.")
            .query("max by (job, job_name) (sharedspaces_job_oldest_age_seconds)", "{{job}} {{job_name}}")
            .red_from(300.0),
        Panel::lines("Failed for good", "short", "Jobs that no further try is made of; each waits for a person.")
            .query("max by (job, job_name) (sharedspaces_job_dead)", "{{job}} {{job_name}}")
            .red_from(1.0),
        Panel::lines("Tries, 95th percentile", "s", "95 of 100 tries of a job take at most so long.")
            .query(quantile(0.95, "sharedspaces_job_duration_seconds_bucket", "job, job_name"), "{{job}} {{job_name}}")
            .with_exemplars(),
    ]
}
