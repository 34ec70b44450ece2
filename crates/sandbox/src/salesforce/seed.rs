//! Owns the records the org starts with: the made-up companies, deals and people in its words.
//!
//! The same at every start, so that scripts and links can rely on them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ids::to_18;
use super::schema::TASK_STATUSES;
use crate::people::{COMPANIES, DEALS, PEOPLE, PROSPECTS, numbered};

/// A record: its object and its fields, the id among them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) object: String,
    pub(super) fields: BTreeMap<String, Value>,
}

impl Record {
    /// The 18-character id.
    pub(super) fn id(&self) -> &str {
        self.text("Id").unwrap_or_default()
    }

    /// A field's value; null where there is none.
    pub(super) fn value(&self, name: &str) -> &Value {
        self.fields.get(name).unwrap_or(&Value::Null)
    }

    /// A field's text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    /// The field set, for sending.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.value(name) == &Value::Bool(true)
    }
}

/// The id of the `number`th record whose ids start with `prefix`.
pub(super) fn record_id(prefix: &str, number: u64) -> String {
    to_18(&format!("{prefix}Sb{number:09}a"))
}

/// Makes the records, in the order of their ids within each object.
pub(super) fn records() -> Vec<Record> {
    let mut records = Vec::new();
    for (number, company) in numbered(COMPANIES) {
        let fields = json!({"Name": company.name, "Industry": company.industry, "BillingCity": company.city});
        records.push(record("Account", "001", number, &fields));
    }
    for (number, deal) in numbered(DEALS) {
        let fields = json!({"Name": deal.name, "AccountId": record_id("001", deal.company),
            "StageName": deal.stage, "Amount": deal.amount, "CloseDate": deal.close,
            "IsClosed": deal.stage.starts_with("Closed")});
        records.push(record("Opportunity", "006", number, &fields));
    }
    for (number, person) in numbered(PEOPLE) {
        let fields = json!({"Name": format!("{} {}", person.first, person.last), "FirstName": person.first,
            "LastName": person.last, "Email": person.email, "Title": person.title,
            "AccountId": record_id("001", person.company)});
        records.push(record("Contact", "003", number, &fields));
    }
    for (number, lead) in numbered(PROSPECTS) {
        let status = if lead.converted { "Converted" } else { "Working" };
        let fields = json!({"Name": format!("{} {}", lead.first, lead.last), "FirstName": lead.first,
            "LastName": lead.last, "Email": lead.email, "Company": lead.company, "Status": status,
            "IsConverted": lead.converted});
        records.push(record("Lead", "00Q", number, &fields));
    }
    for (number, (name, closed)) in numbered(TASK_STATUSES) {
        let fields = json!({"ApiName": name, "MasterLabel": name, "IsClosed": closed,
            "IsDefault": number == 1, "SortOrder": number});
        records.push(record("TaskStatus", "01J", number, &fields));
    }
    records
}

fn record(object: &str, prefix: &str, number: u64, fields: &Value) -> Record {
    let mut fields: BTreeMap<String, Value> =
        fields.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect();
    fields.insert("Id".to_owned(), Value::String(record_id(prefix, number)));
    Record { object: object.to_owned(), fields }
}
