//! How much is left to do, for those who watch.
//!
//! Owns the gauges of the tables `outbox` and `jobs`, which are told broker or no broker. Must not change a row.

use std::collections::BTreeMap;
use std::time::Duration;

use service_kit::db::Database;
use service_kit::telemetry::figures::{Figure, Figures};
use service_kit::telemetry::names;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

/// The gauges of one process.
pub(crate) struct Backlogs {
    database: Database,
    names: Vec<String>,
    figures: Figures<Seen>,
}

/// What was seen.
struct Seen {
    outbox_pending: f64,
    outbox_oldest: f64,
    jobs: BTreeMap<String, Jobs>,
}

/// What is left to do of one kind of job.
#[derive(Clone, Copy, Default)]
struct Jobs {
    pending: f64,
    oldest: f64,
    dead: f64,
}

impl Backlogs {
    /// Returns the gauges over the jobs of these names. Others count as `_OTHER`: they are of another version.
    pub(crate) fn new(database: Database, names: Vec<String>, every: Duration) -> Self {
        let figures = Figures::new(every);
        figures.observe(&names::OUTBOX_PENDING, |seen: &Seen| vec![(seen.outbox_pending, vec![])]);
        figures.observe(&names::OUTBOX_OLDEST_AGE, |seen| vec![(seen.outbox_oldest, vec![])]);
        figures.observe(&names::JOB_PENDING, |seen| seen.by_job(|jobs| jobs.pending));
        figures.observe(&names::JOB_OLDEST_AGE, |seen| seen.by_job(|jobs| jobs.oldest));
        figures.observe(&names::JOB_DEAD, |seen| seen.by_job(|jobs| jobs.dead));
        Self { database, names, figures }
    }

    /// Counts until told to stop.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        let look = || {
            let (pool, names) = (self.database.pool().clone(), self.names.clone());
            async move { count(&pool, &names).await }
        };
        self.figures.keep(stop, look).await;
    }
}

impl Seen {
    fn by_job(&self, figure: fn(&Jobs) -> f64) -> Vec<Figure> {
        self.jobs.iter().map(|(name, jobs)| (figure(jobs), vec![(names::JOB, name.clone())])).collect()
    }
}

async fn count(pool: &PgPool, names: &[String]) -> Result<Seen, sqlx::Error> {
    let (outbox_pending, outbox_oldest) = sqlx::query_as(
        "SELECT count(*)::float8, coalesce(extract(epoch FROM now() - min(create_time)), 0)::float8
           FROM outbox WHERE publish_time IS NULL",
    )
    .fetch_one(pool)
    .await?;
    let rows: Vec<(String, f64, f64, f64)> = sqlx::query_as(
        "SELECT name, (count(*) FILTER (WHERE state <> 'dead'))::float8,
                coalesce(extract(epoch FROM now() - min(run_after) FILTER (
                    WHERE state = 'pending' AND run_after <= now())), 0)::float8,
                (count(*) FILTER (WHERE state = 'dead'))::float8
           FROM jobs GROUP BY name",
    )
    .fetch_all(pool)
    .await?;
    let mut jobs: BTreeMap<String, Jobs> = names.iter().map(|name| (name.clone(), Jobs::default())).collect();
    for (name, pending, oldest, dead) in rows {
        let name = if names.contains(&name) { name } else { "_OTHER".to_owned() };
        let sum = jobs.entry(name).or_default();
        sum.pending += pending;
        sum.oldest = sum.oldest.max(oldest);
        sum.dead += dead;
    }
    Ok(Seen { outbox_pending, outbox_oldest, jobs })
}
