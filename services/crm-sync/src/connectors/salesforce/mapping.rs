//! From a log to a Task (object reference: Task). Pure: no I/O, no clock.
//!
//! Owns the lengths and forms that Salesforce takes. A Task is written closed: that keeps it out of to-do lists, and
//! an insert of a closed Task does not lock the records it relates to.

use serde::Serialize;
use url::Url;

use crate::connectors::{CrmError, LogEntry, RecordType};

/// The longest `Subject`, in UTF-16 units, the strictest way to count.
const SUBJECT_MAX: usize = 255;
/// The longest `Description`, likewise.
const DESCRIPTION_MAX: usize = 32_000;

/// A Task to write. The key is in the path, and must not be here.
#[derive(Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Task<'a> {
    subject: String,
    description: String,
    status: &'a str,
    priority: &'static str,
    /// A date without time or zone.
    activity_date: String,
    what_id: &'a str,
}

/// Makes the Task of a log. Errors where the target cannot be a record of Salesforce.
pub(super) fn task<'a>(entry: &'a LogEntry, closed_status: &'a str) -> Result<Task<'a>, CrmError> {
    let (name, prefix) = match entry.record_type {
        RecordType::Account => ("Account", "001"),
        RecordType::Opportunity => ("Opportunity", "006"),
    };
    if !is_record_id(&entry.record_id) || !entry.record_id.starts_with(prefix) {
        let message = format!("The chosen record is not an {name} of Salesforce: choose it from the search.");
        return Err(CrmError::permanent(message));
    }
    let snapshot = &entry.snapshot;
    let date = snapshot.create_time.format("%Y-%m-%d").to_string();
    let mut description = format!("{}\nCreated on {date} (UTC)", snapshot.url);
    if !snapshot.description.is_empty() {
        description.push_str("\n\n");
        description.push_str(&snapshot.description);
    }
    Ok(Task {
        subject: cut(&format!("Space created: {}", snapshot.title), SUBJECT_MAX),
        description: cut(&description, DESCRIPTION_MAX),
        status: closed_status,
        priority: "Normal",
        activity_date: date,
        what_id: &entry.record_id,
    })
}

/// Tells whether a text has the form of an id: 15 to 18 letters and digits.
pub(super) fn is_record_id(text: &str) -> bool {
    (15..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Returns what opens a Task in Salesforce.
pub(super) fn record_url(instance_url: &Url, record_id: &str) -> String {
    let mut url = instance_url.clone();
    url.set_path(&format!("/lightning/r/Task/{record_id}/view"));
    url.into()
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
    use crate::connectors::Snapshot;
    use crate::log::LogId;
    use serde_json::json;
    use uuid::Uuid;

    fn entry(title: &str, description: &str) -> LogEntry {
        LogEntry {
            log_id: LogId::from(Uuid::nil()),
            snapshot: Snapshot {
                title: title.to_owned(),
                url: "https://spaces.example/acme/contoso".to_owned(),
                description: description.to_owned(),
                create_time: "2026-11-22T23:59:59Z".parse().unwrap(),
            },
            record_type: RecordType::Account,
            record_id: "001Sb000000001aIAA".to_owned(),
        }
    }

    #[test]
    fn a_log_becomes_a_closed_task_on_its_target() {
        let entry = entry("Contoso & partners", "Welcome!");
        assert_eq!(
            serde_json::to_value(task(&entry, "Done").unwrap()).unwrap(),
            json!({
                "Subject": "Space created: Contoso & partners",
                "Description": "https://spaces.example/acme/contoso\nCreated on 2026-11-22 (UTC)\n\nWelcome!",
                "Status": "Done",
                "Priority": "Normal",
                "ActivityDate": "2026-11-22",
                "WhatId": "001Sb000000001aIAA",
            })
        );
    }

    #[test]
    fn texts_are_kept_up_to_their_limit_and_cut_beyond() {
        let units = |text: &str| text.encode_utf16().count();
        let prefix = units("Space created: ");
        for filler in ["x", "é", "🚀"] {
            let room = (SUBJECT_MAX - prefix) / units(filler);
            let fits = entry(&filler.repeat(room), "");
            assert!(!task(&fits, "Done").unwrap().subject.ends_with('…'), "{filler}");
            let long = entry(&filler.repeat(room + 1), &filler.repeat(40_000));
            let task = task(&long, "Done").unwrap();
            for (text, max) in [(&task.subject, SUBJECT_MAX), (&task.description, DESCRIPTION_MAX)] {
                assert!(text.ends_with('…') && units(text) <= max && units(text) >= max - 1, "{filler}");
            }
        }
    }

    #[test]
    fn a_target_that_is_no_record_of_its_kind_is_refused() {
        let with = |record_type, record_id: &str| {
            let entry = LogEntry { record_type, record_id: record_id.to_owned(), ..entry("t", "") };
            task(&entry, "Done").is_ok()
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
    }

    #[test]
    fn the_link_opens_the_task_in_lightning() {
        let instance = "https://acme.my.salesforce.com/".parse().unwrap();
        assert_eq!(
            record_url(&instance, "00TSb000000001aIAA"),
            "https://acme.my.salesforce.com/lightning/r/Task/00TSb000000001aIAA/view"
        );
    }
}
