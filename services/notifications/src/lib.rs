//! The notifications service: which mail goes to whom, and how it fares.
//!
//! - [`delivery`]: one mail to one recipient, from the event that asked for it until a mail server took it
//! - [`consumers`]: one file per service listened to; plans deliveries
//! - [`jobs`]: sends what is planned
//! - [`mail`]: the words, the message and the conversation with the mail server
//! - [`directory`]: what identity is asked for when a mail is sent
//! - [`grpc`] is transport
//!
//! Must not decide who is invited or may enter, and never keeps a link, token or password.

pub mod config;
pub mod consumers;
pub mod delivery;
pub mod directory;
pub mod grpc;
pub mod jobs;
pub mod mail;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use messaging::Messaging;
use service_kit::grpc::UNARY_LIMIT_BYTES;
use service_kit::{Kit, Parts};
use sharedspaces_proto::notifications::v1::delivery_service_server::DeliveryServiceServer;
use sqlx::migrate::Migrator;
use tonic::service::Routes;

use crate::config::Settings;
use crate::delivery::Deliveries;
use crate::directory::Directory;
use crate::grpc::DeliveriesGrpc;
use crate::jobs::SendMail;
use crate::mail::Smtp;

pub use crate::delivery::DeliveryError;

/// The schema of notifications.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// The points where a crash test may end the process.
pub const FAILPOINTS: &[&str] =
    &["email.before_send", "email.after_data_before_250", "email.after_250_before_commit"];

/// Puts the service together.
#[expect(clippy::unused_async, reason = "every service is built by an async function")]
pub async fn build(kit: Kit<Settings>) -> anyhow::Result<Parts> {
    let deliveries = Arc::new(Deliveries::new(kit.database.clone()));
    let smtp = Smtp::try_new(kit.settings.smtp.clone())?;
    let send_mail = Arc::new(SendMail::new(&kit, Directory::new(kit.peers.identity()?), smtp));
    let service = DeliveryServiceServer::new(DeliveriesGrpc::new(deliveries))
        .max_decoding_message_size(UNARY_LIMIT_BYTES);
    let messaging = consumers::spaces::subscribe(Messaging::new(&kit));
    let workers = jobs::send_mail::register(messaging, send_mail).workers();
    Ok(Parts { routes: Routes::new(service), workers, ..Parts::default() })
}

/// Ends the process where a crash test has asked for it; nothing in other builds.
fn failpoint(name: &'static str) {
    messaging::failpoint(name);
}
