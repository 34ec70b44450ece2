//! crm-sync owns connections to CRMs, and the logs of spaces in them.
//!
//! - `config`: the service's own settings
//! - `grpc`: transport
//! - `organization`: the plan gate, over a replica of identity's organisations
//! - `connection`: connecting, tokens and their renewal, searching
//! - `log`: what was logged of a space, and trying again
//! - `connectors`: the CRMs; today Salesforce
//! - `consumers`: events of identity and spaces
//! - `jobs`: writing a log to its CRM
//!
//! The way of a log: `SpaceCreated` → log row and job in one transaction → the job calls the CRM with the log's id as
//! the record's key → the row says where it is, or why it is not.

mod config;
mod connection;
mod connectors;
mod consumers;
mod grpc;
mod jobs;
mod log;
mod organization;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use anyhow::Context;
use messaging::Messaging;
use service_kit::grpc::UNARY_LIMIT_BYTES;
use service_kit::space_access::SpaceAccess;
use service_kit::{Kit, Parts};
use sharedspaces_proto::crmsync::v1 as pb;
use sqlx::migrate::Migrator;
use tonic::service::Routes;

use connection::{Connections, Secrets};
use connectors::Connectors;
use connectors::salesforce::Salesforce;
use grpc::{ConnectionGrpc, LogGrpc, RecordGrpc};
use jobs::write_log::{self, WriteLog};
use log::Logs;

pub use config::{SalesforceConfig, Settings};
pub use connection::ConnectionError;
pub use log::LogError;
pub use organization::OrganizationError;

/// The schema of crm-sync.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// The crash points of this service; compiled in with the feature `failpoints` alone.
pub const FAILPOINTS: &[&str] = &[write_log::BEFORE_CALL, write_log::AFTER_2XX_BEFORE_COMMIT];

/// Builds the service. Errors name the setting that is wrong.
pub async fn build(kit: Kit<Settings>) -> anyhow::Result<Parts> {
    kit.settings.check(kit.config.development)?;
    let secrets = Secrets::try_new(&kit.settings.key_encryption_key).context("setting key_encryption_key")?;
    let salesforce = Salesforce::try_new(kit.settings.salesforce.clone())?;
    let connectors = Connectors::new(Arc::new(salesforce));
    let connections = Connections::new(
        kit.database.clone(),
        Arc::clone(&kit.clock),
        kit.ids.clone(),
        Arc::new(secrets),
        connectors.clone(),
    );
    let access = SpaceAccess::new(kit.peers.spaces()?);
    let logs = Logs::new(kit.database.clone(), Arc::clone(&kit.clock), kit.ids.clone(), connectors, access);
    let write_log =
        WriteLog::new(kit.database.clone(), Arc::clone(&kit.clock), connections.sessions().clone());

    let messaging = consumers::identity::subscribe(Messaging::new(&kit));
    let messaging = consumers::spaces::subscribe(messaging);
    let workers = write_log::register(messaging, write_log).workers()?;
    Ok(Parts { routes: routes(connections, logs), workers, ..Parts::default() })
}

fn routes(connections: Connections, logs: Logs) -> Routes {
    let connection = ConnectionGrpc { connections: connections.clone() };
    let record = RecordGrpc { connections };
    let log = LogGrpc { logs };
    Routes::new(
        pb::connection_service_server::ConnectionServiceServer::new(connection)
            .max_decoding_message_size(UNARY_LIMIT_BYTES),
    )
    .add_service(
        pb::record_service_server::RecordServiceServer::new(record)
            .max_decoding_message_size(UNARY_LIMIT_BYTES),
    )
    .add_service(
        pb::log_service_server::LogServiceServer::new(log).max_decoding_message_size(UNARY_LIMIT_BYTES),
    )
}
