//! Owns the page on which an admin allows an app, and what a client can learn about the directory beforehand.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::{Form, Json};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::token::{Refusal, check_client, check_scope, check_tenant};
use super::{CLIENT_ID, Code, Dataverse, TENANT, USER_NAME};
use crate::consent::{self, Ask};
use crate::world::{lock, now, token};

/// How long a code can be exchanged.
const CODE_LIFE: TimeDelta = TimeDelta::minutes(10);
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
    #[serde(default)]
    scope: String,
    state: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
    /// For scripts: decides without the page.
    approve: Option<bool>,
    /// What the page's form decided.
    decision: Option<String>,
}

/// Shows the page, or decides at once where `approve` says so.
pub(super) async fn ask(
    State(crm): State<Arc<Dataverse>>,
    Path(tenant): Path<String>,
    Query(asked): Query<Asked>,
) -> Response {
    match (check(&crm, &tenant, &asked), asked.approve) {
        (Ok(redirect), Some(approved)) => decide(&crm, &asked, redirect, approved),
        (Ok(redirect), None) => page(&tenant, &asked, &redirect),
        (Err(refused), _) => *refused,
    }
}

/// Takes what the page's form decided.
pub(super) async fn answer(
    State(crm): State<Arc<Dataverse>>,
    Path(tenant): Path<String>,
    Form(asked): Form<Asked>,
) -> Response {
    match check(&crm, &tenant, &asked) {
        Ok(redirect) => decide(&crm, &asked, redirect, asked.decision.as_deref() == Some("allow")),
        Err(refused) => *refused,
    }
}

/// Checks what an app asks, and gives the address it may be sent back to.
fn check(crm: &Dataverse, tenant: &str, asked: &Asked) -> Result<Url, Box<Response>> {
    check_tenant(tenant)
        .and_then(|()| check_client(&asked.client_id))
        .map_err(|refusal| Box::new(consent::refused(&refusal.description())))?;
    let redirect = Url::parse(&asked.redirect_uri).ok().filter(consent::is_loopback);
    let redirect = redirect.ok_or_else(|| {
        let why = "AADSTS50011: The redirect URI does not match those configured for the application.";
        Box::new(consent::refused(why))
    })?;
    let back = |refusal: &Refusal| {
        let description = refusal.description();
        let why = [("error", refusal.error), ("error_description", description.as_str())];
        Box::new(consent::send_back(redirect.clone(), asked.state.as_deref(), &why))
    };
    if asked.response_type != "code" {
        let text = "The response type is not supported for the app.";
        return Err(back(&Refusal::new("unsupported_response_type", 700_054, text)));
    }
    let plain = asked.code_challenge_method.as_deref().is_some_and(|method| method != "S256");
    let odd = asked.code_challenge.as_ref().is_some_and(|challenge| challenge.len() != CHALLENGE_LENGTH);
    if plain || odd {
        let text = "The size of the Code_Challenge parameter is not valid, or its method is not S256.";
        return Err(back(&Refusal::new("invalid_request", 501_491, text)));
    }
    check_scope(crm, &asked.scope).map_err(|refusal| back(&refusal))?;
    Ok(redirect)
}

fn decide(crm: &Dataverse, asked: &Asked, redirect: Url, approved: bool) -> Response {
    let state = asked.state.as_deref();
    if !approved {
        let denied = [
            ("error", "access_denied"),
            ("error_description", "AADSTS65004: User declined to consent to access the app."),
        ];
        return consent::send_back(redirect, state, &denied);
    }
    let Ok(code) = token(32) else {
        return consent::send_back(redirect, state, &[("error", "server_error")]);
    };
    let entry = Code {
        redirect_uri: asked.redirect_uri.clone(),
        challenge: asked.code_challenge.clone(),
        scope: asked.scope.clone(),
        expires_at: now() + CODE_LIFE,
    };
    lock(&crm.codes).insert(code.clone(), entry);
    consent::send_back(redirect, state, &[("code", &code)])
}

fn page(tenant: &str, asked: &Asked, redirect: &Url) -> Response {
    let fields = [
        ("response_type", Some(&asked.response_type)),
        ("client_id", Some(&asked.client_id)),
        ("redirect_uri", Some(&asked.redirect_uri)),
        ("scope", Some(&asked.scope)),
        ("state", asked.state.as_ref()),
        ("code_challenge", asked.code_challenge.as_ref()),
        ("code_challenge_method", asked.code_challenge_method.as_ref()),
    ];
    Ask {
        crm: "Dynamics 365 look-alike",
        client: CLIENT_ID,
        user: USER_NAME,
        scope: &asked.scope,
        action: &format!("/{tenant}/oauth2/v2.0/authorize"),
        fields: &fields,
    }
    .page(redirect)
}

/// Tells where the endpoints are, as client libraries ask before they sign in.
pub(super) async fn discovery(
    State(crm): State<Arc<Dataverse>>,
    Path(tenant): Path<String>,
) -> Result<Json<Value>, Refusal> {
    check_tenant(&tenant)?;
    let of_us = |rest: &str| format!("{}/{tenant}/{rest}", crm.address);
    Ok(Json(json!({
        "issuer": format!("{}/{TENANT}/v2.0", crm.address),
        "authorization_endpoint": of_us("oauth2/v2.0/authorize"),
        "token_endpoint": of_us("oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "response_types_supported": ["code"],
    })))
}
