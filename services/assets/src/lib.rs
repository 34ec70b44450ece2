//! The assets service: images and files in S3.
//!
//! - [`logo`]: uploading, showing and collecting logos: customers' of spaces, the organisation's own, themes' banners
//! - [`asset`]: uploading, checking, showing and collecting files of spaces
//! - [`content`]: the port that files and previews are fetched from
//! - [`scan`]: looking into files; [`image`]: telling what an image really is, and making a clean one of it
//! - [`pdf`]: the first page of a PDF, in a process of its own
//! - [`storage`]: the bucket in S3
//! - [`grpc`]: transport; [`jobs`]: one file per job; [`consumers`]: one file per service whose events are heard
//!
//! Publishes no events; of spaces it hears what is shown where. Must not keep rights of its own: who may see a logo or a
//! file is asked of spaces each time.

mod asset;
mod config;
mod consumers;
mod content;
mod grpc;
mod image;
mod jobs;
mod logo;
mod pdf;
mod scan;
mod storage;
#[cfg(test)]
mod tests;

use messaging::{DeadJobs, Messaging};
use service_kit::grpc::{STREAM_MESSAGE_LIMIT_BYTES, UNARY_LIMIT_BYTES};
use service_kit::space_access::SpaceAccess;
use service_kit::{Kit, Parts, Port};
use sharedspaces_proto::assets::v1::asset_service_server::AssetServiceServer;
use sharedspaces_proto::assets::v1::job_service_server::JobServiceServer;
use sharedspaces_proto::assets::v1::logo_service_server::LogoServiceServer;
use sqlx::migrate::Migrator;
use tonic::service::Routes;

use crate::asset::{Assets, Tools};
use crate::content::Addresses;
use crate::grpc::{AssetGrpc, LogoGrpc};
use crate::logo::Logos;
use crate::pdf::PageRenderer;
use crate::storage::ObjectStore;

pub use asset::AssetError;
pub use config::{ContentSettings, QuotaSettings, S3Settings, ScanSettings, Settings};
pub use logo::LogoError;
pub use pdf::{RENDER_PREVIEW, render_preview};

/// The schema of assets.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// The named crash points of this service, compiled in by the feature `failpoints`.
pub const FAILPOINTS: &[&str] = &[
    logo::AFTER_ROW_BEFORE_PUT,
    logo::AFTER_PUT_BEFORE_READY,
    asset::AFTER_RESERVED_BEFORE_BEGIN,
    asset::AFTER_BEGIN_BEFORE_UPLOAD,
    asset::AFTER_PART_BEFORE_ROW,
    asset::AFTER_COMPLETE_BEFORE_ANSWER,
    asset::AFTER_END_BEFORE_CHECK,
    asset::AFTER_REFUSAL_BEFORE_DELETE,
    asset::AFTER_PUT_BEFORE_PREVIEW,
    asset::AFTER_OBJECTS_BEFORE_ROW,
];

/// Puts the service together. Errors: a setting that S3, the content port or the address of spaces cannot be made of; or the
/// program does not know where it is.
#[expect(clippy::unused_async, reason = "every service is built by an async function")]
pub async fn build(kit: Kit<Settings>) -> anyhow::Result<Parts> {
    let Settings { s3, content, quota, scan } = kit.settings.clone();
    let store = ObjectStore::try_new(&s3)?;
    let access = SpaceAccess::new(kit.peers.spaces()?);
    let logos = Logos::new(kit.database.clone(), kit.ids.clone(), store.clone(), access.clone());
    let tools = Tools {
        database: kit.database.clone(),
        ids: kit.ids.clone(),
        clock: kit.clock.clone(),
        store,
        access,
        addresses: Addresses::try_new(&content.base_url, &content.key)?,
        converter: logos.converter(),
        pages: PageRenderer::try_new()?,
    };
    let assets = Assets::new(tools, quota, scan);
    let logo_service = LogoServiceServer::new(LogoGrpc { logos: logos.clone() })
        .max_decoding_message_size(STREAM_MESSAGE_LIMIT_BYTES);
    let asset_service = AssetServiceServer::new(AssetGrpc { assets: assets.clone() })
        .max_decoding_message_size(STREAM_MESSAGE_LIMIT_BYTES);
    let messaging = consumers::spaces::subscribe(Messaging::new(&kit));
    let messaging = jobs::check_asset::register(messaging, assets.clone());
    let mut workers = jobs::make_previews::register(messaging, assets.clone()).workers()?;
    workers.extend([
        jobs::collect_assets::worker(assets.clone()),
        jobs::collect_logos::worker(logos.clone()),
        jobs::render_logos::worker(logos),
        jobs::count_uploads::worker(&kit.database, kit.config.telemetry.metric_interval()),
    ]);
    let port = Port { setting: "content.listen", listen: content.listen, routes: content::routes(assets) };
    let job_service = JobServiceServer::new(DeadJobs::new(kit.database.clone()))
        .max_decoding_message_size(UNARY_LIMIT_BYTES);
    let routes = Routes::new(logo_service).add_service(asset_service).add_service(job_service);
    Ok(Parts { routes, workers, ports: vec![port], ..Parts::default() })
}
