//! Whom an invitation's log is on. Pure.
//!
//! Owns the choice among the people of an address, and what the log says of it: nobody is there to be asked when the log is
//! written, so that of several the first in the CRM's order is taken, and named as such.

use crate::connectors::{CrmPerson, PersonRef};

/// Whom a log is on, and what it says of how they were found.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Matched {
    pub(crate) people: Vec<PersonRef>,
    pub(crate) note: String,
}

/// Chooses one person of each address: a Contact before a Lead, then the first. Nobody is taken twice.
pub(crate) fn choose(addresses: &[String], found: Vec<Vec<CrmPerson>>) -> Matched {
    let mut people: Vec<PersonRef> = Vec::new();
    let mut lines = Vec::new();
    for (address, candidates) in addresses.iter().zip(found) {
        let count = candidates.len();
        let Some(best) = candidates.into_iter().next() else {
            lines.push(format!("{address}: neither a Contact nor a Lead of the CRM"));
            continue;
        };
        if count > 1 {
            lines.push(format!(
                "{address}: {count} records of the CRM have this address; logged on {}",
                best.display_name
            ));
        }
        let person = PersonRef {
            person_type: best.person_type,
            record_id: best.record_id,
            display_name: best.display_name,
        };
        if people.iter().all(|known| known.record_id != person.record_id) {
            people.push(person);
        }
    }
    Matched { people, note: lines.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::PersonType;

    fn person(person_type: PersonType, record_id: &str) -> CrmPerson {
        CrmPerson {
            person_type,
            record_id: record_id.to_owned(),
            display_name: format!("Name of {record_id}"),
            email_address: String::new(),
            company: String::new(),
        }
    }

    #[test]
    fn of_several_the_first_is_taken_and_named_and_strangers_are_told() {
        let addresses = ["a@x", "b@x", "c@x", "d@x"].map(str::to_owned);
        let found = vec![
            vec![person(PersonType::Contact, "1"), person(PersonType::Lead, "2")],
            vec![],
            vec![person(PersonType::Lead, "3")],
            vec![person(PersonType::Contact, "1")],
        ];
        let matched = choose(&addresses, found);
        let ids: Vec<&str> = matched.people.iter().map(|person| person.record_id.as_str()).collect();
        assert_eq!(ids, ["1", "3"]);
        assert_eq!(
            matched.note,
            "a@x: 2 records of the CRM have this address; logged on Name of 1\nb@x: neither a Contact nor a Lead of \
             the CRM"
        );
    }
}
