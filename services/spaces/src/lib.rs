//! The spaces service: spaces, and who takes part in them.
//!
//! - [`space`]: creating, reading, finding and changing spaces
//! - [`permission`]: who may do what, decided in one place; [`policy`]: what an organisation lets guests do at all
//! - [`participant`]: inviting, and who is there; [`access_request`]: asking to be let in by a link
//! - [`item`]: what a space holds; [`comment`]: what is said about it; [`duplication`]: a new space of an old one
//! - [`activity`]: the timeline; [`visit`]: who looked; [`theme`]: looks
//! - [`organization`], [`person`]: what is kept of identity's, from events
//! - [`grpc`]: transport; [`consumers`]: one file per service listened to; [`jobs`]: one file per job
//!
//! Must not send mail, store files, talk to a CRM or know a password: others do, told by events.

mod access_request;
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

use anyhow::Context;
use messaging::{DeadJobs, Messaging};
use service_kit::client::Gate;
use service_kit::grpc::UNARY_LIMIT_BYTES;
use service_kit::mac::MacKey;
use service_kit::{Kit, Parts};
use sharedspaces_proto::assets::v1::asset_service_client::AssetServiceClient;
use sharedspaces_proto::assets::v1::logo_service_client::LogoServiceClient;
use sharedspaces_proto::crmsync::v1::record_service_client::RecordServiceClient;
use sharedspaces_proto::identity::v1::account_service_client::AccountServiceClient;
use sharedspaces_proto::identity::v1::invitation_service_client::InvitationServiceClient;
use sharedspaces_proto::identity::v1::organization_service_client::OrganizationServiceClient;
use sharedspaces_proto::spaces::v1::access_request_service_server::AccessRequestServiceServer;
use sharedspaces_proto::spaces::v1::activity_service_server::ActivityServiceServer;
use sharedspaces_proto::spaces::v1::comment_service_server::CommentServiceServer;
use sharedspaces_proto::spaces::v1::content_service_server::ContentServiceServer;
use sharedspaces_proto::spaces::v1::job_service_server::JobServiceServer;
use sharedspaces_proto::spaces::v1::participant_service_server::ParticipantServiceServer;
use sharedspaces_proto::spaces::v1::policy_service_server::PolicyServiceServer;
use sharedspaces_proto::spaces::v1::space_service_server::SpaceServiceServer;
use sqlx::migrate::Migrator;
use tonic::service::Routes;

use crate::access_request::{AccessRequests, Identity};
use crate::activity::Activities;
use crate::comment::Comments;
use crate::config::Settings;
use crate::duplication::Duplications;
use crate::grpc::{
    AccessRequestGrpc, ActivityGrpc, CommentGrpc, ContentGrpc, ParticipantGrpc, PolicyGrpc, SpaceGrpc,
};
use crate::item::Items;
use crate::participant::{Neighbours, Participants};
use crate::policy::Policies;
use crate::space::Spaces;
use crate::theme::Themes;
use crate::visit::Visits;

pub use crate::access_request::AccessRequestError;
pub use crate::comment::CommentError;
pub use crate::item::ItemError;
pub use crate::participant::{InvitingLimits, ParticipantError};
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
    let access_requests = access_requests(&kit)?;
    let lapse = jobs::lapse_access_requests::worker(database.clone());
    let settings = &kit.settings;
    let gate = Gate::new(settings.trusted_proxies, settings.public_calls_per_second);
    let neighbours = Neighbours {
        directory: OrganizationServiceClient::new(kit.peers.identity()?),
        accounts: AccountServiceClient::new(kit.peers.identity()?),
        records: RecordServiceClient::new(kit.peers.crm_sync()?),
    };
    let limits = kit.settings.inviting;
    let end_visits = jobs::end_visits::worker(database.clone(), visits.clone());
    let participants = Participants::new(database, clock, ids.clone(), neighbours, limits);
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
        ActivityServiceServer::new(ActivityGrpc { activities, visits })
            .max_decoding_message_size(UNARY_LIMIT_BYTES),
    )
    .add_service(
        ContentServiceServer::new(ContentGrpc { items }).max_decoding_message_size(UNARY_LIMIT_BYTES),
    )
    .add_service(
        AccessRequestServiceServer::new(AccessRequestGrpc { access_requests: access_requests.clone(), gate })
            .max_decoding_message_size(UNARY_LIMIT_BYTES),
    )
    .add_service(
        CommentServiceServer::new(CommentGrpc { comments }).max_decoding_message_size(UNARY_LIMIT_BYTES),
    )
    .add_service(
        JobServiceServer::new(DeadJobs::new(kit.database.clone()))
            .max_decoding_message_size(UNARY_LIMIT_BYTES),
    );
    let messaging = consumers::identity::subscribe(Messaging::new(&kit), &participants);
    let messaging = jobs::take_access_requests::register(messaging, &access_requests);
    let mut workers = consumers::crm_sync::subscribe(messaging, &ids).workers()?;
    workers.extend([purge, lapse, end_visits]);
    Ok(Parts { routes, workers, ..Parts::default() })
}

fn access_requests(kit: &Kit<Settings>) -> anyhow::Result<AccessRequests> {
    let mac = MacKey::try_new(&kit.settings.budget_key).context("setting budget_key")?;
    let identity = Identity {
        directory: OrganizationServiceClient::new(kit.peers.identity()?),
        links: InvitationServiceClient::new(kit.peers.identity()?),
    };
    let clock_and_ids = (kit.clock.clone(), kit.ids.clone());
    Ok(AccessRequests::new(kit.database.clone(), clock_and_ids, identity, mac))
}
