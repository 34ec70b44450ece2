//! What spaces does when crm-sync tells it something.

use messaging::jobs::JobError;
use messaging::{Messaging, Received};
use service_kit::ids::Ids;
use sharedspaces_proto::crmsync::events::v1::LogWritten;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::activity::{self, ActivityKind, NewActivity};

/// Subscribes to crm-sync's events.
pub(crate) fn subscribe(messaging: Messaging, ids: &Ids) -> Messaging {
    let ids = ids.clone();
    messaging.on(move |tx, received: Received<LogWritten>| {
        let activity_id = ids.next();
        Box::pin(note_log(tx, activity_id, received))
    })
}

/// Notes a log in the timeline, once however often it is told; nothing where the space is gone.
pub(crate) async fn note_log(
    tx: &mut PgConnection,
    activity_id: Uuid,
    received: Received<LogWritten>,
) -> Result<(), JobError> {
    let told = received.event;
    let log_id = Uuid::parse_str(&told.log_id).map_err(JobError::dead)?;
    let space_id: Uuid = Uuid::parse_str(&told.space_id).map_err(JobError::dead)?;
    let actor = match told.user_id.as_str() {
        "" => None,
        user_id => {
            let user_id = Uuid::parse_str(user_id).map_err(JobError::dead)?;
            Some(activity::by(tx, received.organization_id, user_id.into()).await?)
        }
    };
    let new = NewActivity {
        activity_id,
        organization_id: received.organization_id,
        space_id: space_id.into(),
        kind: ActivityKind::CrmLogged,
        actor,
        object: Some((log_id, told.record_name)),
        create_time: received.event_time,
    };
    activity::append(tx, new).await?;
    Ok(())
}
