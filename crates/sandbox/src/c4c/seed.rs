//! Owns the records the tenant starts with: the made-up companies, deals and people in its words.

use serde_json::{Value, json};

use crate::people::{COMPANIES, DEALS, PEOPLE, PROSPECTS, numbered};
use crate::shelf::{Change, Row};

const BEGINNING: &str = "2026-01-05T08:00:00.000Z";

/// The id of the `number`th record of a kind: 32 hexadecimal digits.
fn object_id(kind: u32, number: u64) -> String {
    format!("{kind:08X}{number:024X}")
}

/// The same as a UUID.
pub(super) fn uuid(object_id: &str) -> String {
    let part = |from: usize, to: usize| object_id.get(from..to).unwrap_or_default().to_lowercase();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

fn account_id(number: u64) -> String {
    format!("{}", 1_000_000 + number)
}

/// Makes the records.
pub(super) fn records() -> Vec<Change> {
    let mut records = Vec::new();
    let mut add = |set: &str, kind: u32, number: u64, fields: &Value| {
        let mut row: Row = fields.as_object().cloned().unwrap_or_default();
        let id = object_id(kind, number);
        row.insert("UUID".to_owned(), json!(uuid(&id)));
        row.insert("ObjectID".to_owned(), json!(id));
        for name in ["CreationDateTime", "EntityLastChangedOn", "ETag"] {
            row.insert(name.to_owned(), json!(BEGINNING));
        }
        records.push(Change::put(set, &id, row));
    };
    for (number, company) in numbered(COMPANIES) {
        let fields = json!({"AccountID": account_id(number), "Name": company.name, "City": company.city,
            "StatusCode": "2"});
        add("CorporateAccountCollection", 1, number, &fields);
    }
    for (number, deal) in numbered(DEALS) {
        let company = COMPANIES.iter().zip(1..).find(|(_, place)| *place == deal.company);
        let status = match deal.stage {
            "Closed Won" => "4",
            "Closed Lost" => "5",
            _open => "2",
        };
        let fields = json!({"ID": format!("{}", 3000 + number), "Name": deal.name,
            "ProspectPartyID": account_id(deal.company),
            "ProspectPartyName": company.map(|(company, _)| company.name),
            "LifeCycleStatusCode": status, "ExpectedRevenueAmount": format!("{}.00", deal.amount),
            "ExpectedProcessingEndDate": format!("{}T00:00:00Z", deal.close)});
        add("OpportunityCollection", 2, number, &fields);
    }
    for (number, person) in numbered(PEOPLE) {
        let company = COMPANIES.iter().zip(1..).find(|(_, place)| *place == person.company);
        let fields = json!({"ContactID": format!("{}", 2_000_000 + number),
            "Name": format!("{} {}", person.first, person.last), "FirstName": person.first,
            "LastName": person.last, "Email": person.email, "JobTitle": person.title,
            "AccountID": account_id(person.company),
            "AccountFormattedName": company.map(|(company, _)| company.name), "StatusCode": "2"});
        add("ContactCollection", 3, number, &fields);
    }
    for (number, lead) in numbered(PROSPECTS) {
        let fields = json!({"ID": format!("{}", 4000 + number),
            "Name": format!("{} asks", lead.company), "Company": lead.company,
            "ContactFirstName": lead.first, "ContactLastName": lead.last, "ContactEMail": lead.email,
            "UserStatusCode": if lead.converted { "04" } else { "02" }});
        add("LeadCollection", 4, number, &fields);
    }
    records
}
