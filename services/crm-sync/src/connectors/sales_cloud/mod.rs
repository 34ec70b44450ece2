//! SAP Sales Cloud Version 2: a log is a completed task with a note.
//!
//! V2 refuses no second record of a key. Before a task is made that may have been made before, it is looked for: by an
//! extension field that holds the key where the tenant has it, then by the mark in the subject, which every task has. What remains is a
//! window between a lost answer and the moment at which the CRM shows what it did: there a log may be there twice.
//!
//! Owns the order of the calls; [`wire`] speaks the API, [`mapping`] makes tasks of a log, [`error`] tells what a refusal
//! means. Signing in is [`basic`](super::basic)'s.

mod error;
mod mapping;
mod wire;

use std::time::Duration;

use futures_util::future::try_join;
use reqwest::Client;
use secrecy::SecretString;
use serde_json::json;
use service_kit::validate::Violations;
use url::Url;

use self::error::of_sign_in;
use self::mapping::{SUBJECT, TASK};
use self::wire::{Collection, Row, text};
use super::kept::Kept;
use super::mark::{mark, marked};
use super::odata::{Filter, Wildcards, is_literal_match};
use super::{
    Access, AccessForm, Check, CrmConnector, CrmError, CrmPerson, CrmRecord, CrmRef, CrmWrite, FOUND_MAX,
    Finding, Grant, Hosts, LogEntry, Outcome, PersonRef, PersonType, Proof, Provider, Session, Severity,
    SignInKind, TargetRef, basic, http,
};
use crate::config::SapSalesCloudConfig;
use crate::connection::ConnectionId;

/// Addresses that are asked for at once: what fits into an address of a safe length.
const ADDRESSES_AT_ONCE: usize = 10;
/// Rows of a search that are looked at again.
const LOOKED_AT: usize = 30;
/// How long it is believed that a tenant has the extension field.
const FIELD_KEPT: Duration = Duration::from_secs(600);

/// The connector to Sales Cloud V2.
pub(crate) struct SalesCloud {
    http: Client,
    hosts: Hosts,
    config: SapSalesCloudConfig,
    has_field: Kept<bool>,
}

impl SalesCloud {
    /// Returns the connector. Errors where no HTTP client can be made.
    pub(crate) fn try_new(config: SapSalesCloudConfig) -> anyhow::Result<Self> {
        let hosts = Hosts::sap_sales_cloud(&config.allowed_hosts);
        let http = http::client(hosts.clone())?;
        Ok(Self { http, hosts, config, has_field: Kept::new(FIELD_KEPT) })
    }

    /// Tries user and password: V2 has no endpoint that only does that.
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
        collection: Collection,
        name: &str,
        query: &str,
    ) -> Result<Vec<CrmRecord>, CrmError> {
        let filter = Filter::contains(name, query, Wildcards::None);
        let rows = self.list(session, collection, &filter, FOUND_MAX).await?;
        let record = |row: &Row| {
            let detail = match collection {
                Collection::Accounts => text(row, "city"),
                _ => named(row, "account"),
            };
            Some(CrmRecord {
                record_id: mapping::id(text(row, "id")?)?,
                display_name: text(row, name).unwrap_or_default().to_owned(),
                detail: detail.unwrap_or_default().to_owned(),
            })
        };
        Ok(rows.iter().filter_map(record).take(FOUND_MAX).collect())
    }

    async fn people(&self, session: &Session, query: &str) -> Result<Vec<CrmPerson>, CrmError> {
        let is_found = |person: &CrmPerson| {
            is_literal_match(&person.display_name, query) || is_literal_match(&person.email_address, query)
        };
        let contains = |field: &str, part: &str| Filter::contains(field, part, Wildcards::None);
        let email = &self.config.email_field;
        let of_contacts = contains(&self.config.name_field, query).or(&contains(email, query));
        // A lead's first and last name are apart: the longest word finds it, the whole is looked at again.
        let longest = query.split_whitespace().max_by_key(|word| word.len()).unwrap_or(query);
        let of_leads =
            contains("familyName", longest).or(&contains("givenName", longest)).or(&contains(email, query));
        let (contacts, leads) = try_join(
            self.list(session, Collection::Contacts, &of_contacts, LOOKED_AT),
            self.list(session, Collection::Leads, &of_leads, LOOKED_AT),
        )
        .await?;
        let contacts = contacts.iter().filter_map(|row| self.contact(row)).filter(&is_found).take(FOUND_MAX);
        let leads = leads.iter().filter_map(|row| self.lead(row)).filter(&is_found).take(FOUND_MAX);
        Ok(contacts.chain(leads).collect())
    }

    async fn matches(
        &self,
        session: &Session,
        addresses: &[String],
    ) -> Result<Vec<Vec<CrmPerson>>, CrmError> {
        let (mut people, mut leads) = (Vec::new(), Vec::new());
        for some in addresses.chunks(ADDRESSES_AT_ONCE) {
            let each =
                some.iter().map(|address| Filter::equals(&self.config.email_field, address, Wildcards::None));
            let Some(filter) = Filter::any(each) else { continue };
            let rows = self.all(session, Collection::Contacts, &filter).await?;
            people.extend(rows.iter().filter_map(|row| self.contact(row)));
            let rows = self.all(session, Collection::Leads, &filter).await?;
            leads.extend(rows.iter().filter_map(|row| self.lead(row)));
        }
        people.append(&mut leads);
        let of = |address: &String| {
            let is_of = |person: &&CrmPerson| person.email_address.to_lowercase() == address.to_lowercase();
            people.iter().filter(is_of).cloned().collect()
        };
        Ok(addresses.iter().map(of).collect())
    }

    fn contact(&self, row: &Row) -> Option<CrmPerson> {
        Some(CrmPerson {
            person_type: PersonType::Contact,
            record_id: mapping::id(text(row, "id")?)?,
            display_name: text(row, &self.config.name_field).unwrap_or_default().to_owned(),
            email_address: text(row, &self.config.email_field).unwrap_or_default().to_owned(),
            company: named(row, "account").unwrap_or_default().to_owned(),
        })
    }

    /// A lead; nothing where it is converted: the contact that it became is found as a contact.
    fn lead(&self, row: &Row) -> Option<CrmPerson> {
        if text(row, &self.config.lead_status_field) == Some(self.config.lead_converted_status.as_str()) {
            return None;
        }
        let name = ["givenName", "familyName"].map(|field| text(row, field).unwrap_or_default()).join(" ");
        Some(CrmPerson {
            person_type: PersonType::Lead,
            record_id: mapping::id(text(row, "id")?)?,
            display_name: name.trim().to_owned(),
            email_address: text(row, &self.config.email_field).unwrap_or_default().to_owned(),
            company: text(row, "companyName").unwrap_or_default().to_owned(),
        })
    }

    fn key_field(&self) -> String {
        format!("extensions/{}", self.config.log_id_extension)
    }

    /// Tells whether tasks of the tenant have the extension field.
    async fn has_field(&self, session: &Session) -> Result<bool, CrmError> {
        if self.config.log_id_extension.is_empty() {
            return Ok(false);
        }
        if let Some(known) = self.has_field.get(session.connection_id) {
            return Ok(known);
        }
        let any = Filter::equals(&self.key_field(), "-", Wildcards::None);
        let has = self.understands(session, &any).await?;
        self.has_field.put(session.connection_id, has);
        Ok(has)
    }

    async fn find(&self, session: &Session, write: &CrmWrite) -> Result<Option<CrmRef>, CrmError> {
        let mut ways = vec![Filter::contains(SUBJECT, &mark(write.key), Wildcards::None)];
        if self.has_field(session).await? {
            // The field first; the mark too, because the field may have come or gone between two tries.
            ways.insert(0, Filter::equals(&self.key_field(), &write.key.to_string(), Wildcards::None));
        }
        for filter in ways {
            let rows = self.list(session, Collection::Tasks, &filter, 1).await?;
            if let Some(found) = rows.first().and_then(reference) {
                return Ok(Some(found));
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
        if self.has_field(session).await? {
            let key = json!({ self.config.log_id_extension.as_str(): write.key });
            task.insert("extensions".to_owned(), key);
        }
        let subject = marked(text(&task, SUBJECT).unwrap_or_default(), write.key, self.config.subject_max);
        task.insert(SUBJECT.to_owned(), subject.into());
        let row = self.create(session, &task).await?;
        reference(&row).ok_or_else(|| CrmError::retry("SAP Sales Cloud did not say which task it made."))
    }

    async fn findings(&self, session: &Session) -> Result<Vec<Finding>, CrmError> {
        match self.read_any_task(session).await {
            Ok(()) => {}
            Err(CrmError::Permanent { message }) => {
                return Ok(vec![Finding::new(Check::CreateRight, Severity::Error, message)]);
            }
            Err(error) => return Err(error),
        }
        let field = &self.config.log_id_extension;
        let key = if self.has_field(session).await? {
            Finding::new(
                Check::ExternalId,
                Severity::Ok,
                format!(
                    "Tasks have the extension {field}: a log whose answer was lost is found again by it."
                ),
            )
        } else {
            Finding::new(
                Check::ExternalId,
                Severity::Warning,
                format!(
                    "Tasks have no extension {field}: a log whose answer was lost is found again by the mark in its \
                     subject alone. An admin can add the field as text of 36 or more characters."
                ),
            )
        };
        let seen = "Tasks can be read; whether they can be created shows with the first log.";
        Ok(vec![key, Finding::new(Check::CreateRight, Severity::Ok, seen)])
    }
}

/// The name in a reference.
fn named<'a>(row: &'a Row, name: &str) -> Option<&'a str> {
    row.get(name)?.get("name")?.as_str()
}

fn reference(row: &Row) -> Option<CrmRef> {
    Some(CrmRef {
        object: TASK.to_owned(),
        record_id: text(row, "id")?.to_owned(),
        readable_id: text(row, "displayId").map(str::to_owned),
    })
}

#[tonic::async_trait]
impl CrmConnector for SalesCloud {
    fn provider(&self) -> Provider {
        Provider::SapSalesCloud
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
        self.records(session, Collection::Accounts, &self.config.name_field, query).await
    }

    async fn search_opportunities(&self, session: &Session, query: &str) -> Result<Vec<CrmRecord>, CrmError> {
        self.records(session, Collection::Opportunities, "name", query).await
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

    /// No address of a task of V2 is confirmed.
    fn record_url(&self, _instance_url: &Url, _record: &CrmRef) -> Option<String> {
        None
    }

    /// No address of a record of V2 is confirmed.
    fn target_url(&self, _instance_url: &Url, _target: &TargetRef) -> Option<String> {
        None
    }

    /// No address of a record of V2 is confirmed.
    fn person_url(&self, _instance_url: &Url, _person: &PersonRef) -> Option<String> {
        None
    }
}
