//! What every connector promises of searching: what people type means itself.

use super::crm::Crm;
use crate::connectors::{CrmPerson, PersonType, Provider};

const HOSTILE: &[&str] = &[
    "' OR Name LIKE '%",
    "' or name ne '",
    "') or (name ne '",
    "\\",
    "x\\' OR Name != '",
    "%27",
    "%27 OR 1=1",
    "**",
    "Con*oso",
    "%o%",
    "o_t",
    "[a-z]o",
    "O\u{2019}Hara",
    "&$top=100",
    "#",
    "a\"]) or true",
    "\r\nx",
];

pub(super) async fn it_finds_parts_of_names_and_takes_hostile_text_literally(crm: Crm) {
    let session = crm.session().await;
    let names = async |query: &str| -> Vec<String> {
        let found = crm.connector.search_accounts(&session, query).await.unwrap();
        let mut names: Vec<String> = found.into_iter().map(|record| record.display_name).collect();
        names.sort();
        names
    };
    for (query, expected) in [
        ("contoso", vec!["Contoso Ltd", "Contoso Retail"]),
        ("O'Hara", vec!["O'Hara & Sons"]),
        ("100%", vec!["100% Organic"]),
        ("_Score", vec!["Under_Score Media"]),
        ("Back\\Slash", vec!["Back\\Slash Labs"]),
        ("Müller", vec!["Müller Maschinenbau"]),
        ("ra & S", vec!["O'Hara & Sons"]),
    ] {
        assert_eq!(names(query).await, expected, "{query}");
    }
    let long = "x".repeat(100);
    for query in HOSTILE.iter().chain([&long.as_str()]) {
        let literal = |name: &String| name.to_lowercase().contains(&query.to_lowercase());
        let found = names(query).await;
        assert!(found.iter().all(literal), "{query}: {found:?}");
        let found = crm.connector.search_opportunities(&session, query).await.unwrap();
        assert!(found.iter().all(|record| literal(&record.display_name)), "{query}: {found:?}");
        let found = crm.connector.search_people(&session, query).await.unwrap();
        let is_literal = |person: &CrmPerson| literal(&person.display_name) || literal(&person.email_address);
        assert!(found.iter().all(is_literal), "{query}: {found:?}");
    }
    let deals = crm.connector.search_opportunities(&session, "contoso").await.unwrap();
    assert_eq!(deals.len(), 3, "{deals:?}");
    assert!(deals.iter().any(|deal| deal.display_name == "Contoso renewal 2027"), "{deals:?}");
}

pub(super) async fn it_finds_people_contacts_first(crm: Crm) {
    let session = crm.session().await;
    let shown = async |query: &str| -> Vec<(PersonType, String)> {
        let found = crm.connector.search_people(&session, query).await.unwrap();
        found.into_iter().map(|person| (person.person_type, person.display_name)).collect()
    };
    let one = |person_type, name: &str| vec![(person_type, name.to_owned())];
    assert_eq!(shown("Owen Pike").await, one(PersonType::Contact, "Owen Pike"));
    assert_eq!(shown("Lena Brook").await, one(PersonType::Lead, "Lena Brook"));
    assert_eq!(shown("O'Hara").await, one(PersonType::Contact, "Sean O'Hara"));
    assert_eq!(shown("max.vale@").await, one(PersonType::Lead, "Max Vale"));
    // Her lead is converted: she is a contact now.
    assert_eq!(shown("Nora Field").await, one(PersonType::Contact, "Nora Field"));
    let both = shown("ma").await;
    let first_lead = both.iter().position(|(person_type, _)| *person_type == PersonType::Lead);
    let last_contact = both.iter().rposition(|(person_type, _)| *person_type == PersonType::Contact);
    if let (Some(lead), Some(contact)) = (first_lead, last_contact) {
        assert!(contact < lead, "{both:?}");
    }
}

pub(super) async fn it_matches_addresses_whole_and_contacts_before_leads(crm: Crm) {
    let session = crm.session().await;
    let asked = [
        "nora.field@contoso.test",
        "LENA.brook@brookside.test",
        "pat.double@tailspin.test",
        "nobody@x.test",
        "_ean@ohara.test",
        "*@ohara.test",
        "%",
        "o'hara' or '1' eq '1@x.test",
        "sean@ohara.test",
        "ean@ohara.test",
    ];
    let mut asked: Vec<String> = asked.map(str::to_owned).to_vec();
    asked.extend((0..90).map(|number| format!("nobody-{number}@{}.test", "x".repeat(60))));
    let matches = crm.connector.match_addresses(&session, &asked).await.unwrap();
    assert_eq!(matches.len(), 100);
    let shown: Vec<Vec<(PersonType, &str)>> = matches
        .iter()
        .map(|people| people.iter().map(|one| (one.person_type, one.display_name.as_str())).collect())
        .collect();
    assert_eq!(shown[0], [(PersonType::Contact, "Nora Field")]);
    assert_eq!(shown[1], [(PersonType::Lead, "Lena Brook")]);
    let mut double = shown[2].clone();
    double.sort_by_key(|(_, name)| *name);
    assert_eq!(double, [(PersonType::Contact, "Pat Double"), (PersonType::Contact, "Patricia Double")]);
    assert_eq!(shown[8], [(PersonType::Contact, "Sean O'Hara")]);
    for nobody in [3, 4, 5, 6, 7, 9, 50, 99] {
        assert!(shown[nobody].is_empty(), "{}: {:?}", asked[nobody], shown[nobody]);
    }
    let companies: Vec<_> = matches[0].iter().map(|person| person.company.as_str()).collect();
    // Only a reference's name tells it in Sales Cloud V2, and the look-alike has it too.
    assert_eq!(companies, ["Contoso Ltd"], "{:?}", Provider::as_str(crm.provider));
    assert!(crm.connector.match_addresses(&session, &[]).await.unwrap().is_empty());
}
