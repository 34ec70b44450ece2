//! Microsoft Dynamics 365 (Dataverse Web API): a log is completed tasks and a note, made in one changeset under GUIDs of
//! our own, so that repeating it is harmless ("Upsert a table row using the Web API", "Perform conditional operations").
//!
//! Owns the order of the calls; [`auth`] speaks to the directory, [`wire`] and [`batch`] the Web API, [`mapping`] makes
//! records of a log, [`error`] tells what a refusal means.

mod auth;
mod batch;
mod error;
mod mapping;
mod wire;

use futures_util::future::join;
use reqwest::Client;
use service_kit::validate::Violations;
use url::Url;
use uuid::Uuid;

use self::batch::{Condition, Part};
use self::error::{NO_SALES_APP, Refusal};
use self::mapping::TASK;
use self::wire::{ContactRow, LeadRow};
use super::{
    Access, AccessForm, Check, CrmConnector, CrmError, CrmPerson, CrmRecord, CrmRef, CrmWrite, Finding,
    Grant, Hosts, LogEntry, Outcome, PersonRef, PersonType, Proof, Provider, Session, Severity, SignInKind,
    TargetRef, http,
};
use crate::config::DataverseConfig;

/// Addresses that are asked for at once: what fits into an address of a safe length.
const ADDRESSES_AT_ONCE: usize = 10;
/// The state of a lead that is neither qualified nor disqualified.
const OPEN: i32 = 0;
/// The state of a lead that became a Contact.
const QUALIFIED: i32 = 1;

/// The connector to Dataverse.
pub(crate) struct Dataverse {
    http: Client,
    login_http: Client,
    hosts: Hosts,
    login_hosts: Hosts,
    config: DataverseConfig,
}

impl Dataverse {
    /// Returns the connector. Errors where no HTTP client can be made.
    pub(crate) fn try_new(config: DataverseConfig) -> anyhow::Result<Self> {
        let hosts = Hosts::dataverse(&config.allowed_hosts);
        let login_hosts = Hosts::entra(&config.allowed_hosts);
        let (http, login_http) = (http::client(hosts.clone())?, http::client(login_hosts.clone())?);
        Ok(Self { http, login_http, hosts, login_hosts, config })
    }

    async fn accounts(&self, session: &Session, query: &str) -> Result<Vec<CrmRecord>, CrmError> {
        let found = self.find_accounts(session, query).await?.into_iter();
        Ok(found.map(|row| record(row.id, row.name, row.city)).collect())
    }

    async fn opportunities(&self, session: &Session, query: &str) -> Result<Vec<CrmRecord>, CrmError> {
        let found = self.find_opportunities(session, query).await?.into_iter();
        Ok(found.map(|row| record(row.id, row.name, row.account)).collect())
    }

    async fn people(&self, session: &Session, query: &str) -> Result<Vec<CrmPerson>, CrmError> {
        let both = (self.find_contacts(session, query), self.find_leads(session, query));
        let (contacts, leads) = join(both.0, both.1).await;
        let (contacts, leads) = (contacts?, or_none(leads)?);
        Ok(contacts.into_iter().map(contact).chain(leads.into_iter().map(lead)).collect())
    }

    async fn matches(
        &self,
        session: &Session,
        addresses: &[String],
    ) -> Result<Vec<Vec<CrmPerson>>, CrmError> {
        let (mut contacts, mut leads) = (Vec::new(), Vec::new());
        for some in addresses.chunks(ADDRESSES_AT_ONCE) {
            let asked: Vec<&str> = some.iter().map(String::as_str).collect();
            contacts.extend(self.contacts_of(session, &asked).await?);
            leads.extend(or_none(self.leads_of(session, &asked).await)?);
        }
        let mut matches = Vec::with_capacity(addresses.len());
        for address in addresses {
            // Wildcards in an address are alive in the CRM, so that what it found is looked at again.
            let is_of = |email: &Option<String>| {
                email.as_ref().is_some_and(|email| email.to_lowercase() == address.to_lowercase())
            };
            let mut people: Vec<CrmPerson> = Vec::new();
            for row in contacts.iter().filter(|row| is_of(&row.email)) {
                people.push(contact(row.clone()));
            }
            for row in leads.iter().filter(|row| is_of(&row.email) && row.statecode == Some(QUALIFIED)) {
                if let Some(became) = self.contact_of(session, row, &people).await? {
                    people.push(became);
                }
            }
            let open = leads.iter().filter(|row| is_of(&row.email) && row.statecode == Some(OPEN));
            people.extend(open.map(|row| lead(row.clone())));
            matches.push(people);
        }
        Ok(matches)
    }

    /// The Contact that a qualified lead became, unless it is among those that were found.
    async fn contact_of(
        &self,
        session: &Session,
        lead: &LeadRow,
        found: &[CrmPerson],
    ) -> Result<Option<CrmPerson>, CrmError> {
        let Some(id) = lead.contact_id.as_deref().and_then(mapping::guid) else { return Ok(None) };
        if found.iter().any(|person| mapping::guid(&person.record_id) == Some(id)) {
            return Ok(None);
        }
        Ok(self.contact(session, id).await?.map(contact))
    }

    async fn findings(&self, session: &Session) -> Result<Vec<Finding>, CrmError> {
        let ok = |check, message: &str| Finding::new(check, Severity::Ok, message);
        self.who_am_i(session).await?;
        let mut findings = vec![ok(Check::ExternalId, "Records have keys of ours: a log is written once.")];
        let both = [self.has_table(session, "opportunity").await?, self.has_table(session, "lead").await?];
        findings.push(match both {
            [true, true] => ok(Check::SalesApp, "Opportunities and leads are there."),
            _ => Finding::new(Check::SalesApp, Severity::Warning, NO_SALES_APP),
        });
        let seen = found(Check::CreateRight, self.read_any_task(session).await)?;
        findings.push(seen.unwrap_or_else(|| {
            ok(Check::CreateRight, "Tasks can be read; whether they can be created shows with the first log.")
        }));
        Ok(findings)
    }

    /// Makes what is missing of a log, as a whole, and completes its tasks.
    async fn write_all(&self, session: &Session, writes: &[CrmWrite]) -> Result<Vec<Outcome>, CrmError> {
        let parts: Vec<Part> = writes.iter().map(mapping::part).collect();
        match self.change(session, &parts, self.condition()).await {
            Ok(()) => {}
            // An earlier try has landed, as a whole: what is there is looked for, and what is not is made.
            Err(Refusal::Exists | Refusal::Closed) => self.complete(session, writes).await?,
            Err(refusal) => return Err(refusal.into()),
        }
        self.close_all(session, writes).await?;
        Ok(writes.iter().map(|write| Ok(mapping::reference(write))).collect())
    }

    fn condition(&self) -> Condition {
        if self.config.only_new_in_batch { Condition::New } else { Condition::Any }
    }

    async fn complete(&self, session: &Session, writes: &[CrmWrite]) -> Result<(), CrmError> {
        let mut missing = Vec::new();
        for write in writes {
            if !self.exists(session, write).await? {
                missing.push(mapping::part(write));
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        match self.change(session, &missing, self.condition()).await {
            Ok(()) => Ok(()),
            Err(Refusal::Exists | Refusal::Closed) => {
                Err(CrmError::retry("Another try is writing the same log to Dynamics."))
            }
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Completes all tasks of a log at once; one by one where an earlier try has completed some.
    async fn close_all(&self, session: &Session, writes: &[CrmWrite]) -> Result<(), CrmError> {
        let keys: Vec<Uuid> =
            writes.iter().filter(|write| write.object == TASK).map(|write| write.key).collect();
        if keys.len() > 1 {
            let parts: Vec<Part> = keys.iter().copied().map(mapping::closing).collect();
            match self.change(session, &parts, Condition::Known).await {
                Err(Refusal::Closed) => {}
                other => return Ok(other?),
            }
        }
        for key in keys {
            match self.close(session, key).await {
                Ok(()) | Err(Refusal::Closed) => {}
                Err(refusal) => return Err(refusal.into()),
            }
        }
        Ok(())
    }

    async fn find(&self, session: &Session, write: &CrmWrite) -> Result<Option<CrmRef>, CrmError> {
        Ok(self.exists(session, write).await?.then(|| mapping::reference(write)))
    }
}

/// Takes rows of a table that comes with the Sales app: none without it.
fn or_none<T>(rows: Result<Vec<T>, Refusal>) -> Result<Vec<T>, CrmError> {
    match rows {
        Err(Refusal::NoSalesApp) => Ok(Vec::new()),
        other => Ok(other?),
    }
}

/// Makes a finding of a refusal for good; what may pass by itself is no finding.
fn found(check: Check, looked: Result<(), Refusal>) -> Result<Option<Finding>, CrmError> {
    match looked.map_err(CrmError::from) {
        Ok(()) => Ok(None),
        Err(CrmError::Permanent { message }) => Ok(Some(Finding::new(check, Severity::Error, message))),
        Err(error) => Err(error),
    }
}

fn record(record_id: String, name: Option<String>, detail: Option<String>) -> CrmRecord {
    CrmRecord { record_id, display_name: name.unwrap_or_default(), detail: detail.unwrap_or_default() }
}

fn contact(row: ContactRow) -> CrmPerson {
    CrmPerson {
        person_type: PersonType::Contact,
        record_id: row.id,
        display_name: row.fullname.unwrap_or_default(),
        email_address: row.email.unwrap_or_default(),
        company: row.company.unwrap_or_default(),
    }
}

fn lead(row: LeadRow) -> CrmPerson {
    CrmPerson {
        person_type: PersonType::Lead,
        record_id: row.id,
        display_name: row.fullname.unwrap_or_default(),
        email_address: row.email.unwrap_or_default(),
        company: row.company.unwrap_or_default(),
    }
}

#[tonic::async_trait]
impl CrmConnector for Dataverse {
    fn provider(&self) -> Provider {
        Provider::Dataverse
    }

    fn sign_ins(&self) -> &'static [SignInKind] {
        &[SignInKind::Code, SignInKind::ClientCredentials]
    }

    fn check_access(&self, form: AccessForm) -> Result<Access, Violations> {
        self.check_form(form)
    }

    fn authorization_url(&self, access: &Access, state: &str, challenge: &str) -> Option<Url> {
        self.authorize_url(access, state, challenge)
    }

    async fn sign_in(&self, access: &Access, proof: Proof<'_>) -> Result<Grant, CrmError> {
        self.token(access, proof).await
    }

    async fn check_setup(&self, session: &Session) -> Result<Vec<Finding>, CrmError> {
        self.findings(session).await
    }

    async fn search_accounts(&self, session: &Session, query: &str) -> Result<Vec<CrmRecord>, CrmError> {
        self.accounts(session, query).await
    }

    async fn search_opportunities(&self, session: &Session, query: &str) -> Result<Vec<CrmRecord>, CrmError> {
        self.opportunities(session, query).await
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
        mapping::plan(entry)
    }

    fn has_keys(&self) -> bool {
        true
    }

    async fn find_by_key(&self, session: &Session, write: &CrmWrite) -> Result<Option<CrmRef>, CrmError> {
        self.find(session, write).await
    }

    async fn write(&self, session: &Session, writes: &[CrmWrite]) -> Result<Vec<Outcome>, CrmError> {
        self.write_all(session, writes).await
    }

    fn record_url(&self, instance_url: &Url, record: &CrmRef) -> Option<String> {
        mapping::record_url(instance_url, &self.config.link_app_id, record)
    }

    fn target_url(&self, instance_url: &Url, target: &TargetRef) -> Option<String> {
        mapping::target_url(instance_url, &self.config.link_app_id, target)
    }

    fn person_url(&self, instance_url: &Url, person: &PersonRef) -> Option<String> {
        mapping::person_url(instance_url, &self.config.link_app_id, person)
    }
}
