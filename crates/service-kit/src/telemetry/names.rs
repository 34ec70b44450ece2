//! The names of spans, metrics and attributes.
//!
//! Owns every name this project emits: those of the semantic conventions come from their crate (schema 1.42.0; one RPC
//! attribute is about to be renamed, then only this file changes), our own start with `sharedspaces.`. [`METRICS`] is all
//! that is measured, with unit, kind, attributes and bounds; nothing is measured that is not in it. No name here may carry
//! a tenant, person or file.

pub use opentelemetry_semantic_conventions::SCHEMA_URL;
pub use opentelemetry_semantic_conventions::attribute::{
    DB_CLIENT_CONNECTION_POOL_NAME, DB_CLIENT_CONNECTION_STATE, DB_NAMESPACE, DB_OPERATION_NAME,
    DB_RESPONSE_STATUS_CODE, DB_SYSTEM_NAME, ERROR_TYPE, HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE,
    MESSAGING_DESTINATION_NAME, MESSAGING_MESSAGE_ID, MESSAGING_OPERATION_NAME, MESSAGING_OPERATION_TYPE,
    MESSAGING_RABBITMQ_DESTINATION_ROUTING_KEY, MESSAGING_SYSTEM, RPC_METHOD, RPC_RESPONSE_STATUS_CODE,
    RPC_SYSTEM_NAME, SERVER_ADDRESS, SERVER_PORT, SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_PEER_NAME,
    SERVICE_VERSION,
};
use opentelemetry_semantic_conventions::metric;

/// Attribute: what became of something.
pub const OUTCOME: &str = "outcome";
/// Attribute: which consumer, by its queue.
pub const CONSUMER: &str = "consumer";
/// Attribute: which job; that of an event is `event:<routing key>`.
pub const JOB: &str = "job.name";
/// Attribute: which CRM.
pub const PROVIDER: &str = "crm.provider";
/// Attribute: in which state something is.
pub const STATE: &str = "state";

/// Seconds; the bounds that the RPC, HTTP and messaging conventions ask for. The promises of 100 and 250 ms are among
/// them.
const CALL_BOUNDS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// Seconds; the bounds that the database conventions ask for.
const DATABASE_BOUNDS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
/// Seconds; jobs may talk to a slow mail server for minutes.
const JOB_BOUNDS: &[f64] = &[0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0];
/// Seconds, around the promises of 60 seconds for mails and five minutes for CRMs.
const AGE_BOUNDS: &[f64] =
    &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 86_400.0];
const NO_BOUNDS: &[f64] = &[];

/// How a metric counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Grows and shrinks; values of several processes add up.
    UpDownCounter,
    /// The last value; values of several processes do not add up.
    Gauge,
    /// How often values were below each bound.
    Histogram,
}

// Only with mutual TLS, so not in the table of what every run emits.
/// Handshakes of mutual TLS, by outcome.
pub const TLS_HANDSHAKES: &str = "sharedspaces.tls.handshakes";
/// New certificates found on disk, by outcome.
pub const TLS_RELOADS: &str = "sharedspaces.tls.reloads";
/// How long this process's certificate is valid, in seconds.
pub const TLS_CERTIFICATE_EXPIRY: &str = "sharedspaces.tls.certificate.expiry";

/// A metric as it is emitted.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub description: &'static str,
    /// How it counts.
    pub kind: Kind,
    /// Its unit (UCUM).
    pub unit: &'static str,
    /// All attributes that it may have; `error.type` and codes stand only where there is one.
    pub attributes: &'static [&'static str],
    /// The upper bounds of a histogram's buckets; none for other kinds.
    pub bounds: &'static [f64],
    /// How many sets of attributes one process may have at most.
    pub most_series: usize,
}

macro_rules! metrics {
    ($(
        $(#[doc = $doc:literal])+
        $constant:ident: $kind:ident $name:expr, $unit:literal, [$($attribute:expr),*], $bounds:expr, $most:literal;
    )+) => {
        $(
            $(#[doc = $doc])+
            pub static $constant: Metric = Metric {
                name: $name,
                description: concat!($($doc),+),
                kind: Kind::$kind,
                unit: $unit,
                attributes: &[$($attribute),*],
                bounds: $bounds,
                most_series: $most,
            };
        )+

        /// All that is measured.
        pub static METRICS: &[&Metric] = &[$(&$constant),+];
    };
}

metrics! {
    /// How long calls took that were answered.
    RPC_SERVER_CALL_DURATION: Histogram metric::RPC_SERVER_CALL_DURATION, "s",
        [RPC_SYSTEM_NAME, RPC_METHOD, RPC_RESPONSE_STATUS_CODE, ERROR_TYPE], CALL_BOUNDS, 400;
    /// How long calls of other services took.
    RPC_CLIENT_CALL_DURATION: Histogram metric::RPC_CLIENT_CALL_DURATION, "s",
        [RPC_SYSTEM_NAME, RPC_METHOD, RPC_RESPONSE_STATUS_CODE, ERROR_TYPE, SERVICE_PEER_NAME, SERVER_ADDRESS, SERVER_PORT],
        CALL_BOUNDS, 200;
    /// Calls being answered now.
    RPC_SERVER_ACTIVE_REQUESTS: UpDownCounter "sharedspaces.rpc.server.active_requests", "{call}", [], NO_BOUNDS, 1;
    /// Decisions of the access layer: `admitted`, `refused`.
    AUTHZ_DECISIONS: Counter "sharedspaces.authz.decisions", "{decision}", [OUTCOME], NO_BOUNDS, 2;

    /// How long units of work took, waiting for a connection included: `read`, `transaction`, `write`.
    DB_CLIENT_OPERATION_DURATION: Histogram metric::DB_CLIENT_OPERATION_DURATION, "s",
        [DB_SYSTEM_NAME, DB_NAMESPACE, DB_OPERATION_NAME, DB_RESPONSE_STATUS_CODE, ERROR_TYPE], DATABASE_BOUNDS, 60;
    /// Connections of the pool: `idle`, `used`.
    DB_CLIENT_CONNECTION_COUNT: UpDownCounter metric::DB_CLIENT_CONNECTION_COUNT, "{connection}",
        [DB_CLIENT_CONNECTION_POOL_NAME, DB_CLIENT_CONNECTION_STATE], NO_BOUNDS, 2;
    /// Most connections that the pool may have.
    DB_CLIENT_CONNECTION_MAX: UpDownCounter metric::DB_CLIENT_CONNECTION_MAX, "{connection}",
        [DB_CLIENT_CONNECTION_POOL_NAME], NO_BOUNDS, 1;
    /// Units of work that wait for a connection now.
    DB_CLIENT_CONNECTION_PENDING_REQUESTS: UpDownCounter metric::DB_CLIENT_CONNECTION_PENDING_REQUESTS, "{request}",
        [DB_CLIENT_CONNECTION_POOL_NAME], NO_BOUNDS, 1;
    /// Units of work that got no connection in time, or were refused because too many waited.
    DB_CLIENT_CONNECTION_TIMEOUTS: Counter metric::DB_CLIENT_CONNECTION_TIMEOUTS, "{timeout}",
        [DB_CLIENT_CONNECTION_POOL_NAME], NO_BOUNDS, 1;
    /// How long units of work waited for a connection.
    DB_CLIENT_CONNECTION_WAIT_TIME: Histogram metric::DB_CLIENT_CONNECTION_WAIT_TIME, "s",
        [DB_CLIENT_CONNECTION_POOL_NAME], DATABASE_BOUNDS, 1;

    /// Events offered to the broker, by `<exchange>:<routing key>`; refused ones have an `error.type`.
    MESSAGING_CLIENT_SENT_MESSAGES: Counter metric::MESSAGING_CLIENT_SENT_MESSAGES, "{message}",
        [MESSAGING_SYSTEM, MESSAGING_DESTINATION_NAME, MESSAGING_OPERATION_NAME, ERROR_TYPE], NO_BOUNDS, 80;
    /// Events delivered by the broker, by queue; delivered again counts again.
    MESSAGING_CLIENT_CONSUMED_MESSAGES: Counter metric::MESSAGING_CLIENT_CONSUMED_MESSAGES, "{message}",
        [MESSAGING_SYSTEM, MESSAGING_DESTINATION_NAME, MESSAGING_OPERATION_NAME], NO_BOUNDS, 8;
    /// How long the broker took: `publish` until it confirmed an event, `ack` of a batch.
    MESSAGING_CLIENT_OPERATION_DURATION: Histogram metric::MESSAGING_CLIENT_OPERATION_DURATION, "s",
        [MESSAGING_SYSTEM, MESSAGING_DESTINATION_NAME, MESSAGING_OPERATION_NAME, MESSAGING_OPERATION_TYPE, ERROR_TYPE],
        CALL_BOUNDS, 90;
    /// How long tries of applying an event took, by queue.
    MESSAGING_PROCESS_DURATION: Histogram metric::MESSAGING_PROCESS_DURATION, "s",
        [MESSAGING_SYSTEM, MESSAGING_DESTINATION_NAME, MESSAGING_OPERATION_NAME, ERROR_TYPE], CALL_BOUNDS, 16;
    /// Events not yet published.
    OUTBOX_PENDING: Gauge "sharedspaces.outbox.pending", "{event}", [], NO_BOUNDS, 1;
    /// Age of the oldest event not yet published; 0 where there is none.
    OUTBOX_OLDEST_AGE: Gauge "sharedspaces.outbox.oldest.age", "s", [], NO_BOUNDS, 1;
    /// From an event's commit to its effect, by consumer.
    EVENT_DELIVERY_AGE: Histogram "sharedspaces.event.delivery.age", "s", [CONSUMER], AGE_BOUNDS, 8;
    /// Messages delivered again, by consumer.
    CONSUMER_REDELIVERIES: Counter "sharedspaces.consumer.redeliveries", "{message}", [CONSUMER], NO_BOUNDS, 8;
    /// Messages that could not be read and were parked, by consumer.
    DLQ_PUBLISHED: Counter "sharedspaces.dlq.published", "{message}", [CONSUMER], NO_BOUNDS, 8;

    /// Tries of jobs: `done`, `retry`, `dead`, `lost`.
    JOB_RUNS: Counter "sharedspaces.job.runs", "{run}", [JOB, OUTCOME], NO_BOUNDS, 160;
    /// How long tries of jobs took.
    JOB_DURATION: Histogram "sharedspaces.job.duration", "s", [JOB], JOB_BOUNDS, 40;
    /// Jobs that wait, run, or wait to run again.
    JOB_PENDING: Gauge "sharedspaces.job.pending", "{job}", [JOB], NO_BOUNDS, 40;
    /// For how long the job has been due that has waited longest; 0 where none is due.
    JOB_OLDEST_AGE: Gauge "sharedspaces.job.oldest.age", "s", [JOB], NO_BOUNDS, 40;
    /// Jobs that failed for good and wait for a person.
    JOB_DEAD: Gauge "sharedspaces.job.dead", "{job}", [JOB], NO_BOUNDS, 40;

    /// Tries of mails: `sent`, `retried`, `failed`, `not_due`, `put_off`, `gone`.
    EMAIL_SENT: Counter "sharedspaces.email.sent", "{try}", [OUTCOME], NO_BOUNDS, 6;
    /// From the commit that asks for a mail, or the time it was planned for, until the mail server took it.
    EMAIL_DELAY: Histogram "sharedspaces.email.delay", "s", [], AGE_BOUNDS, 1;
    /// How long conversations with the mail server took; one that failed says in `error.type` how.
    SMTP_DURATION: Histogram "sharedspaces.smtp.duration", "s", [ERROR_TYPE], CALL_BOUNDS, 12;

    /// How long requests to CRMs, the object store and the key set took; a CRM's tenant is left out of its address.
    HTTP_CLIENT_REQUEST_DURATION: Histogram metric::HTTP_CLIENT_REQUEST_DURATION, "s",
        [HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE, ERROR_TYPE, SERVER_ADDRESS, SERVER_PORT], CALL_BOUNDS, 120;
    /// From the moment a log was due until it stood in the CRM, by CRM.
    CRM_SYNC_LAG: Histogram "sharedspaces.crm.sync.lag", "s", [PROVIDER], AGE_BOUNDS, 4;
    /// Connections to CRMs that nobody ended: `connected`, `paused`, `reconnect_needed`, by CRM.
    CRM_CONNECTIONS: Gauge "sharedspaces.crm.connections", "{connection}", [PROVIDER, STATE], NO_BOUNDS, 12;
    /// Uploads that have not ended: `uploading`, `scanning`.
    UPLOAD_SESSIONS: Gauge "sharedspaces.upload.sessions", "{upload}", [STATE], NO_BOUNDS, 2;

    /// Always 1, with the version.
    BUILD_INFO: Gauge "sharedspaces.build.info", "", [SERVICE_VERSION], NO_BOUNDS, 1;
    /// Physical memory of the process.
    PROCESS_MEMORY_USAGE: UpDownCounter metric::PROCESS_MEMORY_USAGE, "By", [], NO_BOUNDS, 1;
    /// File descriptors that the process has open.
    PROCESS_UNIX_FILE_DESCRIPTOR_COUNT: UpDownCounter metric::PROCESS_UNIX_FILE_DESCRIPTOR_COUNT, "{file_descriptor}",
        [], NO_BOUNDS, 1;
    /// Tasks of the runtime that have not ended.
    RUNTIME_TASKS: UpDownCounter "sharedspaces.runtime.tasks", "{task}", [], NO_BOUNDS, 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_promise_is_a_bound_of_what_it_is_measured_by() {
        for (metric, promises) in [
            (&RPC_SERVER_CALL_DURATION, vec![0.1, 0.25]),
            (&EVENT_DELIVERY_AGE, vec![60.0]),
            (&EMAIL_DELAY, vec![60.0]),
            (&CRM_SYNC_LAG, vec![300.0]),
        ] {
            for promise in promises {
                assert!(metric.bounds.contains(&promise), "{}: {promise}", metric.name);
            }
        }
    }

    #[test]
    fn the_table_holds_each_name_once_with_bounds_for_histograms_alone() {
        for (index, metric) in METRICS.iter().enumerate() {
            assert!(METRICS.iter().skip(index + 1).all(|other| other.name != metric.name), "{}", metric.name);
            assert_eq!(metric.bounds.is_empty(), metric.kind != Kind::Histogram, "{}", metric.name);
            assert!(metric.bounds.is_sorted_by(|a, b| a < b), "{}", metric.name);
            assert!((1..=400).contains(&metric.most_series), "{}", metric.name);
            let is_own = metric.name.starts_with("sharedspaces.");
            let of_conventions = ["rpc.", "db.client.", "messaging.", "http.client.", "process."];
            assert!(
                is_own || of_conventions.iter().any(|start| metric.name.starts_with(start)),
                "{}",
                metric.name
            );
        }
    }

    #[test]
    fn no_metric_has_an_attribute_that_may_name_a_tenant_person_or_file() {
        let personal =
            ["organization", "tenant", "user", "person", "space", "asset", "file", "message", "key", "id"];
        for metric in METRICS {
            for attribute in metric.attributes {
                let mut words = attribute.split(['.', '_']);
                assert!(words.all(|word| !personal.contains(&word)), "{}: {attribute}", metric.name);
            }
        }
    }
}
