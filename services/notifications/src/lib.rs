//! The notifications service: which mail goes to whom, and how it fares.
//!
//! - [`delivery`]: one mail to one recipient, from the event that asked for it until a mail server took it
//! - [`consumers`]: one file per service listened to; plans deliveries
//! - [`jobs`]: sends what is planned; tells owners
//! - [`mail`]: the words, the message and the conversation with the mail server
//! - [`letters`]: writes the message of a planned mail, with what identity says about it
//! - [`preference`]: quiet hours; [`unsubscribe`]: the links of mails that can be muted
//! - [`organization`]: name, address, language and logo of organisations, for their mails
//! - [`preview`]: mails as they would look
//! - [`directory`]: what identity is asked for when a mail is sent
//! - [`grpc`] is transport
//!
//! Must not decide who is invited or may enter, and never keeps a link, token or password.

mod config;
mod consumers;
mod delivery;
mod directory;
mod grpc;
mod jobs;
mod letters;
mod mail;
mod organization;
mod preference;
mod preview;
mod unsubscribe;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use anyhow::Context;
use messaging::Messaging;
use service_kit::grpc::UNARY_LIMIT_BYTES;
use service_kit::{Kit, Parts};
use sharedspaces_proto::notifications::v1::delivery_service_server::DeliveryServiceServer;
use sharedspaces_proto::notifications::v1::notification_service_server::NotificationServiceServer;
use sharedspaces_proto::notifications::v1::preference_service_server::PreferenceServiceServer;
use sharedspaces_proto::notifications::v1::template_service_server::TemplateServiceServer;
use sqlx::migrate::Migrator;
use tonic::service::Routes;

use crate::delivery::Deliveries;
use crate::directory::Directory;
use crate::grpc::{DeliveryGrpc, NotificationGrpc, PreferenceGrpc, TemplateGrpc};
use crate::jobs::{SendMail, send_mail, tell_owner};
use crate::letters::Letters;
use crate::mail::Smtp;
use crate::organization::{Logos, Organizations};
use crate::preview::Previews;
use crate::unsubscribe::Links;

pub use crate::config::Settings;
pub use crate::delivery::DeliveryError;

/// The schema of notifications.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// The points where a crash test may end the process.
pub const FAILPOINTS: &[&str] =
    &[send_mail::BEFORE_SEND, mail::AFTER_DATA_BEFORE_250, send_mail::AFTER_250_BEFORE_COMMIT];

/// Puts the service together.
#[expect(clippy::unused_async, reason = "every service is built by an async function")]
pub async fn build(kit: Kit<Settings>) -> anyhow::Result<Parts> {
    let deliveries = Deliveries::new(kit.database.clone());
    let directory = Directory::new(kit.peers.identity()?);
    let smtp = Smtp::try_new(kit.settings.smtp.clone())?;
    let organizations = Organizations::new(kit.database.clone());
    let logos = Logos::new(kit.peers.assets()?);
    let previews = Previews::new(organizations.clone(), logos.clone());
    let links = Links::try_new(&kit.settings.unsubscribe.key).context("setting unsubscribe.key")?;
    let letters = Letters::new(
        deliveries.clone(),
        directory.clone(),
        organizations,
        logos,
        links,
        smtp.from().clone(),
    );
    let sending = SendMail::new(deliveries.clone(), letters, smtp, Arc::clone(&kit.clock));
    let messaging = consumers::spaces::subscribe(Messaging::new(&kit));
    let messaging = consumers::identity::subscribe(messaging);
    let messaging = send_mail::register(messaging, &Arc::new(sending));
    let workers = tell_owner::register(messaging, deliveries.clone(), directory).workers()?;
    let service =
        DeliveryServiceServer::new(DeliveryGrpc { deliveries }).max_decoding_message_size(UNARY_LIMIT_BYTES);
    let routes = Routes::new(service)
        .add_service(
            NotificationServiceServer::new(NotificationGrpc {}).max_decoding_message_size(UNARY_LIMIT_BYTES),
        )
        .add_service(
            PreferenceServiceServer::new(PreferenceGrpc {}).max_decoding_message_size(UNARY_LIMIT_BYTES),
        )
        .add_service(
            TemplateServiceServer::new(TemplateGrpc { previews }).max_decoding_message_size(UNARY_LIMIT_BYTES),
        );
    Ok(Parts { routes, workers, ..Parts::default() })
}
