//! Owns the records the org starts with: made-up companies, deals and people.
//!
//! The same at every start, so that scripts and links can rely on them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ids::to_18;
use super::schema::TASK_STATUSES;

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

const ACCOUNTS: &[(&str, &str, &str)] = &[
    ("Contoso Ltd", "Manufacturing", "Leeds"),
    ("Contoso Retail", "Retail", "York"),
    ("O'Hara & Sons", "Construction", "Cork"),
    ("Northwind Traders", "Wholesale", "Bristol"),
    ("Fabrikam", "Electronics", "Ghent"),
    ("Müller Maschinenbau", "Manufacturing", "Ulm"),
    ("Société Lumière", "Energy", "Lyon"),
    ("100% Organic", "Food", "Bath"),
    ("Under_Score Media", "Media", "Dublin"),
    ("Back\\Slash Labs", "Research", "Delft"),
    ("Tailspin Toys", "Retail", "Basel"),
    ("Wide World Importers", "Logistics", "Hull"),
];

/// Name, number of the account, stage, amount, close date.
const OPPORTUNITIES: &[(&str, u64, &str, u32, &str)] = &[
    ("Contoso renewal 2027", 1, "Negotiation", 84_000, "2027-01-31"),
    ("Contoso new plant", 1, "Qualification", 410_000, "2027-06-30"),
    ("Contoso Retail tills", 2, "Proposal", 56_500, "2027-02-28"),
    ("O'Hara site offices", 3, "Proposal", 23_000, "2027-03-15"),
    ("Northwind pilot", 4, "Closed Won", 12_000, "2026-05-01"),
    ("Fabrikam sensors", 5, "Qualification", 77_700, "2027-04-30"),
    ("Müller Wartung", 6, "Negotiation", 31_000, "2027-02-01"),
    ("Tailspin spring range", 11, "Closed Lost", 9_000, "2026-03-31"),
];

/// First name, last name, address, title, number of the account.
const CONTACTS: &[(&str, &str, &str, &str, u64)] = &[
    ("Nora", "Field", "nora.field@contoso.test", "Head of Purchasing", 1),
    ("Owen", "Pike", "owen.pike@contoso.test", "Plant Manager", 1),
    ("Rita", "Moss", "rita.moss@contoso-retail.test", "Store Operations", 2),
    ("Sean", "O'Hara", "sean@ohara.test", "Partner", 3),
    ("Tess", "North", "tess.north@northwind.test", "Buyer", 4),
    ("Femke", "Maes", "femke.maes@fabrikam.test", "Engineer", 5),
    ("Jürgen", "Müller", "juergen.mueller@mueller.test", "Geschäftsführer", 6),
    ("Luc", "Lumière", "luc@lumiere.test", "Directeur", 7),
    ("Pat", "Double", "pat.double@tailspin.test", "Buyer", 11),
    ("Patricia", "Double", "pat.double@tailspin.test", "Accounts", 11),
];

/// First name, last name, address, company, whether converted.
const LEADS: &[(&str, &str, &str, &str, bool)] = &[
    ("Lena", "Brook", "lena.brook@brookside.test", "Brookside Clinics", false),
    ("Max", "Vale", "max.vale@valley.test", "Valley Foods", false),
    ("Ines", "Roca", "ines.roca@roca.test", "Roca Estudio", false),
    ("Nora", "Field", "nora.field@contoso.test", "Contoso Ltd", true),
    ("Ugo", "Ferri", "ugo.ferri@ferri.test", "Ferri Legno", false),
];

/// Makes the records, in the order of their ids within each object.
pub(super) fn records() -> Vec<Record> {
    let mut records = Vec::new();
    for (number, (name, industry, city)) in numbered(ACCOUNTS) {
        records.push(record(
            "Account",
            "001",
            number,
            &json!({"Name": name, "Industry": industry, "BillingCity": city}),
        ));
    }
    for (number, (name, account, stage, amount, close)) in numbered(OPPORTUNITIES) {
        let account = record_id("001", *account);
        let fields = json!({"Name": name, "AccountId": account, "StageName": stage, "Amount": amount,
            "CloseDate": close, "IsClosed": stage.starts_with("Closed")});
        records.push(record("Opportunity", "006", number, &fields));
    }
    for (number, (first, last, email, title, account)) in numbered(CONTACTS) {
        let fields = json!({"Name": format!("{first} {last}"), "FirstName": first, "LastName": last,
            "Email": email, "Title": title, "AccountId": record_id("001", *account)});
        records.push(record("Contact", "003", number, &fields));
    }
    for (number, (first, last, email, company, converted)) in numbered(LEADS) {
        let status = if *converted { "Converted" } else { "Working" };
        let fields = json!({"Name": format!("{first} {last}"), "FirstName": first, "LastName": last,
            "Email": email, "Company": company, "Status": status, "IsConverted": converted});
        records.push(record("Lead", "00Q", number, &fields));
    }
    for (number, (name, closed)) in numbered(TASK_STATUSES) {
        let fields = json!({"ApiName": name, "MasterLabel": name, "IsClosed": closed,
            "IsDefault": number == 1, "SortOrder": number});
        records.push(record("TaskStatus", "01J", number, &fields));
    }
    records
}

fn numbered<T>(rows: &[T]) -> impl Iterator<Item = (u64, &T)> {
    (1..).zip(rows)
}

fn record(object: &str, prefix: &str, number: u64, fields: &Value) -> Record {
    let mut fields: BTreeMap<String, Value> =
        fields.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect();
    fields.insert("Id".to_owned(), Value::String(record_id(prefix, number)));
    Record { object: object.to_owned(), fields }
}
