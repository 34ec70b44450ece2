//! Owns the look-alike of SAP Sales Cloud V2: its REST API and pages of its records.
//!
//! Least is known of this one: error bodies, limits of fields and the names of some references are guesses, and
//! there is no unique key, so what is sent twice is there twice.

mod body;
mod gate;
mod pages;
mod reply;
mod schema;
mod seed;
mod service;
mod switches;

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;

use self::switches::Settings;
use crate::faults::{Faults, Target};
use crate::shelf::Shelf;
use crate::watch::{Limit, Watch};

/// The API user.
pub(crate) const USER: &str = "SHAREDSPACES";
/// Its password.
pub(crate) const PASSWORD: &str = "sharedspaces-dev-secret";
/// What the pages call it.
const NAME: &str = "SAP Sales Cloud look-alike";
/// The path of the API.
const ROOT: &str = "/sap/c4c/api/v1/";

/// One tenant.
pub(crate) struct SalesCloud {
    shelf: Mutex<Shelf>,
    settings: Mutex<Settings>,
    limit: Mutex<Option<Limit>>,
    watch: Watch,
}

impl SalesCloud {
    /// Opens the tenant of a directory.
    pub(crate) fn open(dir: &Path, faults: Arc<Faults>) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)?;
        Ok(Self {
            shelf: Mutex::new(Shelf::open(&dir.join("journal"), seed::records())?),
            settings: Mutex::default(),
            limit: Mutex::default(),
            watch: Watch::new(Target::SalesCloud, faults),
        })
    }
}

/// Everything that it answers.
pub(crate) fn router(crm: Arc<SalesCloud>) -> Router {
    let api = Router::new()
        .route("/{service}/{collection}", get(service::list).post(service::create))
        .route("/{service}/{collection}/{id}", get(service::read).patch(service::update))
        .fallback(service::nothing)
        .layer(from_fn_with_state(Arc::clone(&crm), gate::api));
    Router::new()
        .route("/", get(pages::home))
        .route("/records/{collection}/{id}", get(pages::record))
        .nest("/sap/c4c/api/v1", api)
        .layer(from_fn_with_state(Arc::clone(&crm), gate::every))
        .with_state(crm)
}
