//! Events of spaces: the creation of a space, and invitations, are logged where whoever did it said so.

use anyhow::anyhow;
use chrono::{DateTime, Utc};
use messaging::jobs::JobError;
use messaging::{Messaging, Received};
use service_kit::error::CommonError;
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::validate::Violations;
use sharedspaces_proto::identity::v1 as identity_pb;
use sharedspaces_proto::spaces::events::v1::{InvitationsSent, SpaceCreated, SpaceSnapshot};
use sharedspaces_proto::spaces::v1 as spaces_pb;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::connection::{self, ConnectionId};
use crate::connectors::RecordType;
use crate::log::{self, Content, LogId, LogKind, NewLog, Person, Target, links_repo};
use crate::organization::{self, LoggingMode, OrganizationError};

const NO_TARGET: &str = "No Account or Opportunity was chosen, and the space is linked to none.";

/// Subscribes to the events of spaces.
pub(crate) fn subscribe(messaging: Messaging) -> Messaging {
    messaging
        .on(|tx, received: Received<SpaceCreated>| Box::pin(space_created(tx, received)))
        .on(|tx, received: Received<InvitationsSent>| Box::pin(invitations_sent(tx, received)))
}

/// Asks for the log of a space's creation, and for the job that writes it; its target is the space's first link. What
/// cannot be written is kept as a failed log all the same: whoever asked for it must see why it is not there. An
/// organisation that is not known here makes the event wait: identity's own event about it may arrive later, and
/// messaging's tries of an event bridge that.
pub(crate) async fn space_created(
    tx: &mut PgConnection,
    received: Received<SpaceCreated>,
) -> Result<(), JobError> {
    let Some(target) = received.event.crm_target else { return Ok(()) };
    let space = received.event.space.ok_or_else(|| JobError::dead(anyhow!("no space")))?;
    let mut check = Violations::default();
    let target = read_target(&mut check, target);
    let space_id: SpaceId = check.id("space.space_id", &space.space_id);
    let requester_user_id = read_user(&mut check, "space.owner_user_id", &space.owner_user_id);
    check.into_result().map_err(JobError::dead)?;
    let log_id = LogId::of_creation(space_id);
    let mut new = NewLog {
        log_id,
        job_id: log_id.uuid(),
        organization_id: received.organization_id,
        space_id,
        kind: LogKind::Creation,
        target,
        content: content(space, received.event_time),
        people: Vec::new(),
        requester_user_id,
        create_time: received.event_time,
        failure: None,
    };
    new.failure = obstacle(tx, new.organization_id, new.target.connection_id).await?;
    if new.failure.is_none() {
        let now = received.event_time;
        links_repo::set_first(tx, new.organization_id, space_id, &new.target, now).await?;
    }
    Ok(log::ask(tx, &new).await?)
}

/// Asks for the log of a call that invited people. It goes to the event's target, otherwise to the space's link; whom it is
/// on is found when it is written.
pub(crate) async fn invitations_sent(
    tx: &mut PgConnection,
    received: Received<InvitationsSent>,
) -> Result<(), JobError> {
    let organization_id = received.organization_id;
    let InvitationsSent { space, call_id, people, inviter, personal_note, target, event_time } =
        received.event;
    let space = space.ok_or_else(|| JobError::dead(anyhow!("no space")))?;
    let mut check = Violations::default();
    let given = target.map(|target| read_target(&mut check, target));
    let space_id: SpaceId = check.id("space.space_id", &space.space_id);
    let call_id: Uuid = check.id("call_id", &call_id);
    let inviter_id = inviter.as_ref().map_or("", |inviter| inviter.user_id.as_str());
    let requester_user_id = read_user(&mut check, "inviter.user_id", inviter_id);
    check.into_result().map_err(JobError::dead)?;
    let target = match given {
        Some(target) => Some(target),
        None => links_repo::find(tx, organization_id, space_id).await?.map(|link| link.target),
    };
    let failure = match &target {
        Some(target) => obstacle(tx, organization_id, target.connection_id).await?,
        None => Some(NO_TARGET),
    };
    let log_id = LogId::of_invitation(call_id);
    let new = NewLog {
        log_id,
        job_id: log_id.uuid(),
        organization_id,
        space_id,
        kind: LogKind::Invitation,
        target: target.unwrap_or_else(no_target),
        content: Content {
            locale: inviter.as_ref().map_or_else(String::new, |inviter| inviter.locale.clone()),
            inviter: inviter.map(person),
            invited: people.into_iter().map(person).collect(),
            note: personal_note,
            ..content(space, received.event_time)
        },
        people: Vec::new(),
        requester_user_id,
        create_time: time(event_time).unwrap_or(received.event_time),
        failure,
    };
    Ok(log::ask(tx, &new).await?)
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
    let mode = organization::repo::logging_mode(tx, organization_id).await.map_err(CommonError::from)?;
    if mode == LoggingMode::Off {
        return Ok(Some("An admin has switched CRM logging off."));
    }
    let exists =
        connection::repo::exists(tx, organization_id, connection).await.map_err(CommonError::from)?;
    Ok((!exists).then_some("The connection to the CRM is not there any more: choose another one."))
}

fn read_target(check: &mut Violations, target: spaces_pb::CrmTarget) -> Target {
    let record_type = match target.record_type() {
        spaces_pb::CrmRecordType::Account => RecordType::Account,
        spaces_pb::CrmRecordType::Opportunity => RecordType::Opportunity,
        spaces_pb::CrmRecordType::Unspecified => {
            check.add("target.record_type", "must be set");
            RecordType::Account
        }
    };
    let connection_id = check.id("target.connection_id", &target.connection_id);
    Target { connection_id, record_type, record_id: target.record_id, record_name: target.record_name }
}

/// What a log has that could go nowhere.
fn no_target() -> Target {
    Target {
        connection_id: ConnectionId::from(Uuid::nil()),
        record_type: RecordType::Account,
        record_id: String::new(),
        record_name: String::new(),
    }
}

fn read_user(check: &mut Violations, field: &str, user_id: &str) -> Option<UserId> {
    (!user_id.is_empty()).then(|| check.id(field, user_id))
}

fn content(space: SpaceSnapshot, event_time: DateTime<Utc>) -> Content {
    Content {
        create_time: time(space.create_time).unwrap_or(event_time),
        title: space.title,
        url: space.url,
        description: space.description,
        locale: String::new(),
        inviter: None,
        invited: Vec::new(),
        note: String::new(),
        participants: Vec::new(),
        items: Vec::new(),
        item_count: 0,
    }
}

fn person(person: identity_pb::Person) -> Person {
    Person { display_name: person.display_name, address: person.email_address }
}

fn time(timestamp: Option<prost_types::Timestamp>) -> Option<DateTime<Utc>> {
    let timestamp = timestamp?;
    DateTime::from_timestamp(timestamp.seconds, u32::try_from(timestamp.nanos).ok()?)
}
