//! From a log to Tasks (object reference: Task). Pure: no I/O, no clock.
//!
//! Owns the lengths and forms that Salesforce takes, and how a log is divided: a Task takes one Contact beside its Account
//! or Opportunity, and none beside a Lead ("If WhoId refers to a Lead, WhatId must be empty"), so that each Lead and each
//! further Contact gets a Task of its own. A Task is written closed: that keeps it out of to-do lists, and an insert of
//! a closed Task does not lock the records it relates to; which status is closed differs by org, so that the wire adds
//! it.

use serde_json::{Value, json};
use url::Url;

use crate::connectors::{
    CrmError, CrmRef, CrmWrite, LogEntry, MAIN_ROLE, PersonRef, PersonType, RecordType, TargetRef,
};

/// What logs are in Salesforce.
pub(super) const OBJECT: &str = "Task";
/// The longest `Subject`, in UTF-16 units, the strictest way to count.
const SUBJECT_MAX: usize = 255;
/// The longest `Description`, likewise.
const DESCRIPTION_MAX: usize = 32_000;
/// How much of an id counts; the rest makes it fit for case-insensitive tools.
pub(super) const ID_LENGTH: usize = 15;

/// Tells which Tasks a log becomes. Errors where the target or a person cannot be a record of Salesforce.
pub(super) fn plan(entry: &LogEntry) -> Result<Vec<CrmWrite>, CrmError> {
    let what_id = checked_target(&entry.target)?;
    for person in &entry.people {
        checked_person(person)?;
    }
    let first_contact = entry.people.iter().find(|person| person.person_type == PersonType::Contact);
    let mut relations = json!({ "WhatId": what_id });
    if let Some(contact) = first_contact {
        set(&mut relations, "WhoId", &contact.record_id);
    }
    let mut writes = vec![task(entry, MAIN_ROLE, "Task", relations)];
    let others = entry.people.iter().filter(|person| first_contact != Some(*person));
    writes.extend(others.map(|person| {
        let role = format!("who:{}", person.record_id.get(..ID_LENGTH).unwrap_or_default());
        let name = format!("Task: {}", person.display_name);
        task(entry, &role, &name, json!({ "WhoId": person.record_id }))
    }));
    Ok(writes)
}

fn task(entry: &LogEntry, role: &str, display_name: &str, relations: Value) -> CrmWrite {
    let mut fields = relations;
    set(&mut fields, "Subject", &cut(&entry.title, SUBJECT_MAX));
    set(&mut fields, "Description", &cut(&entry.body, DESCRIPTION_MAX));
    set(&mut fields, "Priority", "Normal");
    // A date without time or zone.
    set(&mut fields, "ActivityDate", &entry.occurred_at.format("%Y-%m-%d").to_string());
    CrmWrite {
        key: entry.key(role),
        role: role.to_owned(),
        display_name: display_name.to_owned(),
        object: OBJECT,
        fields,
    }
}

/// Sets a field of a record.
pub(super) fn set(fields: &mut Value, name: &str, value: &str) {
    if let Some(fields) = fields.as_object_mut() {
        fields.insert(name.to_owned(), json!(value));
    }
}

fn checked_target(target: &TargetRef) -> Result<&str, CrmError> {
    let (name, prefix) = words_of_target(target.record_type);
    if is_id_of(&target.record_id, prefix) {
        return Ok(&target.record_id);
    }
    Err(CrmError::permanent(format!(
        "The chosen record is not an {name} of Salesforce: choose it from the search."
    )))
}

fn checked_person(person: &PersonRef) -> Result<(), CrmError> {
    let (name, prefix) = words_of_person(person.person_type);
    if is_id_of(&person.record_id, prefix) {
        return Ok(());
    }
    Err(CrmError::permanent(format!(
        "The chosen person is not a {name} of Salesforce: choose it from the search."
    )))
}

fn words_of_target(record_type: RecordType) -> (&'static str, &'static str) {
    match record_type {
        RecordType::Account => ("Account", "001"),
        RecordType::Opportunity => ("Opportunity", "006"),
    }
}

fn words_of_person(person_type: PersonType) -> (&'static str, &'static str) {
    match person_type {
        PersonType::Contact => ("Contact", "003"),
        PersonType::Lead => ("Lead", "00Q"),
    }
}

/// Tells whether a text has the form of an id of the object with a key prefix.
pub(super) fn is_id_of(text: &str, prefix: &str) -> bool {
    is_record_id(text) && text.starts_with(prefix)
}

/// Tells whether an id is a Lead's.
pub(super) fn is_lead(record_id: &str) -> bool {
    is_id_of(record_id, words_of_person(PersonType::Lead).1)
}

/// Returns what opens an Account or Opportunity.
pub(super) fn target_url(instance_url: &Url, target: &TargetRef) -> Option<String> {
    let (name, prefix) = words_of_target(target.record_type);
    is_id_of(&target.record_id, prefix).then(|| view_url(instance_url, name, &target.record_id))
}

/// Returns what opens a Contact or Lead.
pub(super) fn person_url(instance_url: &Url, person: &PersonRef) -> Option<String> {
    let (name, prefix) = words_of_person(person.person_type);
    is_id_of(&person.record_id, prefix).then(|| view_url(instance_url, name, &person.record_id))
}

/// Returns what opens a Task in Salesforce.
pub(super) fn record_url(instance_url: &Url, record: &CrmRef) -> Option<String> {
    is_record_id(&record.record_id).then(|| view_url(instance_url, OBJECT, &record.record_id))
}

fn view_url(instance_url: &Url, object: &str, record_id: &str) -> String {
    let mut url = instance_url.clone();
    url.set_path(&format!("/lightning/r/{object}/{record_id}/view"));
    url.into()
}

/// Tells whether a text has the form of an id: 15 to 18 letters and digits.
pub(super) fn is_record_id(text: &str) -> bool {
    (15..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Cuts a text to `max` UTF-16 units at a character, and shows that it was cut.
fn cut(text: &str, max: usize) -> String {
    if text.encode_utf16().count() <= max {
        return text.to_owned();
    }
    let mut units = 0;
    let fits = |character: &char| {
        units += character.len_utf16();
        units < max
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{LogId, LogKind};
    use uuid::Uuid;

    fn entry(title: &str, body: &str) -> LogEntry {
        LogEntry {
            log_id: LogId::from(Uuid::from_u128(7)),
            kind: LogKind::Creation,
            title: title.to_owned(),
            body: body.to_owned(),
            occurred_at: "2026-11-22T23:59:59Z".parse().unwrap(),
            space_url: "https://spaces.example/acme/contoso".to_owned(),
            target: TargetRef {
                record_type: RecordType::Account,
                record_id: "001Sb000000001aIAA".to_owned(),
            },
            people: Vec::new(),
        }
    }

    fn person(person_type: PersonType, record_id: &str) -> PersonRef {
        let record_id = record_id.to_owned();
        PersonRef { person_type, record_id, display_name: "Nora Field".to_owned() }
    }

    #[test]
    fn a_log_becomes_a_task_on_its_target() {
        let entry = entry("Contoso & partners", "Welcome!");
        let writes = plan(&entry).unwrap();
        assert_eq!(writes.len(), 1);
        assert_eq!((writes[0].key, writes[0].role.as_str()), (entry.log_id.uuid(), "main"));
        assert_eq!(
            writes[0].fields,
            json!({
                "Subject": "Contoso & partners",
                "Description": "Welcome!",
                "Priority": "Normal",
                "ActivityDate": "2026-11-22",
                "WhatId": "001Sb000000001aIAA",
            })
        );
    }

    #[test]
    fn one_contact_shares_the_task_and_every_lead_has_its_own_without_the_target() {
        let people = vec![
            person(PersonType::Lead, "00QSb000000001aIAA"),
            person(PersonType::Contact, "003Sb000000001aIAA"),
            person(PersonType::Contact, "003Sb000000002aIAA"),
        ];
        let entry = LogEntry { people, ..entry("t", "b") };
        let writes = plan(&entry).unwrap();
        let relations: Vec<_> = writes
            .iter()
            .map(|write| {
                (write.role.as_str(), write.fields["WhatId"].as_str(), write.fields["WhoId"].as_str())
            })
            .collect();
        assert_eq!(
            relations,
            [
                ("main", Some("001Sb000000001aIAA"), Some("003Sb000000001aIAA")),
                ("who:00QSb000000001a", None, Some("00QSb000000001aIAA")),
                ("who:003Sb000000002a", None, Some("003Sb000000002aIAA")),
            ]
        );
        let keys: std::collections::HashSet<Uuid> = writes.iter().map(|write| write.key).collect();
        assert_eq!(keys.len(), 3);
        let reversed = LogEntry { people: entry.people.iter().rev().cloned().collect(), ..entry };
        let lead = plan(&reversed).unwrap().into_iter().find(|write| write.role.contains("00Q")).unwrap();
        assert_eq!(lead.key, writes[1].key, "keys do not depend on the order of people");
    }

    #[test]
    fn texts_are_kept_up_to_their_limit_and_cut_beyond() {
        let units = |text: &str| text.encode_utf16().count();
        for filler in ["x", "é", "🚀"] {
            let room = SUBJECT_MAX / units(filler);
            let text = |entry: &LogEntry, name: &str| {
                plan(entry).unwrap()[0].fields[name].as_str().unwrap().to_owned()
            };
            assert!(!text(&entry(&filler.repeat(room), ""), "Subject").ends_with('…'), "{filler}");
            let long = entry(&filler.repeat(room + 1), &filler.repeat(40_000));
            for (name, max) in [("Subject", SUBJECT_MAX), ("Description", DESCRIPTION_MAX)] {
                let text = text(&long, name);
                assert!(text.ends_with('…') && units(&text) <= max && units(&text) >= max - 1, "{filler}");
            }
        }
    }

    #[test]
    fn a_target_or_person_that_is_no_record_of_its_kind_is_refused() {
        let with = |record_type, record_id: &str| {
            let target = TargetRef { record_type, record_id: record_id.to_owned() };
            plan(&LogEntry { target, ..entry("t", "") }).is_ok()
        };
        assert!(with(RecordType::Account, "001Sb000000001a"));
        assert!(with(RecordType::Opportunity, "006Sb000000001aIAA"));
        assert!(!with(RecordType::Account, "006Sb000000001aIAA"));
        assert!(!with(RecordType::Opportunity, "001Sb000000001aIAA"));
        for bad in [
            "",
            "001Sb000000001",
            "001Sb000000001aIAAx",
            "001Sb0000000/../",
            "001Sb000000001'",
            "001Sb00000000éa",
        ] {
            assert!(!with(RecordType::Account, bad), "{bad}");
        }
        let on = |person_type, record_id: &str| {
            plan(&LogEntry { people: vec![person(person_type, record_id)], ..entry("t", "") }).is_ok()
        };
        assert!(on(PersonType::Lead, "00QSb000000001aIAA") && on(PersonType::Contact, "003Sb000000001aIAA"));
        assert!(!on(PersonType::Lead, "003Sb000000001aIAA") && !on(PersonType::Contact, "00Q' OR Id != '"));
    }

    #[test]
    fn links_open_records_in_lightning_and_there_is_none_of_what_is_no_id() {
        let instance = "https://acme.my.salesforce.com/".parse().unwrap();
        let record = CrmRef {
            object: OBJECT.to_owned(),
            record_id: "00TSb000000001aIAA".to_owned(),
            readable_id: None,
        };
        assert_eq!(
            record_url(&instance, &record).unwrap(),
            "https://acme.my.salesforce.com/lightning/r/Task/00TSb000000001aIAA/view"
        );
        assert_eq!(
            person_url(&instance, &person(PersonType::Lead, "00QSb000000001aIAA")).unwrap(),
            "https://acme.my.salesforce.com/lightning/r/Lead/00QSb000000001aIAA/view"
        );
        let target = |record_id: &str| TargetRef {
            record_type: RecordType::Opportunity,
            record_id: record_id.to_owned(),
        };
        assert!(target_url(&instance, &target("006Sb000000001aIAA")).unwrap().contains("/r/Opportunity/006"));
        assert_eq!(target_url(&instance, &target("../../secret")), None);
    }
}
