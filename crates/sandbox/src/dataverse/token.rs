//! Owns the token endpoint of the directory (OAuth 2.0), with its error codes.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use http::StatusCode;
use ring::digest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{CLIENT_ID, CLIENT_SECRET, Dataverse, GRANTS, TENANT, TOKENS};
use crate::shelf::{Change, Row};
use crate::world::{guid, lock, now, token};

/// The form of the token endpoint.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    scope: String,
    client_secret: Option<String>,
    code: Option<String>,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
    refresh_token: Option<String>,
}

/// An error of the directory.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) error: &'static str,
    pub(super) number: u32,
    pub(super) text: String,
}

impl Refusal {
    /// An error with its number and text.
    pub(super) fn new(error: &'static str, number: u32, text: impl Into<String>) -> Self {
        Self { error, number, text: text.into() }
    }

    /// The description, as it is shown and sent.
    pub(super) fn description(&self) -> String {
        format!("AADSTS{}: {}", self.number, self.text)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self.error {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            "server_error" => StatusCode::INTERNAL_SERVER_ERROR,
            _other => StatusCode::BAD_REQUEST,
        };
        let id = guid().unwrap_or_default();
        let body = json!({
            "error": self.error,
            "error_description": format!("{} Trace ID: {id}", self.description()),
            "error_codes": [self.number],
            "timestamp": now().format("%Y-%m-%d %H:%M:%SZ").to_string(),
            "trace_id": id,
            "correlation_id": id,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.number),
        });
        (status, Json(body)).into_response()
    }
}

fn failed(error: &std::io::Error) -> Refusal {
    tracing::error!(%error, "could not issue a token");
    Refusal::new("server_error", 90033, "A transient error has occurred. Please try again.")
}

/// Refuses a directory that is not there.
pub(super) fn check_tenant(tenant: &str) -> Result<(), Refusal> {
    if tenant.eq_ignore_ascii_case(TENANT) || matches!(tenant, "common" | "organizations") {
        return Ok(());
    }
    let text = format!("Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID.");
    Err(Refusal::new("invalid_request", 90002, text))
}

/// Refuses an app that the directory does not know.
pub(super) fn check_client(client: &str) -> Result<(), Refusal> {
    if client.eq_ignore_ascii_case(CLIENT_ID) {
        return Ok(());
    }
    let text = format!("Application with identifier '{client}' was not found in the directory 'Acme'.");
    Err(Refusal::new("unauthorized_client", 700_016, text))
}

/// Refuses scopes of another resource; tells whether a refresh token is wanted.
pub(super) fn check_scope(crm: &Dataverse, scope: &str) -> Result<bool, Refusal> {
    let (mut offline, mut resource) = (false, false);
    for part in scope.split_whitespace() {
        match part {
            "offline_access" => offline = true,
            "openid" | "profile" | "email" => {}
            other => {
                let of_us = other
                    .strip_suffix("/.default")
                    .or_else(|| other.strip_suffix("/user_impersonation"))
                    .is_some_and(|host| host.trim_end_matches('/') == crm.address);
                if !of_us {
                    let text = format!(
                        "The provided value for the input parameter 'scope' is not valid. \
                        The scope {other} is not valid."
                    );
                    return Err(Refusal::new("invalid_scope", 70011, text));
                }
                resource = true;
            }
        }
    }
    if resource {
        return Ok(offline);
    }
    let text = "The provided value for the input parameter 'scope' is not valid: it names no resource.";
    Err(Refusal::new("invalid_scope", 70011, text))
}

/// Gives a token for credentials, a code or a refresh token.
pub(super) async fn exchange(
    State(crm): State<Arc<Dataverse>>,
    Path(tenant): Path<String>,
    Form(asked): Form<Asked>,
) -> Result<Json<Value>, Refusal> {
    check_tenant(&tenant)?;
    if asked.grant_type.is_empty() {
        let text = "The request body must contain the following parameter: 'grant_type'.";
        return Err(Refusal::new("invalid_request", 900_144, text));
    }
    check_client(&asked.client_id)?;
    let Some(secret) = &asked.client_secret else {
        let text = "The request body must contain the following parameter: 'client_assertion' or \
                    'client_secret'.";
        return Err(Refusal::new("invalid_client", 7_000_218, text));
    };
    if secret != CLIENT_SECRET {
        let text = "Invalid client secret provided. Ensure the secret being sent in the request is the \
                    client secret value, not the client secret ID.";
        return Err(Refusal::new("invalid_client", 7_000_215, text));
    }
    if lock(&crm.settings).secret_expired {
        let text = "The provided client secret keys are expired. Create new keys for your app.";
        return Err(Refusal::new("invalid_client", 7_000_222, text));
    }
    match asked.grant_type.as_str() {
        "client_credentials" => credentials(&crm, &tenant, &asked),
        "authorization_code" => redeem(&crm, &asked),
        "refresh_token" => refresh(&crm, &asked),
        other => {
            let text = format!("The app requested an unsupported grant type '{other}'.");
            Err(Refusal::new("unsupported_grant_type", 70003, text))
        }
    }
    .map(Json)
}

fn credentials(crm: &Dataverse, tenant: &str, asked: &Asked) -> Result<Value, Refusal> {
    if !tenant.eq_ignore_ascii_case(TENANT) {
        let text = "Application is not supported over the /common or /organizations endpoint.";
        return Err(Refusal::new("invalid_request", 50194, text));
    }
    if !asked.scope.ends_with("/.default") || asked.scope.contains(' ') {
        let text = format!(
            "The provided value for scope {} is not valid. Client credential flows must have a scope value \
             with /.default suffixed to the resource identifier (application ID URI).",
            asked.scope
        );
        return Err(Refusal::new("invalid_scope", 1_002_012, text));
    }
    check_scope(crm, &asked.scope)?;
    issue(crm, super::seed::APP_USER, &asked.scope, None)
}

fn redeem(crm: &Dataverse, asked: &Asked) -> Result<Value, Refusal> {
    // Whatever follows, a code can be shown only once.
    let code = asked.code.as_ref().and_then(|code| lock(&crm.codes).remove(code));
    let Some(code) = code else {
        let text = "OAuth2 Authorization code was already redeemed, please retry with a new valid code.";
        return Err(Refusal::new("invalid_grant", 54005, text));
    };
    if code.expires_at <= now() {
        let text = "The provided authorization code or refresh token has expired due to inactivity.";
        return Err(Refusal::new("invalid_grant", 70008, text));
    }
    if asked.redirect_uri.as_ref() != Some(&code.redirect_uri) {
        let text = "The reply address does not match the one provided when requesting the code.";
        return Err(Refusal::new("invalid_client", 500_112, text));
    }
    let hashed = asked
        .code_verifier
        .as_ref()
        .map(|verifier| URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes())));
    if hashed != code.challenge {
        let text =
            "The Code_Verifier does not match the code_challenge supplied in the authorization request.";
        return Err(Refusal::new("invalid_grant", 501_481, text));
    }
    let offline = check_scope(crm, &code.scope)?;
    let grant = if offline { Some(grant(crm, &code.scope)?) } else { None };
    issue(crm, super::seed::ADMIN, &code.scope, grant)
}

/// Writes down a refresh token.
fn grant(crm: &Dataverse, scope: &str) -> Result<String, Refusal> {
    let secret = format!("0.{}", token(48).map_err(|error| failed(&error))?);
    let mut row = Row::new();
    row.insert("scope".to_owned(), json!(scope));
    let change = Change::put(GRANTS, &secret, row);
    lock(&crm.shelf).commit(vec![change]).map_err(|error| failed(&error))?;
    Ok(secret)
}

fn refresh(crm: &Dataverse, asked: &Asked) -> Result<Value, Refusal> {
    let shown = asked.refresh_token.as_deref().unwrap_or_default();
    if !shown.starts_with("0.") {
        let text = "Invalid request. The request is malformed or invalid.";
        return Err(Refusal::new("invalid_grant", 9_002_313, text));
    }
    let scope = lock(&crm.shelf)
        .get(GRANTS, shown)
        .and_then(|row| row.get("scope"))
        .and_then(Value::as_str)
        .map(str::to_owned);
    let Some(scope) = scope else {
        let text = "The provided grant has expired due to it being revoked, a fresh auth token is needed.";
        return Err(Refusal::new("invalid_grant", 50173, text));
    };
    if !asked.scope.is_empty() {
        check_scope(crm, &asked.scope)?;
    }
    // The old refresh token goes on to hold.
    let grant = grant(crm, &scope)?;
    issue(crm, super::seed::ADMIN, &scope, Some(grant))
}

/// Writes an access token down before it is told.
fn issue(crm: &Dataverse, user: &str, scope: &str, refresh_token: Option<String>) -> Result<Value, Refusal> {
    let secret = token(48).map_err(|error| failed(&error))?;
    let life = lock(&crm.settings).token_life_seconds;
    let mut row = Row::new();
    row.insert("user".to_owned(), json!(user));
    row.insert("expires_at".to_owned(), json!(now() + TimeDelta::seconds(life)));
    let change = Change::put(TOKENS, &secret, row);
    lock(&crm.shelf).commit(vec![change]).map_err(|error| failed(&error))?;
    Ok(match refresh_token {
        Some(refresh_token) => json!({"token_type": "Bearer", "expires_in": life, "ext_expires_in": life,
            "access_token": secret, "refresh_token": refresh_token, "scope": scope}),
        None => json!({"token_type": "Bearer", "expires_in": life, "ext_expires_in": life,
            "access_token": secret}),
    })
}
