//! The API of SAP Sales Cloud V2, as far as logging uses it. No reference of it could be read in public; paths and shapes
//! are those that three independent clients agree on (see docs/adding-a-crm.md).
//!
//! Owns paths, headers and the shapes of answers. Decides nothing: a refusal comes back as what [`error`](super::error)
//! makes of it.

use reqwest::header::{ACCEPT, AUTHORIZATION};
use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::{SalesCloud, error};
use crate::connectors::http;
use crate::connectors::odata::{Filter, set_query};
use crate::connectors::{CrmError, Session};

const ROOT: &str = "/sap/c4c/api/v1/";
/// More pages than people who share a few addresses can fill.
const PAGES_MAX: usize = 5;

/// A record: which properties there are depends on the tenant.
pub(super) type Row = Map<String, Value>;

/// A service and its collection.
#[derive(Clone, Copy)]
pub(super) enum Collection {
    Tasks,
    Accounts,
    Contacts,
    Opportunities,
    Leads,
}

impl Collection {
    fn path(self) -> &'static str {
        match self {
            Self::Tasks => "task-service/tasks",
            Self::Accounts => "account-service/accounts",
            Self::Contacts => "contact-person-service/contactPersons",
            Self::Opportunities => "opportunity-service/opportunities",
            Self::Leads => "lead-service/leads",
        }
    }
}

#[derive(Deserialize)]
struct Page {
    value: Vec<Row>,
}

#[derive(Deserialize)]
struct Single {
    value: Row,
}

/// The text of a property; nothing where it is absent, empty or no text.
pub(super) fn text<'a>(row: &'a Row, name: &str) -> Option<&'a str> {
    row.get(name)?.as_str().filter(|text| !text.is_empty())
}

impl SalesCloud {
    /// Reads the first records that meet a condition.
    pub(super) async fn list(
        &self,
        session: &Session,
        collection: Collection,
        filter: &Filter,
        top: usize,
    ) -> Result<Vec<Row>, CrmError> {
        self.page(session, collection, filter, top, 0).await
    }

    /// Reads page after page until one is short: there is no reliable link to the next one.
    pub(super) async fn all(
        &self,
        session: &Session,
        collection: Collection,
        filter: &Filter,
    ) -> Result<Vec<Row>, CrmError> {
        let mut rows = Vec::new();
        for _page in 0..PAGES_MAX {
            let page = self.page(session, collection, filter, self.config.page_size, rows.len()).await?;
            let is_last = page.len() < self.config.page_size;
            rows.extend(page);
            if is_last {
                break;
            }
        }
        Ok(rows)
    }

    /// Tells whether tasks can be read by a condition; not so where the tenant does not understand it.
    pub(super) async fn understands(&self, session: &Session, filter: &Filter) -> Result<bool, CrmError> {
        let url = address(session, Collection::Tasks, &[("$filter", filter.as_str()), ("$top", "1")])?;
        let answer = http::send(self.call(session, Method::GET, url)).await?;
        match answer.status {
            StatusCode::OK => Ok(true),
            StatusCode::BAD_REQUEST => Ok(false),
            _ => Err(error::read(&answer)),
        }
    }

    /// Reads any task: whether the user gets in, and may see tasks.
    pub(super) async fn read_any_task(&self, session: &Session) -> Result<(), CrmError> {
        let url = address(session, Collection::Tasks, &[("$top", "1")])?;
        let answer = http::send(self.call(session, Method::GET, url)).await?;
        if answer.status == StatusCode::OK { Ok(()) } else { Err(error::read(&answer)) }
    }

    /// Creates a task, however often the same one is sent.
    pub(super) async fn create(&self, session: &Session, body: &Row) -> Result<Row, CrmError> {
        let url = address(session, Collection::Tasks, &[])?;
        let answer = http::send(self.call(session, Method::POST, url).json(body)).await?;
        if answer.status.is_success() {
            Ok(answer.json::<Single>()?.value)
        } else {
            Err(error::read(&answer))
        }
    }

    async fn page(
        &self,
        session: &Session,
        collection: Collection,
        filter: &Filter,
        top: usize,
        skip: usize,
    ) -> Result<Vec<Row>, CrmError> {
        let (top, skip) = (top.to_string(), skip.to_string());
        let options = [("$filter", filter.as_str()), ("$top", top.as_str()), ("$skip", skip.as_str())];
        let url = address(session, collection, &options)?;
        let answer = http::send(self.call(session, Method::GET, url)).await?;
        if answer.status == StatusCode::OK {
            Ok(answer.json::<Page>()?.value)
        } else {
            Err(error::read(&answer))
        }
    }

    fn call(&self, session: &Session, method: Method, url: Url) -> RequestBuilder {
        let basic = format!("Basic {}", session.access_token.expose_secret());
        self.http.request(method, url).header(AUTHORIZATION, basic).header(ACCEPT, "application/json")
    }
}

/// An address below that of the service.
fn address(session: &Session, collection: Collection, options: &[(&str, &str)]) -> Result<Url, CrmError> {
    let mut url = session.instance_url.clone();
    if url.cannot_be_a_base() {
        return Err(CrmError::permanent("The connection has no usable address: connect again."));
    }
    url.set_path(&format!("{ROOT}{}", collection.path()));
    if !options.is_empty() {
        set_query(&mut url, options);
    }
    Ok(url)
}
