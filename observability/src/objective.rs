//! What is promised over 30 days, and who is called when the promise is in danger.
//!
//! Owns the service level objectives, their indicators as recording rules, and the alerts on how fast the error budget
//! burns: a long window says that it matters, a short one that it still happens (The Site Reliability Workbook, chapter
//! 5). Must not count what is a client's fault: bad is what carries an `error.type`, late, or lost.

use crate::rule::{Alert, Group, Rule, Severity};

/// A promise of one service.
#[derive(Clone, Debug)]
pub struct Objective {
    /// What is promised.
    pub promise: Promise,
    /// Of which service; the label `job`.
    pub service: &'static str,
    /// The share of good events.
    pub objective: f64,
    /// The metric that the indicator is made of, as Prometheus knows it.
    pub metric: &'static str,
    /// Which of the metric's series count.
    pub matchers: String,
    /// What a good event is.
    pub good: Good,
}

/// What is promised.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Promise {
    /// Calls are answered.
    Availability,
    /// Calls are answered in time.
    Latency,
    /// Events take effect in time.
    EventDelivery,
    /// Mails are handed over in time.
    Mail,
    /// Logs stand in the CRM in time.
    Crm,
}

/// What a good event is.
#[derive(Clone, Copy, Debug)]
pub enum Good {
    /// One without an `error.type`.
    WithoutError,
    /// One that took at most so many seconds; a bound of the histogram.
    Within(f64),
}

impl Promise {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Availability, Self::Latency, Self::EventDelivery, Self::Mail, Self::Crm];

    /// Returns the value of the label `slo`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Availability => "availability",
            Self::Latency => "latency",
            Self::EventDelivery => "event-delivery",
            Self::Mail => "mail",
            Self::Crm => "crm",
        }
    }

    fn alert(self) -> &'static str {
        match self {
            Self::Availability => "AvailabilityBudgetBurn",
            Self::Latency => "LatencyBudgetBurn",
            Self::EventDelivery => "EventDeliveryBudgetBurn",
            Self::Mail => "MailBudgetBurn",
            Self::Crm => "CrmBudgetBurn",
        }
    }

    fn summary(self) -> &'static str {
        match self {
            Self::Availability => "{{ $labels.service }} fails calls",
            Self::Latency => "{{ $labels.service }} answers calls late",
            Self::EventDelivery => "{{ $labels.service }} applies events late",
            Self::Mail => "{{ $labels.service }} hands mails over late",
            Self::Crm => "{{ $labels.service }} writes to CRMs late",
        }
    }
}

/// The services, with what they promise of their calls: share of answers, and seconds for 99 % of them.
const SERVICES: [(&str, f64, f64); 5] = [
    ("assets", 0.999, 0.25),
    ("crm-sync", 0.999, 0.25),
    ("identity", 0.9995, 0.1),
    ("notifications", 0.999, 0.25),
    ("spaces", 0.999, 0.25),
];
/// The services that listen to events.
const CONSUMERS: [&str; 4] = ["assets", "crm-sync", "notifications", "spaces"];
/// Share of events, mails and logs, and of calls that are answered in time.
const IN_TIME: f64 = 0.99;
const EVENT_SECONDS: f64 = 30.0;
const MAIL_SECONDS: f64 = 60.0;
const CRM_SECONDS: f64 = 300.0;

/// How fast a budget burns: at 1 it lasts just the 30 days.
#[derive(Clone, Copy, Debug)]
pub struct Burn {
    /// How many times as fast as allowed.
    pub factor: f64,
    /// The window that says that it matters.
    pub long: &'static str,
    /// The window that says that it still happens.
    pub short: &'static str,
    /// How urgent it is.
    pub severity: Severity,
}

/// From the fastest to the slowest.
pub const BURNS: [Burn; 4] = [
    Burn { factor: 14.4, long: "1h", short: "5m", severity: Severity::Page },
    Burn { factor: 6.0, long: "6h", short: "30m", severity: Severity::Page },
    Burn { factor: 3.0, long: "1d", short: "2h", severity: Severity::Ticket },
    Burn { factor: 1.0, long: "3d", short: "6h", severity: Severity::Ticket },
];
/// Every window of [`BURNS`] but the shortest, which is that of the rates themselves.
const WINDOWS: [&str; 6] = ["30m", "1h", "2h", "6h", "1d", "3d"];

/// Returns every promise.
#[must_use]
pub fn all() -> Vec<Objective> {
    let duration = "rpc_server_call_duration_seconds";
    // Names that anybody may make up are nobody's calls; how long a stream lasts, its client says.
    let calls = "rpc_method!=\"_OTHER\"".to_owned();
    let unary = format!("rpc_method!~\"_OTHER|.+/({})\"", streams().join("|"));
    let mut all = Vec::new();
    for (service, share, seconds) in SERVICES {
        let of_calls = |promise, objective, matchers: &String, good| Objective {
            promise,
            service,
            objective,
            metric: duration,
            matchers: matchers.clone(),
            good,
        };
        all.push(of_calls(Promise::Availability, share, &calls, Good::WithoutError));
        all.push(of_calls(Promise::Latency, IN_TIME, &unary, Good::Within(seconds)));
    }
    let in_time = |promise, service, metric, seconds| Objective {
        promise,
        service,
        objective: IN_TIME,
        metric,
        matchers: String::new(),
        good: Good::Within(seconds),
    };
    for service in CONSUMERS {
        let metric = "sharedspaces_event_delivery_age_seconds";
        all.push(in_time(Promise::EventDelivery, service, metric, EVENT_SECONDS));
    }
    all.push(in_time(Promise::Mail, "notifications", "sharedspaces_email_delay_seconds", MAIL_SECONDS));
    all.push(in_time(Promise::Crm, "crm-sync", "sharedspaces_crm_sync_lag_seconds", CRM_SECONDS));
    all
}

/// The names of the methods with a stream, from the interfaces.
fn streams() -> Vec<String> {
    let pool = prost_reflect::DescriptorPool::decode(sharedspaces_proto::FILE_DESCRIPTOR_SET).ok();
    let services = pool.iter().flat_map(prost_reflect::DescriptorPool::services);
    let methods = services.flat_map(|service| service.methods().collect::<Vec<_>>());
    let mut streams: Vec<String> = methods
        .filter(|method| method.is_client_streaming() || method.is_server_streaming())
        .filter(|method| method.full_name().starts_with("sharedspaces."))
        .map(|method| method.name().to_owned())
        .collect();
    streams.sort();
    streams
}

impl Objective {
    fn series(&self, suffix: &str, further: &str) -> String {
        let mut matchers = vec![format!("job=\"{}\"", self.service)];
        matchers
            .extend([&self.matchers, further].into_iter().filter(|text| !text.is_empty()).map(str::to_owned));
        format!("{}{suffix}{{{}}}", self.metric, matchers.join(","))
    }

    /// Returns the rate of all events.
    fn events(&self) -> String {
        format!("sum(rate({}[5m]))", self.series("_count", ""))
    }

    /// Returns the rate of bad events; 0 where none has ever happened.
    fn bad_events(&self) -> String {
        match self.good {
            Good::WithoutError => {
                let bad = self.series("_count", "error_type!=\"\"");
                format!("sum(rate({bad}[5m])) or {} * 0", self.events())
            }
            Good::Within(seconds) => {
                format!("{} - sum(rate({}[5m]))", self.events(), self.series("_bucket", &bound(seconds)))
            }
        }
    }

    fn labels(&self) -> Vec<(&'static str, String)> {
        vec![("service", self.service.to_owned()), ("slo", self.promise.as_str().to_owned())]
    }

    fn records(&self) -> Vec<Rule> {
        let record =
            |name: &str, expr: String| Rule::Record { name: name.to_owned(), expr, labels: self.labels() };
        vec![
            record("slo:objective:ratio", format!("vector({})", self.objective)),
            record("slo:events:rate5m", self.events()),
            record("slo:bad_events:rate5m", self.bad_events()),
        ]
    }
}

/// A bucket's bound; a whole number is written `60` or `60.0`, as the exporter likes.
fn bound(seconds: f64) -> String {
    if seconds.fract() == 0.0 { format!("le=~\"{seconds}(\\\\.0)?\"") } else { format!("le=\"{seconds}\"") }
}

/// Returns indicators and alerts.
#[must_use]
pub fn groups() -> Vec<Group> {
    let objectives = all();
    let indicators = objectives.iter().flat_map(Objective::records);
    // Latency is seen in the same calls as availability: one ticket is enough.
    let absent_ones = objectives.iter().filter(|objective| objective.promise != Promise::Latency).map(absent);
    vec![
        Group { name: "slo-indicators".to_owned(), interval: None, rules: indicators.collect() },
        Group { name: "slo-windows".to_owned(), interval: None, rules: windows() },
        Group { name: "slo-budgets".to_owned(), interval: Some("5m"), rules: budgets() },
        Group { name: "slo-burn".to_owned(), interval: None, rules: burns() },
        Group { name: "slo-absent".to_owned(), interval: None, rules: absent_ones.collect() },
    ]
}

/// The share of bad events over each window. Averages of rates weigh every event the same; where nothing happened there
/// is no share.
fn windows() -> Vec<Rule> {
    let ratio = |window: &str, expr: String| Rule::Record {
        name: format!("slo:sli_error:ratio_rate{window}"),
        expr,
        labels: Vec::new(),
    };
    let shortest = ratio("5m", "slo:bad_events:rate5m / (slo:events:rate5m > 0)".to_owned());
    let longer = WINDOWS.map(|window| {
        let average = |name: &str| format!("avg_over_time({name}[{window}])");
        ratio(
            window,
            format!("{} / ({} > 0)", average("slo:bad_events:rate5m"), average("slo:events:rate5m")),
        )
    });
    [shortest].into_iter().chain(longer).collect()
}

/// What is left of the budget of 30 days: 1 is all, below 0 the promise is broken.
fn budgets() -> Vec<Rule> {
    let record = |name: &str, expr: &str| Rule::Record {
        name: name.to_owned(),
        expr: expr.to_owned(),
        labels: Vec::new(),
    };
    vec![
        record(
            "slo:sli_error:ratio_rate30d",
            "avg_over_time(slo:bad_events:rate5m[30d]) / (avg_over_time(slo:events:rate5m[30d]) > 0)",
        ),
        record(
            "slo:error_budget_remaining:ratio",
            "1 - slo:sli_error:ratio_rate30d / on (service, slo) (1 - slo:objective:ratio)",
        ),
    ]
}

fn burns() -> Vec<Rule> {
    let alerts = Promise::ALL.into_iter().flat_map(|promise| {
        BURNS.map(|burn| {
            let above = |window: &str| {
                format!(
                    "slo:sli_error:ratio_rate{window}{{slo=\"{}\"}} > on (service, slo) {} * (1 - slo:objective:ratio)",
                    promise.as_str(),
                    burn.factor
                )
            };
            Alert {
                name: promise.alert(),
                expr: format!("({})\nand\n({})", above(burn.long), above(burn.short)),
                wait: if burn.severity == Severity::Page { "2m" } else { "15m" },
                severity: burn.severity,
                summary: format!(
                    "{}: the error budget burns {} times as fast as it may, over {}",
                    promise.summary(),
                    burn.factor,
                    burn.long
                ),
                labels: vec![("window", burn.long.to_owned())],
            }
        })
    });
    alerts.map(Rule::Alert).collect()
}

/// A promise that nobody can watch is as bad as a broken one. There are always calls; mails and logs may be far between.
fn absent(objective: &Objective) -> Rule {
    let window = match objective.promise {
        Promise::Availability | Promise::Latency => "15m",
        Promise::EventDelivery | Promise::Mail | Promise::Crm => "1d",
    };
    let series = objective.series("_count", "");
    Rule::Alert(Alert {
        name: "SliAbsent",
        expr: format!("absent_over_time({series}[{window}])"),
        wait: "5m",
        severity: Severity::Ticket,
        summary: format!(
            "nothing is heard of the {} of {} for {window}",
            objective.promise.as_str(),
            objective.service
        ),
        labels: objective.labels(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_methods_with_streams_come_from_the_interfaces() {
        let streams = streams();
        for name in ["UploadAsset", "WatchNotifications"] {
            assert!(streams.iter().any(|stream| stream == name), "{name}: {streams:?}");
        }
        assert!(!streams.iter().any(|stream| stream == "GetSpace"), "{streams:?}");
    }

    #[test]
    fn every_window_of_a_burn_is_recorded() {
        let names: Vec<String> = windows()
            .into_iter()
            .map(|rule| match rule {
                Rule::Record { name, .. } => name,
                Rule::Alert(alert) => alert.name.to_owned(),
            })
            .collect();
        for burn in BURNS {
            for window in [burn.long, burn.short] {
                assert!(names.contains(&format!("slo:sli_error:ratio_rate{window}")), "{window}");
            }
        }
    }
}
