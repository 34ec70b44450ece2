//! The Web API of Dataverse, as far as logging uses it ("Query data using the Web API", "Page results", "Upsert a table
//! row", "Execute batch operations").
//!
//! Owns paths, headers and the shapes of answers. Decides nothing: a refusal comes back as what [`error`](super::error)
//! makes of it.

use reqwest::header::{ACCEPT, HeaderName, HeaderValue, IF_MATCH};
use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use url::Url;
use uuid::Uuid;

use super::batch::{self, Condition, Outcome, Part};
use super::error::Refusal;
use super::mapping::{closing, path};
use super::{Dataverse, OPEN, TASK};
use crate::connectors::http::{self, Answer};
use crate::connectors::odata::{Filter, Wildcards, set_query};
use crate::connectors::{CrmError, CrmWrite, FOUND_MAX, Session};

/// The name of a looked-up record, which is only told on request.
const NAMES: &str = "odata.include-annotations=\"OData.Community.Display.V1.FormattedValue\"";
/// Rows of a page where all are read.
const PAGE: &str = "odata.maxpagesize=200";
/// More pages than people who share a few addresses can fill.
const PAGES_MAX: usize = 5;

#[derive(Deserialize)]
struct Page<T> {
    value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    next_link: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AccountRow {
    #[serde(rename = "accountid")]
    pub(super) id: String,
    pub(super) name: Option<String>,
    #[serde(rename = "address1_city")]
    pub(super) city: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OpportunityRow {
    #[serde(rename = "opportunityid")]
    pub(super) id: String,
    pub(super) name: Option<String>,
    #[serde(rename = "_parentaccountid_value@OData.Community.Display.V1.FormattedValue")]
    pub(super) account: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct ContactRow {
    #[serde(rename = "contactid")]
    pub(super) id: String,
    pub(super) fullname: Option<String>,
    #[serde(rename = "emailaddress1")]
    pub(super) email: Option<String>,
    #[serde(rename = "_parentcustomerid_value@OData.Community.Display.V1.FormattedValue")]
    pub(super) company: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct LeadRow {
    #[serde(rename = "leadid")]
    pub(super) id: String,
    pub(super) fullname: Option<String>,
    #[serde(rename = "emailaddress1")]
    pub(super) email: Option<String>,
    #[serde(rename = "companyname")]
    pub(super) company: Option<String>,
    /// 0 open, 1 qualified, 2 disqualified.
    pub(super) statecode: Option<i32>,
    /// The Contact that a qualified lead became.
    #[serde(rename = "_parentcontactid_value")]
    pub(super) contact_id: Option<String>,
}

const CONTACT_COLUMNS: &str = "contactid,fullname,emailaddress1,_parentcustomerid_value";
const LEAD_COLUMNS: &str = "leadid,fullname,emailaddress1,companyname,statecode,_parentcontactid_value";

impl Dataverse {
    pub(super) async fn find_accounts(
        &self,
        session: &Session,
        text: &str,
    ) -> Result<Vec<AccountRow>, Refusal> {
        let named = Filter::contains("name", text, Wildcards::Sql);
        self.first(session, "accounts", "accountid,name,address1_city", "name", &named).await
    }

    pub(super) async fn find_opportunities(
        &self,
        session: &Session,
        text: &str,
    ) -> Result<Vec<OpportunityRow>, Refusal> {
        let named = Filter::contains("name", text, Wildcards::Sql);
        self.first(session, "opportunities", "opportunityid,name,_parentaccountid_value", "name", &named)
            .await
    }

    pub(super) async fn find_contacts(
        &self,
        session: &Session,
        text: &str,
    ) -> Result<Vec<ContactRow>, Refusal> {
        self.first(session, "contacts", CONTACT_COLUMNS, "fullname", &name_or_address(text)).await
    }

    pub(super) async fn find_leads(&self, session: &Session, text: &str) -> Result<Vec<LeadRow>, Refusal> {
        let open = name_or_address(text).and(&Filter::equals_number("statecode", OPEN));
        self.first(session, "leads", LEAD_COLUMNS, "fullname", &open).await
    }

    pub(super) async fn contacts_of(
        &self,
        session: &Session,
        asked: &[&str],
    ) -> Result<Vec<ContactRow>, Refusal> {
        let filter = Filter::one_of("emailaddress1", asked);
        self.all(session, "contacts", CONTACT_COLUMNS, "fullname", &filter).await
    }

    pub(super) async fn leads_of(&self, session: &Session, asked: &[&str]) -> Result<Vec<LeadRow>, Refusal> {
        let filter = Filter::one_of("emailaddress1", asked);
        self.all(session, "leads", LEAD_COLUMNS, "fullname", &filter).await
    }

    /// Reads one Contact; nothing where it is not there.
    pub(super) async fn contact(&self, session: &Session, id: Uuid) -> Result<Option<ContactRow>, Refusal> {
        let url = self.url(session, &format!("contacts({id})"), &[("$select", CONTACT_COLUMNS)])?;
        let answer = http::send(self.call(session, Method::GET, url).header(PREFER, NAMES)).await?;
        if answer.status == StatusCode::NOT_FOUND { Ok(None) } else { read(&answer).map(Some) }
    }

    /// The user that the token belongs to: the cheapest call that needs it to hold.
    pub(super) async fn who_am_i(&self, session: &Session) -> Result<(), Refusal> {
        let _who: IgnoredAny = self.get(session, "WhoAmI", &[]).await?;
        Ok(())
    }

    /// Tells whether the environment has a table.
    pub(super) async fn has_table(&self, session: &Session, logical: &'static str) -> Result<bool, Refusal> {
        let path = format!("EntityDefinitions(LogicalName='{logical}')");
        let url = self.url(session, &path, &[("$select", "LogicalName")])?;
        let answer = http::send(self.call(session, Method::GET, url)).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(false),
            _ => read::<IgnoredAny>(&answer).map(|_found| true),
        }
    }

    /// Reads any task: whether the user may see tasks at all.
    pub(super) async fn read_any_task(&self, session: &Session) -> Result<(), Refusal> {
        let _any: IgnoredAny =
            self.get(session, "tasks", &[("$select", "activityid"), ("$top", "1")]).await?;
        Ok(())
    }

    /// Tells whether a record that we write is there.
    pub(super) async fn exists(&self, session: &Session, write: &CrmWrite) -> Result<bool, Refusal> {
        let key = if write.object == TASK { "activityid" } else { "annotationid" };
        let url = self.url(session, &path(write.object, write.key), &[("$select", key)])?;
        let answer = http::send(self.call(session, Method::GET, url)).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(false),
            _ => read::<IgnoredAny>(&answer).map(|_found| true),
        }
    }

    /// Changes records as a whole, or none.
    pub(super) async fn change(
        &self,
        session: &Session,
        parts: &[Part],
        condition: Condition,
    ) -> Result<(), Refusal> {
        let url = self.url(session, "$batch", &[])?;
        let body = batch::write(&self.root(), parts, condition);
        let kind = HeaderValue::from_static(batch::CONTENT_TYPE);
        let request = self.call(session, Method::POST, url).header(reqwest::header::CONTENT_TYPE, kind);
        let answer = http::send(request.body(body)).await?;
        let is_batch = answer.header("content-type").is_some_and(|kind| kind.starts_with("multipart/mixed"));
        if !is_batch {
            return Err(match answer.status.is_success() {
                true => unreadable(),
                false => Refusal::read(&answer),
            });
        }
        match batch::read(&String::from_utf8_lossy(&answer.body), parts.len()) {
            Outcome::Done => Ok(()),
            Outcome::Unknown => Err(unreadable()),
            Outcome::Refused { status, retry_after, body } => {
                Err(Refusal::of(status, retry_after.or(answer.retry_after), body.as_bytes()))
            }
        }
    }

    /// Completes a task; from then on it is read-only. Never makes one.
    pub(super) async fn close(&self, session: &Session, key: Uuid) -> Result<(), Refusal> {
        let Part { path, body } = closing(key);
        let url = self.url(session, &path, &[])?;
        let request = self.call(session, Method::PATCH, url).header(IF_MATCH, "*");
        let answer = http::send(request.json(&body)).await?;
        if answer.status.is_success() { Ok(()) } else { Err(Refusal::read(&answer)) }
    }

    async fn first<T: DeserializeOwned>(
        &self,
        session: &Session,
        set: &str,
        columns: &str,
        order: &str,
        filter: &Filter,
    ) -> Result<Vec<T>, Refusal> {
        let top = FOUND_MAX.to_string();
        let options =
            [("$select", columns), ("$filter", filter.as_str()), ("$orderby", order), ("$top", top.as_str())];
        let page: Page<T> = self.get(session, set, &options).await?;
        Ok(page.value.into_iter().take(FOUND_MAX).collect())
    }

    /// Reads page after page. The link to the next one is the environment's: it is followed only where it leads to the
    /// same table of the same environment.
    async fn all<T: DeserializeOwned>(
        &self,
        session: &Session,
        set: &str,
        columns: &str,
        order: &str,
        filter: &Filter,
    ) -> Result<Vec<T>, Refusal> {
        let options = [("$select", columns), ("$filter", filter.as_str()), ("$orderby", order)];
        let first = self.url(session, set, &options)?;
        let mut url = first.clone();
        let mut rows = Vec::new();
        for _page in 0..PAGES_MAX {
            let request = self.call(session, Method::GET, url).header(PREFER, format!("{PAGE},{NAMES}"));
            let page: Page<T> = read(&http::send(request).await?)?;
            rows.extend(page.value);
            let Some(next) = page.next_link else { break };
            url = Url::parse(&next)
                .ok()
                .filter(|next| next.origin() == first.origin() && next.path() == first.path())
                .ok_or_else(|| CrmError::permanent("Dynamics names a next page that is not its own."))?;
        }
        Ok(rows)
    }

    async fn get<T: DeserializeOwned>(
        &self,
        session: &Session,
        path: &str,
        options: &[(&str, &str)],
    ) -> Result<T, Refusal> {
        let url = self.url(session, path, options)?;
        read(&http::send(self.call(session, Method::GET, url).header(PREFER, NAMES)).await?)
    }

    /// The path of the Web API, with a slash at its end.
    fn root(&self) -> String {
        format!("/api/data/{}/", self.config.api_version)
    }

    /// An address below that of the Web API. `path` holds names and keys of our own alone.
    fn url(&self, session: &Session, path: &str, options: &[(&str, &str)]) -> Result<Url, CrmError> {
        let mut url = session.instance_url.clone();
        if url.cannot_be_a_base() {
            return Err(CrmError::permanent("The connection has no usable address: connect again."));
        }
        url.set_path(&format!("{}{path}", self.root()));
        if !options.is_empty() {
            set_query(&mut url, options);
        }
        Ok(url)
    }

    fn call(&self, session: &Session, method: Method, url: Url) -> RequestBuilder {
        self.http
            .request(method, url)
            .bearer_auth(session.access_token.expose_secret())
            .header(ACCEPT, "application/json")
            .header(HeaderName::from_static("odata-version"), "4.0")
            .header(HeaderName::from_static("odata-maxversion"), "4.0")
    }
}

const PREFER: HeaderName = HeaderName::from_static("prefer");

fn name_or_address(text: &str) -> Filter {
    let named = Filter::contains("fullname", text, Wildcards::Sql);
    named.or(&Filter::contains("emailaddress1", text, Wildcards::Sql))
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, Refusal> {
    if answer.status == StatusCode::OK { Ok(answer.json()?) } else { Err(Refusal::read(answer)) }
}

/// An answer that does not say what took effect; asking again tells.
fn unreadable() -> Refusal {
    Refusal::Error(CrmError::retry("Dynamics gave an answer that cannot be read."))
}
