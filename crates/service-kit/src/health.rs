//! The health of this process.
//!
//! Owns a board on which each dependency's watcher notes how it is, and gRPC health v1 and `/readyz`, `/livez` that
//! read the board. A probe never calls a dependency: it would add load just when there is none to spare. One failed
//! look changes nothing, two in a row do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use futures_util::future::try_join_all;
use sqlx::{Executor as _, PgPool};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tonic_health::server::HealthReporter;

use crate::db::Database;

const LOOK_EVERY: Duration = Duration::from_secs(2);
const LOOK_TIMEOUT: Duration = Duration::from_secs(1);
const FAILURES_UNTIL_DOWN: u32 = 2;
/// How many connections are open before calls are sent here, at most half of the pool. A process that took calls with none
/// would let the first of them wait for handshakes, just when it takes over from another.
const WARM: u32 = 8;

/// How each thing this process depends on is.
#[derive(Clone, Debug)]
pub struct HealthBoard {
    inner: Arc<Mutex<Board>>,
    // Held while readiness is read and published, so that what is published last is what is true.
    reporter: Arc<tokio::sync::Mutex<HealthReporter>>,
}

#[derive(Debug, Default)]
struct Board {
    components: BTreeMap<&'static str, bool>,
    is_stopping: bool,
}

impl Board {
    fn is_ready(&self) -> bool {
        !self.is_stopping && self.components.values().all(|up| *up)
    }
}

impl HealthBoard {
    pub(crate) fn new(reporter: HealthReporter) -> Self {
        Self { inner: Arc::default(), reporter: Arc::new(tokio::sync::Mutex::new(reporter)) }
    }

    /// Notes how a component is. The first note makes it one that readiness depends on.
    pub async fn set(&self, component: &'static str, up: bool) {
        let before = {
            let mut board = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            board.components.insert(component, up)
        };
        if before != Some(up) {
            tracing::info!(health.component = component, health.up = up, "health changed");
            self.publish().await;
        }
    }

    /// Answers NOT_SERVING from now on, so that no new calls are sent here.
    pub(crate) async fn stop(&self) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).is_stopping = true;
        self.publish().await;
    }

    /// Tells whether calls should be sent here.
    pub fn is_ready(&self) -> bool {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).is_ready()
    }

    async fn publish(&self) {
        let reporter = self.reporter.lock().await;
        let status = if self.is_ready() {
            tonic_health::ServingStatus::Serving
        } else {
            tonic_health::ServingStatus::NotServing
        };
        reporter.set_service_status("", status).await;
    }
}

/// Returns `/readyz` (200 or 503) and `/livez` (always 200: liveness never looks at dependencies).
pub(crate) fn routes(board: HealthBoard) -> Router {
    let ready = move || {
        let board = board.clone();
        async move { if board.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE } }
    };
    Router::new().route("/readyz", get(ready)).route("/livez", get(|| async { StatusCode::OK }))
}

/// Looks at the database until told to stop.
pub(crate) async fn watch_database(database: Database, board: HealthBoard, stop: CancellationToken) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failures = FAILURES_UNTIL_DOWN;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let pool = database.pool().clone();
        let is_down = failures >= FAILURES_UNTIL_DOWN;
        let places = if is_down { WARM.min(pool.options().get_max_connections() / 2).max(1) } else { 1 };
        // In a task of its own: acquiring a connection is not to be cancelled half-way.
        let look = tokio::spawn(async move { look(&pool, places).await });
        let up = matches!(timeout(LOOK_TIMEOUT, look).await, Ok(Ok(Ok(()))));
        failures = if up { 0 } else { failures.saturating_add(1) };
        board.set("database", failures < FAILURES_UNTIL_DOWN).await;
    }
}

/// Asks on so many connections at once.
async fn look(pool: &PgPool, places: u32) -> Result<(), sqlx::Error> {
    let mut connections = try_join_all((0..places).map(|_| pool.acquire())).await?;
    try_join_all(connections.iter_mut().map(|connection| connection.execute("SELECT 1"))).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_is_ready_while_all_it_depends_on_is_up_and_it_is_not_stopping() {
        let (reporter, _service) = tonic_health::server::health_reporter();
        let board = HealthBoard::new(reporter);
        board.set("database", false).await;
        board.set("broker", true).await;
        assert!(!board.is_ready());
        board.set("database", true).await;
        assert!(board.is_ready());
        board.stop().await;
        assert!(!board.is_ready());
    }
}
