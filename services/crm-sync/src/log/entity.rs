//! What a log is and which states it goes through.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::page::PageRequest;
use url::Url;
use uuid::Uuid;

use crate::connection::ConnectionId;
use crate::connectors::{LogEntry, Provider, RecordType, Snapshot};

service_kit::typed_id! {
    /// A log, and the key of its record in the CRM.
    LogId
}

service_kit::text_enum! {
    /// What was logged.
    pub(crate) enum LogKind {
        /// The creation of the space.
        Creation = "CREATION",
    }
}

impl LogId {
    /// Returns the id of the log of a space's creation (UUIDv5 of space and kind): asking twice is one log.
    pub(crate) fn of_creation(space: SpaceId) -> Self {
        Self::from(Uuid::new_v5(&space.uuid(), b"creation"))
    }
}

service_kit::text_enum! {
    /// How a log fares.
    pub(crate) enum LogState {
        /// Waits for its first or next try.
        Pending = "PENDING",
        /// Is in the CRM.
        Logged = "LOGGED",
        /// Was refused for good, or tried too often.
        Failed = "FAILED",
        /// Waits for an admin to connect again, and for somebody to ask for another try.
        ReconnectNeeded = "RECONNECT_NEEDED",
    }
}

impl LogState {
    /// Tells whether nothing happens to the log until somebody asks for another try.
    pub(super) fn has_ended(self) -> bool {
        match self {
            Self::Failed | Self::ReconnectNeeded => true,
            Self::Pending | Self::Logged => false,
        }
    }
}

/// A log whose row is held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LockedLog {
    pub(crate) state: LogState,
    /// The last job that was to write it; there may be none of this id any more.
    pub(crate) job_id: Uuid,
}

/// Where a log goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Target {
    pub(crate) connection_id: ConnectionId,
    pub(crate) record_type: RecordType,
    /// The CRM's own id, as it was given.
    pub(crate) record_id: String,
    /// As it was shown when the record was picked.
    pub(crate) record_name: String,
}

/// A log that is asked for.
#[derive(Clone, Debug)]
pub(crate) struct NewLog {
    pub(crate) log_id: LogId,
    /// The job that is to write it.
    pub(crate) job_id: Uuid,
    pub(crate) organization_id: OrganizationId,
    pub(crate) space_id: SpaceId,
    pub(crate) kind: LogKind,
    pub(crate) target: Target,
    pub(crate) snapshot: Snapshot,
    /// Who asked for it; nothing where the event does not say.
    pub(crate) requester_user_id: Option<UserId>,
    pub(crate) create_time: DateTime<Utc>,
    /// Why it cannot be written at all; nothing where it can.
    pub(crate) failure: Option<&'static str>,
}

/// A log as it stands.
#[derive(Clone, Debug)]
pub(crate) struct CrmLog {
    pub(crate) log_id: LogId,
    pub(crate) space_id: SpaceId,
    pub(crate) kind: LogKind,
    pub(crate) target: Target,
    pub(crate) state: LogState,
    pub(crate) reason: String,
    pub(crate) crm_record_id: Option<String>,
    /// Which CRM the record is in, and where; nothing where the connection never was.
    pub(crate) connection: Option<(Provider, Url)>,
    pub(crate) create_time: DateTime<Utc>,
    pub(crate) logged_time: Option<DateTime<Utc>>,
}

/// A log with its link.
#[derive(Clone, Debug)]
pub(crate) struct ShownLog {
    pub(crate) log: CrmLog,
    /// Opens the record in the CRM; empty until it is logged.
    pub(crate) record_url: String,
}

/// A log that is to be written now.
#[derive(Clone, Debug)]
pub(crate) struct LogToWrite {
    pub(crate) connection_id: ConnectionId,
    pub(crate) entry: LogEntry,
    /// Since when it waits.
    pub(crate) pending_time: DateTime<Utc>,
}

/// A log that has just been written.
#[derive(Clone, Debug)]
pub(super) struct WrittenLog {
    pub(super) log_id: LogId,
    pub(super) space_id: SpaceId,
    pub(super) record_name: String,
    pub(super) requester_user_id: Option<UserId>,
    pub(super) logged_time: DateTime<Utc>,
}

/// Which logs are asked for.
#[derive(Clone, Debug)]
pub(crate) struct ListLogs {
    pub(crate) space_id: SpaceId,
    pub(crate) page: PageRequest<LogKey>,
}

/// Where a page of logs ends.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct LogKey {
    pub(crate) create_time: DateTime<Utc>,
    pub(crate) log_id: LogId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_creation_of_a_space_has_one_log_id() {
        let [one, two] = [1, 2].map(|n| LogId::of_creation(SpaceId::from(Uuid::from_u128(n))));
        assert_eq!(one, LogId::of_creation(SpaceId::from(Uuid::from_u128(1))));
        assert_ne!(one, two);
    }

    #[test]
    fn only_what_has_failed_or_lacks_its_connection_may_be_retried() {
        let ended = [LogState::Pending, LogState::Logged, LogState::Failed, LogState::ReconnectNeeded]
            .map(LogState::has_ended);
        assert_eq!(ended, [false, false, true, true]);
    }
}
