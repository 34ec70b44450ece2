//! SAP Sales Cloud, formerly C4C (V1): a log is a completed Task, made with its text and references by one deep insert.
//!
//! C4C refuses no second record of a key. Before a Task is made that may have been made before, it is looked for: by an
//! extension field that holds the key where the tenant has it, then by the mark in the subject, which every Task has. What remains is a
//! window between a lost answer and the moment at which C4C shows what it did: there a log may be there twice.
//!
//! Owns the order of the calls and the CSRF sessions; [`wire`] speaks OData, [`mapping`] makes Tasks of a log, [`error`]
//! tells what a refusal means. Signing in is [`basic`](super::basic)'s.

mod error;
mod mapping;
mod wire;

use std::time::Duration;

use futures_util::future::try_join3;
use reqwest::Client;
use secrecy::SecretString;
use service_kit::validate::Violations;
use url::Url;

use self::error::{Refusal, of_sign_in};
use self::mapping::{ACCOUNT, CONTACT, SUBJECT_MAX, TASK};
use self::wire::{Created, CsrfPair, Row, text};
use super::kept::Kept;
use super::mark::{mark, marked};
use super::odata::{Filter, Wildcards, is_literal_match};
use super::{
    Access, AccessForm, Check, CrmConnector, CrmError, CrmPerson, CrmRecord, CrmRef, CrmWrite, FOUND_MAX,
    Finding, Grant, Hosts, LogEntry, Outcome, PersonRef, PersonType, Proof, Provider, Session, Severity,
    SignInKind, TargetRef, basic, http,
};
use crate::config::SapC4cConfig;
use crate::connection::ConnectionId;

/// Addresses that are asked for at once: what fits into an address of a safe length.
const ADDRESSES_AT_ONCE: usize = 10;
/// Rows of a search that are looked at again: a wildcard search is wider than what was typed.
const LOOKED_AT: usize = 30;
/// How long it is believed that a tenant has the extension field.
const FIELD_KEPT: Duration = Duration::from_secs(600);
/// How long a CSRF session is used; the tenant ends it after 30 minutes without a call.
const CSRF_KEPT: Duration = Duration::from_secs(20 * 60);

/// The connector to C4C.
pub(crate) struct C4c {
    http: Client,
    hosts: Hosts,
    config: SapC4cConfig,
    has_field: Kept<bool>,
    csrf: Kept<Option<CsrfPair>>,
}

impl C4c {
    /// Returns the connector. Errors where no HTTP client can be made.
    pub(crate) fn try_new(config: SapC4cConfig) -> anyhow::Result<Self> {
        let hosts = Hosts::sap_c4c(&config.allowed_hosts);
        let http = http::client(hosts.clone())?;
        Ok(Self { http, hosts, config, has_field: Kept::new(FIELD_KEPT), csrf: Kept::new(CSRF_KEPT) })
    }

    /// Tries user and password: C4C has no endpoint that only does that.
    async fn enter(&self, access: &Access) -> Result<Grant, CrmError> {
        let grant = basic::grant(access)?;
        let session = Session {
            connection_id: ConnectionId::from(uuid::Uuid::nil()),
            instance_url: grant.instance_url.clone(),
            sign_in: access.sign_in,
            access_token: SecretString::clone(&grant.access_token),
        };
        self.read_any_task(&session).await.map_err(of_sign_in)?;
        Ok(grant)
    }

    async fn records(
        &self,
        session: &Session,
        set: &str,
        names: [&str; 2],
        query: &str,
    ) -> Result<Vec<CrmRecord>, CrmError> {
        let [id, detail] = names;
        let rows = self.named(session, set, Some("Name"), query).await?;
        let found =
            rows.iter().filter(|row| text(row, "Name").is_some_and(|name| is_literal_match(name, query)));
        let record = |row: &Row| {
            Some(CrmRecord {
                record_id: text(row, id).filter(|id| mapping::is_id(id))?.to_owned(),
                display_name: text(row, "Name")?.to_owned(),
                detail: text(row, detail).unwrap_or_default().to_owned(),
            })
        };
        Ok(found.filter_map(record).take(FOUND_MAX).collect())
    }

    /// Finds by a part of a property; nothing where none is named, or where the part is nothing but wildcards.
    async fn named(
        &self,
        session: &Session,
        set: &str,
        property: Option<&str>,
        part: &str,
    ) -> Result<Vec<Row>, CrmError> {
        let is_empty = part.chars().all(|character| character == '*' || character.is_whitespace());
        let Some(property) = property.filter(|_| !is_empty) else { return Ok(Vec::new()) };
        Ok(self.list(session, set, &Filter::between_stars(property, part), LOOKED_AT).await?)
    }

    async fn people(&self, session: &Session, query: &str) -> Result<Vec<CrmPerson>, CrmError> {
        // `or` is only known between conditions on one property.
        let config = &self.config;
        let [of_contacts, of_leads, also_of_leads] = if query.contains('@') {
            [Some(config.contact_email_field.as_str()), Some(config.lead_email_field.as_str()), None]
        } else {
            let [first, last] = [&config.lead_first_name_field, &config.lead_last_name_field];
            [Some("Name"), Some(last.as_str()), Some(first.as_str())]
        };
        // A lead's first and last name are apart: the longest word finds it, the whole is looked at again.
        let longest = query.split_whitespace().max_by_key(|word| word.len()).unwrap_or(query);
        let (contacts, leads, more_leads) = try_join3(
            self.named(session, "ContactCollection", of_contacts, query),
            self.named(session, "LeadCollection", of_leads, longest),
            self.named(session, "LeadCollection", also_of_leads, longest),
        )
        .await?;
        let is_found = |person: &CrmPerson| {
            is_literal_match(&person.display_name, query) || is_literal_match(&person.email_address, query)
        };
        let contacts = contacts.iter().filter_map(|row| self.contact(row)).filter(&is_found);
        let mut people: Vec<CrmPerson> = contacts.take(FOUND_MAX).collect();
        let mut found: Vec<CrmPerson> = Vec::new();
        for lead in leads.iter().chain(&more_leads).filter_map(|row| self.lead(row)).filter(&is_found) {
            if found.iter().all(|known| known.record_id != lead.record_id) {
                found.push(lead);
            }
        }
        found.truncate(FOUND_MAX);
        people.append(&mut found);
        Ok(people)
    }

    async fn matches(
        &self,
        session: &Session,
        addresses: &[String],
    ) -> Result<Vec<Vec<CrmPerson>>, CrmError> {
        let mut people = Vec::new();
        for (set, field) in [
            ("ContactCollection", &self.config.contact_email_field),
            ("LeadCollection", &self.config.lead_email_field),
        ] {
            for some in addresses.chunks(ADDRESSES_AT_ONCE) {
                let each = some.iter().map(|address| Filter::equals(field, address, Wildcards::Star));
                let Some(filter) = Filter::any(each) else { continue };
                let rows = self.all(session, set, &filter).await?;
                let person =
                    |row: &Row| if set == "LeadCollection" { self.lead(row) } else { self.contact(row) };
                people.extend(rows.iter().filter_map(person));
            }
        }
        let of = |address: &String| {
            let is_of = |person: &&CrmPerson| person.email_address.to_lowercase() == address.to_lowercase();
            people.iter().filter(is_of).cloned().collect()
        };
        Ok(addresses.iter().map(of).collect())
    }

    fn contact(&self, row: &Row) -> Option<CrmPerson> {
        Some(CrmPerson {
            person_type: PersonType::Contact,
            record_id: text(row, "ContactID").filter(|id| mapping::is_id(id))?.to_owned(),
            display_name: text(row, "Name").unwrap_or_default().to_owned(),
            email_address: text(row, &self.config.contact_email_field).unwrap_or_default().to_owned(),
            company: text(row, "AccountFormattedName").unwrap_or_default().to_owned(),
        })
    }

    /// A lead; nothing where it is converted: the contact that it became is found as a contact.
    fn lead(&self, row: &Row) -> Option<CrmPerson> {
        if text(row, &self.config.lead_status_field) == Some(self.config.lead_converted_status.as_str()) {
            return None;
        }
        let name = [&self.config.lead_first_name_field, &self.config.lead_last_name_field]
            .map(|field| text(row, field).unwrap_or_default())
            .join(" ");
        Some(CrmPerson {
            person_type: PersonType::Lead,
            record_id: text(row, "ID").filter(|id| mapping::is_id(id))?.to_owned(),
            display_name: name.trim().to_owned(),
            email_address: text(row, &self.config.lead_email_field).unwrap_or_default().to_owned(),
            company: text(row, "Company").unwrap_or_default().to_owned(),
        })
    }

    /// Tells whether Tasks of the tenant have the extension field.
    async fn has_field(&self, session: &Session) -> Result<bool, CrmError> {
        if self.config.log_id_field.is_empty() {
            return Ok(false);
        }
        if let Some(known) = self.has_field.get(session.connection_id) {
            return Ok(known);
        }
        let any = Filter::equals(&self.config.log_id_field, "-", Wildcards::Star);
        let has = self.understands(session, &any).await?;
        self.has_field.put(session.connection_id, has);
        Ok(has)
    }

    async fn find(&self, session: &Session, write: &CrmWrite) -> Result<Option<CrmRef>, CrmError> {
        let mut ways = vec![Filter::ends_with("Subject", &mark(write.key))];
        if self.has_field(session).await? {
            // The field first; the mark too, because the field may have come or gone between two tries.
            ways.insert(
                0,
                Filter::equals(&self.config.log_id_field, &write.key.to_string(), Wildcards::Star),
            );
        }
        for filter in ways {
            let rows = self.list(session, "TasksCollection", &filter, 1).await?;
            if let Some(found) = rows.first().and_then(wire::reference) {
                return Ok(Some(reference(found)));
            }
        }
        Ok(None)
    }

    async fn write_each(&self, session: &Session, writes: &[CrmWrite]) -> Result<Vec<Outcome>, CrmError> {
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(writes.len());
        for write in writes {
            let outcome = match outcomes.iter().find_map(|outcome| outcome.as_ref().err()) {
                Some(failed) => Err(failed.clone()),
                None => self.write_one(session, write).await,
            };
            match outcome {
                // Nothing is done yet: the failure is that of the whole call.
                Err(error) if outcomes.is_empty() => return Err(error),
                other => outcomes.push(other),
            }
        }
        Ok(outcomes)
    }

    async fn write_one(&self, session: &Session, write: &CrmWrite) -> Outcome {
        let mut task = write.fields.as_object().cloned().unwrap_or_default();
        for (name, sent, set, number) in [
            (ACCOUNT, "AccountUUID", "CorporateAccountCollection", "AccountID"),
            (CONTACT, "PrimaryContactUUID", "ContactCollection", "ContactID"),
        ] {
            if let Some(id) = task.remove(name) {
                let id = id.as_str().unwrap_or_default();
                task.insert(sent.to_owned(), self.uuid_of(session, set, number, id).await?.into());
            }
        }
        if self.has_field(session).await? {
            task.insert(self.config.log_id_field.clone(), write.key.to_string().into());
        }
        let subject = marked(text(&task, "Subject").unwrap_or_default(), write.key, SUBJECT_MAX);
        task.insert("Subject".to_owned(), subject.into());
        let pair = self.csrf(session).await?;
        let created = match self.create(session, pair.as_ref(), &task).await {
            // Nothing was done: the session has ended, and the call is made once more in a new one.
            Err(Refusal::Csrf) => {
                self.csrf.forget(session.connection_id, |kept| is_same(kept.as_ref(), pair.as_ref()));
                let pair = self.csrf(session).await?;
                self.create(session, pair.as_ref(), &task).await?
            }
            other => other?,
        };
        Ok(reference(created))
    }

    /// Reads which record has a number.
    async fn uuid_of(
        &self,
        session: &Session,
        set: &str,
        property: &str,
        id: &str,
    ) -> Result<String, CrmError> {
        let rows = self.list(session, set, &Filter::equals(property, id, Wildcards::Star), 1).await?;
        let uuid = rows.first().and_then(|row| mapping::uuid(text(row, "ObjectID")?));
        uuid.ok_or_else(|| {
            CrmError::permanent(
                "The chosen record is not in SAP any more, or the integration user cannot see it.",
            )
        })
    }

    async fn csrf(&self, session: &Session) -> Result<Option<CsrfPair>, CrmError> {
        if let Some(pair) = self.csrf.get(session.connection_id) {
            return Ok(pair);
        }
        let pair = self.fetch_csrf(session).await?;
        self.csrf.put(session.connection_id, pair.clone());
        Ok(pair)
    }

    async fn findings(&self, session: &Session) -> Result<Vec<Finding>, CrmError> {
        match self.read_any_task(session).await.map_err(CrmError::from) {
            Ok(()) => {}
            Err(CrmError::Permanent { message }) => {
                return Ok(vec![Finding::new(Check::CreateRight, Severity::Error, message)]);
            }
            Err(error) => return Err(error),
        }
        let field = &self.config.log_id_field;
        let key = if self.has_field(session).await? {
            Finding::new(
                Check::ExternalId,
                Severity::Ok,
                format!("Tasks have the field {field}: a log whose answer was lost is found again by it."),
            )
        } else {
            Finding::new(
                Check::ExternalId,
                Severity::Warning,
                format!(
                    "Tasks have no extension field {field}: a log whose answer was lost is found again by the mark in \
                     its subject alone. An admin can add the field as text of 36 or more characters."
                ),
            )
        };
        let seen = "Tasks can be read; whether they can be created shows with the first log.";
        Ok(vec![key, Finding::new(Check::CreateRight, Severity::Ok, seen)])
    }
}

fn is_same(left: Option<&CsrfPair>, right: Option<&CsrfPair>) -> bool {
    match (left, right) {
        (None, None) => true,
        (Some(left), Some(right)) => left.is(right),
        _ => false,
    }
}

fn reference(created: Created) -> CrmRef {
    CrmRef { object: TASK.to_owned(), record_id: created.object_id, readable_id: created.id }
}

#[tonic::async_trait]
impl CrmConnector for C4c {
    fn provider(&self) -> Provider {
        Provider::SapC4c
    }

    fn sign_ins(&self) -> &'static [SignInKind] {
        &[SignInKind::Basic]
    }

    fn check_access(&self, form: AccessForm) -> Result<Access, Violations> {
        basic::check_form(&self.hosts, form)
    }

    fn authorization_url(&self, _access: &Access, _state: &str, _challenge: &str) -> Option<Url> {
        None
    }

    async fn sign_in(&self, access: &Access, _proof: Proof<'_>) -> Result<Grant, CrmError> {
        self.enter(access).await
    }

    async fn check_setup(&self, session: &Session) -> Result<Vec<Finding>, CrmError> {
        self.findings(session).await
    }

    async fn search_accounts(&self, session: &Session, query: &str) -> Result<Vec<CrmRecord>, CrmError> {
        self.records(session, "CorporateAccountCollection", ["AccountID", "City"], query).await
    }

    async fn search_opportunities(&self, session: &Session, query: &str) -> Result<Vec<CrmRecord>, CrmError> {
        self.records(session, "OpportunityCollection", ["ID", "ProspectPartyName"], query).await
    }

    async fn search_people(&self, session: &Session, query: &str) -> Result<Vec<CrmPerson>, CrmError> {
        self.people(session, query).await
    }

    async fn match_addresses(
        &self,
        session: &Session,
        addresses: &[String],
    ) -> Result<Vec<Vec<CrmPerson>>, CrmError> {
        self.matches(session, addresses).await
    }

    fn plan(&self, entry: &LogEntry) -> Result<Vec<CrmWrite>, CrmError> {
        mapping::plan(&self.config, entry)
    }

    fn has_keys(&self) -> bool {
        false
    }

    async fn find_by_key(&self, session: &Session, write: &CrmWrite) -> Result<Option<CrmRef>, CrmError> {
        self.find(session, write).await
    }

    async fn write(&self, session: &Session, writes: &[CrmWrite]) -> Result<Vec<Outcome>, CrmError> {
        self.write_each(session, writes).await
    }

    fn record_url(&self, instance_url: &Url, record: &CrmRef) -> Option<String> {
        mapping::record_url(&self.config, instance_url, record)
    }

    fn target_url(&self, instance_url: &Url, target: &TargetRef) -> Option<String> {
        mapping::target_url(instance_url, target)
    }

    fn person_url(&self, instance_url: &Url, person: &PersonRef) -> Option<String> {
        mapping::person_url(&self.config, instance_url, person)
    }
}
