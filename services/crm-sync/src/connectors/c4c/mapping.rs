//! From a log to Tasks of SAP C4C (OData entity Tasks with TasksTextCollection and TasksBTDReference). Pure: no I/O, no
//! clock.
//!
//! Owns the lengths and forms that C4C takes. Records are known by the number people see, which links and references are
//! made of. One Task holds the Account or Opportunity, the first Contact and all Leads; each further Contact gets a Task of
//! its own, because a Task has one main contact.

use serde_json::{Map, Value, json};
use url::Url;

use crate::config::SapC4cConfig;
use crate::connectors::text::cut;
use crate::connectors::{
    CrmError, CrmRef, CrmWrite, LogEntry, MAIN_ROLE, PersonRef, PersonType, RecordType, TargetRef,
};

/// The longest `Subject`, in UTF-16 units.
pub(super) const SUBJECT_MAX: usize = 765;
/// The longest text, likewise. None is documented; this is what the other CRMs take.
const TEXT_MAX: usize = 100_000;
/// What Tasks are called.
pub(super) const TASK: &str = "Task";
/// The property of a planned Task that names its account by number; it is sent as `AccountUUID`.
pub(super) const ACCOUNT: &str = "MainAccountPartyID";
/// The property of a planned Task that names its contact by number; it is sent as `PrimaryContactUUID`.
pub(super) const CONTACT: &str = "MainContactPartyID";

/// Tells whether a text has the form of a number of C4C: letters, digits, `-` and `_`, at most 35.
pub(super) fn is_id(text: &str) -> bool {
    (1..=35).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Tells which records a log becomes.
pub(super) fn plan(config: &SapC4cConfig, entry: &LogEntry) -> Result<Vec<CrmWrite>, CrmError> {
    let reference = |type_code: &str, id: &str| json!({"ID": id, "TypeCode": type_code, "BTDRoleCode": config.reference_role_code});
    let target = checked(
        &entry.target.record_id,
        match entry.target.record_type {
            RecordType::Account => "an account",
            RecordType::Opportunity => "an opportunity",
        },
    )?;
    let mut task = common(config, entry);
    let mut references = Vec::new();
    match entry.target.record_type {
        RecordType::Account => drop(task.insert(ACCOUNT.to_owned(), target.into())),
        RecordType::Opportunity => references.push(reference(&config.opportunity_type_code, target)),
    }
    let mut contacts = Vec::new();
    for person in sorted(&entry.people) {
        match person.person_type {
            PersonType::Contact => contacts.push((checked(&person.record_id, "a contact")?, person)),
            PersonType::Lead => {
                references.push(reference(&config.lead_type_code, checked(&person.record_id, "a lead")?));
            }
        }
    }
    let mut contacts = contacts.into_iter();
    if let Some((contact, _person)) = contacts.next() {
        task.insert(CONTACT.to_owned(), contact.into());
    }
    if !references.is_empty() {
        task.insert("TasksBTDReference".to_owned(), references.into());
    }
    let mut writes = vec![write(entry, MAIN_ROLE.to_owned(), "Task".to_owned(), task)];
    for (contact, person) in contacts {
        let mut task = common(config, entry);
        task.insert(CONTACT.to_owned(), contact.into());
        let shown = cut(&format!("Task on {}", person.display_name), SUBJECT_MAX);
        writes.push(write(entry, format!("who:{contact}"), shown, task));
    }
    Ok(writes)
}

/// People in an order of their own, so that the same people are the same Tasks.
fn sorted(people: &[PersonRef]) -> Vec<&PersonRef> {
    let mut people: Vec<&PersonRef> = people.iter().collect();
    people.sort_by(|left, right| left.record_id.cmp(&right.record_id));
    people
}

fn checked<'a>(record_id: &'a str, name: &str) -> Result<&'a str, CrmError> {
    if is_id(record_id) {
        return Ok(record_id);
    }
    Err(CrmError::permanent(format!("The chosen record is not {name} of SAP: choose it from the search.")))
}

fn common(config: &SapC4cConfig, entry: &LogEntry) -> Map<String, Value> {
    let mut task = Map::new();
    task.insert("Subject".to_owned(), cut(&entry.title, SUBJECT_MAX).into());
    task.insert(
        "StartDateTime".to_owned(),
        format!("/Date({})/", entry.occurred_at.timestamp_millis()).into(),
    );
    if !config.completed_status.is_empty() {
        task.insert("Status".to_owned(), config.completed_status.as_str().into());
    }
    let text = json!([{"TypeCode": config.text_type_code, "Text": cut(&entry.body, TEXT_MAX)}]);
    task.insert("TasksTextCollection".to_owned(), text);
    task
}

fn write(entry: &LogEntry, role: String, display_name: String, fields: Map<String, Value>) -> CrmWrite {
    CrmWrite { key: entry.key(&role), role, display_name, object: TASK, fields: Value::Object(fields) }
}

/// Makes the UUID of a record of its ObjectID, which is the same without dashes; nothing where it is none.
pub(super) fn uuid(object_id: &str) -> Option<String> {
    let id = uuid::Uuid::try_parse(object_id).ok().filter(|_| object_id.len() == 32)?;
    Some(id.hyphenated().to_string())
}

pub(super) fn record_url(config: &SapC4cConfig, instance_url: &Url, record: &CrmRef) -> Option<String> {
    link(instance_url, &config.task_link_type, record.readable_id.as_deref()?)
}

pub(super) fn target_url(instance_url: &Url, target: &TargetRef) -> Option<String> {
    let thing = match target.record_type {
        RecordType::Account => "COD_ACCOUNT_TT",
        RecordType::Opportunity => "COD_OPPORTUNITY_THINGTYPE",
    };
    link(instance_url, thing, &target.record_id)
}

pub(super) fn person_url(config: &SapC4cConfig, instance_url: &Url, person: &PersonRef) -> Option<String> {
    let thing = match person.person_type {
        PersonType::Contact => "COD_CONTACT_TT",
        PersonType::Lead => &config.lead_link_type,
    };
    link(instance_url, thing, &person.record_id)
}

/// What opens a record by the number people see (SAP knowledge base article 3521005).
fn link(instance_url: &Url, thing: &str, id: &str) -> Option<String> {
    if thing.is_empty() || !is_id(id) {
        return None;
    }
    let mut url = instance_url.clone();
    url.set_path("/sap/public/byd/runtime");
    url.query_pairs_mut()
        .append_pair("bo_ns", "http://sap.com/thingTypes")
        .append_pair("bo", "COD_GENERIC")
        .append_pair("node", "Root")
        .append_pair("operation", "OnExtInspect")
        .append_pair("param.InternalID", id)
        .append_pair("param.Type", thing)
        .append_pair("sapbyd-agent", "TAB");
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::fixtures::{entry, person, target};

    fn planned(log: &LogEntry) -> Vec<CrmWrite> {
        plan(&SapC4cConfig::default(), log).unwrap()
    }

    #[test]
    fn a_log_on_an_account_and_a_contact_is_one_task() {
        let people = [person(PersonType::Contact, "2000001")];
        let log =
            entry("Space created: Contoso", "All of it", target(RecordType::Account, "1000001"), &people);
        let writes = planned(&log);
        assert_eq!((writes.len(), writes[0].role.as_str(), writes[0].key), (1, "main", log.log_id.uuid()));
        assert_eq!(
            writes[0].fields,
            json!({
                "Subject": "Space created: Contoso",
                "StartDateTime": "/Date(1795391999000)/",
                "Status": "3",
                "TasksTextCollection": [{"TypeCode": "10002", "Text": "All of it"}],
                "MainAccountPartyID": "1000001",
                "MainContactPartyID": "2000001",
            })
        );
    }

    #[test]
    fn a_log_on_an_opportunity_and_leads_is_one_task_with_references() {
        let people = [person(PersonType::Lead, "4002"), person(PersonType::Lead, "4001")];
        let writes = planned(&entry("t", "b", target(RecordType::Opportunity, "3001"), &people));
        assert_eq!(writes.len(), 1);
        let reference = |id: &str, code: &str| json!({"ID": id, "TypeCode": code, "BTDRoleCode": "1"});
        assert_eq!(
            writes[0].fields["TasksBTDReference"],
            json!([reference("3001", "72"), reference("4001", "64"), reference("4002", "64")])
        );
        assert_eq!(writes[0].fields.get(ACCOUNT), None);
    }

    #[test]
    fn each_further_contact_has_a_task_of_its_own_whatever_their_order() {
        let mut people = ["2000003", "2000001", "2000002"].map(|id| person(PersonType::Contact, id));
        let keys = |people: &[PersonRef]| {
            let writes = planned(&entry("t", "b", target(RecordType::Account, "1000001"), people));
            writes
                .into_iter()
                .map(|write| (write.role, write.key, write.fields[CONTACT].clone()))
                .collect::<Vec<_>>()
        };
        let first = keys(&people);
        people.reverse();
        assert_eq!(keys(&people), first);
        let roles: Vec<_> = first.iter().map(|(role, ..)| role.as_str()).collect();
        assert_eq!(roles, ["main", "who:2000002", "who:2000003"]);
    }

    #[test]
    fn texts_are_kept_up_to_their_limits_and_cut_with_a_mark_beyond() {
        let units = |value: &Value| value.as_str().unwrap().encode_utf16().count();
        for (title, body) in [(765, 100_000), (766, 100_001)] {
            let log = entry(&"é".repeat(title), &"é".repeat(body), target(RecordType::Account, "1"), &[]);
            let fields = planned(&log).remove(0).fields;
            let (subject, text) = (&fields["Subject"], &fields["TasksTextCollection"][0]["Text"]);
            assert_eq!((units(subject), units(text)), (765, 100_000));
            for value in [subject, text] {
                assert_eq!(value.as_str().unwrap().ends_with('…'), title > 765);
            }
        }
    }

    #[test]
    fn an_id_of_another_shape_is_refused_and_has_no_link() {
        let instance: Url = "https://my000000.crm.ondemand.com".parse().unwrap();
        for bad in ["", "1 eq 1", "1'", "1)", "../x", "é", &"1".repeat(36), "a/b", "*"] {
            let config = SapC4cConfig::default();
            assert!(plan(&config, &entry("t", "b", target(RecordType::Account, bad), &[])).is_err(), "{bad}");
            let people = [person(PersonType::Contact, bad)];
            assert!(
                plan(&config, &entry("t", "b", target(RecordType::Account, "1"), &people)).is_err(),
                "{bad}"
            );
            assert_eq!(target_url(&instance, &target(RecordType::Account, bad)), None, "{bad}");
        }
        assert!(is_id(&"1".repeat(35)));
    }

    #[test]
    fn links_are_made_of_the_number_people_see_and_of_configured_types() {
        let instance: Url = "https://my000000.crm.ondemand.com".parse().unwrap();
        let mut config = SapC4cConfig::default();
        let task = CrmRef {
            object: TASK.to_owned(),
            record_id: "0".repeat(32),
            readable_id: Some("5001".to_owned()),
        };
        assert_eq!(
            record_url(&config, &instance, &task).unwrap(),
            "https://my000000.crm.ondemand.com/sap/public/byd/runtime?bo_ns=http%3A%2F%2Fsap.com%2FthingTypes\
             &bo=COD_GENERIC&node=Root&operation=OnExtInspect&param.InternalID=5001&param.Type=COD_TASK_TT\
             &sapbyd-agent=TAB"
        );
        config.task_link_type.clear();
        assert_eq!(record_url(&config, &instance, &task), None);
        assert_eq!(record_url(&config, &instance, &CrmRef { readable_id: None, ..task }), None);
        let deal = target_url(&instance, &target(RecordType::Opportunity, "3001")).unwrap();
        assert!(deal.contains("InternalID=3001&param.Type=COD_OPPORTUNITY_THINGTYPE"), "{deal}");
    }

    #[test]
    fn the_uuid_of_a_record_is_its_object_id_with_dashes() {
        assert_eq!(uuid("00163E06551B1EE79E9E69E4A2D5A6DA").unwrap(), "00163e06-551b-1ee7-9e9e-69e4a2d5a6da");
        assert_eq!(uuid("00163E06"), None);
        assert_eq!(uuid("00163e06-551b-1ee7-9e9e-69e4a2d5a6da"), None);
    }
}
