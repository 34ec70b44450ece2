//! The gRPC services of crm-sync: transport only. A handler converts, calls a use case and converts back.

mod connection_service;
mod convert_connection;
mod convert_log;
mod convert_record;
mod log_service;
mod record_service;

pub(crate) use connection_service::ConnectionGrpc;
pub(crate) use log_service::LogGrpc;
pub(crate) use record_service::RecordGrpc;
