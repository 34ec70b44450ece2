//! Writes the head of each ledger of consent to the log.
//!
//! Owns when: at the start and every day. A log is kept elsewhere than the database, so that whoever could write a whole
//! chain anew there would still be found out. Writes count and hash only. Must not know who agreed to what.

use std::time::Duration;

use service_kit::Worker;
use service_kit::db::Database;
use service_kit::error::chain;

use crate::consent;

const EVERY: Duration = Duration::from_secs(24 * 3600);

pub(crate) fn worker(database: Database) -> Worker {
    Worker::new("log-consent-heads", move |stop| {
        let database = database.clone();
        Box::pin(async move {
            loop {
                if let Err(error) = log_all(&database).await {
                    tracing::warn!(error.chain = %chain(&error), "the heads of the ledgers could not be read");
                }
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = tokio::time::sleep(EVERY) => {}
                }
            }
        })
    })
}

async fn log_all(database: &Database) -> Result<(), sqlx::Error> {
    for head in consent::repo::list_heads(database).await? {
        tracing::info!(
            organization.id = %head.organization_id, consent.count = head.sequence,
            consent.head = consent::hex(&head.hash), "head of a ledger of consent"
        );
    }
    Ok(())
}
