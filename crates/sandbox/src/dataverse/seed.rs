//! Owns the records the environment starts with: the made-up companies, deals and people in its words.

use serde_json::{Value, json};

use super::schema::by_logical;
use crate::people::{COMPANIES, DEALS, PEOPLE, PROSPECTS, numbered};
use crate::shelf::{Change, Row};

/// The user that client credentials act as.
pub(super) const APP_USER: &str = "00000005-0000-4000-8000-000000000001";
/// The person who signs in.
pub(super) const ADMIN: &str = "00000005-0000-4000-8000-000000000002";
/// The organisation.
pub(super) const ORGANIZATION: &str = "0000000a-0000-4000-8000-000000000001";
/// Its business unit.
pub(super) const BUSINESS_UNIT: &str = "0000000b-0000-4000-8000-000000000001";

const BEGINNING: &str = "2026-01-05T08:00:00Z";

fn id(kind: u32, number: u64) -> String {
    format!("{kind:08x}-0000-4000-8000-{number:012x}")
}

/// Makes the records.
pub(super) fn records() -> Vec<Change> {
    let mut records = Vec::new();
    let mut add = |logical: &str, id: &str, fields: &Value| {
        let Some((entity, fields)) = by_logical(logical).zip(fields.as_object()) else { return };
        let mut row: Row = fields.clone();
        row.insert(entity.key.to_owned(), json!(id));
        for (name, value) in [
            ("statecode", json!(0)),
            ("statuscode", json!(1)),
            ("createdon", json!(BEGINNING)),
            ("modifiedon", json!(BEGINNING)),
            ("versionnumber", json!(1000)),
            ("_ownerid_value", json!(ADMIN)),
            ("@ownerid", json!("systemuser")),
        ] {
            row.entry(name).or_insert(value);
        }
        records.push(Change::put(entity.set, id, row));
    };
    add(
        "systemuser",
        APP_USER,
        &json!({"fullname": "# Shared Spaces", "domainname": "sharedspaces@acme.test",
            "applicationid": super::CLIENT_ID, "isdisabled": false}),
    );
    add(
        "systemuser",
        ADMIN,
        &json!({"fullname": "Ada Admin", "domainname": super::USER_NAME,
            "internalemailaddress": super::USER_NAME, "isdisabled": false}),
    );
    for (number, company) in numbered(COMPANIES) {
        let fields = json!({"name": company.name, "accountnumber": format!("A-{number:04}"),
            "address1_city": company.city});
        add("account", &id(1, number), &fields);
    }
    for (number, deal) in numbered(DEALS) {
        let state = match deal.stage {
            "Closed Won" => 1,
            "Closed Lost" => 2,
            _open => 0,
        };
        let account = id(1, deal.company);
        let fields = json!({"name": deal.name, "stepname": deal.stage, "estimatedvalue": deal.amount,
            "estimatedclosedate": deal.close, "statecode": state, "_parentaccountid_value": account,
            "@parentaccountid": "account", "_customerid_value": account, "@customerid": "account"});
        add("opportunity", &id(2, number), &fields);
    }
    for (number, person) in numbered(PEOPLE) {
        let fields = json!({"fullname": format!("{} {}", person.first, person.last),
            "firstname": person.first, "lastname": person.last, "emailaddress1": person.email,
            "jobtitle": person.title, "_parentcustomerid_value": id(1, person.company),
            "@parentcustomerid": "account"});
        add("contact", &id(3, number), &fields);
    }
    for (number, lead) in numbered(PROSPECTS) {
        let (state, status) = if lead.converted { (1, 3) } else { (0, 1) };
        let contact = PEOPLE.iter().position(|person| person.email == lead.email);
        let contact = contact.and_then(|place| u64::try_from(place + 1).ok()).filter(|_| lead.converted);
        let fields = json!({"fullname": format!("{} {}", lead.first, lead.last), "firstname": lead.first,
            "lastname": lead.last, "emailaddress1": lead.email, "companyname": lead.company,
            "subject": format!("{} asks", lead.company), "statecode": state, "statuscode": status,
            "_parentcontactid_value": contact.map(|number| id(3, number)),
            "@parentcontactid": contact.map(|_| "contact")});
        add("lead", &id(4, number), &fields);
    }
    records
}
