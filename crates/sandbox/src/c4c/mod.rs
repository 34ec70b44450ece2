//! Owns the look-alike of SAP Cloud for Customer (C4C V1): its OData service, token endpoint, and pages of its records.
//!
//! Keeps to what is known of the real one and refuses what that refuses; it is no proof that the real one accepts
//! something. There is no unique key here, as there is none in the real one: what is sent twice is there twice.

mod body;
mod gate;
mod pages;
mod query;
mod reply;
mod schema;
mod seed;
mod service;
mod switches;
mod token;
mod view;

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};

use self::switches::Settings;
use crate::faults::{Faults, Target};
use crate::shelf::Shelf;
use crate::watch::{Limit, Watch};

/// The integration user, and whom assertions name.
pub(crate) const USER: &str = "_SHAREDSPACES";
/// Its password.
pub(crate) const PASSWORD: &str = "sharedspaces-dev-secret";
/// The client id of the OAuth client.
pub(crate) const OAUTH_CLIENT_ID: &str = "_SHAREDSPACES_OAUTH";
/// Its secret.
pub(crate) const OAUTH_CLIENT_SECRET: &str = "sharedspaces-dev-oauth-secret";
/// The identity provider that is registered.
pub(crate) const OAUTH_ISSUER: &str = "sharedspaces-dev-idp";
/// What the pages call it.
const NAME: &str = "SAP C4C look-alike";
/// The path of the OData service; without the slash at its end there is nothing.
const ROOT: &str = "/sap/c4c/odata/v1/c4codataapi/";
/// The set of access tokens.
const TOKENS: &str = "@tokens";
/// The set of sessions, each with its CSRF token.
const SESSIONS: &str = "@sessions";

/// One tenant.
pub(crate) struct C4c {
    address: String,
    host: String,
    shelf: Mutex<Shelf>,
    settings: Mutex<Settings>,
    limit: Mutex<Option<Limit>>,
    watch: Watch,
}

impl C4c {
    /// Opens the tenant of a directory; `address` is where it is served, without a slash at its end.
    pub(crate) fn open(dir: &Path, address: String, faults: Arc<Faults>) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let host = address.rsplit_once("//").map_or(address.as_str(), |(_, host)| host).to_owned();
        Ok(Self {
            address,
            host,
            shelf: Mutex::new(Shelf::open(&dir.join("journal"), seed::records())?),
            settings: Mutex::default(),
            limit: Mutex::default(),
            watch: Watch::new(Target::C4c, faults),
        })
    }
}

/// Everything that it answers.
pub(crate) fn router(crm: Arc<C4c>) -> Router {
    let odata = Router::new()
        .route("/sap/c4c/odata/v1/c4codataapi/", any(service::answer))
        .route("/sap/c4c/odata/v1/c4codataapi/{*path}", any(service::answer))
        .layer(from_fn_with_state(Arc::clone(&crm), gate::service));
    Router::new()
        .route("/", get(pages::home))
        .route("/sap/public/byd/runtime", get(pages::record))
        .route("/sap/bc/sec/oauth2/token", post(token::exchange))
        .merge(odata)
        .layer(from_fn_with_state(Arc::clone(&crm), gate::every))
        .with_state(crm)
}
