//! Owns the page on which an admin of the CRM allows an app (OAuth 2.0 authorisation endpoint with PKCE).
//!
//! Nobody types a password here: the org has one user, who is signed in already.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use chrono::TimeDelta;
use http::StatusCode;
use serde::Deserialize;
use url::Url;

use super::book::Code;
use super::{CLIENT_ID, Salesforce, USER_NAME};
use crate::consent::{self, Ask, refused};
use crate::world::{now, token};

/// How long a code can be exchanged.
const CODE_LIFE: TimeDelta = TimeDelta::minutes(15);
/// What an app gets that names no scope.
const USUAL_SCOPE: &str = "api id refresh_token";
/// The length of base64url(SHA-256(verifier)).
const CHALLENGE_LENGTH: usize = 43;

/// The parameters, of the page's address and of its form.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    response_type: String,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    redirect_uri: String,
    state: Option<String>,
    scope: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
    /// For scripts: decides without the page.
    approve: Option<bool>,
    /// What the page's form decided.
    decision: Option<String>,
}

/// Why an app is sent away: on a page of ours, or back to where it came from.
enum Refusal {
    Page(&'static str),
    Back(Url, &'static str, &'static str),
}

impl Refusal {
    fn answer(self, asked: &Asked) -> Response {
        match self {
            Self::Page(error) => refused(error),
            Self::Back(redirect, error, why) => {
                send_back(redirect, asked, &[("error", error), ("error_description", why)])
            }
        }
    }
}

/// Shows the page, or decides at once where `approve` says so.
pub(super) async fn ask(State(org): State<Arc<Salesforce>>, Query(asked): Query<Asked>) -> Response {
    match (check(&asked), asked.approve) {
        (Ok(redirect), Some(approved)) => decide(&org, &asked, redirect, approved),
        (Ok(redirect), None) => page(&asked, &redirect),
        (Err(refusal), _) => refusal.answer(&asked),
    }
}

/// Takes what the page's form decided.
pub(super) async fn answer(State(org): State<Arc<Salesforce>>, Form(asked): Form<Asked>) -> Response {
    match check(&asked) {
        Ok(redirect) => decide(&org, &asked, redirect, asked.decision.as_deref() == Some("allow")),
        Err(refusal) => refusal.answer(&asked),
    }
}

/// Checks what an app asks, and gives the address it may be sent back to.
fn check(asked: &Asked) -> Result<Url, Refusal> {
    if asked.client_id != CLIENT_ID {
        return Err(Refusal::Page("invalid_client_id"));
    }
    let Some(redirect) = Url::parse(&asked.redirect_uri).ok().filter(consent::is_loopback) else {
        return Err(Refusal::Page("redirect_uri_mismatch"));
    };
    if asked.response_type != "code" {
        return Err(Refusal::Back(redirect, "unsupported_response_type", "response type must be code"));
    }
    if asked.code_challenge_method.as_deref().is_some_and(|method| method != "S256") {
        return Err(Refusal::Back(redirect, "invalid_request", "code challenge method must be S256"));
    }
    let well_formed = |challenge: &str| {
        challenge.len() == CHALLENGE_LENGTH
            && challenge.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if !asked.code_challenge.as_deref().is_some_and(well_formed) {
        let why = "required code challenge is missing or malformed";
        return Err(Refusal::Back(redirect, "invalid_request", why));
    }
    Ok(redirect)
}

fn decide(org: &Salesforce, asked: &Asked, redirect: Url, approved: bool) -> Response {
    if !approved {
        let denied = [("error", "access_denied"), ("error_description", "end-user denied authorization")];
        return send_back(redirect, asked, &denied);
    }
    let Ok(code) = token(32) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let entry = Code {
        redirect_uri: asked.redirect_uri.clone(),
        challenge: asked.code_challenge.clone().unwrap_or_default(),
        scope: asked
            .scope
            .clone()
            .filter(|scope| !scope.is_empty())
            .unwrap_or_else(|| USUAL_SCOPE.to_owned()),
        expires_at: now() + CODE_LIFE,
    };
    org.book().codes.insert(code.clone(), entry);
    send_back(redirect, asked, &[("code", &code)])
}

fn send_back(redirect: Url, asked: &Asked, parameters: &[(&str, &str)]) -> Response {
    consent::send_back(redirect, asked.state.as_deref(), parameters)
}

fn page(asked: &Asked, redirect: &Url) -> Response {
    let fields = [
        ("response_type", Some(&asked.response_type)),
        ("client_id", Some(&asked.client_id)),
        ("redirect_uri", Some(&asked.redirect_uri)),
        ("state", asked.state.as_ref()),
        ("scope", asked.scope.as_ref()),
        ("code_challenge", asked.code_challenge.as_ref()),
        ("code_challenge_method", asked.code_challenge_method.as_ref()),
    ];
    Ask {
        crm: "Salesforce look-alike",
        client: CLIENT_ID,
        user: USER_NAME,
        scope: asked.scope.as_deref().unwrap_or(USUAL_SCOPE),
        action: "/services/oauth2/authorize",
        fields: &fields,
    }
    .page(redirect)
}
