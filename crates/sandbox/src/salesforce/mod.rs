//! Owns the Salesforce look-alike: sign-in, the part of the REST API that logging uses, and pages of its records.
//!
//! Keeps to what is known of the real one and refuses what that refuses; it is no proof that the real
//! one accepts something.

mod book;
mod composite;
mod gate;
mod ids;
mod pages;
mod reply;
mod schema;
mod search;
mod seed;
mod service;
mod signin;
mod sobjects;
mod soql;
mod switches;
mod task;
mod token;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, patch, post};
use serde_json::{Value, json};

use self::book::Book;
use self::seed::Record;
use self::switches::Settings;
use crate::faults::{Faults, Target};
use crate::watch::Watch;
use crate::world::lock;

pub(crate) use switches::Switches;

/// The client id of the development app.
pub(crate) const CLIENT_ID: &str = "sharedspaces-dev";
/// Its secret.
pub(crate) const CLIENT_SECRET: &str = "sharedspaces-dev-secret";
/// Who signs in.
const USER_NAME: &str = "admin@acme.test";

/// One org.
pub(crate) struct Salesforce {
    instance_url: String,
    organization_id: String,
    user_id: String,
    records: Vec<Record>,
    book: Mutex<Book>,
    settings: Mutex<Settings>,
    /// What queries found that did not fit into one page.
    cursors: Mutex<BTreeMap<String, Vec<Value>>>,
    watch: Watch,
}

impl Salesforce {
    /// Opens the org of a directory; `instance_url` is where it is served.
    pub(crate) fn open(dir: &Path, instance_url: String, faults: Arc<Faults>) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)?;
        Ok(Self {
            instance_url,
            organization_id: seed::record_id("00D", 1),
            user_id: seed::record_id("005", 1),
            records: seed::records(),
            book: Mutex::new(Book::open(&dir.join("org.json"))?),
            settings: Mutex::new(Settings::default()),
            cursors: Mutex::default(),
            watch: Watch::new(Target::Salesforce, faults),
        })
    }

    /// Lists every task with all its fields, for tests.
    pub(crate) fn tasks(&self) -> Value {
        let tasks = self.book().tasks.iter().map(|task| json!(task.fields)).collect();
        Value::Array(tasks)
    }

    /// Counts the calls by method, route and status, for tests.
    pub(crate) fn calls(&self) -> Value {
        self.watch.calls()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    /// Where the org says who the user is.
    fn identity_url(&self) -> String {
        format!("{}/id/{}/{}", self.instance_url, self.organization_id, self.user_id)
    }

    fn seeded(&self, id: &str) -> Option<&Record> {
        self.records.iter().find(|record| record.id() == id)
    }
}

/// The calls of the REST API that a composite request can hold.
fn calls(org: Arc<Salesforce>) -> Router {
    Router::new().nest("/services/data/{version}", rest()).with_state(org)
}

fn rest() -> Router<Arc<Salesforce>> {
    Router::new()
        .route("/limits", get(service::limits))
        .route("/query", get(soql::query))
        // Client libraries end these two with a slash.
        .route("/query/", get(soql::query))
        .route("/sobjects/Task/", post(sobjects::create))
        .route("/query/{cursor}", get(soql::more))
        .route("/parameterizedSearch", get(search::by_query).post(search::by_body))
        .route("/sobjects/Task", post(sobjects::create))
        .route("/sobjects/Task/describe", get(sobjects::describe))
        .route("/sobjects/{object}/{id}", get(sobjects::read))
        .route("/sobjects/Task/{field}/{key}", patch(sobjects::upsert).get(sobjects::read_by_key))
        .fallback(service::no_resource)
}

/// Everything the org answers.
pub(crate) fn router(org: Arc<Salesforce>) -> Router {
    let rest = rest()
        .route("/composite", post(composite::composite))
        .layer(from_fn_with_state(Arc::clone(&org), gate::rest));
    Router::new()
        .route("/", get(pages::home))
        .route("/lightning/r/{object}/{id}/view", get(pages::record))
        .route("/services/oauth2/authorize", get(signin::ask).post(signin::answer))
        .route("/services/oauth2/token", post(token::exchange))
        .route("/services/oauth2/revoke", post(token::revoke))
        .route("/services/oauth2/userinfo", get(service::user_info))
        .route("/id/{organization}/{user}", get(service::identity))
        .route("/services/data", get(service::versions))
        .route("/services/data/", get(service::versions))
        .nest("/services/data/{version}", rest)
        .layer(from_fn_with_state(Arc::clone(&org), gate::every))
        .with_state(org)
}
