//! The names of spans, metrics and attributes.
//!
//! Owns every name this project emits: those of the semantic conventions come from their crate (schema 1.42.0; one RPC
//! attribute is about to be renamed, then only this file changes), our own start with `sharedspaces.`. No name here
//! may carry a tenant, person or file.

pub use opentelemetry_semantic_conventions::SCHEMA_URL;
pub use opentelemetry_semantic_conventions::attribute::{
    ERROR_TYPE, MESSAGING_DESTINATION_NAME, MESSAGING_MESSAGE_ID, MESSAGING_OPERATION_NAME,
    MESSAGING_OPERATION_TYPE, MESSAGING_SYSTEM, RPC_METHOD, RPC_RESPONSE_STATUS_CODE, RPC_SYSTEM_NAME,
    SERVICE_NAME, SERVICE_VERSION,
};
pub use opentelemetry_semantic_conventions::metric::{
    MESSAGING_CLIENT_CONSUMED_MESSAGES, MESSAGING_CLIENT_SENT_MESSAGES, MESSAGING_PROCESS_DURATION,
    RPC_SERVER_CALL_DURATION,
};

/// Calls being answered now.
pub const RPC_SERVER_ACTIVE_REQUESTS: &str = "sharedspaces.rpc.server.active_requests";
/// Decisions of the access layer, by outcome.
pub const AUTHZ_DECISIONS: &str = "sharedspaces.authz.decisions";
/// Events not yet published.
pub const OUTBOX_PENDING: &str = "sharedspaces.outbox.pending";
/// Age of the oldest event not yet published, in seconds.
pub const OUTBOX_OLDEST_AGE: &str = "sharedspaces.outbox.oldest.age";
/// From an event's commit to its processing, in seconds, by consumer.
pub const EVENT_DELIVERY_AGE: &str = "sharedspaces.event.delivery.age";
/// Messages delivered again.
pub const CONSUMER_REDELIVERIES: &str = "sharedspaces.consumer.redeliveries";
/// Messages that could not be decoded and were parked.
pub const DLQ_PUBLISHED: &str = "sharedspaces.dlq.published";
/// Jobs run, by job and outcome.
pub const JOB_RUNS: &str = "sharedspaces.job.runs";
/// Mails handed over, by outcome.
pub const EMAIL_SENT: &str = "sharedspaces.email.sent";
/// From an event's commit to its record in the CRM, in seconds.
pub const CRM_SYNC_LAG: &str = "sharedspaces.crm.sync.lag";
/// Handshakes of mutual TLS, by outcome.
pub const TLS_HANDSHAKES: &str = "sharedspaces.tls.handshakes";
/// New certificates found on disk, by outcome.
pub const TLS_RELOADS: &str = "sharedspaces.tls.reloads";
/// How long this process's certificate is valid, in seconds.
pub const TLS_CERTIFICATE_EXPIRY: &str = "sharedspaces.tls.certificate.expiry";
/// Always 1, with the version.
pub const BUILD_INFO: &str = "sharedspaces.build.info";

/// Attribute: what became of something.
pub const OUTCOME: &str = "outcome";
/// Attribute: which consumer.
pub const CONSUMER: &str = "consumer";
/// Attribute: which job.
pub const JOB: &str = "job";
