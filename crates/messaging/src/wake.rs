//! Waking the relay and the runner when there is something to do.
//!
//! Owns the one listening connection of the process. Being woken is a courtesy: both look by themselves every second,
//! so a lost notification costs at most that.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How often relay and runner look without being woken.
pub(crate) const POLL_EVERY: Duration = Duration::from_secs(1);

const OUTBOX: &str = "outbox";
const JOBS: &str = "jobs";

/// Whom to wake.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wake {
    /// The relay.
    pub(crate) outbox: Arc<Notify>,
    /// The runner.
    pub(crate) jobs: Arc<Notify>,
}

impl Wake {
    /// Listens until told to stop. Errors where the database is away; the worker is then started again.
    pub(crate) async fn listen(&self, pool: &PgPool, stop: &CancellationToken) -> anyhow::Result<()> {
        let options = pool.connect_options().as_ref().clone();
        let own = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_lazy_with(options);
        let mut listener = PgListener::connect_with(&own).await?;
        listener.listen_all([OUTBOX, JOBS]).await?;
        loop {
            // What came while nobody listened is found by looking.
            self.outbox.notify_one();
            self.jobs.notify_one();
            loop {
                let notification = tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    notification = listener.try_recv() => notification?,
                };
                match notification.as_ref().map(sqlx::postgres::PgNotification::channel) {
                    Some(OUTBOX) => self.outbox.notify_one(),
                    Some(_) => self.jobs.notify_one(),
                    None => break,
                }
            }
        }
    }
}
