//! Logs for the tests of all connectors.

use uuid::Uuid;

use super::{LogEntry, PersonRef, PersonType, RecordType, TargetRef};
use crate::log::{LogId, LogKind};

/// A log of one moment and one id.
pub(crate) fn entry(title: &str, body: &str, target: TargetRef, people: &[PersonRef]) -> LogEntry {
    LogEntry {
        log_id: LogId::from(Uuid::from_u128(0x5bd1_e995_0000_4000_8000_0000_0000_0007)),
        kind: LogKind::Creation,
        title: title.to_owned(),
        body: body.to_owned(),
        occurred_at: "2026-11-22T23:59:59Z".parse().unwrap(),
        space_url: "https://spaces.example/acme/contoso".to_owned(),
        target,
        people: people.to_vec(),
    }
}

pub(crate) fn target(record_type: RecordType, record_id: &str) -> TargetRef {
    TargetRef { record_type, record_id: record_id.to_owned() }
}

pub(crate) fn person(person_type: PersonType, record_id: &str) -> PersonRef {
    PersonRef { person_type, record_id: record_id.to_owned(), display_name: "Nora Field".to_owned() }
}
