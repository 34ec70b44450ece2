//! From a log to records of Dataverse (table reference: task, annotation). Pure: no I/O, no clock.
//!
//! Owns the lengths and forms that Dataverse takes. An activity regards one record, so that a log is a task on the Account
//! or Opportunity, one more on each Contact and Lead, and a note on the first that holds the whole text, which a task has
//! no room for. All keys are our own GUIDs.

use serde_json::{Map, Value, json};
use url::Url;
use uuid::Uuid;

use super::batch::Part;
use crate::connectors::text::cut;
use crate::connectors::{
    CrmError, CrmRef, CrmWrite, LogEntry, MAIN_ROLE, PersonRef, PersonType, RecordType, TargetRef,
};

/// The longest `subject` of a task, in UTF-16 units.
const SUBJECT_MAX: usize = 200;
/// The longest `description` of a task, likewise.
const DESCRIPTION_MAX: usize = 2_000;
/// The longest `notetext` of a note, likewise.
const NOTE_MAX: usize = 100_000;
/// The role of the note.
const NOTE_ROLE: &str = "note";
/// The logical name of tasks.
pub(super) const TASK: &str = "task";
/// The logical name of notes.
pub(super) const ANNOTATION: &str = "annotation";

/// A kind of record that a log can be on: its logical name, its set, and the navigation property of a task, where case
/// counts.
struct Regarding {
    logical: &'static str,
    set: &'static str,
    navigation: &'static str,
    name: &'static str,
}

fn of_target(record_type: RecordType) -> Regarding {
    match record_type {
        RecordType::Account => Regarding {
            logical: "account",
            set: "accounts",
            navigation: "regardingobjectid_account_task",
            name: "an account",
        },
        RecordType::Opportunity => Regarding {
            logical: "opportunity",
            set: "opportunities",
            navigation: "regardingobjectid_opportunity_task",
            name: "an opportunity",
        },
    }
}

fn of_person(person_type: PersonType) -> Regarding {
    match person_type {
        PersonType::Contact => Regarding {
            logical: "contact",
            set: "contacts",
            navigation: "regardingobjectid_contact_task",
            name: "a contact",
        },
        PersonType::Lead => Regarding {
            logical: "lead",
            set: "leads",
            navigation: "regardingobjectid_lead_task",
            name: "a lead",
        },
    }
}

/// Reads a GUID in its usual form; nothing where it is none.
pub(super) fn guid(text: &str) -> Option<Uuid> {
    Some(text).filter(|text| text.len() == 36).and_then(|text| Uuid::try_parse(text).ok())
}

/// Tells which records a log becomes.
pub(super) fn plan(entry: &LogEntry) -> Result<Vec<CrmWrite>, CrmError> {
    let main = entry.key(MAIN_ROLE);
    let target = regards(&of_target(entry.target.record_type), &entry.target.record_id)?;
    let mut writes = vec![
        CrmWrite {
            key: main,
            role: MAIN_ROLE.to_owned(),
            display_name: "Task".to_owned(),
            object: TASK,
            fields: task(entry, target),
        },
        CrmWrite {
            key: entry.key(NOTE_ROLE),
            role: NOTE_ROLE.to_owned(),
            display_name: "Note with the whole text".to_owned(),
            object: ANNOTATION,
            fields: json!({
                "subject": cut(&entry.title, SUBJECT_MAX),
                "notetext": cut(&entry.body, NOTE_MAX),
                "objectid_task@odata.bind": format!("/tasks({main})"),
            }),
        },
    ];
    for person in &entry.people {
        let regarding = regards(&of_person(person.person_type), &person.record_id)?;
        let role = format!("who:{}", person.record_id.to_ascii_lowercase());
        writes.push(CrmWrite {
            key: entry.key(&role),
            role,
            display_name: cut(&format!("Task on {}", person.display_name), SUBJECT_MAX),
            object: TASK,
            fields: task(entry, regarding),
        });
    }
    Ok(writes)
}

/// The navigation property and the address of the record that a task is on.
fn regards(regarding: &Regarding, record_id: &str) -> Result<(String, Value), CrmError> {
    let id = guid(record_id).ok_or_else(|| {
        let name = regarding.name;
        CrmError::permanent(format!(
            "The chosen record is not {name} of Dynamics: choose it from the search."
        ))
    })?;
    Ok((format!("{}@odata.bind", regarding.navigation), format!("/{}({id})", regarding.set).into()))
}

fn task(entry: &LogEntry, (navigation, address): (String, Value)) -> Value {
    let mut task = Map::new();
    task.insert("subject".to_owned(), cut(&entry.title, SUBJECT_MAX).into());
    task.insert("description".to_owned(), cut(&entry.body, DESCRIPTION_MAX).into());
    let at = entry.occurred_at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    task.insert("scheduledend".to_owned(), at.into());
    task.insert(navigation, address);
    Value::Object(task)
}

/// The path of a written record.
pub(super) fn path(object: &str, key: Uuid) -> String {
    let set = if object == ANNOTATION { "annotations" } else { "tasks" };
    format!("{set}({key})")
}

/// The part of a changeset that makes a record.
pub(super) fn part(write: &CrmWrite) -> Part {
    Part { path: path(write.object, write.key), body: write.fields.clone() }
}

/// The part of a changeset that completes a task.
pub(super) fn closing(key: Uuid) -> Part {
    Part { path: path(TASK, key), body: json!({"statecode": 1, "statuscode": 5}) }
}

/// The record that a write is.
pub(super) fn reference(write: &CrmWrite) -> CrmRef {
    CrmRef { object: write.object.to_owned(), record_id: write.key.to_string(), readable_id: None }
}

/// Returns what opens a written record. A note has no page of its own.
pub(super) fn record_url(instance_url: &Url, app_id: &str, record: &CrmRef) -> Option<String> {
    if record.object == TASK { page(instance_url, app_id, TASK, &record.record_id) } else { None }
}

pub(super) fn target_url(instance_url: &Url, app_id: &str, target: &TargetRef) -> Option<String> {
    page(instance_url, app_id, of_target(target.record_type).logical, &target.record_id)
}

pub(super) fn person_url(instance_url: &Url, app_id: &str, person: &PersonRef) -> Option<String> {
    page(instance_url, app_id, of_person(person.person_type).logical, &person.record_id)
}

/// The page of a record ("Open forms, views, dialogs, and reports with a URL").
fn page(instance_url: &Url, app_id: &str, logical: &str, record_id: &str) -> Option<String> {
    let id = guid(record_id)?;
    let mut url = instance_url.clone();
    // The API may be at ORG.api.crm.dynamics.com; pages are not.
    if let Some(host) = instance_url.host_str().map(|host| host.replacen(".api.crm", ".crm", 1)) {
        url.set_host(Some(&host)).ok()?;
    }
    url.set_path("/main.aspx");
    let app = if app_id.is_empty() { String::new() } else { format!("appid={app_id}&") };
    url.set_query(Some(&format!("{app}etn={logical}&pagetype=entityrecord&id=%7B{id}%7D")));
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::fixtures::{entry, person, target};

    const ACCOUNT: &str = "00000001-0000-4000-8000-000000000001";
    const CONTACT: &str = "00000003-0000-4000-8000-000000000001";
    const LEAD: &str = "00000004-0000-4000-8000-000000000001";

    #[test]
    fn a_log_is_a_task_a_note_on_it_and_a_task_for_each_person() {
        let people = [person(PersonType::Contact, CONTACT), person(PersonType::Lead, LEAD)];
        let log = entry("Space created: Contoso", "All of it", target(RecordType::Account, ACCOUNT), &people);
        let writes = plan(&log).unwrap();
        let shown: Vec<_> = writes.iter().map(|write| (write.role.as_str(), write.object)).collect();
        let who = [CONTACT, LEAD].map(|id| format!("who:{id}"));
        assert_eq!(shown, [("main", "task"), ("note", "annotation"), (&who[0], "task"), (&who[1], "task")]);
        assert_eq!(writes[0].key, log.log_id.uuid());
        let common = |navigation: &str, address: String| {
            json!({"subject": "Space created: Contoso", "description": "All of it",
                "scheduledend": "2026-11-22T23:59:59Z", navigation: address})
        };
        for (write, navigation, address) in [
            (0, "regardingobjectid_account_task@odata.bind", format!("/accounts({ACCOUNT})")),
            (2, "regardingobjectid_contact_task@odata.bind", format!("/contacts({CONTACT})")),
            (3, "regardingobjectid_lead_task@odata.bind", format!("/leads({LEAD})")),
        ] {
            assert_eq!(writes[write].fields, common(navigation, address));
        }
        assert_eq!(
            writes[1].fields,
            json!({"subject": "Space created: Contoso", "notetext": "All of it",
                "objectid_task@odata.bind": format!("/tasks({})", writes[0].key)})
        );
        assert_eq!(plan(&log).unwrap(), writes);
    }

    #[test]
    fn keys_do_not_depend_on_the_order_of_people() {
        let [one, two] = [person(PersonType::Contact, CONTACT), person(PersonType::Lead, LEAD)];
        let keys = |people: &[PersonRef]| {
            let log = entry("t", "b", target(RecordType::Opportunity, ACCOUNT), people);
            let mut keys: Vec<_> =
                plan(&log).unwrap().iter().map(|write| (write.role.clone(), write.key)).collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(&[one.clone(), two.clone()]), keys(&[two, one]));
    }

    #[test]
    fn texts_are_kept_up_to_their_limits_and_cut_with_a_mark_beyond() {
        let units = |value: &Value| value.as_str().unwrap().encode_utf16().count();
        let writes = |title: usize, body: usize| {
            let (title, body) = ("é".repeat(title), "é".repeat(body));
            plan(&entry(&title, &body, target(RecordType::Account, ACCOUNT), &[])).unwrap()
        };
        for (title, body, note) in [(200, 2_000, 2_000), (201, 2_001, 2_001), (300, 100_001, 100_000)] {
            let writes = writes(title, body);
            assert_eq!(units(&writes[0].fields["subject"]), title.min(200));
            assert_eq!(units(&writes[0].fields["description"]), body.min(2_000));
            assert_eq!(units(&writes[1].fields["notetext"]), note);
            let is_cut = |value: &Value| value.as_str().unwrap().ends_with('…');
            assert_eq!(is_cut(&writes[0].fields["subject"]), title > 200);
            assert_eq!(is_cut(&writes[0].fields["description"]), body > 2_000);
            assert_eq!(is_cut(&writes[1].fields["notetext"]), body > 100_000);
        }
    }

    #[test]
    fn an_id_that_is_no_guid_is_refused_and_has_no_link() {
        for bad in
            ["", "1", "001Sb000000001aIAA", "00000001000040008000000000000001", "{x}", "../accounts", "x'"]
        {
            let refused = plan(&entry("t", "b", target(RecordType::Account, bad), &[]));
            assert!(matches!(refused, Err(CrmError::Permanent { .. })), "{bad}");
            let people = [person(PersonType::Lead, bad)];
            assert!(plan(&entry("t", "b", target(RecordType::Account, ACCOUNT), &people)).is_err(), "{bad}");
            let instance = "https://acme.crm.dynamics.com".parse().unwrap();
            assert_eq!(target_url(&instance, "", &target(RecordType::Account, bad)), None, "{bad}");
        }
    }

    #[test]
    fn links_open_the_page_of_the_record_on_the_host_of_pages() {
        let task = CrmRef { object: TASK.to_owned(), record_id: LEAD.to_owned(), readable_id: None };
        let link =
            |instance: &str, app_id: &str| record_url(&instance.parse().unwrap(), app_id, &task).unwrap();
        let query = format!("etn=task&pagetype=entityrecord&id=%7B{LEAD}%7D");
        assert_eq!(
            link("https://acme.crm4.dynamics.com", ""),
            format!("https://acme.crm4.dynamics.com/main.aspx?{query}")
        );
        assert_eq!(
            link("https://acme.api.crm4.dynamics.com", ACCOUNT),
            format!("https://acme.crm4.dynamics.com/main.aspx?appid={ACCOUNT}&{query}")
        );
        let instance = "https://acme.crm.dynamics.com".parse().unwrap();
        assert_eq!(record_url(&instance, "", &CrmRef { object: ANNOTATION.to_owned(), ..task }), None);
        let lead = person_url(&instance, "", &person(PersonType::Lead, LEAD)).unwrap();
        assert!(lead.contains("etn=lead&"), "{lead}");
        let deal = target_url(&instance, "", &target(RecordType::Opportunity, ACCOUNT)).unwrap();
        assert!(deal.contains("etn=opportunity&"), "{deal}");
    }
}
