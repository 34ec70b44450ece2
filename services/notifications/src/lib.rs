//! The notifications service: which mail goes to whom, and how it fares.
//!
//! - [`delivery`]: one mail to one recipient, from the event that asked for it until a mail server took it
//! - [`consumers`]: one file per service listened to; plans deliveries
//! - [`jobs`]: sends what is planned; tells owners
//! - [`mail`]: the words, the message and the conversation with the mail server
//! - [`letters`]: writes the message of a planned mail, with what identity says about it
//! - [`notice`]: what people are told in the app, and streaming it; [`departure`]: who is not told any more
//! - [`due`]: whether a planned mail may go now; [`recipients`]: what spaces is asked for that
//! - [`preference`]: quiet hours
//! - [`suppression`]: addresses that get no mails any more
//! - [`unsubscribe`]: getting out of mails
//! - [`organization`]: name, address, language and logo of organisations, for their mails
//! - [`preview`]: mails as they would look
//! - [`directory`]: what identity is asked for when a mail is sent
//! - [`grpc`] is transport
//!
//! Must not decide who is invited or may enter, and never keeps a link, token or password.

mod config;
mod consumers;
mod delivery;
mod departure;
mod directory;
mod due;
mod grpc;
mod jobs;
mod letters;
mod mail;
mod notice;
mod organization;
mod preference;
mod preview;
mod recipients;
mod suppression;
#[cfg(test)]
mod tests;
mod unsubscribe;
mod zones;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use messaging::{DeadJobs, Messaging};
use service_kit::grpc::UNARY_LIMIT_BYTES;
use service_kit::{Kit, Parts};
use sharedspaces_proto::notifications::v1::delivery_service_server::DeliveryServiceServer;
use sharedspaces_proto::notifications::v1::job_service_server::JobServiceServer;
use sharedspaces_proto::notifications::v1::notification_service_server::NotificationServiceServer;
use sharedspaces_proto::notifications::v1::preference_service_server::PreferenceServiceServer;
use sharedspaces_proto::notifications::v1::template_service_server::TemplateServiceServer;
use sqlx::migrate::Migrator;
use tonic::service::Routes;

use crate::delivery::{Deliveries, Gathering};
use crate::directory::Directory;
use crate::due::Dues;
use crate::grpc::{DeliveryGrpc, NotificationGrpc, PreferenceGrpc, TemplateGrpc};
use crate::jobs::{SendMail, delete_old_notices, send_mail, tell_owner};
use crate::letters::Letters;
use crate::mail::Smtp;
use crate::notice::{Hub, Notices};
use crate::organization::{Logos, Organizations};
use crate::preference::AllPreferences;
use crate::preview::Previews;
use crate::recipients::Recipients;
use crate::suppression::Suppressions;
use crate::unsubscribe::{Links, Unsubscribing};

pub use crate::config::Settings;
pub use crate::delivery::DeliveryError;
pub use crate::notice::NoticeError;
pub use crate::preference::PreferenceError;
pub use crate::unsubscribe::UnsubscribeError;

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
        links.clone(),
        smtp.from().clone(),
    );
    let recipients = Recipients::new(kit.peers.spaces()?);
    let dues = Dues::new(deliveries.clone(), directory.clone(), recipients.clone());
    let sending = SendMail::new(deliveries.clone(), dues, letters, smtp, Arc::clone(&kit.clock));
    let window = Duration::from_secs(kit.settings.gather.window_seconds.into());
    let messaging = consumers::spaces::subscribe(Messaging::new(&kit), Gathering { window });
    let messaging = consumers::identity::subscribe(messaging);
    let messaging = send_mail::register(messaging, &Arc::new(sending));
    let mut workers = tell_owner::register(messaging, deliveries.clone(), directory).workers()?;
    let notices = Notices::new(kit.database.clone());
    workers.push(delete_old_notices::worker(notices.clone()));
    let hub = Hub::new(kit.database.pool().clone(), kit.peers.identity()?, kit.stop.calls.clone());
    let notifications = NotificationGrpc { notices, hub, clock: Arc::clone(&kit.clock) };
    let suppressions = Suppressions::new(kit.database.clone());
    let preferences = AllPreferences::new(kit.database.clone());
    let unsubscribing = Unsubscribing::new(links, recipients, deliveries.clone());
    let service = DeliveryServiceServer::new(DeliveryGrpc { deliveries, suppressions, unsubscribing })
        .max_decoding_message_size(UNARY_LIMIT_BYTES);
    let routes = Routes::new(service)
        .add_service(
            NotificationServiceServer::new(notifications).max_decoding_message_size(UNARY_LIMIT_BYTES),
        )
        .add_service(
            PreferenceServiceServer::new(PreferenceGrpc { preferences })
                .max_decoding_message_size(UNARY_LIMIT_BYTES),
        )
        .add_service(
            TemplateServiceServer::new(TemplateGrpc { previews })
                .max_decoding_message_size(UNARY_LIMIT_BYTES),
        )
        .add_service(
            JobServiceServer::new(DeadJobs::new(kit.database.clone()))
                .max_decoding_message_size(UNARY_LIMIT_BYTES),
        );
    Ok(Parts { routes, workers, ..Parts::default() })
}
