//! Owns the token endpoint: an access token for a SAML 2 bearer assertion, without a refresh token.
//!
//! Checks what an assertion says, and that it is signed, but not the signature itself.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::gate::is_basic;
use super::{C4c, OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET, OAUTH_ISSUER, TOKENS, USER};
use crate::shelf::{Change, Row};
use crate::world::{lock, now, token};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:saml2-bearer";
const SCOPE: &str = "UIWC:CC_HOME";

/// The form of the token endpoint.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    grant_type: String,
    client_id: String,
    scope: String,
    assertion: String,
}

/// An error as OAuth writes it.
pub(super) struct Refusal(&'static str, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self.0 {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            "server_error" => StatusCode::INTERNAL_SERVER_ERROR,
            _other => StatusCode::BAD_REQUEST,
        };
        (status, Json(json!({"error": self.0, "error_description": self.1}))).into_response()
    }
}

/// Gives a token for an assertion.
pub(super) async fn exchange(
    State(crm): State<Arc<C4c>>,
    headers: HeaderMap,
    Form(asked): Form<Asked>,
) -> Result<Json<Value>, Refusal> {
    let refuse = |error, text: &str| Refusal(error, text.to_owned());
    if !is_basic(&headers, OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET) {
        return Err(refuse("invalid_client", "Client authentication failed"));
    }
    if asked.client_id != OAUTH_CLIENT_ID {
        return Err(refuse("invalid_request", "client_id does not match the authenticated client"));
    }
    if asked.grant_type != GRANT_TYPE {
        return Err(refuse("unsupported_grant_type", "grant_type must be saml2-bearer"));
    }
    if asked.scope != SCOPE {
        return Err(refuse("invalid_scope", "scope is not granted to the client"));
    }
    check(&crm, &asked.assertion).map_err(|why| Refusal("invalid_grant", why))?;
    let life = lock(&crm.settings).token_life_seconds;
    let failed = |_error| refuse("server_error", "the sandbox failed");
    let secret = token(32).map_err(failed)?;
    let mut row = Row::new();
    row.insert("expires_at".to_owned(), json!(now() + TimeDelta::seconds(life)));
    lock(&crm.shelf).commit(vec![Change::put(TOKENS, &secret, row)]).map_err(failed)?;
    Ok(Json(json!({"access_token": secret, "token_type": "Bearer", "expires_in": life, "scope": SCOPE})))
}

/// Checks what an assertion says; the error tells what is wrong.
fn check(crm: &C4c, assertion: &str) -> Result<(), String> {
    let plain = assertion.trim_end_matches('=');
    let bytes = URL_SAFE_NO_PAD
        .decode(plain)
        .or_else(|_| STANDARD.decode(assertion))
        .map_err(|_| "assertion: must be base64")?;
    let xml = String::from_utf8(bytes).map_err(|_| "assertion: must be XML in UTF-8")?;
    let content = |name: &str| element(&xml, name).ok_or_else(|| format!("assertion: has no {name}"));
    for (name, wanted) in [("Issuer", OAUTH_ISSUER), ("NameID", USER), ("Audience", crm.host.as_str())] {
        if content(name)? != wanted {
            return Err(format!("assertion: {name} must be {wanted}"));
        }
    }
    let recipient = attribute(&xml, "Recipient").ok_or("assertion: has no Recipient")?;
    if recipient != format!("{}/sap/bc/sec/oauth2/token", crm.address) {
        return Err("assertion: Recipient must be the token endpoint".to_owned());
    }
    let end = attribute(&xml, "NotOnOrAfter").and_then(|at| at.parse::<DateTime<Utc>>().ok());
    if end.is_none_or(|end| end <= now()) {
        return Err("assertion: has ended".to_owned());
    }
    if content("SignatureValue")?.is_empty() {
        return Err("assertion: is not signed".to_owned());
    }
    Ok(())
}

/// The text of the first element of a name, whatever its prefix.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = xml;
    loop {
        let (_, tag) = rest.split_once('<')?;
        let (head, after) = tag.split_once('>')?;
        let full = head.split_whitespace().next().unwrap_or_default();
        if full.rsplit(':').next() == Some(name) && !full.starts_with('/') && !head.ends_with('/') {
            return after.split_once('<').map(|(text, _)| text.trim());
        }
        rest = after;
    }
}

fn attribute<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = xml.split_once(&format!(" {name}=\""))?;
    after.split_once('"').map(|(value, _)| value)
}
