//! Choosing a record of a CRM: a search by a button, which the script does while somebody types.
//!
//! Owns the fields of such a choice within a form: `<name>_query`, `<name>_connection`, the button `<name>_find`, and the
//! record that is chosen, `<name>`.

use axum::extract::Query;
use axum::response::Response;
use serde::Deserialize;
use sharedspaces_proto::crmsync::v1 as crm;
use sharedspaces_proto::spaces::v1 as pb;
use tonic::Status;
use url::form_urlencoded;

use super::{Known, known, words};
use crate::failure::Failure;
use crate::form::Filled;
use crate::frame::{fill, render};
use crate::texts::Texts;
use crate::visitor::Me;

const QUERY_MIN: usize = 2;
const QUERY_MAX: usize = 100;

/// A record as a form carries it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Chosen {
    connection_id: String,
    /// `account`, `opportunity`, `contact` or `lead`.
    kind: String,
    record_id: String,
    name: String,
}

impl Chosen {
    fn read(value: &str) -> Option<Self> {
        let mut chosen = Self::default();
        for (key, value) in form_urlencoded::parse(value.as_bytes()) {
            match key.as_ref() {
                "in" => chosen.connection_id = value.into_owned(),
                "kind" => chosen.kind = value.into_owned(),
                "id" => chosen.record_id = value.into_owned(),
                "name" => chosen.name = value.into_owned(),
                _ => {}
            }
        }
        (!chosen.record_id.is_empty()).then_some(chosen)
    }

    /// The connection of the record that a field has.
    pub(crate) fn read_connection(value: &str) -> Option<String> {
        Self::read(value).map(|chosen| chosen.connection_id)
    }

    pub(crate) fn connection(&self) -> &str {
        &self.connection_id
    }

    fn value(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("in", &self.connection_id)
            .append_pair("kind", &self.kind)
            .append_pair("id", &self.record_id)
            .append_pair("name", &self.name)
            .finish()
    }

    /// The link of a space, as the choice that is there already.
    pub(crate) fn of_target(target: &pb::CrmTarget) -> Self {
        let kind =
            if target.record_type() == pb::CrmRecordType::Opportunity { "opportunity" } else { "account" };
        Self {
            connection_id: target.connection_id.clone(),
            kind: kind.to_owned(),
            record_id: target.record_id.clone(),
            name: target.record_name.clone(),
        }
    }

    pub(crate) fn into_target(self) -> pb::CrmTarget {
        let is_opportunity = self.kind == "opportunity";
        let record_type =
            if is_opportunity { pb::CrmRecordType::Opportunity } else { pb::CrmRecordType::Account };
        pb::CrmTarget {
            connection_id: self.connection_id,
            record_type: record_type.into(),
            record_id: self.record_id,
            record_name: self.name,
        }
    }

    fn into_person(self) -> crm::LogPerson {
        let person_type =
            if self.kind == "lead" { crm::CrmPersonType::Lead } else { crm::CrmPersonType::Contact };
        crm::LogPerson { person_type: person_type.into(), record_id: self.record_id, display_name: self.name }
    }
}

/// Something to choose.
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) label: String,
    pub(crate) detail: String,
    pub(crate) is_chosen: bool,
    /// The address of somebody who can be invited; empty where that is not asked.
    pub(crate) email_address: String,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sought {
    /// One Account or Opportunity.
    Record,
    /// One Contact or Lead, or nobody.
    Person,
    /// Contacts and Leads to invite.
    Recipients,
}

/// A choice within a form.
pub(crate) struct Pick {
    pub(crate) name: String,
    pub(crate) sought: Sought,
    pub(crate) query: String,
    pub(crate) connection: String,
    pub(crate) connections: Vec<(String, String)>,
    pub(crate) choices: Vec<Choice>,
    pub(crate) found_nothing: String,
    pub(crate) error: String,
}

impl Pick {
    pub(crate) fn legend(&self, t: &'static Texts) -> &'static str {
        match self.sought {
            Sought::Record => t.crm.find_record,
            Sought::Person => t.crm.find_person_optional,
            Sought::Recipients => t.crm.find_person,
        }
    }

    pub(crate) fn hint(&self, t: &'static Texts) -> &'static str {
        if self.sought == Sought::Record { t.crm.find_hint } else { t.crm.find_person_hint }
    }

    /// Where the script finds what to show.
    pub(crate) fn source(&self) -> &'static str {
        if self.sought == Sought::Record { "/app/crm/records" } else { "/app/crm/people" }
    }

    pub(crate) fn is_optional(&self) -> bool {
        self.sought == Sought::Person
    }

    pub(crate) fn is_for_recipients(&self) -> bool {
        self.sought == Sought::Recipients
    }

    pub(crate) fn has_chosen(&self) -> bool {
        self.choices.iter().any(|choice| choice.is_chosen)
    }
}

fn kind_name(t: &'static Texts, kind: &str) -> &'static str {
    match kind {
        "opportunity" => t.crm.opportunity,
        "contact" => t.crm.contact,
        "lead" => t.crm.lead,
        _ => t.crm.account,
    }
}

/// What is found, and what tells one from another.
type Found = (Chosen, String, String);

async fn find_records(me: &Me, (connection_id, query): (String, String)) -> Result<Vec<Found>, Status> {
    let request = crm::SearchAccountsRequest { connection_id: connection_id.clone(), query: query.clone() };
    let (mut client, mut other) = (me.web().api.records(), me.web().api.records());
    let (accounts, opportunities) = tokio::join!(
        client.search_accounts(me.ask(request)),
        other.search_opportunities(me.ask(crm::SearchOpportunitiesRequest { connection_id, query }))
    );
    let found = |kind: &str, record: crm::CrmRecord| {
        let chosen = Chosen {
            connection_id: record.connection_id,
            kind: kind.to_owned(),
            record_id: record.record_id,
            name: record.display_name,
        };
        (chosen, record.detail, String::new())
    };
    match (accounts, opportunities) {
        (Err(status), Err(_)) => Err(status),
        // A CRM without opportunities has accounts all the same.
        (accounts, opportunities) => {
            let accounts = accounts.map(|of| of.into_inner().accounts).unwrap_or_default();
            let opportunities = opportunities.map(|of| of.into_inner().opportunities).unwrap_or_default();
            let accounts = accounts.into_iter().map(|of| found("account", of));
            Ok(accounts.chain(opportunities.into_iter().map(|of| found("opportunity", of))).collect())
        }
    }
}

async fn find_people(me: &Me, (connection_id, query): (String, String)) -> Result<Vec<Found>, Status> {
    let request = crm::SearchPeopleRequest { connection_id, query };
    let found = me.web().api.records().search_people(me.ask(request)).await?.into_inner();
    let person = |of: crm::CrmPerson| {
        let kind = if of.person_type() == crm::CrmPersonType::Lead { "lead" } else { "contact" };
        let chosen = Chosen {
            connection_id: of.connection_id,
            kind: kind.to_owned(),
            record_id: of.record_id,
            name: of.display_name,
        };
        (chosen, of.company, of.email_address)
    };
    Ok(found.people.into_iter().map(person).collect())
}

/// Fills a choice: with what a form has chosen, else with `usual`, and with what is found for what it asks.
pub(crate) async fn pick(
    me: &Me,
    (known, sought): (&Known, Sought),
    (form, name): (&Filled, &str),
    usual: Option<Chosen>,
) -> Pick {
    let t = me.texts();
    let query = form.text(&format!("{name}_query"));
    let connection = form.text(&format!("{name}_connection"));
    let chosen = Chosen::read(form.value(name)).or(usual);
    let mut pick = Pick {
        name: name.to_owned(),
        sought,
        connections: known.working().map(|of| (of.connection_id.clone(), of.display_name.clone())).collect(),
        choices: chosen
            .iter()
            .map(|of| choice(t, known, (of.clone(), String::new(), String::new()), true))
            .collect(),
        found_nothing: String::new(),
        error: form.error(name).to_owned(),
        query,
        connection,
    };
    if pick.query.is_empty() {
        return pick;
    }
    if !(QUERY_MIN..=QUERY_MAX).contains(&pick.query.chars().count()) {
        t.crm.too_short.clone_into(&mut pick.error);
        return pick;
    }
    let asked = (pick.connection.clone(), pick.query.clone());
    let found =
        if sought == Sought::Record { find_records(me, asked).await } else { find_people(me, asked).await };
    match found {
        Ok(found) if found.is_empty() => pick.found_nothing = fill(t.crm.found_nothing, &pick.query),
        Ok(found) => {
            let others =
                found.into_iter().filter(|of| chosen.as_ref().is_none_or(|chosen| !is_same(chosen, &of.0)));
            pick.choices.extend(others.map(|of| choice(t, known, of, false)));
        }
        Err(status) => pick.error = words(t, &status),
    }
    pick
}

fn is_same(one: &Chosen, other: &Chosen) -> bool {
    one.connection_id == other.connection_id && one.record_id == other.record_id
}

fn choice(t: &'static Texts, known: &Known, (of, detail, email_address): Found, is_chosen: bool) -> Choice {
    let crm = known.name_of(&of.connection_id);
    let parts = [kind_name(t, &of.kind), &detail, &email_address, &crm];
    Choice {
        value: of.value(),
        detail: parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · "),
        label: of.name,
        is_chosen,
        email_address,
    }
}

/// Returns what is to be logged where a form asks for it, or the form to show again: with what was looked for, or with
/// what is missing.
pub(crate) fn target(t: &'static Texts, form: Filled) -> Result<(Filled, Option<pb::CrmTarget>), Filled> {
    if is_pressed(&form, "target_find") {
        return Err(form);
    }
    if !form.is_on("crm_log") {
        return Ok((form, None));
    }
    match record(&form, "target") {
        Some(target) => Ok((form, Some(target))),
        None => Err(form.wrong("target", t.crm.choose_record)),
    }
}

/// Whether a form came by this button.
pub(crate) fn is_pressed(form: &Filled, button: &str) -> bool {
    !form.value(button).is_empty()
}

/// The Account or Opportunity that a form has chosen.
pub(crate) fn record(form: &Filled, name: &str) -> Option<pb::CrmTarget> {
    Chosen::read(form.value(name)).map(Chosen::into_target)
}

/// The Contact or Lead that a form has chosen.
pub(crate) fn person(form: &Filled, name: &str) -> Option<crm::LogPerson> {
    Chosen::read(form.value(name)).map(Chosen::into_person)
}

/// What the script asks while somebody types.
#[derive(Deserialize)]
pub(crate) struct Typed {
    name: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    connection: String,
    #[serde(default)]
    chosen: String,
    #[serde(default)]
    many: String,
}

#[derive(askama::Template)]
#[template(path = "crm/found.html")]
struct FoundPart {
    t: &'static Texts,
    pick: Pick,
}

/// Draws the Accounts and Opportunities that are found, as a part of a page.
pub(crate) async fn found_records(me: Me, Query(typed): Query<Typed>) -> Result<Response, Failure> {
    found(&me, Sought::Record, typed).await
}

/// Draws the Contacts and Leads that are found.
pub(crate) async fn found_people(me: Me, Query(typed): Query<Typed>) -> Result<Response, Failure> {
    let sought = if typed.many == "on" { Sought::Recipients } else { Sought::Person };
    found(&me, sought, typed).await
}

async fn found(me: &Me, sought: Sought, typed: Typed) -> Result<Response, Failure> {
    let mut form = Filled::with([(typed.name.as_str(), typed.chosen.as_str())]);
    form.put(&format!("{}_query", typed.name), &typed.q);
    form.put(&format!("{}_connection", typed.name), &typed.connection);
    let known = known(me).await;
    let pick = pick(me, (&known, sought), (&form, &typed.name), None).await;
    render(&FoundPart { t: me.texts(), pick })
}

#[cfg(test)]
mod tests {
    use service_kit::locale::Locale;

    use super::*;
    use crate::texts;

    fn chosen() -> Chosen {
        Chosen {
            connection_id: "c".to_owned(),
            kind: "opportunity".to_owned(),
            record_id: "006=&".to_owned(),
            name: "O'Hara & Sons = 100%".to_owned(),
        }
    }

    #[test]
    fn a_record_comes_back_from_a_form_as_it_was_found() {
        assert_eq!(Chosen::read(&chosen().value()), Some(chosen()));
        assert_eq!(Chosen::of_target(&chosen().into_target()), chosen());
        assert_eq!(Chosen::read(""), None);
        assert_eq!(Chosen::read("kind=account"), None);
    }

    #[test]
    fn a_log_that_is_wanted_needs_a_record_and_one_that_is_not_wanted_needs_none() {
        let t = texts::of(Locale::English);
        let value = chosen().value();
        let (_, target) = target(t, Filled::with([("target", value.as_str())])).unwrap();
        assert_eq!(target, None);
        let (_, target) =
            super::target(t, Filled::with([("crm_log", "on"), ("target", value.as_str())])).unwrap();
        assert_eq!(target, Some(chosen().into_target()));
        let refused = super::target(t, Filled::with([("crm_log", "on")])).unwrap_err();
        assert_eq!(refused.error("target"), t.crm.choose_record);
        let asked = super::target(t, Filled::with([("target_find", "on"), ("title", "kept")])).unwrap_err();
        assert_eq!((asked.is_refused(), asked.value("title")), (false, "kept"));
    }
}
