//! The alerts on error budgets, each promise at each of its limits.

use observability::objective::{BURNS, Good, Objective, Promise, all, groups};

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

/// All promises at once: what is seen of each has its own labels.
fn together(phases: &[(f64, usize)], moments: &[(&'static str, &[&str])]) -> Story {
    let objectives = all();
    let series = objectives.iter().flat_map(|objective| seen_of(objective, phases)).collect();
    let moments = moments.iter().flat_map(|(time, windows)| {
        Promise::ALL.map(|promise| {
            let those = objectives.iter().filter(|objective| objective.promise == promise);
            let firing = those.flat_map(|objective| firing(objective, windows)).collect();
            Moment { alert: alert_of(promise), time, firing }
        })
    });
    Story { series, moments: moments.collect() }
}

/// Availability and latency are seen in the same calls.
fn seen_of(objective: &Objective, phases: &[(f64, usize)]) -> Series {
    let mut series = burning(objective, phases);
    if objective.promise == Promise::Latency {
        // The calls themselves are there already; this says how many of them were in time.
        series.retain(|(name, _)| !name.contains("_count"));
    }
    series
}

#[test]
fn each_promise_calls_at_each_speed_of_burning_and_not_below_it() {
    let mut stories = vec![together(&[(0.0, 45)], &[("40m", &[])])];
    for (index, burn) in BURNS.iter().enumerate() {
        let this: Vec<&str> = BURNS[index..].iter().map(|burn| burn.long).collect();
        stories.push(together(&[(burn.factor * 1.02, 45)], &[("40m", &this)]));
        stories.push(together(&[(burn.factor * 0.98, 45)], &[("40m", &this[1..])]));
    }
    tell(&groups(), &stories);
}

#[test]
fn a_page_ends_when_the_burning_ends_and_a_moment_of_it_after_good_hours_pages_nobody() {
    let ends = together(
        &[(20.0, 30), (0.0, 60)],
        &[
            ("29m", &["1h", "6h", "1d", "3d"]),
            // Nothing in the last five minutes, much in the last half hour.
            ("42m", &["6h", "1d", "3d"]),
            ("75m", &["1d", "3d"]),
        ],
    );
    let short = together(&[(0.0, 180), (20.0, 4)], &[("183m", &[])]);
    tell(&groups(), &[ends, short]);
}

#[test]
fn a_service_without_a_single_error_or_without_calls_calls_nobody() {
    let mut clean = together(&[(0.0, 60)], &[("50m", &[])]);
    clean.series.retain(|(name, _)| !name.contains("INTERNAL"));
    let mut still = together(&[(20.0, 60)], &[("50m", &[])]);
    for (_, values) in &mut still.series {
        *values = "7+0x60".to_owned();
    }
    tell(&groups(), &[clean, still]);
}

#[test]
fn each_indicator_that_is_heard_of_no_more_is_told_of_in_time() {
    let promises = || all().into_iter().filter(|objective| objective.promise != Promise::Latency);
    let absent = |objective: Objective| {
        labels(&[
            ("job", objective.service),
            ("service", objective.service),
            ("slo", objective.promise.as_str()),
        ])
    };
    let moment = |time, firing| Moment { alert: "SliAbsent", time, firing };
    let is_call = |objective: &Objective| objective.promise == Promise::Availability;
    // Heard of for ten minutes; then the window of 15 minutes or a day, and five minutes of waiting.
    let story = Story {
        series: promises().flat_map(|objective| burning(&objective, &[(0.0, 11)])).collect(),
        moments: vec![
            moment("28m", Vec::new()),
            moment("31m", promises().filter(is_call).map(absent).collect()),
            moment("1453m", promises().filter(is_call).map(absent).collect()),
            moment("1456m", promises().map(absent).collect()),
        ],
    };
    let group = groups().into_iter().filter(|group| group.name == "slo-absent").collect::<Vec<_>>();
    tell(&group, &[story]);
}
