//! Trace and metrics of units of work and of the pool.
//!
//! Owns their instruments. No statement is noted, nor any value in one: which unit it was, the span around it tells. A
//! refusal by a rule of ours is no error of the database.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, UpDownCounter};
use sqlx::PgPool;
use tracing::Span;
use tracing::field::Empty;

use crate::telemetry::names;

const SYSTEM: &str = "postgresql";

/// What a unit of work is, for those who watch.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    /// Looks, and changes nothing.
    Read,
    /// Changes something.
    Transaction,
    /// Changes something, once per idempotency key.
    Write,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Transaction => "transaction",
            Self::Write => "write",
        }
    }
}

/// The instruments of one database.
#[derive(Clone, Debug)]
pub(super) struct Instruments(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    namespace: String,
    duration: Histogram<f64>,
    waited: Histogram<f64>,
    waiting: UpDownCounter<i64>,
    timeouts: Counter<u64>,
}

impl Instruments {
    /// Returns the instruments of the database that a pool is of, and has its connections looked at.
    pub(super) fn new(pool: &PgPool, max_connections: u32) -> Self {
        let namespace = pool.connect_options().get_database().unwrap_or_default().to_owned();
        let own = KeyValue::new(names::DB_CLIENT_CONNECTION_POOL_NAME, namespace.clone());
        let timeouts = names::DB_CLIENT_CONNECTION_TIMEOUTS.counter();
        timeouts.add(0, std::slice::from_ref(&own));
        let looked_at = pool.clone();
        let [idle, used] = ["idle", "used"]
            .map(|state| [own.clone(), KeyValue::new(names::DB_CLIENT_CONNECTION_STATE, state)]);
        names::DB_CLIENT_CONNECTION_COUNT.observe_up_down_counter(move |counter| {
            let size = i64::from(looked_at.size());
            let free = i64::try_from(looked_at.num_idle()).unwrap_or(size).min(size);
            counter.observe(free, &idle);
            counter.observe(size - free, &used);
        });
        names::DB_CLIENT_CONNECTION_MAX.observe_up_down_counter(move |counter| {
            counter.observe(i64::from(max_connections), std::slice::from_ref(&own));
        });
        Self(Arc::new(Inner {
            namespace,
            duration: names::DB_CLIENT_OPERATION_DURATION.histogram(),
            waited: names::DB_CLIENT_CONNECTION_WAIT_TIME.histogram(),
            waiting: names::DB_CLIENT_CONNECTION_PENDING_REQUESTS.up_down_counter(),
            timeouts,
        }))
    }

    fn pool(&self) -> [KeyValue; 1] {
        [KeyValue::new(names::DB_CLIENT_CONNECTION_POOL_NAME, self.0.namespace.clone())]
    }

    /// Begins a unit, with a span of its own. It is measured when it is dropped.
    pub(super) fn begin(&self, operation: Operation) -> Unit {
        let name = operation.name();
        let span = tracing::info_span!(
            "unit",
            otel.name = format!("{name} {}", self.0.namespace),
            otel.kind = "client",
            otel.status_code = Empty,
            db.system.name = SYSTEM,
            db.namespace = self.0.namespace,
            db.operation.name = name,
            db.response.status_code = Empty,
            error.type = Empty,
        );
        Unit { instruments: self.clone(), operation, span, started: Instant::now(), failure: None }
    }

    /// Notes that somebody waits for a connection, until what is returned is dropped.
    pub(super) fn wait(&self) -> Waiting {
        self.0.waiting.add(1, &self.pool());
        Waiting { instruments: self.clone(), started: Instant::now() }
    }
}

/// Somebody waits for a connection.
pub(super) struct Waiting {
    instruments: Instruments,
    started: Instant,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let pool = self.instruments.pool();
        self.instruments.0.waiting.add(-1, &pool);
        self.instruments.0.waited.record(self.started.elapsed().as_secs_f64(), &pool);
    }
}

/// A unit of work that is under way.
pub(super) struct Unit {
    instruments: Instruments,
    operation: Operation,
    span: Span,
    started: Instant,
    failure: Option<Failure>,
}

/// What went wrong with the database.
struct Failure {
    /// In a word of a closed set, or the SQLSTATE.
    word: String,
    sql_state: Option<String>,
}

impl Unit {
    /// Returns the span of the unit.
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Notes what an error has to do with the database, if anything.
    pub(super) fn note(&mut self, error: &(dyn Error + 'static)) {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(error) = error.downcast_ref::<sqlx::Error>() {
                self.failure = Failure::of(error);
                return;
            }
            next = error.source();
        }
    }
}

impl Failure {
    /// A row that is not there is no failure.
    fn of(error: &sqlx::Error) -> Option<Self> {
        let sql_state =
            error.as_database_error().and_then(sqlx::error::DatabaseError::code).map(String::from);
        let word = match error {
            sqlx::Error::RowNotFound => return None,
            sqlx::Error::PoolTimedOut => "pool_timed_out",
            sqlx::Error::PoolClosed => "pool_closed",
            sqlx::Error::Io(_) => "io",
            sqlx::Error::Tls(_) => "tls",
            sqlx::Error::Protocol(_) => "protocol",
            _ => "_OTHER",
        };
        Some(Self { word: sql_state.clone().unwrap_or_else(|| word.to_owned()), sql_state })
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        let inner = &self.instruments.0;
        let mut attributes = vec![
            KeyValue::new(names::DB_SYSTEM_NAME, SYSTEM),
            KeyValue::new(names::DB_NAMESPACE, inner.namespace.clone()),
            KeyValue::new(names::DB_OPERATION_NAME, self.operation.name()),
        ];
        if let Some(Failure { word, sql_state }) = self.failure.take() {
            if word == "pool_timed_out" {
                inner.timeouts.add(1, &self.instruments.pool());
            }
            self.span.record(names::ERROR_TYPE, word.as_str());
            self.span.record("otel.status_code", "ERROR");
            if let Some(state) = sql_state {
                self.span.record(names::DB_RESPONSE_STATUS_CODE, state.as_str());
                attributes.push(KeyValue::new(names::DB_RESPONSE_STATUS_CODE, state));
            }
            attributes.push(KeyValue::new(names::ERROR_TYPE, word));
        }
        inner.duration.record(self.started.elapsed().as_secs_f64(), &attributes);
    }
}
