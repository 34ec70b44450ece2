//! From a log to tasks of SAP Sales Cloud V2. Pure: no I/O, no clock.
//!
//! Owns the lengths and forms that V2 is assumed to take. One task holds the Account or Opportunity, the first Contact and
//! the first Lead; each further person gets a task of their own, because a task refers to one.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::config::SapSalesCloudConfig;
use crate::connectors::text::cut;
use crate::connectors::{CrmError, CrmWrite, LogEntry, MAIN_ROLE, PersonRef, PersonType, RecordType};

/// What tasks are called.
pub(super) const TASK: &str = "task";
/// The property of a task that holds its subject.
pub(super) const SUBJECT: &str = "description";

/// Reads a UUID in its usual form, in small letters; nothing where it is none.
pub(super) fn id(text: &str) -> Option<String> {
    let id = Some(text).filter(|text| text.len() == 36).and_then(|text| Uuid::try_parse(text).ok())?;
    Some(id.to_string())
}

/// Tells which records a log becomes.
pub(super) fn plan(config: &SapSalesCloudConfig, entry: &LogEntry) -> Result<Vec<CrmWrite>, CrmError> {
    let (name, property) = match entry.target.record_type {
        RecordType::Account => ("an account", "account"),
        RecordType::Opportunity => ("an opportunity", config.opportunity_reference.as_str()),
    };
    let mut main = common(config, entry);
    main.insert(property.to_owned(), reference(&entry.target.record_id, name)?);
    let mut people: Vec<&PersonRef> = entry.people.iter().collect();
    people.sort_by(|left, right| left.record_id.cmp(&right.record_id));
    let mut further = Vec::new();
    for person in people {
        let (name, property) = match person.person_type {
            PersonType::Contact => ("a contact", config.contact_reference.as_str()),
            PersonType::Lead => ("a lead", config.lead_reference.as_str()),
        };
        let reference = reference(&person.record_id, name)?;
        if !main.contains_key(property) {
            main.insert(property.to_owned(), reference);
            continue;
        }
        let mut task = common(config, entry);
        task.insert(property.to_owned(), reference);
        let shown = cut(&format!("Task on {}", person.display_name), config.subject_max);
        further.push(write(entry, format!("who:{}", person.record_id.to_ascii_lowercase()), shown, task));
    }
    let mut writes = vec![write(entry, MAIN_ROLE.to_owned(), "Task".to_owned(), main)];
    writes.append(&mut further);
    Ok(writes)
}

fn reference(record_id: &str, name: &str) -> Result<Value, CrmError> {
    let id = id(record_id).ok_or_else(|| {
        let message =
            format!("The chosen record is not {name} of SAP Sales Cloud: choose it from the search.");
        CrmError::permanent(message)
    })?;
    Ok(json!({ "id": id }))
}

fn common(config: &SapSalesCloudConfig, entry: &LogEntry) -> Map<String, Value> {
    let mut task = Map::new();
    task.insert(SUBJECT.to_owned(), cut(&entry.title, config.subject_max).into());
    task.insert("status".to_owned(), "COMPLETED".into());
    let at = entry.occurred_at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    task.insert("startDateTime".to_owned(), at.into());
    task.insert("notes".to_owned(), json!([{"content": cut(&entry.body, config.note_max)}]));
    task
}

fn write(entry: &LogEntry, role: String, display_name: String, fields: Map<String, Value>) -> CrmWrite {
    CrmWrite { key: entry.key(&role), role, display_name, object: TASK, fields: Value::Object(fields) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::fixtures::{entry, person, target};

    const ACCOUNT: &str = "00000001-0000-4000-8000-000000000001";
    const CONTACT: &str = "00000003-0000-4000-8000-000000000001";
    const OTHER: &str = "00000003-0000-4000-8000-000000000002";
    const LEAD: &str = "00000004-0000-4000-8000-000000000001";

    fn planned(log: &LogEntry) -> Vec<CrmWrite> {
        plan(&SapSalesCloudConfig::default(), log).unwrap()
    }

    #[test]
    fn a_log_is_one_task_with_its_references() {
        let people = [person(PersonType::Lead, LEAD), person(PersonType::Contact, CONTACT)];
        let log = entry("Space created: Contoso", "All of it", target(RecordType::Account, ACCOUNT), &people);
        let writes = planned(&log);
        assert_eq!((writes.len(), writes[0].role.as_str(), writes[0].key), (1, "main", log.log_id.uuid()));
        assert_eq!(
            writes[0].fields,
            json!({
                "description": "Space created: Contoso",
                "status": "COMPLETED",
                "startDateTime": "2026-11-22T23:59:59Z",
                "notes": [{"content": "All of it"}],
                "account": {"id": ACCOUNT},
                "primaryContact": {"id": CONTACT},
                "lead": {"id": LEAD},
            })
        );
        let on_deal = planned(&entry("t", "b", target(RecordType::Opportunity, ACCOUNT), &[]));
        assert_eq!(on_deal[0].fields["opportunity"], json!({"id": ACCOUNT}));
        assert_eq!(on_deal[0].fields.get("account"), None);
    }

    #[test]
    fn each_further_person_has_a_task_of_their_own_whatever_the_order() {
        let mut people = [person(PersonType::Contact, OTHER), person(PersonType::Contact, CONTACT)];
        let first = planned(&entry("t", "b", target(RecordType::Account, ACCOUNT), &people));
        people.reverse();
        assert_eq!(planned(&entry("t", "b", target(RecordType::Account, ACCOUNT), &people)), first);
        let roles: Vec<_> = first.iter().map(|write| write.role.clone()).collect();
        assert_eq!(roles, ["main".to_owned(), format!("who:{OTHER}")]);
        assert_eq!(first[1].fields["primaryContact"], json!({"id": OTHER}));
    }

    #[test]
    fn texts_are_kept_up_to_their_limits_and_cut_with_a_mark_beyond() {
        let units = |value: &Value| value.as_str().unwrap().encode_utf16().count();
        for (title, body) in [(255, 10_000), (256, 10_001)] {
            let log = entry(&"é".repeat(title), &"é".repeat(body), target(RecordType::Account, ACCOUNT), &[]);
            let fields = planned(&log).remove(0).fields;
            let (subject, note) = (&fields["description"], &fields["notes"][0]["content"]);
            assert_eq!((units(subject), units(note)), (255, 10_000));
            for value in [subject, note] {
                assert_eq!(value.as_str().unwrap().ends_with('…'), title > 255);
            }
        }
    }

    #[test]
    fn an_id_of_another_shape_is_refused() {
        for bad in ["", "1", "00000001000040008000000000000001", "x' or 1", "../x"] {
            let config = SapSalesCloudConfig::default();
            assert!(plan(&config, &entry("t", "b", target(RecordType::Account, bad), &[])).is_err(), "{bad}");
            let people = [person(PersonType::Contact, bad)];
            let log = entry("t", "b", target(RecordType::Account, ACCOUNT), &people);
            assert!(plan(&config, &log).is_err(), "{bad}");
        }
    }
}
