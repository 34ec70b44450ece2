//! The alerts on error budgets, each promise at each of its limits.

use observability::objective::{BURNS, Good, Objective, Promise, all};

use crate::promtool::{Labels, Moment, Series, Story, labels, tell};

/// Events in a minute.
const EVENTS: f64 = 10_000.0;

/// What a service shows that burns its budget `factor` times as fast as it may, as the end of a list of values.
fn burning(objective: &Objective, phases: &[(f64, usize)]) -> Series {
    let bad = |factor: f64| EVENTS * factor * (1.0 - objective.objective);
    let counted = |per_minute: &dyn Fn(f64) -> f64| {
        let mut total = 0.0;
        let mut values = Vec::new();
        for (factor, minutes) in phases {
            let step = per_minute(*factor);
            values.push(format!("{total}+{step}x{}", minutes - 1));
            total += step * *minutes as f64;
        }
        values.join(" ")
    };
    let job = format!("job=\"{}\",instance=\"one\"", objective.service);
    let series = |suffix: &str, further: &str, values: String| {
        (format!("{}{suffix}{{{job}{further}}}", objective.metric), values)
    };
    match objective.good {
        Good::WithoutError => vec![
            series("_count", ",rpc_method=\"a/B\"", counted(&|factor| EVENTS - bad(factor))),
            series("_count", ",rpc_method=\"a/B\",error_type=\"INTERNAL\"", counted(&bad)),
            // What nobody promised.
            series("_count", ",rpc_method=\"_OTHER\",error_type=\"UNIMPLEMENTED\"", counted(&|_| EVENTS)),
        ],
        Good::Within(seconds) => {
            // As OpenMetrics writes bounds.
            let bound = if seconds.fract() == 0.0 { format!("{seconds:.1}") } else { seconds.to_string() };
            let method = if objective.promise == Promise::Latency { ",rpc_method=\"a/B\"" } else { "" };
            vec![
                series("_count", method, counted(&|_| EVENTS)),
                series(
                    "_bucket",
                    &format!("{method},le=\"{bound}\""),
                    counted(&|factor| EVENTS - bad(factor)),
                ),
                series("_bucket", &format!("{method},le=\"+Inf\""), counted(&|_| EVENTS)),
            ]
        }
    }
}

fn alert_of(promise: Promise) -> &'static str {
    match promise {
        Promise::Availability => "AvailabilityBudgetBurn",
        Promise::Latency => "LatencyBudgetBurn",
        Promise::EventDelivery => "EventDeliveryBudgetBurn",
        Promise::Mail => "MailBudgetBurn",
        Promise::Crm => "CrmBudgetBurn",
    }
}

fn firing(objective: &Objective, windows: &[&str]) -> Vec<Labels> {
    let of = |window: &&str| {
        labels(&[("service", objective.service), ("slo", objective.promise.as_str()), ("window", window)])
    };
    windows.iter().map(of).collect()
}

fn moment(objective: &Objective, time: &'static str, windows: &[&str]) -> Moment {
    Moment { alert: alert_of(objective.promise), time, firing: firing(objective, windows) }
}

fn at(objective: &Objective, factor: f64, windows: &[&str]) -> Story {
    Story { series: burning(objective, &[(factor, 45)]), moments: vec![moment(objective, "40m", windows)] }
}

#[test]
fn each_promise_calls_at_each_speed_of_burning_and_not_below_it() {
    let mut stories = Vec::new();
    for objective in all() {
        for (index, burn) in BURNS.iter().enumerate() {
            let slower: Vec<&str> = BURNS[index + 1..].iter().map(|burn| burn.long).collect();
            let this: Vec<&str> = BURNS[index..].iter().map(|burn| burn.long).collect();
            stories.push(at(&objective, burn.factor * 1.02, &this));
            stories.push(at(&objective, burn.factor * 0.98, &slower));
        }
        stories.push(at(&objective, 0.0, &[]));
    }
    tell(&stories);
}

#[test]
fn a_page_ends_when_the_burning_ends_and_a_moment_of_it_after_a_good_day_pages_nobody() {
    let mut stories = Vec::new();
    for objective in all() {
        stories.push(Story {
            series: burning(&objective, &[(20.0, 30), (0.0, 60)]),
            moments: vec![
                moment(&objective, "29m", &["1h", "6h", "1d", "3d"]),
                // Nothing in the last five minutes, much in the last half hour.
                moment(&objective, "42m", &["6h", "1d", "3d"]),
                moment(&objective, "75m", &["1d", "3d"]),
            ],
        });
        stories.push(Story {
            series: burning(&objective, &[(0.0, 1_440), (20.0, 4)]),
            moments: vec![moment(&objective, "1443m", &[])],
        });
    }
    tell(&stories);
}

#[test]
fn a_service_without_a_single_error_or_without_calls_calls_nobody() {
    let mut stories = Vec::new();
    for objective in all() {
        let mut series = burning(&objective, &[(0.0, 60)]);
        series.retain(|(name, _)| !name.contains("INTERNAL"));
        stories.push(Story { series, moments: vec![moment(&objective, "50m", &[])] });
        let mut still = burning(&objective, &[(20.0, 60)]);
        for (_, values) in &mut still {
            *values = "7+0x60".to_owned();
        }
        stories.push(Story { series: still, moments: vec![moment(&objective, "50m", &[])] });
    }
    tell(&stories);
}

#[test]
fn each_indicator_that_is_heard_of_no_more_is_told_of_in_time() {
    let promises = || all().into_iter().filter(|objective| objective.promise != Promise::Latency);
    let absent = |objective: &Objective| {
        labels(&[
            ("job", objective.service),
            ("service", objective.service),
            ("slo", objective.promise.as_str()),
        ])
    };
    let mut stories = Vec::new();
    for objective in promises() {
        let is_call = objective.promise == Promise::Availability;
        // Heard of for ten minutes; then the window, and five minutes of waiting.
        let (quiet, told) = if is_call { ("28m", "31m") } else { ("1453m", "1456m") };
        let with = |is_absent: bool| {
            promises()
                .filter(|other| {
                    is_absent || (other.promise, other.service) != (objective.promise, objective.service)
                })
                .map(|other| absent(&other))
                .collect()
        };
        stories.push(Story {
            series: burning(&objective, &[(0.0, 11)]),
            moments: vec![
                Moment { alert: "SliAbsent", time: quiet, firing: with(false) },
                Moment { alert: "SliAbsent", time: told, firing: with(true) },
            ],
        });
    }
    tell(&stories);
}
