//! The spaces service: spaces, and who takes part in them.
//!
//! - [`space`]: creating, reading, finding and changing spaces
//! - [`permission`]: who may do what, decided in one place; [`policy`]: what an organisation lets guests do at all
//! - [`participant`]: inviting, and who is there
//! - [`activity`]: the timeline; [`theme`]: looks
//! - [`organization`], [`person`]: what is kept of identity's, from events
//! - [`grpc`]: transport; [`consumers`]: one file per service listened to
//!
//! Must not send mail, store files, talk to a CRM or know a password: others do, told by events.

mod activity;
pub mod config;
mod consumers;
mod grpc;
mod locale;
mod organization;
mod participant;
mod permission;
mod person;
mod policy;
mod space;
#[cfg(test)]
mod tests;
mod theme;

use messaging::Messaging;
use service_kit::grpc::UNARY_LIMIT_BYTES;
use service_kit::{Kit, Parts};
use sharedspaces_proto::assets::v1::logo_service_client::LogoServiceClient;
use sharedspaces_proto::identity::v1::organization_service_client::OrganizationServiceClient;
use sharedspaces_proto::spaces::v1::participant_service_server::ParticipantServiceServer;
use sharedspaces_proto::spaces::v1::policy_service_server::PolicyServiceServer;
use sharedspaces_proto::spaces::v1::space_service_server::SpaceServiceServer;
use sqlx::migrate::Migrator;
use tonic::service::Routes;

use crate::config::Settings;
use crate::grpc::{ParticipantGrpc, PolicyGrpc, SpaceGrpc};
use crate::participant::Participants;
use crate::policy::Policies;
use crate::space::Spaces;
use crate::theme::Themes;

pub use crate::participant::ParticipantError;
pub use crate::policy::PolicyError;
pub use crate::space::SpaceError;
pub use crate::theme::ThemeError;

/// The schema of spaces.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// Puts the service together.
#[expect(clippy::unused_async, reason = "every service is built by an async function")]
pub async fn build(kit: Kit<Settings>) -> anyhow::Result<Parts> {
    let (database, clock, ids) = (kit.database.clone(), kit.clock.clone(), kit.ids.clone());
    let logos = LogoServiceClient::new(kit.peers.assets()?);
    let spaces = Spaces::new(database.clone(), clock.clone(), ids.clone(), logos.clone());
    let themes = Themes::new(database.clone(), clock.clone(), ids.clone(), logos);
    let policies = Policies::new(database.clone(), clock.clone());
    let directory = OrganizationServiceClient::new(kit.peers.identity()?);
    let participants = Participants::new(database, clock, ids, directory);
    let routes = Routes::new(
        SpaceServiceServer::new(SpaceGrpc { spaces }).max_decoding_message_size(UNARY_LIMIT_BYTES),
    )
    .add_service(
        ParticipantServiceServer::new(ParticipantGrpc { participants: participants.clone() })
            .max_decoding_message_size(UNARY_LIMIT_BYTES),
    )
    .add_service(
        PolicyServiceServer::new(PolicyGrpc { policies, themes })
            .max_decoding_message_size(UNARY_LIMIT_BYTES),
    );
    let workers = consumers::identity::subscribe(Messaging::new(&kit), &participants).workers()?;
    Ok(Parts { routes, workers, ..Parts::default() })
}
