//! The spaces service: spaces, and who takes part in them.
//!
//! - [`space`]: creating, reading, finding and changing spaces
//! - [`permission`]: who may do what, decided in one place; [`policy`]: what an organisation lets guests do at all
//! - [`participant`]: inviting, and who is there
//! - [`item`]: what a space holds; [`comment`]: what is said about it; [`duplication`]: a new space of an old one
//! - [`activity`]: the timeline; [`visit`]: who looked; [`theme`]: looks
//! - [`organization`], [`person`]: what is kept of identity's, from events
//! - [`grpc`]: transport; [`consumers`]: one file per service listened to; [`jobs`]: one file per job
//!
//! Must not send mail, store files, talk to a CRM or know a password: others do, told by events.

mod activity;
mod comment;
pub mod config;
mod consumers;
mod duplication;
mod grpc;
mod item;
mod jobs;
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
mod visit;

use messaging::Messaging;
use service_kit::grpc::UNARY_LIMIT_BYTES;
use service_kit::{Kit, Parts};
use sharedspaces_proto::assets::v1::asset_service_client::AssetServiceClient;
use sharedspaces_proto::assets::v1::logo_service_client::LogoServiceClient;
use sharedspaces_proto::identity::v1::organization_service_client::OrganizationServiceClient;
use sharedspaces_proto::spaces::v1::access_request_service_server::AccessRequestServiceServer;
use sharedspaces_proto::spaces::v1::activity_service_server::ActivityServiceServer;
use sharedspaces_proto::spaces::v1::comment_service_server::CommentServiceServer;
use sharedspaces_proto::spaces::v1::content_service_server::ContentServiceServer;
use sharedspaces_proto::spaces::v1::participant_service_server::ParticipantServiceServer;
use sharedspaces_proto::spaces::v1::policy_service_server::PolicyServiceServer;
use sharedspaces_proto::spaces::v1::space_service_server::SpaceServiceServer;
use sqlx::migrate::Migrator;
use tonic::service::Routes;

use crate::activity::Activities;
use crate::comment::Comments;
use crate::config::Settings;
use crate::duplication::Duplications;
use crate::grpc::{
    AccessRequestGrpc, ActivityGrpc, CommentGrpc, ContentGrpc, ParticipantGrpc, PolicyGrpc, SpaceGrpc,
};
use crate::item::Items;
use crate::participant::Participants;
use crate::policy::Policies;
use crate::space::Spaces;
use crate::theme::Themes;
use crate::visit::Visits;

pub use crate::comment::CommentError;
pub use crate::item::ItemError;
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
    let activities = Activities::new(database.clone());
    let files = AssetServiceClient::new(kit.peers.assets()?);
    let visits = Visits::new(database.clone(), clock.clone(), ids.clone());
    let items = Items::new(database.clone(), clock.clone(), ids.clone(), files, visits.clone());
    let comments = Comments::new(database.clone(), clock.clone(), ids.clone());
    let duplications = Duplications::new(database.clone(), clock.clone(), ids.clone());
    let purge = jobs::purge_deleted_spaces::worker(database.clone(), ids.clone());
    let end_visits = jobs::end_visits::worker(database.clone(), visits.clone());
    let directory = OrganizationServiceClient::new(kit.peers.identity()?);
    let participants = Participants::new(database, clock, ids.clone(), directory);
    let routes = Routes::new(
        SpaceServiceServer::new(SpaceGrpc { spaces, duplications })
            .max_decoding_message_size(UNARY_LIMIT_BYTES),
    )
    .add_service(
        ParticipantServiceServer::new(ParticipantGrpc { participants: participants.clone() })
            .max_decoding_message_size(UNARY_LIMIT_BYTES),
    )
    .add_service(
        PolicyServiceServer::new(PolicyGrpc { policies, themes })
            .max_decoding_message_size(UNARY_LIMIT_BYTES),
    )
    .add_service(
        ActivityServiceServer::new(ActivityGrpc { activities, visits }).max_decoding_message_size(UNARY_LIMIT_BYTES),
    )
    .add_service(
        ContentServiceServer::new(ContentGrpc { items }).max_decoding_message_size(UNARY_LIMIT_BYTES),
    )
    .add_service(
        AccessRequestServiceServer::new(AccessRequestGrpc {}).max_decoding_message_size(UNARY_LIMIT_BYTES),
    )
    .add_service(
        CommentServiceServer::new(CommentGrpc { comments }).max_decoding_message_size(UNARY_LIMIT_BYTES),
    );
    let messaging = consumers::identity::subscribe(Messaging::new(&kit), &participants);
    let mut workers = consumers::crm_sync::subscribe(messaging, &ids).workers()?;
    workers.extend([purge, end_visits]);
    Ok(Parts { routes, workers, ..Parts::default() })
}
