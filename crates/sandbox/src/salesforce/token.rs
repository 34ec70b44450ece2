//! Owns the token endpoint and revocation (OAuth 2.0), with the habits of the real one: no `expires_in`, no two
//! refreshes of one token at a time and, when switched on, rotation that ends the grant on reuse.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use http::StatusCode;
use ring::{digest, hmac};
use serde::Deserialize;
use serde_json::{Value, json};

use super::book::{Family, Session};
use super::{CLIENT_ID, CLIENT_SECRET, Salesforce};
use crate::world::{now, token};

/// How long a session lasts; a client is not told.
const SESSION_LIFE: TimeDelta = TimeDelta::hours(2);
/// How long a refresh takes, so that two of them can overlap.
const REFRESH_TAKES: Duration = Duration::from_millis(150);

/// The form of the token endpoint.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    client_secret: String,
    code: Option<String>,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
    refresh_token: Option<String>,
}

/// The form of revocation.
#[derive(Debug, Deserialize)]
pub(super) struct Revoked {
    token: String,
}

/// An error as OAuth writes it.
#[derive(Debug)]
pub(super) struct OauthError(&'static str, &'static str);

impl IntoResponse for OauthError {
    fn into_response(self) -> Response {
        let status = if self.0 == "server_error" {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            StatusCode::BAD_REQUEST
        };
        (status, Json(json!({"error": self.0, "error_description": self.1}))).into_response()
    }
}

fn failed(error: &std::io::Error) -> OauthError {
    tracing::error!(%error, "could not issue a token");
    OauthError("server_error", "the sandbox failed")
}

/// Exchanges a code or a refresh token.
pub(super) async fn exchange(
    State(org): State<Arc<Salesforce>>,
    Form(asked): Form<Asked>,
) -> Result<Json<Value>, OauthError> {
    if asked.client_id != CLIENT_ID {
        return Err(OauthError("invalid_client_id", "client identifier invalid"));
    }
    if asked.client_secret != CLIENT_SECRET {
        return Err(OauthError("invalid_client", "invalid client credentials"));
    }
    match asked.grant_type.as_str() {
        "authorization_code" => redeem(&org, &asked).map(Json),
        "refresh_token" => {
            // A client that hangs up does not undo a refresh: it goes on in a task of its own.
            let refreshed = tokio::spawn(refresh(org, asked.refresh_token.unwrap_or_default())).await;
            refreshed.map_err(|_| OauthError("server_error", "the sandbox failed"))?.map(Json)
        }
        _other => Err(OauthError("unsupported_grant_type", "grant type not supported")),
    }
}

fn redeem(org: &Salesforce, asked: &Asked) -> Result<Value, OauthError> {
    // Whatever follows, a code can be shown only once.
    let code = asked.code.as_ref().and_then(|code| org.book().codes.remove(code));
    let code = code.ok_or(OauthError("invalid_grant", "invalid authorization code"))?;
    if code.expires_at <= now() {
        return Err(OauthError("invalid_grant", "expired authorization code"));
    }
    if asked.redirect_uri.as_ref() != Some(&code.redirect_uri) {
        return Err(OauthError("redirect_uri_mismatch", "redirect_uri must match configuration"));
    }
    let Some(verifier) = &asked.code_verifier else {
        return Err(OauthError("invalid_grant", "code verifier required"));
    };
    if URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes())) != code.challenge {
        return Err(OauthError("invalid_request", "invalid code verifier"));
    }
    let offline =
        code.scope.split(' ').any(|scope| matches!(scope, "refresh_token" | "offline_access" | "full"));
    let refresh_token = if offline { Some(token(48).map_err(|error| failed(&error))?) } else { None };
    let family = token(16).map_err(|error| failed(&error))?;
    if let Some(current) = &refresh_token {
        let entry = Family {
            scope: code.scope.clone(),
            current: current.clone(),
            spent: std::collections::BTreeSet::new(),
            in_progress: false,
        };
        org.book().families.insert(family.clone(), entry);
    }
    issue(org, offline.then_some(family), &code.scope, refresh_token)
}

async fn refresh(org: Arc<Salesforce>, shown: String) -> Result<Value, OauthError> {
    let name = {
        let mut book = org.book();
        let name =
            book.family_of(&shown).ok_or(OauthError("invalid_grant", "expired access/refresh token"))?;
        let family = book
            .families
            .get_mut(&name)
            .ok_or(OauthError("invalid_grant", "expired access/refresh token"))?;
        if family.in_progress {
            return Err(OauthError("invalid_grant", "token request is already being processed"));
        }
        if family.current != shown {
            // A token that was rotated away is shown again: someone has a copy, so the whole grant ends.
            book.end_family(&name);
            book.save().map_err(|error| failed(&error))?;
            return Err(OauthError("invalid_grant", "expired access/refresh token"));
        }
        family.in_progress = true;
        name
    };
    tokio::time::sleep(REFRESH_TAKES).await;
    let rotation = org.settings().rotation;
    let rotated = if rotation { token(48).map(Some) } else { Ok(None) };
    let scope = {
        let mut book = org.book();
        let family = book
            .families
            .get_mut(&name)
            .ok_or(OauthError("invalid_grant", "expired access/refresh token"))?;
        family.in_progress = false;
        if let Ok(Some(new)) = &rotated {
            let old = std::mem::replace(&mut family.current, new.clone());
            family.spent.insert(old);
        }
        family.scope.clone()
    };
    issue(&org, Some(name), &scope, rotated.map_err(|error| failed(&error))?)
}

/// Begins a session and writes it down before it is told.
fn issue(
    org: &Salesforce,
    family: Option<String>,
    scope: &str,
    refresh_token: Option<String>,
) -> Result<Value, OauthError> {
    let secret = token(48).map_err(|error| failed(&error))?;
    let access_token = format!("{}!{secret}", org.organization_id.get(..15).unwrap_or_default());
    {
        let mut book = org.book();
        let at = now();
        book.sessions.retain(|_, session| session.expires_at > at);
        book.sessions.insert(access_token.clone(), Session { family, expires_at: at + SESSION_LIFE });
        book.save().map_err(|error| failed(&error))?;
    }
    let id = org.identity_url();
    let issued_at = now().timestamp_millis().to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, CLIENT_SECRET.as_bytes());
    let signature = STANDARD.encode(hmac::sign(&key, format!("{id}{issued_at}").as_bytes()));
    let mut answer = json!({
        "access_token": access_token,
        "instance_url": org.instance_url,
        "id": id,
        "token_type": "Bearer",
        "issued_at": issued_at,
        "signature": signature,
        "scope": scope,
    });
    if let (Some(refresh_token), Some(answer)) = (refresh_token, answer.as_object_mut()) {
        answer.insert("refresh_token".to_owned(), Value::String(refresh_token));
    }
    Ok(answer)
}

/// Ends a session, or with a refresh token the whole grant.
pub(super) async fn revoke(
    State(org): State<Arc<Salesforce>>,
    Form(revoked): Form<Revoked>,
) -> Result<StatusCode, OauthError> {
    let mut book = org.book();
    if let Some(family) = book.family_of(&revoked.token) {
        book.end_family(&family);
    } else if book.sessions.remove(&revoked.token).is_none() {
        return Err(OauthError("invalid_token", "the token is not known"));
    }
    book.save().map_err(|error| failed(&error))?;
    Ok(StatusCode::OK)
}
