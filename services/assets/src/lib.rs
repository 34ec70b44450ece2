//! The assets service: images in S3.
//!
//! - [`logo`]: uploading and showing the logo of a space's customer
//! - [`image`]: telling what an upload really is, and making a clean image of it
//! - [`storage`]: the bucket in S3
//! - [`spaces`]: what a person may do in a space
//! - [`grpc`]: transport; [`jobs`]: one file per job
//!
//! Publishes and consumes no events. Must not keep rights of its own: who may see a logo is asked of spaces each time.

pub mod config;
mod grpc;
mod image;
mod jobs;
mod logo;
mod spaces;
mod storage;
#[cfg(test)]
mod tests;

use service_kit::grpc::STREAM_MESSAGE_LIMIT_BYTES;
use service_kit::{Kit, Parts};
use sharedspaces_proto::assets::v1::logo_service_server::LogoServiceServer;
use sqlx::migrate::Migrator;
use tonic::service::Routes;

use crate::config::Settings;
use crate::grpc::LogoGrpc;
use crate::logo::Logos;
use crate::spaces::Spaces;
use crate::storage::ObjectStore;

pub use crate::logo::LogoError;

/// The schema of assets.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// The named crash points of this service, compiled in by the feature `failpoints`.
pub const FAILPOINTS: &[&str] = &[logo::AFTER_ROW_BEFORE_PUT, logo::AFTER_PUT_BEFORE_READY];

/// Puts the service together. Errors: a setting that S3 or the address of spaces cannot be made of.
#[expect(clippy::unused_async, reason = "every service is built by an async function")]
pub async fn build(kit: Kit<Settings>) -> anyhow::Result<Parts> {
    arm_failpoints();
    let store = ObjectStore::try_new(&kit.settings.s3)?;
    let spaces = Spaces::new(kit.peers.spaces()?);
    let logos = Logos::new(kit.database.clone(), kit.ids.clone(), store, spaces);
    let service = LogoServiceServer::new(LogoGrpc::new(logos.clone()))
        .max_decoding_message_size(STREAM_MESSAGE_LIMIT_BYTES);
    let workers = vec![jobs::delete_abandoned_uploads::worker(logos)];
    Ok(Parts { routes: Routes::new(service), workers, ..Parts::default() })
}

/// Reads the variable `FAILPOINTS`, as messaging does for the services that use it.
#[cfg(feature = "failpoints")]
fn arm_failpoints() {
    // Kept for the life of the process: dropping it would clear the points.
    std::mem::forget(fail::FailScenario::setup());
}

#[cfg(not(feature = "failpoints"))]
fn arm_failpoints() {}
