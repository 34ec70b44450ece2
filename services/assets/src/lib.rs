//! The assets service: images in S3.
//!
//! - [`logo`]: uploading, showing and collecting logos: customers' of spaces, the organisation's own, themes' banners
//! - [`image`]: telling what an upload really is, and making a clean image of it
//! - [`storage`]: the bucket in S3
//! - [`grpc`]: transport; [`jobs`]: one file per job; [`consumers`]: one file per service whose events are heard
//!
//! Publishes no events; of spaces it hears what is shown where. Must not keep rights of its own: who may see a logo is asked of spaces each time.

mod config;
mod consumers;
mod grpc;
mod image;
mod jobs;
mod logo;
mod storage;
#[cfg(test)]
mod tests;

use messaging::Messaging;
use service_kit::grpc::STREAM_MESSAGE_LIMIT_BYTES;
use service_kit::space_access::SpaceAccess;
use service_kit::{Kit, Parts};
use sharedspaces_proto::assets::v1::logo_service_server::LogoServiceServer;
use sqlx::migrate::Migrator;
use tonic::service::Routes;

use crate::grpc::LogoGrpc;
use crate::logo::Logos;
use crate::storage::ObjectStore;

pub use config::{S3Settings, Settings};
pub use logo::LogoError;

/// The schema of assets.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// The named crash points of this service, compiled in by the feature `failpoints`.
pub const FAILPOINTS: &[&str] = &[logo::AFTER_ROW_BEFORE_PUT, logo::AFTER_PUT_BEFORE_READY];

/// Puts the service together. Errors: a setting that S3 or the address of spaces cannot be made of.
#[expect(clippy::unused_async, reason = "every service is built by an async function")]
pub async fn build(kit: Kit<Settings>) -> anyhow::Result<Parts> {
    let store = ObjectStore::try_new(&kit.settings.s3)?;
    let access = SpaceAccess::new(kit.peers.spaces()?);
    let logos = Logos::new(kit.database.clone(), kit.ids.clone(), store, access);
    let service = LogoServiceServer::new(LogoGrpc { logos: logos.clone() })
        .max_decoding_message_size(STREAM_MESSAGE_LIMIT_BYTES);
    let mut workers = consumers::spaces::subscribe(Messaging::new(&kit)).workers()?;
    workers.extend([jobs::collect_logos::worker(logos.clone()), jobs::render_logos::worker(logos)]);
    Ok(Parts { routes: Routes::new(service), workers, ..Parts::default() })
}
