//! Owns the look-alike of Dynamics 365: the directory's sign-in, Dataverse's Web API, and pages of its records.
//!
//! Keeps to what is known of the real one and refuses what that refuses; it is no proof that the real
//! one accepts something. Directory and environment share one address.

mod batch;
mod body;
mod gate;
mod operate;
mod pages;
mod query;
mod reply;
mod schema;
mod seed;
mod service;
mod signin;
mod switches;
mod token;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};
use chrono::{DateTime, Utc};

use self::switches::Settings;
use crate::faults::{Faults, Target};
use crate::shelf::Shelf;
use crate::watch::{Limit, Watch};

/// The directory.
pub(crate) const TENANT: &str = "00000000-0000-4000-8000-0000000000aa";
/// The client id of the development app.
pub(crate) const CLIENT_ID: &str = "00000000-0000-4000-8000-0000000000bb";
/// Its secret.
pub(crate) const CLIENT_SECRET: &str = "sharedspaces-dev-secret";
/// Who signs in.
const USER_NAME: &str = "admin@acme.test";
/// What the pages call it.
const NAME: &str = "Dynamics 365 look-alike";
/// The path of the Web API.
const ROOT: &str = "/api/data/v9.2/";
/// The set of access tokens.
const TOKENS: &str = "@tokens";
/// The set of refresh tokens.
const GRANTS: &str = "@grants";

/// An authorisation code, waiting to be exchanged.
struct Code {
    redirect_uri: String,
    challenge: Option<String>,
    scope: String,
    expires_at: DateTime<Utc>,
}

/// One environment and its directory.
pub(crate) struct Dataverse {
    address: String,
    shelf: Mutex<Shelf>,
    codes: Mutex<BTreeMap<String, Code>>,
    settings: Mutex<Settings>,
    /// The requests of each user.
    limits: Mutex<BTreeMap<String, Limit>>,
    under_way: AtomicUsize,
    watch: Watch,
}

impl Dataverse {
    /// Opens the environment of a directory; `address` is where it is served, without a slash at its end.
    pub(crate) fn open(dir: &Path, address: String, faults: Arc<Faults>) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)?;
        Ok(Self {
            address,
            shelf: Mutex::new(Shelf::open(&dir.join("journal"), seed::records())?),
            codes: Mutex::default(),
            settings: Mutex::default(),
            limits: Mutex::default(),
            under_way: AtomicUsize::new(0),
            watch: Watch::new(Target::Dataverse, faults),
        })
    }
}

/// Everything that it answers.
pub(crate) fn router(crm: Arc<Dataverse>) -> Router {
    let web_api = Router::new()
        .route("/api/data/v9.2/", any(service::web_api))
        .route("/api/data/v9.2/$batch", post(service::batch))
        .route("/api/data/v9.2/{*path}", any(service::web_api))
        .layer(from_fn_with_state(Arc::clone(&crm), gate::web_api));
    Router::new()
        .route("/", get(pages::home))
        .route("/main.aspx", get(pages::record))
        .route("/{tenant}/oauth2/v2.0/authorize", get(signin::ask).post(signin::answer))
        .route("/{tenant}/oauth2/v2.0/token", post(token::exchange))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(signin::discovery))
        .merge(web_api)
        .layer(from_fn_with_state(Arc::clone(&crm), gate::every))
        .with_state(crm)
}
