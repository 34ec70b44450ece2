//! The reference client app: server-rendered pages over the public API.
//!
//! Owns pages, and the session of a browser; the tokens stay on this side. Knows the API as any client app does, through the
//! generated clients, and has no database: what it must remember about a browser is sealed in that browser's cookies.
//! Structure: [`guard`] stands around every page, [`visitor`] is what a page starts with, `pages/<area>.rs` are the pages,
//! `templates/<area>/` what they look like, [`texts`] what they say, [`failure`] and [`form`] what happens when
//! something does not go.

mod api;
mod assets;
mod config;
mod cookie;
mod failure;
mod form;
mod frame;
mod guard;
mod keys;
mod live;
mod markdown;
mod pages;
mod serving;
mod session;
mod texts;
mod theme;
mod view;
mod visitor;

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::http::HeaderValue;
use service_kit::clock::{SharedClock, SystemClock};
use service_kit::ids::Ids;
use service_kit::telemetry::Telemetry;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use url::Url;

use crate::api::Api;
pub use crate::config::{ApiConfig, Settings};
use crate::keys::Keys;
use crate::live::Lines;
use crate::session::Refresher;

/// What all pages share.
#[derive(Clone)]
pub(crate) struct Web {
    pub(crate) api: Api,
    pub(crate) sealer: Arc<Keys>,
    pub(crate) refresher: Refresher,
    pub(crate) ids: Ids,
    /// The open streams of notices.
    pub(crate) lines: Lines,
    /// The Content-Security-Policy of every page.
    pub(crate) policy: HeaderValue,
    /// Where our own forms come from.
    pub(crate) origins: Arc<[String]>,
    /// Proxies before us that write `x-forwarded-for`.
    pub(crate) trusted_proxies: usize,
    clock: SharedClock,
}

impl Web {
    fn new(settings: &Settings) -> anyhow::Result<Self> {
        let clock: SharedClock = Arc::new(SystemClock);
        let api = Api::new(&settings.api)?;
        Ok(Self {
            refresher: Refresher::new(api.clone()),
            api,
            sealer: Arc::new(Keys::new(&settings.key, settings.other_key.as_ref())?),
            lines: Lines::default(),
            ids: Ids::new(Arc::clone(&clock)),
            policy: guard::policy(&origins(&settings.content_origins))?,
            origins: origins(&settings.origins).into(),
            trusted_proxies: settings.trusted_proxies,
            clock,
        })
    }

    /// Seconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now().timestamp()
    }
}

fn origins(urls: &[Url]) -> Vec<String> {
    urls.iter().map(|url| url.origin().ascii_serialization()).collect()
}

/// Serves until SIGTERM or SIGINT, then ends what is under way.
///
/// # Errors
/// Fails where a setting is wrong or the port is taken.
pub fn run(version: &'static str) -> anyhow::Result<()> {
    let settings: Settings = service_kit::config::load("web")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let telemetry = Telemetry::init("web", version, &settings.telemetry)?;
        let served = serve(&settings).await;
        tokio::task::spawn_blocking(move || telemetry.flush()).await?;
        served
    })
}

async fn serve(settings: &Settings) -> anyhow::Result<()> {
    let web = Web::new(settings)?;
    let lines = web.lines.clone();
    let router = routes(web);
    let listener =
        TcpListener::bind(settings.listen).await.with_context(|| format!("{}", settings.listen))?;
    tracing::info!(server.address = %settings.listen, "web serves");
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // Whoever merely listens does not hold up the end.
        lines.end();
    };
    let health = settings.health.as_ref().map(|health| health.listen);
    serving::serve((listener, router), health, &settings.shutdown, stop).await
}

/// Returns everything that is served: the files as they are, the pages within what stands around them.
fn routes(web: Web) -> Router {
    let guarded = pages::routes()
        .layer(axum::middleware::from_fn_with_state(web.clone(), guard::same_origin))
        .layer(axum::middleware::from_fn_with_state(web.clone(), guard::know_visitor));
    Router::new()
        .merge(assets::routes())
        .merge(guarded)
        .layer(axum::middleware::from_fn_with_state(web, guard::harden))
}
