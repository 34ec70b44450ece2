//! Deletes for good what was deleted thirty days ago.
//!
//! Owns when: at the start and every ten minutes. Each space goes in one transaction with the word to assets that it
//! shows nothing any more, so that a crash leaves it whole or gone, and several processes may do it at once. Its
//! address stays taken. Must not touch a space that an admin took back meanwhile.

use std::time::Duration;

use messaging::outbox::{self, NewEvent};
use service_kit::Worker;
use service_kit::db::Database;
use service_kit::error::{CommonError, chain};
use service_kit::ids::{Ids, OrganizationId, SpaceId};
use sharedspaces_proto::spaces::events::v1::LogoPlaced;
use sqlx::PgConnection;
use uuid::Uuid;

const EVERY: Duration = Duration::from_secs(600);

pub(crate) fn worker(database: Database, ids: Ids) -> Worker {
    Worker::new("purge-deleted-spaces", move |stop| {
        let (database, ids) = (database.clone(), ids.clone());
        Box::pin(async move {
            loop {
                match purge_all(&database, &ids).await {
                    Ok(0) => {}
                    Ok(count) => tracing::info!(space.count = count, "deleted spaces purged"),
                    Err(error) => {
                        tracing::warn!(error.chain = %chain(&error), "deleted spaces could not be purged");
                    }
                }
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    () = tokio::time::sleep(EVERY) => {}
                }
            }
        })
    })
}

/// Purges all that is due; returns how many spaces this process purged.
pub(crate) async fn purge_all(database: &Database, ids: &Ids) -> Result<u64, CommonError> {
    let mut purged = 0;
    loop {
        let due = list_due(database).await?;
        let before = purged;
        for (organization_id, space_id) in due {
            let event_id = ids.next();
            let gone: Result<bool, CommonError> = database
                .transaction(organization_id, move |tx| {
                    Box::pin(async move { purge(tx, organization_id, space_id, event_id).await })
                })
                .await;
            match gone {
                Ok(gone) => purged += u64::from(gone),
                // One that fails keeps none of the others.
                Err(error) => {
                    tracing::warn!(space.id = %space_id, error.chain = %chain(&error), "space could not be purged");
                }
            }
        }
        // What is left was taken by another process, or fails: it is left to the next round.
        if purged == before {
            return Ok(purged);
        }
    }
}

async fn list_due(database: &Database) -> Result<Vec<(OrganizationId, SpaceId)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT organization_id AS "organization_id!", space_id AS "space_id!" FROM list_spaces_to_purge()"#
    )
    .fetch_all(database.pool())
    .await?;
    Ok(rows.into_iter().map(|row| (row.organization_id.into(), row.space_id.into())).collect())
}

/// Purges one space, unless it was taken back or is gone.
async fn purge(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    space_id: SpaceId,
    event_id: Uuid,
) -> Result<bool, CommonError> {
    let (organization, space) = (organization_id.uuid(), space_id.uuid());
    let due = sqlx::query!(
        "SELECT version FROM spaces
          WHERE organization_id = $1 AND space_id = $2 AND state = 'DELETED' AND purge_time <= now()
            FOR UPDATE",
        organization,
        space,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(due) = due else { return Ok(false) };
    sqlx::query!(
        "DELETE FROM participants WHERE organization_id = $1 AND space_id = $2",
        organization,
        space
    )
    .execute(&mut *tx)
    .await?;
    // Items and activities go with it.
    sqlx::query!("DELETE FROM spaces WHERE organization_id = $1 AND space_id = $2", organization, space)
        .execute(&mut *tx)
        .await?;
    let event = LogoPlaced {
        organization_id: organization_id.to_string(),
        place_id: space_id.to_string(),
        logo_id: String::new(),
    };
    let aggregate_version = due.version + 1;
    outbox::append(
        tx,
        NewEvent { event_id, organization_id, aggregate_id: space, aggregate_version, event: &event },
    )
    .await?;
    Ok(true)
}
