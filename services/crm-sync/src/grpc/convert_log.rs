//! Between the messages of LogService and the service's own types.

use service_kit::clock::timestamp;
use service_kit::page::PageRequest;
use service_kit::validate::Violations;
use sharedspaces_proto::crmsync::v1 as pb;
use sharedspaces_proto::spaces::v1 as spaces_pb;

use crate::connectors::{PersonRef, PersonType, RecordType};
use crate::log::{
    CreateLog, CurrentLink, LinkSpace, ListLogs, LogId, LogKind, LogState, Panel, ShownLink, ShownLog, Target,
};

/// Longest id of a record, and longest name, in characters.
const RECORD_ID_MAX: usize = 64;
const NAME_MAX: usize = 255;

/// The log that a request names.
pub(super) struct LogNamed(pub(super) LogId);

impl LogNamed {
    pub(super) fn read(log_id: &str) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let log_id = check.id("log_id", log_id);
        check.into_result()?;
        Ok(Self(log_id))
    }
}

fn target(check: &mut Violations, target: &spaces_pb::CrmTarget) -> Target {
    let record_type = match target.record_type() {
        spaces_pb::CrmRecordType::Account => RecordType::Account,
        spaces_pb::CrmRecordType::Opportunity => RecordType::Opportunity,
        spaces_pb::CrmRecordType::Unspecified => {
            check.add("target.record_type", "must be an Account or an Opportunity");
            RecordType::Account
        }
    };
    Target {
        connection_id: check.id("target.connection_id", &target.connection_id),
        record_type,
        record_id: check.line("target.record_id", &target.record_id, 1, RECORD_ID_MAX),
        record_name: check.line("target.record_name", &target.record_name, 0, NAME_MAX),
    }
}

fn person(check: &mut Violations, person: &pb::LogPerson) -> PersonRef {
    let person_type = match person.person_type() {
        pb::CrmPersonType::Contact => PersonType::Contact,
        pb::CrmPersonType::Lead => PersonType::Lead,
        pb::CrmPersonType::Unspecified => {
            check.add("person.person_type", "must be a Contact or a Lead");
            PersonType::Contact
        }
    };
    PersonRef {
        person_type,
        record_id: check.line("person.record_id", &person.record_id, 1, RECORD_ID_MAX),
        display_name: check.line("person.display_name", &person.display_name, 0, NAME_MAX),
    }
}

impl TryFrom<pb::LinkSpaceRequest> for LinkSpace {
    type Error = Violations;

    fn try_from(request: pb::LinkSpaceRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let target = request.target.as_ref().map(|given| target(&mut check, given));
        check.into_result()?;
        Ok(Self { space_id, target })
    }
}

impl TryFrom<pb::CreateLogRequest> for CreateLog {
    type Error = Violations;

    fn try_from(request: pb::CreateLogRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let target = request.target.as_ref().map(|given| target(&mut check, given));
        let person = request.person.as_ref().map(|given| person(&mut check, given));
        check.into_result()?;
        Ok(Self { space_id, target, person })
    }
}

impl TryFrom<pb::ListLogsRequest> for ListLogs {
    type Error = Violations;

    fn try_from(request: pb::ListLogsRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let space_id = check.id("space_id", &request.space_id);
        let page = PageRequest::read(&mut check, request.page_size, &request.page_token);
        check.into_result()?;
        Ok(Self { space_id, page })
    }
}

impl From<CurrentLink> for pb::LinkSpaceResponse {
    fn from(link: CurrentLink) -> Self {
        Self { link: link.0.map(pb::SpaceLink::from) }
    }
}

impl From<ShownLink> for pb::SpaceLink {
    fn from(link: ShownLink) -> Self {
        Self { target: Some(link.target.into()), record_url: link.record_url }
    }
}

impl From<Panel> for pb::ListLogsResponse {
    fn from(panel: Panel) -> Self {
        Self {
            logs: panel.logs.items.into_iter().map(pb::CrmLog::from).collect(),
            next_page_token: panel.logs.next_page_token,
            link: panel.link.map(pb::SpaceLink::from),
            logging_mode: pb::LoggingMode::from(panel.logging_mode).into(),
        }
    }
}

impl From<ShownLog> for pb::RetryLogResponse {
    fn from(shown: ShownLog) -> Self {
        Self { log: Some(shown.into()) }
    }
}

impl From<ShownLog> for pb::CreateLogResponse {
    fn from(shown: ShownLog) -> Self {
        Self { log: Some(shown.into()) }
    }
}

impl From<ShownLog> for pb::CrmLog {
    fn from(shown: ShownLog) -> Self {
        let log = shown.log;
        let kind = match log.kind {
            LogKind::Creation => pb::LogKind::Creation,
            LogKind::Invitation => pb::LogKind::Invitation,
            LogKind::Snapshot => pb::LogKind::Snapshot,
        };
        let state = match log.state {
            LogState::Pending => pb::LogState::Pending,
            LogState::Deferred => pb::LogState::Deferred,
            LogState::Logged => pb::LogState::Logged,
            LogState::Failed => pb::LogState::Failed,
            LogState::ReconnectNeeded => pb::LogState::ReconnectNeeded,
        };
        let is_logged = log.logged_time.is_some();
        let people = log.people.into_iter().zip(shown.people_urls).map(|(person, url)| pb::LoggedRecord {
            display_name: person.display_name,
            url,
            is_written: is_logged,
        });
        let records = log.records.into_iter().zip(shown.record_urls).map(|(record, url)| pb::LoggedRecord {
            display_name: record.display_name,
            url,
            is_written: record.record_id.is_some(),
        });
        // A log that could go nowhere has no target to show.
        let target = (!log.target.record_id.is_empty()).then(|| log.target.into());
        Self {
            log_id: log.log_id.to_string(),
            space_id: log.space_id.to_string(),
            kind: kind.into(),
            target,
            state: state.into(),
            reason: log.reason,
            record_url: shown.record_url,
            create_time: Some(timestamp(log.create_time)),
            logged_time: log.logged_time.map(timestamp),
            people: people.collect(),
            records: records.collect(),
            requester_user_id: log.requester_user_id.map_or_else(String::new, |id| id.to_string()),
            title: log.title,
            due_time: log.due_time.map(timestamp),
        }
    }
}

impl From<Target> for spaces_pb::CrmTarget {
    fn from(target: Target) -> Self {
        let record_type = match target.record_type {
            RecordType::Account => spaces_pb::CrmRecordType::Account,
            RecordType::Opportunity => spaces_pb::CrmRecordType::Opportunity,
        };
        Self {
            connection_id: target.connection_id.to_string(),
            record_type: record_type.into(),
            record_id: target.record_id,
            record_name: target.record_name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wrong_with_a_request_is_told_at_once() {
        let request =
            pb::ListLogsRequest { page_size: 101, page_token: "!".to_owned(), ..Default::default() };
        assert_eq!(ListLogs::try_from(request).unwrap_err().iter().count(), 3);
        assert!(LogNamed::read("x").is_err());
        let request = pb::CreateLogRequest {
            space_id: uuid::Uuid::nil().to_string(),
            target: Some(spaces_pb::CrmTarget::default()),
            person: Some(pb::LogPerson::default()),
        };
        let refused = CreateLog::try_from(request).unwrap_err();
        let fields: Vec<&str> = refused.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "target.record_type",
                "target.connection_id",
                "target.record_id",
                "person.person_type",
                "person.record_id"
            ]
        );
    }

    #[test]
    fn ids_and_names_are_taken_up_to_their_limits() {
        let with = |id: usize, name: usize| {
            let target = spaces_pb::CrmTarget {
                connection_id: uuid::Uuid::nil().to_string(),
                record_type: spaces_pb::CrmRecordType::Account.into(),
                record_id: "x".repeat(id),
                record_name: "x".repeat(name),
            };
            let space_id = uuid::Uuid::nil().to_string();
            LinkSpace::try_from(pb::LinkSpaceRequest { space_id, target: Some(target) }).is_ok()
        };
        assert!(with(64, 255) && with(1, 0));
        assert!(!with(65, 0) && !with(0, 0) && !with(1, 256));
    }
}
