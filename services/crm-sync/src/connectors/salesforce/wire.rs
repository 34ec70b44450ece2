//! The REST API of Salesforce, as far as logging uses it.
//!
//! Owns paths and the shapes of answers. Decides nothing: a refusal comes back as what [`error`](super::error) makes
//! of it.

use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::error::{Refusal, multiple_matches};
use super::mapping::{Task, is_record_id};
use super::soql::Contains;
use super::{CrmError, CrmRecord, Salesforce, Session, http};
use crate::log::LogId;

#[derive(Deserialize)]
struct QueryAnswer<T> {
    records: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AccountRow {
    id: String,
    name: String,
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

impl Salesforce {
    /// Finds Accounts by a part of their name.
    pub(super) async fn find_accounts(
        &self,
        session: &Session,
        query: &str,
    ) -> Result<Vec<CrmRecord>, CrmError> {
        let soql = format!(
            "SELECT Id, Name FROM Account WHERE Name LIKE {} ORDER BY Name LIMIT 10",
            Contains(query)
        );
        let found: QueryAnswer<AccountRow> = self.query(session, &soql).await?;
        let record = |row: AccountRow| CrmRecord { record_id: row.id, display_name: row.name };
        Ok(found.records.into_iter().map(record).collect())
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

    /// Makes or updates the Task with a log's key. Gives its id where Salesforce does.
    pub(super) async fn upsert_task(
        &self,
        session: &Session,
        log_id: LogId,
        task: &Task<'_>,
    ) -> Result<Result<Option<String>, Refusal>, CrmError> {
        let answer =
            http::send(self.call(session, Method::PATCH, &self.task_by_key(log_id))?.json(task)).await?;
        match answer.status {
            StatusCode::OK | StatusCode::CREATED => Ok(Ok(Some(checked_id(answer.json::<Upserted>()?.id)?))),
            StatusCode::NO_CONTENT => Ok(Ok(None)),
            StatusCode::MULTIPLE_CHOICES => Err(multiple_matches()),
            _ => Ok(Err(Refusal::read(&answer))),
        }
    }

    /// Reads the id of the Task with a log's key.
    pub(super) async fn read_task_id(&self, session: &Session, log_id: LogId) -> Result<String, CrmError> {
        let mut request = self.call(session, Method::GET, &self.task_by_key(log_id))?;
        request = request.query(&[("fields", "Id")]);
        let answer = http::send(request).await?;
        match answer.status {
            StatusCode::OK => checked_id(answer.json::<TaskRow>()?.id),
            StatusCode::MULTIPLE_CHOICES => Err(multiple_matches()),
            // The other write that was told of is not to be seen yet.
            StatusCode::NOT_FOUND => Err(CrmError::retry("Salesforce does not show the log yet.")),
            _ => Err(Refusal::read(&answer).into()),
        }
    }

    /// Checks that Tasks have the field that makes a log exactly one record.
    pub(super) async fn check_external_id_field(&self, session: &Session) -> Result<(), CrmError> {
        let described: Described = self.read(session, &["sobjects", "Task", "describe"], &[]).await?;
        let name = &self.config.external_id_field;
        let field = described.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        if field.is_some_and(|field| field.external_id && field.unique && field.createable) {
            return Ok(());
        }
        Err(CrmError::permanent(format!(
            "Salesforce needs a custom field {name} on Activity: text of 36 or more characters, external id, \
             unique, and visible to the connected user."
        )))
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

    fn task_by_key(&self, log_id: LogId) -> [String; 4] {
        ["sobjects", "Task", &self.config.external_id_field, &log_id.to_string()].map(str::to_owned)
    }

    /// Begins a call; each part of the path is percent-encoded.
    fn call(&self, session: &Session, method: Method, path: &[String]) -> Result<RequestBuilder, CrmError> {
        let mut url: Url = session.instance_url.clone();
        url.path_segments_mut()
            .map_err(|()| CrmError::permanent("The connection has no usable address: connect again."))?
            .clear()
            .extend(["services", "data", &self.config.api_version])
            .extend(path);
        Ok(self.http.request(method, url).bearer_auth(session.access_token.expose_secret()))
    }
}

fn checked_id(id: String) -> Result<String, CrmError> {
    if is_record_id(&id) { Ok(id) } else { Err(CrmError::retry("Salesforce gave an id that is none.")) }
}
