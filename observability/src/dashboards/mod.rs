//! The dashboards.
//!
//! - [`overview`]: is it well, and the way of a write from call to mail; [`service`]: one service from call to database
//! - [`messaging`]: events and jobs; [`mails`]; [`crm`]
//! - [`objectives`]: promises and their budgets; [`edge`]: the gateway
//!
//! Owns what is shown. Must not show what nobody acts on.

mod crm;
mod edge;
mod mails;
mod messaging;
mod objectives;
mod overview;
mod service;

use crate::panel::Dashboard;

/// Returns all of them, in the order in which one looks at them.
#[must_use]
pub fn all() -> Vec<Dashboard> {
    vec![
        overview::dashboard(),
        objectives::dashboard(),
        service::dashboard(),
        messaging::dashboard(),
        mails::dashboard(),
        crm::dashboard(),
        edge::dashboard(),
    ]
}

/// The rate of a counter, or of a histogram's `_count`, by labels.
fn rate(series: &str, by: &str) -> String {
    format!("sum by ({by}) (rate({series}[$__rate_interval]))")
}

/// The share of one rate in another.
fn share(part: &str, whole: &str, by: &str) -> String {
    format!("{}\n/\n{}", rate(part, by), rate(whole, by))
}

/// A quantile of a histogram's buckets, by labels.
fn quantile(q: f64, buckets: &str, by: &str) -> String {
    let by = if by.is_empty() { "le".to_owned() } else { format!("{by}, le") };
    format!("histogram_quantile({q}, {})", rate(buckets, &by))
}
