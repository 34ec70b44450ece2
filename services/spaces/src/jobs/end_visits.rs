//! Ends visits of which nothing was heard for half an hour.
//!
//! Owns when: at the start and every minute. Several processes may do it at once: a visit is ended, and told, by one.

use std::time::Duration;

use service_kit::Worker;
use service_kit::db::Database;
use service_kit::error::{CommonError, chain};
use service_kit::ids::OrganizationId;
use sqlx::postgres::types::PgInterval;
use uuid::Uuid;

use crate::visit::{QUIET, Visits};

const EVERY: Duration = Duration::from_secs(60);

pub(crate) fn worker(database: Database, visits: Visits) -> Worker {
    Worker::new("end-visits", move |stop| {
        let (database, visits) = (database.clone(), visits.clone());
        Box::pin(async move {
            loop {
                if let Err(error) = end_all(&database, &visits).await {
                    tracing::warn!(error.chain = %chain(&error), "visits could not be ended");
                }
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = tokio::time::sleep(EVERY) => {}
                }
            }
        })
    })
}

/// Ends all that is due; returns how many visits this process ended.
pub(crate) async fn end_all(database: &Database, visits: &Visits) -> Result<u64, CommonError> {
    let mut ended = 0;
    loop {
        let before = ended;
        for (organization_id, visit_id) in list_due(database).await? {
            match visits.end(organization_id, visit_id).await {
                Ok(done) => ended += u64::from(done),
                // One that fails keeps none of the others.
                Err(error) => {
                    tracing::warn!(visit.id = %visit_id, error.chain = %chain(&error), "visit could not be ended");
                }
            }
        }
        // What is left was taken by another process, or fails: it is left to the next round.
        if ended == before {
            return Ok(ended);
        }
    }
}

async fn list_due(database: &Database) -> Result<Vec<(OrganizationId, Uuid)>, CommonError> {
    let quiet =
        PgInterval::try_from(QUIET).map_err(|error| CommonError::Unexpected(anyhow::anyhow!(error)))?;
    let rows = sqlx::query!(
        r#"SELECT organization_id AS "organization_id!", visit_id AS "visit_id!" FROM list_visits_to_end($1)"#,
        quiet,
    )
    .fetch_all(database.pool())
    .await?;
    Ok(rows.into_iter().map(|row| (row.organization_id.into(), row.visit_id)).collect())
}
