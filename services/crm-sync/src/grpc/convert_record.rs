//! Between the messages of RecordService and the service's own types.

use service_kit::address::EmailAddress;
use service_kit::validate::Violations;
use sharedspaces_proto::crmsync::v1 as pb;

use crate::connection::ConnectionId;
use crate::connectors::{CrmPerson, CrmRecord, PersonType};
use crate::record::{Found, Invitation, Match, Search};

/// Shortest and longest search, in characters.
const QUERY_MIN: usize = 2;
const QUERY_MAX: usize = 100;
/// The most addresses of one call.
const ADDRESSES_MAX: usize = 100;

fn search(connection_id: &str, query: &str) -> Result<Search, Violations> {
    let mut check = Violations::default();
    let connection_id = optional_connection(&mut check, connection_id);
    let query = check.line("query", query, QUERY_MIN, QUERY_MAX);
    check.into_result()?;
    Ok(Search { connection_id, query })
}

fn optional_connection(check: &mut Violations, connection_id: &str) -> Option<ConnectionId> {
    (!connection_id.is_empty()).then(|| check.id("connection_id", connection_id))
}

fn addresses(check: &mut Violations, given: &[String]) -> Vec<String> {
    if given.is_empty() || given.len() > ADDRESSES_MAX {
        check.add("email_addresses", format!("must have 1 to {ADDRESSES_MAX} entries, has {}", given.len()));
    }
    let read = |(index, address): (usize, &String)| {
        EmailAddress::read(check, &format!("email_addresses[{index}]"), address).as_str().to_owned()
    };
    given.iter().enumerate().take(ADDRESSES_MAX).map(read).collect()
}

impl TryFrom<pb::SearchAccountsRequest> for Search {
    type Error = Violations;

    fn try_from(request: pb::SearchAccountsRequest) -> Result<Self, Violations> {
        search(&request.connection_id, &request.query)
    }
}

impl TryFrom<pb::SearchOpportunitiesRequest> for Search {
    type Error = Violations;

    fn try_from(request: pb::SearchOpportunitiesRequest) -> Result<Self, Violations> {
        search(&request.connection_id, &request.query)
    }
}

impl TryFrom<pb::SearchPeopleRequest> for Search {
    type Error = Violations;

    fn try_from(request: pb::SearchPeopleRequest) -> Result<Self, Violations> {
        search(&request.connection_id, &request.query)
    }
}

impl TryFrom<pb::MatchAddressesRequest> for Match {
    type Error = Violations;

    fn try_from(request: pb::MatchAddressesRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let connection_id = check.id("connection_id", &request.connection_id);
        let addresses = addresses(&mut check, &request.email_addresses);
        check.into_result()?;
        Ok(Self { connection_id, addresses, given: request.email_addresses })
    }
}

impl TryFrom<pb::CheckInvitationRequest> for Invitation {
    type Error = Violations;

    fn try_from(request: pb::CheckInvitationRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let organization_id = check.id("organization_id", &request.organization_id);
        let space_id = check.id("space_id", &request.space_id);
        let connection_id = optional_connection(&mut check, &request.connection_id);
        let addresses = addresses(&mut check, &request.email_addresses);
        check.into_result()?;
        Ok(Self { organization_id, space_id, connection_id, addresses, given: request.email_addresses })
    }
}

/// Names where a record was found.
pub(super) fn crm_record(found: Found<CrmRecord>) -> pb::CrmRecord {
    pb::CrmRecord {
        record_id: found.record.record_id,
        display_name: found.record.display_name,
        connection_id: found.connection_id.to_string(),
        detail: found.record.detail,
    }
}

/// Names where a person was found.
pub(super) fn crm_person(connection_id: ConnectionId, person: CrmPerson) -> pb::CrmPerson {
    let person_type = match person.person_type {
        PersonType::Contact => pb::CrmPersonType::Contact,
        PersonType::Lead => pb::CrmPersonType::Lead,
    };
    pb::CrmPerson {
        record_id: person.record_id,
        person_type: person_type.into(),
        display_name: person.display_name,
        email_address: person.email_address,
        connection_id: connection_id.to_string(),
        company: person.company,
    }
}

/// Puts what was found beside the addresses as they were given.
pub(super) fn matches(of: Match, found: Vec<Vec<CrmPerson>>) -> Vec<pb::AddressMatch> {
    let connection_id = of.connection_id;
    let pair = |(email_address, people): (String, Vec<CrmPerson>)| pb::AddressMatch {
        email_address,
        people: people.into_iter().map(|person| crm_person(connection_id, person)).collect(),
    };
    of.given.into_iter().zip(found).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_takes_2_to_100_characters_in_one_connection_or_all() {
        let taken = |connection_id: &str, query: &str| search(connection_id, query).is_ok();
        let id = uuid::Uuid::nil().to_string();
        assert!(taken(&id, "ab") && taken("", &"é".repeat(100)));
        assert!(!taken("", "a") && !taken("", " a ") && !taken("", &"é".repeat(101)) && !taken("", "a\0b"));
        assert!(!taken("x", "ab"));
    }

    #[test]
    fn one_to_a_hundred_addresses_are_matched_and_a_bad_one_is_named() {
        let with = |addresses: Vec<String>| {
            let connection_id = uuid::Uuid::nil().to_string();
            Match::try_from(pb::MatchAddressesRequest { connection_id, email_addresses: addresses })
        };
        let many = |count: usize| (0..count).map(|n| format!("a{n}@x.test")).collect::<Vec<_>>();
        assert!(with(many(1)).is_ok() && with(many(100)).is_ok());
        assert!(with(many(0)).is_err() && with(many(101)).is_err());
        let refused = with(vec!["a@x.test".to_owned(), "nonsense".to_owned()]).unwrap_err();
        assert_eq!(refused.iter().next().unwrap().field, "email_addresses[1]");
    }
}
