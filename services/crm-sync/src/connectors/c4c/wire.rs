//! The OData service of SAP C4C, as far as logging uses it (SAP C4C OData API developer guide, "OData service catalog",
//! "$filter", "Server-side paging", "CSRF token").
//!
//! Owns paths, headers and the shapes of answers. Decides nothing: a refusal comes back as what [`error`](super::error)
//! makes of it.

use std::fmt::{self, Debug, Formatter};

use reqwest::header::{ACCEPT, AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::C4c;
use super::error::Refusal;
use crate::connectors::http::{self, Answer};
use crate::connectors::odata::{Filter, set_query};
use crate::connectors::{CrmError, Session};

/// Without the slash at its end there is nothing.
const ROOT: &str = "/sap/c4c/odata/v1/c4codataapi/";
const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");
/// More pages than people who share a few addresses can fill.
const PAGES_MAX: usize = 5;

/// A record: which properties there are depends on the tenant.
pub(super) type Row = Map<String, Value>;

/// A CSRF token and the cookies of the session that it belongs to; one is worth nothing without the other.
#[derive(Clone)]
pub(super) struct CsrfPair {
    token: SecretString,
    cookies: SecretString,
}

impl CsrfPair {
    /// Tells whether two are of the same session.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.token.expose_secret() == other.token.expose_secret()
            && self.cookies.expose_secret() == other.cookies.expose_secret()
    }
}

impl Debug for CsrfPair {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfPair")
    }
}

/// A created record.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Created {
    pub(super) object_id: String,
    pub(super) id: Option<String>,
}

#[derive(Deserialize)]
struct Wrapped<T> {
    d: T,
}

#[derive(Deserialize)]
struct Page {
    results: Vec<Row>,
    #[serde(rename = "__next")]
    next: Option<String>,
}

/// The text of a property; nothing where it is absent, empty or no text.
pub(super) fn text<'a>(row: &'a Row, name: &str) -> Option<&'a str> {
    row.get(name)?.as_str().filter(|text| !text.is_empty())
}

impl C4c {
    /// Reads the first records that meet a condition.
    pub(super) async fn list(
        &self,
        session: &Session,
        set: &str,
        filter: &Filter,
        top: usize,
    ) -> Result<Vec<Row>, Refusal> {
        let top = top.to_string();
        let options = [("$filter", filter.as_str()), ("$top", top.as_str()), ("$format", "json")];
        Ok(self.page(session, &address(session, set, &options)?).await?.results)
    }

    /// Reads page after page. The link to the next one is the tenant's: it is followed only where it leads to the same
    /// collection of the same tenant.
    pub(super) async fn all(
        &self,
        session: &Session,
        set: &str,
        filter: &Filter,
    ) -> Result<Vec<Row>, Refusal> {
        let options = [("$filter", filter.as_str()), ("$format", "json")];
        let first = address(session, set, &options)?;
        let mut url = first.clone();
        let mut rows = Vec::new();
        for _page in 0..PAGES_MAX {
            let page = self.page(session, &url).await?;
            rows.extend(page.results);
            let Some(next) = page.next else { break };
            url = Url::parse(&next)
                .ok()
                .filter(|next| next.origin() == first.origin() && next.path() == first.path())
                .ok_or_else(|| CrmError::permanent("SAP names a next page that is not its own."))?;
        }
        Ok(rows)
    }

    /// Tells whether Tasks can be read by a condition; nothing where the tenant does not understand it.
    pub(super) async fn understands(&self, session: &Session, filter: &Filter) -> Result<bool, Refusal> {
        let options = [("$filter", filter.as_str()), ("$top", "1"), ("$format", "json")];
        let url = address(session, "TasksCollection", &options)?;
        let answer = http::send(self.call(session, Method::GET, url)).await?;
        match answer.status {
            StatusCode::OK => Ok(true),
            StatusCode::BAD_REQUEST => Ok(false),
            _ => Err(Refusal::read(&answer)),
        }
    }

    /// Reads any task: whether the user gets in, and may see tasks.
    pub(super) async fn read_any_task(&self, session: &Session) -> Result<(), Refusal> {
        let url = address(session, "TasksCollection", &[("$top", "1"), ("$format", "json")])?;
        self.page(session, &url).await?;
        Ok(())
    }

    /// Begins a session for writing. Nothing: the user needs none, as technical users do, who are refused one.
    pub(super) async fn fetch_csrf(&self, session: &Session) -> Result<Option<CsrfPair>, Refusal> {
        let url = address(session, "", &[])?;
        let answer = http::send(self.call(session, Method::GET, url).header(CSRF, "fetch")).await?;
        match answer.status {
            StatusCode::OK => Ok(pair(&answer.headers)),
            StatusCode::INTERNAL_SERVER_ERROR => Ok(None),
            _ => Err(Refusal::read(&answer)),
        }
    }

    /// Creates a task with all that is nested in it, however often the same one is sent.
    pub(super) async fn create(
        &self,
        session: &Session,
        pair: Option<&CsrfPair>,
        body: &Row,
    ) -> Result<Created, Refusal> {
        let url = address(session, "TasksCollection", &[])?;
        let mut request = self.call(session, Method::POST, url).json(body);
        if let Some(CsrfPair { token, cookies }) = pair {
            request = request.header(CSRF, secret(token)?).header(COOKIE, secret(cookies)?);
        }
        let answer = http::send(request).await?;
        if answer.status.is_success() { Ok(created(&answer)?) } else { Err(Refusal::read(&answer)) }
    }

    async fn page(&self, session: &Session, url: &Url) -> Result<Page, Refusal> {
        let answer = http::send(self.call(session, Method::GET, url.clone())).await?;
        match answer.status {
            StatusCode::OK => Ok(answer.json::<Wrapped<Page>>()?.d),
            _ => Err(Refusal::read(&answer)),
        }
    }

    fn call(&self, session: &Session, method: Method, url: Url) -> RequestBuilder {
        let basic = format!("Basic {}", session.access_token.expose_secret());
        self.http.request(method, url).header(AUTHORIZATION, basic).header(ACCEPT, "application/json")
    }
}

/// An address below that of the service. `path` is the name of a collection.
fn address(session: &Session, path: &str, options: &[(&str, &str)]) -> Result<Url, CrmError> {
    let mut url = session.instance_url.clone();
    if url.cannot_be_a_base() {
        return Err(CrmError::permanent("The connection has no usable address: connect again."));
    }
    url.set_path(&format!("{ROOT}{path}"));
    if !options.is_empty() {
        set_query(&mut url, options);
    }
    Ok(url)
}

fn secret(text: &SecretString) -> Result<HeaderValue, CrmError> {
    let mut value = HeaderValue::from_str(text.expose_secret())
        .map_err(|_| CrmError::retry("SAP gave a token that cannot be sent back."))?;
    value.set_sensitive(true);
    Ok(value)
}

fn pair(headers: &HeaderMap) -> Option<CsrfPair> {
    let token = headers.get(CSRF)?.to_str().ok()?;
    let cookies: Vec<&str> = headers
        .get_all(SET_COOKIE)
        .iter()
        .filter_map(|cookie| cookie.to_str().ok()?.split(';').next())
        .map(str::trim)
        .collect();
    Some(CsrfPair { token: SecretString::from(token), cookies: SecretString::from(cookies.join("; ")) })
}

/// Reads a created record: `{"d": {"results": {…}}}` as tenants were seen to answer, or `{"d": {…}}` as OData says.
fn created(answer: &Answer) -> Result<Created, CrmError> {
    let Wrapped { d } = answer.json::<Wrapped<Row>>()?;
    let row = d.get("results").and_then(Value::as_object).unwrap_or(&d);
    reference(row).ok_or_else(|| CrmError::retry("SAP did not say which task it made."))
}

/// The ids of a task.
pub(super) fn reference(row: &Row) -> Option<Created> {
    let object_id = text(row, "ObjectID")?.to_owned();
    Some(Created { object_id, id: text(row, "ID").map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_created_record_is_read_wrapped_or_bare() {
        let read = |body: &Value| {
            created(&Answer {
                status: StatusCode::CREATED,
                retry_after: None,
                headers: HeaderMap::new(),
                body: body.to_string().into_bytes(),
            })
        };
        let row = json!({"ObjectID": "00A", "ID": "5001"});
        let expected = Created { object_id: "00A".to_owned(), id: Some("5001".to_owned()) };
        assert_eq!(read(&json!({"d": {"results": row}})).unwrap(), expected);
        assert_eq!(read(&json!({"d": row})).unwrap(), expected);
        assert!(matches!(read(&json!({"d": {}})), Err(CrmError::Retry { .. })));
        assert!(matches!(read(&json!([])), Err(CrmError::Retry { .. })));
    }

    #[test]
    fn token_and_cookies_are_kept_together_and_shown_to_nobody() {
        let mut headers = HeaderMap::new();
        headers.insert(CSRF, HeaderValue::from_static("tok"));
        headers.append(SET_COOKIE, HeaderValue::from_static("a=1; path=/; HttpOnly"));
        headers.append(SET_COOKIE, HeaderValue::from_static("b=2"));
        let one = pair(&headers).unwrap();
        assert_eq!((one.token.expose_secret(), one.cookies.expose_secret()), ("tok", "a=1; b=2"));
        assert_eq!(format!("{one:?}"), "CsrfPair");
        headers.insert(SET_COOKIE, HeaderValue::from_static("a=3"));
        assert!(one.is(&one.clone()) && !one.is(&pair(&headers).unwrap()));
    }
}
