//! Owns the records the tenant starts with: the made-up companies, deals and people in its words.

use serde_json::{Value, json};

use crate::people::{COMPANIES, DEALS, PEOPLE, PROSPECTS, numbered};
use crate::shelf::{Change, Row};

const BEGINNING: &str = "2026-01-05T08:00:00.000Z";

/// The user that calls.
pub(super) const CALLER: &str = "00000005-0000-4000-8000-000000000001";

fn id(kind: u32, number: u64) -> String {
    format!("{kind:08x}-0000-4000-8000-{number:012x}")
}

/// Makes the records.
pub(super) fn records() -> Vec<Change> {
    let mut records = Vec::new();
    let mut add = |collection: &str, kind: u32, number: u64, fields: &Value| {
        let mut row: Row = fields.as_object().cloned().unwrap_or_default();
        let id = id(kind, number);
        row.insert("id".to_owned(), json!(id));
        row.insert("displayId".to_owned(), json!(format!("{}", u64::from(kind) * 1000 + number)));
        row.insert("adminData".to_owned(), json!({"createdOn": BEGINNING, "updatedOn": BEGINNING}));
        records.push(Change::put(collection, &id, row));
    };
    for (number, company) in numbered(COMPANIES) {
        let fields =
            json!({"formattedName": company.name, "city": company.city, "industry": company.industry});
        add("accounts", 1, number, &fields);
    }
    let account = |number: u64| {
        let company = COMPANIES.iter().zip(1..).find(|(_, place)| *place == number);
        json!({"id": id(1, number), "name": company.map(|(company, _)| company.name)})
    };
    for (number, deal) in numbered(DEALS) {
        let status = match deal.stage {
            "Closed Won" => "WON",
            "Closed Lost" => "LOST",
            _open => "OPEN",
        };
        let fields = json!({"name": deal.name, "phase": deal.stage, "status": status,
            "closeDate": format!("{}T00:00:00Z", deal.close), "account": account(deal.company)});
        add("opportunities", 2, number, &fields);
    }
    for (number, person) in numbered(PEOPLE) {
        let fields = json!({"formattedName": format!("{} {}", person.first, person.last),
            "givenName": person.first, "familyName": person.last, "eMail": person.email,
            "jobTitle": person.title, "account": account(person.company)});
        add("contactPersons", 3, number, &fields);
    }
    for (number, lead) in numbered(PROSPECTS) {
        let fields = json!({"name": format!("{} asks", lead.company), "companyName": lead.company,
            "givenName": lead.first, "familyName": lead.last, "eMail": lead.email,
            "status": if lead.converted { "CONVERTED" } else { "OPEN" }});
        add("leads", 4, number, &fields);
    }
    records
}
