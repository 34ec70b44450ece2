//! Counts how many connections work, for those who watch.
//!
//! Owns their gauge.

use std::sync::Arc;
use std::time::Duration;

use service_kit::Worker;
use service_kit::db::Database;
use service_kit::telemetry::figures::{Figure, Figures};
use service_kit::telemetry::names;

use crate::connection::counts_repo::{self, Count};
use crate::connectors::Provider;

const PROVIDERS: [Provider; 4] =
    [Provider::Salesforce, Provider::Dataverse, Provider::SapC4c, Provider::SapSalesCloud];
const STATES: [&str; 3] = ["connected", "paused", "reconnect_needed"];

/// Returns the worker that counts connections this often.
pub(crate) fn worker(database: &Database, every: Duration) -> Worker {
    let figures = Arc::new(Figures::new(every));
    figures.observe(&names::CRM_CONNECTIONS, |counts: &Vec<Count>| tell(counts));
    let pool = database.pool().clone();
    Worker::new("count-connections", move |stop| {
        let (figures, pool) = (Arc::clone(&figures), pool.clone());
        Box::pin(async move {
            let look = || {
                let pool = pool.clone();
                async move { counts_repo::count(&pool).await }
            };
            figures.keep(&stop, look).await;
            Ok(())
        })
    })
}

/// Tells also what there is none of: a gauge that is missing is no zero.
fn tell(counts: &[Count]) -> Vec<Figure> {
    let all = PROVIDERS.into_iter().flat_map(|provider| STATES.map(|state| (provider, state)));
    let tell = |(provider, state): (Provider, &str)| {
        let found = counts.iter().find(|count| count.provider == provider && count.state == state);
        let attributes = vec![(names::PROVIDER, provider.word()), (names::STATE, state.to_owned())];
        (found.map_or(0.0, |found| found.count), attributes)
    };
    all.map(tell).collect()
}
