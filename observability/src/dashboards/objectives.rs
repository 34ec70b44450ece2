//! What is promised, and what is left of each budget.

use crate::panel::{Dashboard, Panel, Row};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "sharedspaces-slo",
        title: "Shared Spaces / Objectives",
        description: "What is promised over 30 days, what is left of each error budget, and how fast it burns.",
        by_service: false,
        rows: vec![
            Row { title: "Thirty days", panels: budgets() },
            Row { title: "How fast budgets burn", panels: burns() },
            Row { title: "What the promises are about", panels: events() },
        ],
    }
}

fn budgets() -> Vec<Panel> {
    vec![
        Panel::table("Kept over 30 days", "percentunit", "Share of good events of each promise.")
            .query("1 - slo:sli_error:ratio_rate30d", "{{service}} {{slo}}"),
        Panel::table("Promised", "percentunit", "The share of good events that is promised.")
            .query("slo:objective:ratio", "{{service}} {{slo}}"),
        Panel::lines(
            "Budget left",
            "percentunit",
            "What is left of each error budget: all at 100 %, none at 0. Below 0 the promise is broken.",
        )
        .query("slo:error_budget_remaining:ratio", "{{service}} {{slo}}")
        .red_below(0.0),
        Panel::lines("Alerts", "short", "Alerts that fire, by name.")
            .query("count by (alertname) (ALERTS{alertstate=\"firing\"}) or vector(0)", "{{alertname}}"),
    ]
}

fn burns() -> Vec<Panel> {
    let burn = |window: &str| {
        format!("slo:sli_error:ratio_rate{window} / on (service, slo) (1 - slo:objective:ratio)")
    };
    vec![
        Panel::lines(
            "Over an hour",
            "none",
            "How many times as fast as allowed each budget burns. From 14.4 on somebody is called.",
        )
        .query(burn("1h"), "{{service}} {{slo}}")
        .red_from(14.4),
        Panel::lines(
            "Over six hours",
            "none",
            "How many times as fast as allowed each budget burns. From 6 on somebody is called.",
        )
        .query(burn("6h"), "{{service}} {{slo}}")
        .red_from(6.0),
        Panel::lines(
            "Over a day",
            "none",
            "How many times as fast as allowed each budget burns. From 3 on there is a ticket.",
        )
        .query(burn("1d"), "{{service}} {{slo}}")
        .red_from(3.0),
        Panel::lines(
            "Over three days",
            "none",
            "How many times as fast as allowed each budget burns. From 1 on there is a ticket.",
        )
        .query(burn("3d"), "{{service}} {{slo}}")
        .red_from(1.0),
    ]
}

fn events() -> Vec<Panel> {
    vec![
        Panel::lines(
            "Events",
            "ops",
            "Events per second that each promise is about: calls, events, mails, logs.",
        )
        .query("slo:events:rate5m", "{{service}} {{slo}}"),
        Panel::lines("Bad events", "ops", "Events per second that failed or were late.")
            .query("slo:bad_events:rate5m", "{{service}} {{slo}}"),
    ]
}
