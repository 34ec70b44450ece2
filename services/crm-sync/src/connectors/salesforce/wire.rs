//! The REST API of Salesforce, as far as logging uses it.
//!
//! Owns paths and the shapes of answers. Decides nothing: a refusal comes back as what [`error`](super::error) makes
//! of it.

use std::collections::HashMap;

use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::error::{Refusal, multiple_matches};
use super::mapping::{is_lead, is_record_id};
use super::soql::{AnyOf, Contains, Literal, search_words};
use super::{CrmError, CrmPerson, CrmRecord, PersonType, Salesforce, Session, http};
use crate::connectors::odata::is_literal_match;
use crate::connectors::{Check, FOUND_MAX, Finding, Severity};

/// At most this many calls in one composite request.
pub(super) const COMPOSITE_MAX: usize = 25;
/// A daily quota with less than this part left is worth a warning, in percent.
const QUOTA_LOW_PERCENT: u64 = 10;

#[derive(Deserialize)]
struct QueryAnswer<T> {
    records: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RecordRow {
    id: String,
    name: String,
    billing_city: Option<String>,
    stage_name: Option<String>,
    account: Option<Named>,
}

impl From<RecordRow> for CrmRecord {
    fn from(row: RecordRow) -> Self {
        let account = row.account.and_then(|account| account.name);
        let parts: Vec<String> = [row.billing_city, account, row.stage_name].into_iter().flatten().collect();
        Self { record_id: row.id, display_name: row.name, detail: parts.join(" · ") }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PersonRow {
    id: String,
    name: String,
    email: Option<String>,
    company: Option<String>,
    account: Option<Named>,
}

impl From<PersonRow> for CrmPerson {
    fn from(row: PersonRow) -> Self {
        let account = row.account.and_then(|account| account.name);
        Self {
            person_type: if is_lead(&row.id) { PersonType::Lead } else { PersonType::Contact },
            record_id: row.id,
            display_name: row.name,
            email_address: row.email.unwrap_or_default(),
            company: row.company.or(account).unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Searched {
    search_records: Vec<PersonRow>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TaskStatusRow {
    api_name: String,
}

#[derive(Deserialize)]
struct Upserted {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TaskRow {
    id: String,
}

#[derive(Deserialize)]
struct Described {
    createable: bool,
    fields: Vec<DescribedField>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribedField {
    name: String,
    external_id: bool,
    unique: bool,
    createable: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Limits {
    daily_api_requests: Limit,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Limit {
    max: u64,
    remaining: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CompositeAnswer {
    composite_response: Vec<CompositePart>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CompositePart {
    body: Value,
    http_status_code: u16,
}

/// One Task to write: its key and its fields, status included.
pub(super) struct KeyedTask {
    pub(super) key: Uuid,
    pub(super) fields: Value,
}

impl Salesforce {
    /// Finds Accounts by a part of their name.
    pub(super) async fn find_accounts(
        &self,
        session: &Session,
        query: &str,
    ) -> Result<Vec<CrmRecord>, CrmError> {
        let soql = format!(
            "SELECT Id, Name, BillingCity FROM Account WHERE Name LIKE {} ORDER BY Name LIMIT {FOUND_MAX}",
            Contains(query)
        );
        self.records(session, &soql).await
    }

    /// Finds Opportunities by a part of their name.
    pub(super) async fn find_opportunities(
        &self,
        session: &Session,
        query: &str,
    ) -> Result<Vec<CrmRecord>, CrmError> {
        let soql = format!(
            "SELECT Id, Name, StageName, Account.Name FROM Opportunity WHERE Name LIKE {} ORDER BY Name \
             LIMIT {FOUND_MAX}",
            Contains(query)
        );
        self.records(session, &soql).await
    }

    async fn records(&self, session: &Session, soql: &str) -> Result<Vec<CrmRecord>, CrmError> {
        let found: QueryAnswer<RecordRow> = self.query(session, soql).await?;
        Ok(found.records.into_iter().map(CrmRecord::from).collect())
    }

    /// Finds Contacts and Leads by words of their name or address ("Search with Parameterized Search").
    pub(super) async fn find_people(
        &self,
        session: &Session,
        query: &str,
    ) -> Result<Vec<CrmPerson>, CrmError> {
        let Some(words) = search_words(query) else { return Ok(Vec::new()) };
        let search = json!({
            "q": words,
            "in": "ALL",
            "sobjects": [
                {"name": "Contact", "fields": ["Id", "Name", "Email"], "limit": FOUND_MAX},
                {"name": "Lead", "fields": ["Id", "Name", "Email", "Company"], "limit": FOUND_MAX,
                 "where": "IsConverted = false"},
            ],
        });
        let request = self.call(session, Method::POST, &["parameterizedSearch".to_owned()])?;
        let answer = http::send(request.json(&search)).await?;
        if answer.status != StatusCode::OK {
            return Err(Refusal::read(&answer).into());
        }
        let found: Searched = answer.json()?;
        let mut people: Vec<CrmPerson> = found.search_records.into_iter().map(CrmPerson::from).collect();
        // The index knows words: `o_t` finds what has an `o` and a `t`. What was typed is meant as it was typed.
        people.retain(|person| {
            is_literal_match(&person.display_name, query) || is_literal_match(&person.email_address, query)
        });
        people.sort_by_key(|person| person.person_type == PersonType::Lead);
        Ok(people)
    }

    /// Finds who has which of the addresses. A converted Lead is left to the Contact that it became, which has its address.
    pub(super) async fn find_by_addresses(
        &self,
        session: &Session,
        addresses: &[String],
    ) -> Result<Vec<Vec<CrmPerson>>, CrmError> {
        if addresses.is_empty() {
            return Ok(Vec::new());
        }
        let contacts = format!(
            "SELECT Id, Name, Email, Account.Name FROM Contact WHERE Email IN {} ORDER BY Id",
            AnyOf(addresses)
        );
        let leads = format!(
            "SELECT Id, Name, Email, Company FROM Lead WHERE Email IN {} AND IsConverted = false ORDER BY Id",
            AnyOf(addresses)
        );
        let contacts: QueryAnswer<PersonRow> = self.query(session, &contacts).await?;
        let leads: QueryAnswer<PersonRow> = self.query(session, &leads).await?;
        let mut by_address: HashMap<String, Vec<CrmPerson>> = HashMap::new();
        for person in contacts.records.into_iter().chain(leads.records).map(CrmPerson::from) {
            by_address.entry(person.email_address.to_lowercase()).or_default().push(person);
        }
        let of = |address: &String| by_address.get(&address.to_lowercase()).cloned().unwrap_or_default();
        Ok(addresses.iter().map(of).collect())
    }

    /// Finds the Contact that a converted Lead has become, by its address.
    pub(super) async fn find_converted(
        &self,
        session: &Session,
        lead_id: &str,
    ) -> Result<Option<String>, CrmError> {
        let soql = format!("SELECT Id, Name, Email FROM Lead WHERE Id = {} LIMIT 1", Literal(lead_id));
        let leads: QueryAnswer<PersonRow> = self.query(session, &soql).await?;
        let Some(address) = leads.records.into_iter().next().and_then(|lead| lead.email) else {
            return Ok(None);
        };
        let found = self.find_by_addresses(session, &[address]).await?;
        let contact = found.into_iter().flatten().find(|person| person.person_type == PersonType::Contact);
        Ok(contact.map(|contact| contact.record_id))
    }

    /// Reads the org's first closed status of tasks.
    pub(super) async fn read_closed_status(&self, session: &Session) -> Result<String, CrmError> {
        let soql = "SELECT ApiName FROM TaskStatus WHERE IsClosed = true ORDER BY SortOrder LIMIT 1";
        let found: QueryAnswer<TaskStatusRow> = self.query(session, soql).await?;
        let first = found.records.into_iter().next().map(|row| row.api_name);
        first.ok_or_else(|| {
            CrmError::permanent("Salesforce has no status for closed tasks: an admin must add one.")
        })
    }

    /// Makes or updates the Task with a key. Gives its id where Salesforce does.
    pub(super) async fn upsert_task(
        &self,
        session: &Session,
        task: &KeyedTask,
    ) -> Result<Result<Option<String>, Refusal>, CrmError> {
        let request = self.call(session, Method::PATCH, &self.task_by_key(task.key))?;
        let answer = http::send(request.json(&task.fields)).await?;
        match answer.status {
            StatusCode::OK | StatusCode::CREATED => Ok(Ok(Some(checked_id(answer.json::<Upserted>()?.id)?))),
            StatusCode::NO_CONTENT => Ok(Ok(None)),
            _ => Ok(Err(Refusal::read(&answer))),
        }
    }

    /// Makes or updates several Tasks, at most [`COMPOSITE_MAX`], together or not at all ("Composite", allOrNone). The index
    /// with a refusal is that of the Task that was refused.
    pub(super) async fn upsert_tasks(
        &self,
        session: &Session,
        tasks: &[KeyedTask],
    ) -> Result<Result<Vec<Option<String>>, (usize, Refusal)>, CrmError> {
        let part = |(index, task): (usize, &KeyedTask)| {
            let url = self.url(session, &self.task_by_key(task.key))?;
            Ok(
                json!({"method": "PATCH", "url": url.path(), "referenceId": format!("t{index}"), "body": task.fields}),
            )
        };
        let parts: Vec<Value> = tasks.iter().enumerate().map(part).collect::<Result<_, CrmError>>()?;
        let request = self.call(session, Method::POST, &["composite".to_owned()])?;
        let body = json!({"allOrNone": true, "compositeRequest": parts});
        let answer = http::send(request.json(&body)).await?;
        if answer.status != StatusCode::OK {
            return Ok(Err((0, Refusal::read(&answer))));
        }
        let parts = answer.json::<CompositeAnswer>()?.composite_response;
        if parts.len() != tasks.len() {
            return Err(CrmError::retry("The CRM gave an answer that cannot be read."));
        }
        let mut ids = Vec::new();
        let mut was_halted = false;
        for (index, part) in parts.into_iter().enumerate() {
            if (200..300).contains(&part.http_status_code) {
                let id = part.body.get("id").and_then(Value::as_str);
                ids.push(id.map(|id| checked_id(id.to_owned())).transpose()?);
            } else if let Some(refusal) = Refusal::of_part(part.http_status_code, part.body) {
                return Ok(Err((index, refusal)));
            } else {
                was_halted = true;
            }
        }
        if was_halted { Err(CrmError::retry("Salesforce took the log back.")) } else { Ok(Ok(ids)) }
    }

    /// Reads the id of the Task with a key.
    pub(super) async fn read_task_id(
        &self,
        session: &Session,
        key: Uuid,
    ) -> Result<Option<String>, CrmError> {
        let mut request = self.call(session, Method::GET, &self.task_by_key(key))?;
        request = request.query(&[("fields", "Id")]);
        let answer = http::send(request).await?;
        match answer.status {
            StatusCode::OK => checked_id(answer.json::<TaskRow>()?.id).map(Some),
            StatusCode::MULTIPLE_CHOICES => Err(multiple_matches()),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(Refusal::read(&answer).into()),
        }
    }

    /// Looks at what logging needs: the field that makes a log exactly one record, the right to add Tasks, the quota.
    pub(super) async fn look_at_setup(&self, session: &Session) -> Result<Vec<Finding>, CrmError> {
        let described: Described = self.read(session, &["sobjects", "Task", "describe"], &[]).await?;
        let limits: Limits = self.read(session, &["limits"], &[]).await?;
        Ok(vec![
            external_id(&described, &self.config.external_id_field),
            create_right(&described),
            quota(&limits.daily_api_requests),
        ])
    }

    async fn query<T: DeserializeOwned>(&self, session: &Session, soql: &str) -> Result<T, CrmError> {
        self.read(session, &["query"], &[("q", soql)]).await
    }

    async fn read<T: DeserializeOwned>(
        &self,
        session: &Session,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, CrmError> {
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        let answer = http::send(self.call(session, Method::GET, &path)?.query(query)).await?;
        if answer.status == StatusCode::OK { answer.json() } else { Err(Refusal::read(&answer).into()) }
    }

    fn task_by_key(&self, key: Uuid) -> [String; 4] {
        ["sobjects", "Task", &self.config.external_id_field, &key.to_string()].map(str::to_owned)
    }

    /// Begins a call.
    fn call(&self, session: &Session, method: Method, path: &[String]) -> Result<RequestBuilder, CrmError> {
        let url = self.url(session, path)?;
        Ok(self.http.request(method, url).bearer_auth(session.access_token.expose_secret()))
    }

    /// Returns an address of the REST API; each part of the path is percent-encoded.
    fn url(&self, session: &Session, path: &[String]) -> Result<Url, CrmError> {
        let mut url: Url = session.instance_url.clone();
        url.path_segments_mut()
            .map_err(|()| CrmError::permanent("The connection has no usable address: connect again."))?
            .clear()
            .extend(["services", "data", &self.config.api_version])
            .extend(path);
        Ok(url)
    }
}

fn external_id(described: &Described, name: &str) -> Finding {
    let field = described.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name));
    if field.is_some_and(|field| field.external_id && field.unique && field.createable) {
        return Finding::new(Check::ExternalId, Severity::Ok, "A log is exactly one record.");
    }
    let message = format!(
        "Salesforce needs a custom field {name} on Activity: text of 36 or more characters, external id, unique, and \
         visible to the connected user."
    );
    Finding::new(Check::ExternalId, Severity::Error, message)
}

fn create_right(described: &Described) -> Finding {
    if described.createable {
        return Finding::new(Check::CreateRight, Severity::Ok, "The connected user may add tasks.");
    }
    let message = "The connected user may not add tasks in Salesforce: an admin must grant it.";
    Finding::new(Check::CreateRight, Severity::Error, message)
}

fn quota(limit: &Limit) -> Finding {
    let Limit { max, remaining } = limit;
    if remaining.saturating_mul(100) < max.saturating_mul(QUOTA_LOW_PERCENT) {
        let message = format!(
            "Salesforce has {remaining} of {max} calls per day left: logs wait when they are used up."
        );
        return Finding::new(Check::Quota, Severity::Warning, message);
    }
    Finding::new(Check::Quota, Severity::Ok, format!("{remaining} of {max} calls per day are left."))
}

fn checked_id(id: String) -> Result<String, CrmError> {
    if is_record_id(&id) { Ok(id) } else { Err(CrmError::retry("Salesforce gave an id that is none.")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_below_a_tenth_is_a_warning() {
        let of = |remaining| quota(&Limit { max: 1_000, remaining }).severity;
        assert_eq!((of(100), of(99), of(0)), (Severity::Ok, Severity::Warning, Severity::Warning));
    }

    #[test]
    fn missing_setup_is_an_error_that_names_what_to_do() {
        let described = |createable, unique| Described {
            createable,
            fields: vec![DescribedField {
                name: "Key__c".to_owned(),
                external_id: true,
                unique,
                createable: true,
            }],
        };
        assert_eq!(external_id(&described(true, true), "key__c").severity, Severity::Ok);
        let finding = external_id(&described(true, false), "Key__c");
        assert!(finding.severity == Severity::Error && finding.message.contains("Key__c"));
        assert_eq!(external_id(&described(true, true), "Other__c").severity, Severity::Error);
        assert_eq!(create_right(&described(true, true)).severity, Severity::Ok);
        assert_eq!(create_right(&described(false, true)).severity, Severity::Error);
    }
}
