//! What other services are told of logs.

use messaging::outbox::{self, NewEvent};
use service_kit::clock::timestamp;
use service_kit::ids::OrganizationId;
use sharedspaces_proto::crmsync::events::v1::LogWritten;
use sqlx::PgConnection;
use uuid::Uuid;

use super::WrittenLog;

/// Tells that a log is in the CRM. The event's id is made of the log's, so that a second one of a log is refused.
pub(super) async fn written(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    log: &WrittenLog,
) -> Result<(), sqlx::Error> {
    let log_id = log.log_id.uuid();
    let event = LogWritten {
        organization_id: organization_id.to_string(),
        log_id: log.log_id.to_string(),
        space_id: log.space_id.to_string(),
        user_id: log.requester_user_id.map_or_else(String::new, |user_id| user_id.to_string()),
        record_name: log.record_name.clone(),
        write_time: Some(timestamp(log.logged_time)),
    };
    let event_id = Uuid::new_v5(&log_id, b"written");
    let new =
        NewEvent { event_id, organization_id, aggregate_id: log_id, aggregate_version: 1, event: &event };
    outbox::append(tx, new).await
}
