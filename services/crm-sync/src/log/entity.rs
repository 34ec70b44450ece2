//! What a log is and which states it goes through.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::page::{Page, PageRequest};
use url::Url;
use uuid::Uuid;

use super::Content;
use crate::connection::ConnectionId;
use crate::connectors::{CrmWrite, LogEntry, PersonRef, Provider, RecordType, TargetRef};
use crate::organization::LoggingMode;

service_kit::typed_id! {
    /// A log, and the key of its record in the CRM.
    LogId
}

service_kit::text_enum! {
    /// What was logged.
    pub(crate) enum LogKind {
        /// The creation of the space.
        Creation = "CREATION",
        /// One call that invited people.
        Invitation = "INVITATION",
        /// The state of the space at a moment.
        Snapshot = "SNAPSHOT",
    }
}

impl LogId {
    /// Returns the id of the log of a space's creation (UUIDv5 of space and kind): asking twice is one log.
    pub(crate) fn of_creation(space: SpaceId) -> Self {
        Self::from(Uuid::new_v5(&space.uuid(), b"creation"))
    }

    /// Returns the id of the log of a call that invited people (UUIDv5 of call and kind).
    pub(crate) fn of_invitation(call_id: Uuid) -> Self {
        Self::from(Uuid::new_v5(&call_id, b"invitation"))
    }
}

service_kit::text_enum! {
    /// How a log fares. `Deferred` is never stored: it is what a waiting log shows while its connection is paused.
    pub(crate) enum LogState {
        /// Waits for its first or next try.
        Pending = "PENDING",
        /// Waits because a quota of the CRM is used up.
        Deferred = "DEFERRED",
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
            Self::Pending | Self::Deferred | Self::Logged => false,
        }
    }
}

/// A log whose row is held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LockedLog {
    pub(crate) state: LogState,
    /// The last job that was to write it; there may be none of this id any more.
    pub(crate) job_id: Uuid,
    pub(crate) connection_id: ConnectionId,
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

impl Target {
    /// What connectors need of it.
    pub(crate) fn to_ref(&self) -> TargetRef {
        TargetRef { record_type: self.record_type, record_id: self.record_id.clone() }
    }
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
    pub(crate) content: Content,
    /// Whom it is on, as far as is known.
    pub(crate) people: Vec<PersonRef>,
    /// Who asked for it; nothing where the event does not say.
    pub(crate) requester_user_id: Option<UserId>,
    pub(crate) create_time: DateTime<Utc>,
    /// Why it cannot be written at all; nothing where it can.
    pub(crate) failure: Option<&'static str>,
}

impl NewLog {
    /// Tells whether the people are still to be found by their addresses.
    pub(crate) fn is_matched(&self) -> bool {
        self.kind != LogKind::Invitation
    }
}

/// A log as it stands.
#[derive(Clone, Debug)]
pub(crate) struct CrmLog {
    pub(crate) log_id: LogId,
    pub(crate) space_id: SpaceId,
    pub(crate) kind: LogKind,
    pub(crate) target: Target,
    pub(crate) title: String,
    pub(crate) people: Vec<PersonRef>,
    pub(crate) state: LogState,
    pub(crate) reason: String,
    pub(crate) due_time: Option<DateTime<Utc>>,
    pub(crate) records: Vec<WrittenRecord>,
    pub(crate) requester_user_id: Option<UserId>,
    /// Which CRM the record is in, and where; nothing where the connection never was.
    pub(crate) connection: Option<(Provider, Url)>,
    pub(crate) create_time: DateTime<Utc>,
    pub(crate) logged_time: Option<DateTime<Utc>>,
}

/// A record that a log becomes or has become.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub(crate) struct WrittenRecord {
    pub(crate) role: String,
    pub(crate) display_name: String,
    pub(crate) object: String,
    /// Nothing until it is written.
    pub(crate) record_id: Option<String>,
    pub(crate) readable_id: Option<String>,
}

/// A log with its links.
#[derive(Clone, Debug)]
pub(crate) struct ShownLog {
    pub(crate) log: CrmLog,
    /// Opens the main record in the CRM; empty until it is logged.
    pub(crate) record_url: String,
    /// One for each of the log's people; empty where the CRM has no such address.
    pub(crate) people_urls: Vec<String>,
    /// One for each of the log's records; likewise.
    pub(crate) record_urls: Vec<String>,
}

/// The record that a space is linked to.
#[derive(Clone, Debug)]
pub(crate) struct SpaceLink {
    pub(crate) target: Target,
    /// Which CRM it is in, and where; nothing where the connection is not there any more.
    pub(crate) connection: Option<(Provider, Url)>,
}

/// A link with its address.
#[derive(Clone, Debug)]
pub(crate) struct ShownLink {
    pub(crate) target: Target,
    /// Opens it in the CRM; empty where the CRM has no such address.
    pub(crate) record_url: String,
}

/// A space's link after a change; nothing: none.
#[derive(Clone, Debug)]
pub(crate) struct CurrentLink(pub(crate) Option<ShownLink>);

/// What the CRM panel of a space shows.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) logs: Page<ShownLog>,
    pub(crate) link: Option<ShownLink>,
    pub(crate) logging_mode: LoggingMode,
}

/// A log that waits, as its job finds it.
#[derive(Clone, Debug)]
pub(crate) struct WaitingLog {
    pub(crate) log_id: LogId,
    pub(crate) kind: LogKind,
    pub(crate) target: Target,
    pub(crate) content: Content,
    pub(crate) people: Vec<PersonRef>,
    pub(crate) is_matched: bool,
    pub(crate) match_note: String,
    /// Since when it waits.
    pub(crate) pending_time: DateTime<Utc>,
    pub(crate) create_time: DateTime<Utc>,
    /// How often it has been tried, this time included.
    pub(crate) tries: i32,
}

impl WaitingLog {
    /// Returns what connectors are given of it.
    pub(crate) fn entry(&self) -> LogEntry {
        LogEntry {
            log_id: self.log_id,
            kind: self.kind,
            title: self.content.log_title(self.kind),
            body: self.content.log_body(self.kind, &self.match_note),
            occurred_at: if self.kind == LogKind::Creation {
                self.content.create_time
            } else {
                self.create_time
            },
            space_url: self.content.url.clone(),
            target: self.target.to_ref(),
            people: self.people.clone(),
        }
    }
}

/// A write that is about to be tried.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) write: CrmWrite,
    /// An earlier try may have had its effect.
    pub(crate) was_begun: bool,
}

/// A link that is asked for.
#[derive(Clone, Debug)]
pub(crate) struct LinkSpace {
    pub(crate) space_id: SpaceId,
    /// Nothing: no link.
    pub(crate) target: Option<Target>,
}

/// A log that somebody asks for.
#[derive(Clone, Debug)]
pub(crate) struct CreateLog {
    pub(crate) space_id: SpaceId,
    /// Nothing: the space's link.
    pub(crate) target: Option<Target>,
    pub(crate) person: Option<PersonRef>,
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
        let ended = [
            LogState::Pending,
            LogState::Deferred,
            LogState::Logged,
            LogState::Failed,
            LogState::ReconnectNeeded,
        ]
        .map(LogState::has_ended);
        assert_eq!(ended, [false, false, false, true, true]);
    }
}
