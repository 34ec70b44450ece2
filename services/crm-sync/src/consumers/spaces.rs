//! Events of spaces: the creation of a space is logged where its creator said so.

use anyhow::anyhow;
use chrono::{DateTime, Utc};
use messaging::jobs::{self, JobError};
use messaging::{Messaging, Received};
use service_kit::error::CommonError;
use service_kit::ids::{OrganizationId, UserId};
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::events::v1::{SpaceCreated, SpaceSnapshot};
use sharedspaces_proto::spaces::v1 as spaces_pb;
use sqlx::PgConnection;

use crate::connection::{self, ConnectionId};
use crate::connectors::{RecordType, Snapshot};
use crate::jobs::write_log;
use crate::log::{self, LogId, LogKind, NewLog, Target};
use crate::organization::{self, OrganizationError};

/// Subscribes to the events of spaces.
pub(crate) fn subscribe(messaging: Messaging) -> Messaging {
    messaging.on(|tx, received: Received<SpaceCreated>| Box::pin(space_created(tx, received)))
}

/// Asks for the log of a space's creation, and for the job that writes it. What cannot be written is kept as a failed
/// log all the same: whoever asked for it must see why it is not there. An organisation that is not known here makes
/// the event wait: identity's own event about it may arrive later, and messaging's tries of an event bridge that.
pub(crate) async fn space_created(
    tx: &mut PgConnection,
    received: Received<SpaceCreated>,
) -> Result<(), JobError> {
    let organization_id = received.organization_id;
    let Some(target) = received.event.crm_target else { return Ok(()) };
    let space = received.event.space.ok_or_else(|| JobError::dead(anyhow!("no space")))?;
    let mut new = new_log(organization_id, space, target, received.event_time).map_err(JobError::dead)?;
    new.failure = obstacle(tx, organization_id, new.target.connection_id).await?;
    if log::repo::insert(tx, &new).await? && new.failure.is_none() {
        jobs::enqueue(tx, write_log::new_job(new.job_id, organization_id, new.log_id)).await?;
    }
    Ok(())
}

/// Tells what keeps a log from being written at all.
async fn obstacle(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    connection: ConnectionId,
) -> Result<Option<&'static str>, JobError> {
    match organization::require_crm(tx, organization_id).await {
        Ok(()) => {}
        Err(OrganizationError::PlanRequired) => return Ok(Some("CRM logging needs the plan ULTIMATE.")),
        // The organisation's own event is on its way; nothing is kept, and the event comes again.
        Err(OrganizationError::NotReady) => {
            return Err(JobError::retry(anyhow!("the organisation is not known yet")));
        }
        Err(OrganizationError::Common(error)) => return Err(error.into()),
    }
    let exists =
        connection::repo::exists(tx, organization_id, connection).await.map_err(CommonError::from)?;
    Ok((!exists).then_some("The connection to the CRM is not there any more: choose another one."))
}

fn new_log(
    organization_id: OrganizationId,
    space: SpaceSnapshot,
    target: spaces_pb::CrmTarget,
    event_time: DateTime<Utc>,
) -> Result<NewLog, Violations> {
    let mut check = Violations::default();
    let record_type = match target.record_type() {
        spaces_pb::CrmRecordType::Account => RecordType::Account,
        spaces_pb::CrmRecordType::Opportunity => RecordType::Opportunity,
        spaces_pb::CrmRecordType::Unspecified => {
            check.add("crm_target.record_type", "must be set");
            RecordType::Account
        }
    };
    let space_id = check.id("space.space_id", &space.space_id);
    let connection_id = check.id("crm_target.connection_id", &target.connection_id);
    let owner_user_id = Some(space.owner_user_id.as_str()).filter(|owner| !owner.is_empty());
    let requester_user_id: Option<UserId> = owner_user_id.map(|owner| check.id("space.owner_user_id", owner));
    let create_time = space
        .create_time
        .and_then(|time| DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).ok()?))
        .unwrap_or(event_time);
    check.into_result()?;
    let log_id = LogId::of_creation(space_id);
    Ok(NewLog {
        log_id,
        job_id: log_id.uuid(),
        organization_id,
        space_id,
        kind: LogKind::Creation,
        target: Target {
            connection_id,
            record_type,
            record_id: target.record_id,
            record_name: target.record_name,
        },
        snapshot: Snapshot {
            title: space.title,
            url: space.url,
            description: space.description,
            create_time,
        },
        requester_user_id,
        create_time: event_time,
        failure: None,
    })
}
