//! crm-sync owns connections to CRMs, and the logs of spaces in them.
//!
//! - `config`: the service's own settings
//! - `command`: what the operator does on the command line
//! - `grpc`: transport
//! - `organization`: the plan gate, over a replica of identity's organisations, and the logging mode
//! - `connection`: connecting, secrets, tokens and their renewal, pauses
//! - `record`: searching and matching the CRMs' records
//! - `log`: what was logged of a space, its link, and trying again
//! - `connectors`: the CRMs, each behind one trait
//! - `consumers`: events of identity and spaces
//! - `jobs`: writing a log to its CRM
//!
//! The way of a log: an event or a call → log row and job in one transaction → the job plans the records it becomes, notes them
//! as begun, calls the CRM with their keys, and notes what is written → the row says where it is, or why it is not.

mod command;
mod config;
mod connection;
mod connectors;
mod consumers;
mod grpc;
mod jobs;
mod log;
mod organization;
mod record;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use anyhow::Context;
use messaging::{DeadJobs, Messaging};
use secrecy::SecretString;
use service_kit::grpc::UNARY_LIMIT_BYTES;
use service_kit::space_access::SpaceAccess;
use service_kit::{Kit, Parts};
use sharedspaces_proto::crmsync::v1 as pb;
use sqlx::migrate::Migrator;
use tonic::service::Routes;

use connection::{Connections, Secrets};
use connectors::c4c::C4c;
use connectors::dataverse::Dataverse;
use connectors::sales_cloud::SalesCloud;
use connectors::salesforce::Salesforce;
use connectors::{Connectors, CrmConnector};
use grpc::{ConnectionGrpc, LogGrpc, RecordGrpc};
use jobs::count_connections;
use jobs::write_log::{self, WriteLog};
use log::{Describer, Logs};
use record::Records;

pub use command::{Command, execute};
pub use config::{DataverseConfig, OldKey, SalesforceConfig, SapC4cConfig, SapSalesCloudConfig, Settings};
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
    let connections = Connections::new(
        kit.database.clone(),
        Arc::clone(&kit.clock),
        kit.ids.clone(),
        secrets(&kit)?,
        connectors(&kit)?,
    );
    let sessions = connections.sessions().clone();
    let records = Records::new(kit.database.clone(), sessions.clone());
    let logs = Logs::new(
        kit.database.clone(),
        Arc::clone(&kit.clock),
        kit.ids.clone(),
        sessions.connectors().clone(),
        SpaceAccess::new(kit.peers.spaces()?),
        Describer::new(kit.peers.spaces()?),
    );
    let (database, clock) = (kit.database.clone(), Arc::clone(&kit.clock));
    let write_log = WriteLog::new(database, clock, kit.ids.clone(), sessions, write_log::SETTLING);

    let messaging = consumers::identity::subscribe(Messaging::new(&kit));
    let messaging = consumers::spaces::subscribe(messaging);
    let mut workers = write_log::register(messaging, write_log).workers()?;
    workers.push(count_connections::worker(&kit.database, kit.config.telemetry.metric_interval()));
    let dead_jobs = DeadJobs::new(kit.database.clone());
    Ok(Parts { routes: routes(connections, records, logs, dead_jobs), workers, ..Parts::default() })
}

/// The connectors that this service has.
fn connectors(kit: &Kit<Settings>) -> anyhow::Result<Connectors> {
    let salesforce = Salesforce::try_new(kit.settings.salesforce.clone(), Arc::clone(&kit.clock))?;
    let dataverse = Dataverse::try_new(kit.settings.dataverse.clone())?;
    let sap_c4c = C4c::try_new(kit.settings.sap_c4c.clone())?;
    let sap_sales_cloud = SalesCloud::try_new(kit.settings.sap_sales_cloud.clone())?;
    let all: [Arc<dyn CrmConnector>; 4] =
        [Arc::new(salesforce), Arc::new(dataverse), Arc::new(sap_c4c), Arc::new(sap_sales_cloud)];
    Ok(Connectors::new(all))
}

fn secrets(kit: &Kit<Settings>) -> anyhow::Result<Secrets> {
    let old: Vec<SecretString> =
        kit.settings.old_key_encryption_keys.iter().map(|old| old.0.clone()).collect();
    Secrets::try_new(&kit.settings.key_encryption_key, &old, kit.ids.clone())
        .context("setting key_encryption_key or old_key_encryption_keys")
}

fn routes(connections: Connections, records: Records, logs: Logs, dead_jobs: DeadJobs) -> Routes {
    let connection = ConnectionGrpc { connections };
    let record = RecordGrpc { records };
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
    .add_service(
        pb::job_service_server::JobServiceServer::new(dead_jobs).max_decoding_message_size(UNARY_LIMIT_BYTES),
    )
}
