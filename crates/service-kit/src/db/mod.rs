//! The unit of work.
//!
//! Owns the pool and the two ways to use it, [`Database::read`] and [`Database::write`]. A unit runs in a task of its
//! own, so that a caller who gives up cannot leave a half-open transaction in the pool (launchbadge/sqlx#4393: `begin`
//! is not cancel-safe, and a handler is dropped at the caller's deadline); it acts for one organisation, set by
//! `SET LOCAL` and enforced by row-level security; connections are reset on release. Inside a unit: no second
//! connection, no SMTP, S3, AMQP, HTTP or gRPC.

mod idempotency;
pub mod migrate;
mod observe;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use prost::Message;
use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, PgPool};
use tokio::sync::Semaphore;
use tracing::Instrument;

use crate::caller::Call;
use crate::config::DatabaseConfig;
use crate::error::{CommonError, Kind};
use crate::ids::OrganizationId;
use observe::{Instruments, Operation};

pub use idempotency::delete_expired as delete_expired_idempotency_keys;

const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// What a use case's result becomes on the wire: any message made from it.
pub trait Reply<T>: From<T> + Message + Default + 'static {}

impl<T, R: From<T> + Message + Default + 'static> Reply<T> for R {}

/// How many units may wait or run for each connection of the pool; more are refused at once. A caller who gives up
/// leaves a unit behind that still waits for its connection, so the limit on calls does not bound them.
const UNITS_PER_CONNECTION: u32 = 16;

/// The service's own database.
#[derive(Clone, Debug)]
pub struct Database {
    pool: PgPool,
    places: Arc<Semaphore>,
    instruments: Instruments,
}

impl Database {
    /// Opens the pool. Connects in the background: a database that is away shows in the health, not here.
    pub fn connect(config: &DatabaseConfig, application: &str) -> Result<Self, sqlx::Error> {
        let options: PgConnectOptions = config.url.expose_secret().parse()?;
        let options = options
            .application_name(application)
            .options([
                ("statement_timeout", "5s"),
                ("lock_timeout", "2s"),
                ("idle_in_transaction_session_timeout", "10s"),
                // Every release rolls back, which the server would warn of each time.
                ("client_min_messages", "error"),
            ])
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .after_release(|connection, _| Box::pin(reset(connection)))
            .connect_lazy_with(options);
        let places = usize::try_from(config.max_connections.saturating_mul(UNITS_PER_CONNECTION));
        let instruments = Instruments::new(&pool, config.max_connections);
        let places = Arc::new(Semaphore::new(places.unwrap_or(Semaphore::MAX_PERMITS)));
        Ok(Self { pool, places, instruments })
    }

    /// Returns the pool, for what belongs to no organisation: messaging's tables, health, listening.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Reads for one organisation, in one transaction.
    pub async fn read<T, E, F>(&self, organization: OrganizationId, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: Error + From<CommonError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut PgConnection) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        self.unit(Operation::Read, organization, work).await
    }

    /// Runs `work` for one organisation in one transaction: all of it is kept, or nothing.
    pub async fn transaction<T, E, F>(&self, organization: OrganizationId, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: Error + From<CommonError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut PgConnection) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        self.unit(Operation::Transaction, organization, work).await
    }

    async fn unit<T, E, F>(&self, operation: Operation, organization: OrganizationId, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: Error + From<CommonError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut PgConnection) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        let mut unit = self.instruments.begin(operation);
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            let error = E::from(CommonError::from(sqlx::Error::PoolTimedOut));
            unit.note(&error);
            return Err(error);
        };
        let (pool, instruments, span) = (self.pool.clone(), self.instruments.clone(), unit.span());
        let work = async move {
            let _place = place;
            let result = run(&pool, &instruments, organization, work).await;
            result.inspect_err(|error| unit.note(error))
        };
        spawned(work.instrument(span)).await
    }

    /// Finds what a call with the same idempotency key was answered with. For use cases that ask others, or look at
    /// rights, before they write: the repetition of a call that had its effect must not be refused.
    pub async fn replay<R: Message + Default>(
        &self,
        call: &Call,
        organization: OrganizationId,
    ) -> Result<Option<R>, CommonError> {
        let Some(key) = call.key.clone() else { return Ok(None) };
        let reply = self
            .read(organization, move |tx| {
                Box::pin(async move { idempotency::find(tx, organization, &key).await })
            })
            .await?;
        reply
            .map(|reply| R::decode(reply.as_slice()).map_err(|error| CommonError::Unexpected(error.into())))
            .transpose()
    }

    /// Runs `work` as [`Self::transaction`] does, once per idempotency key: the same key gives the same reply again.
    pub async fn write<R, T, E, F>(&self, call: &Call, organization: OrganizationId, work: F) -> Result<R, E>
    where
        R: Reply<T>,
        T: Send + 'static,
        E: Error + From<CommonError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut PgConnection) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        let Some(key) = call.key.clone() else {
            return self.unit(Operation::Write, organization, work).await.map(R::from);
        };
        self.unit(Operation::Write, organization, move |tx| {
            Box::pin(async move {
                if let Some(reply) = idempotency::claim(tx, organization, &key).await? {
                    return R::decode(reply.as_slice())
                        .map_err(|error| CommonError::Unexpected(error.into()).into());
                }
                let reply = R::from(work(tx).await?);
                // The work may have acted for an organisation it made; the key belongs to the caller's.
                act_for(tx, organization).await.map_err(CommonError::from)?;
                idempotency::keep(tx, organization, &key, &reply.encode_to_vec()).await?;
                Ok(reply)
            })
        })
        .await
    }
}

/// Makes the rest of the transaction act for `organization`; for code that makes the organisation it acts for.
pub async fn act_for(tx: &mut PgConnection, organization: OrganizationId) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT set_config('app.organization_id', $1, true)")
        .bind(organization.to_string())
        .execute(tx)
        .await?;
    Ok(())
}

/// Returns the name of the constraint that a change would have broken; names are part of the schema's contract.
pub fn violated_constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error().and_then(sqlx::error::DatabaseError::constraint)
}

/// Returns what the caller can make of a database error.
pub(crate) fn kind_of(error: &sqlx::Error) -> Kind {
    match error {
        sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => Kind::Unavailable,
        // The server went away within an exchange; the driver reports a protocol error.
        sqlx::Error::Protocol(_) => Kind::Unavailable,
        sqlx::Error::Database(error) => match error.code().as_deref() {
            Some("40001" | "40P01") => Kind::Aborted,
            Some("55P03" | "57014") => Kind::Unavailable,
            Some(code) if ["08", "53", "57P", "25P"].iter().any(|class| code.starts_with(class)) => {
                Kind::Unavailable
            }
            _ => Kind::Internal,
        },
        _ => Kind::Internal,
    }
}

/// One round trip: the id is a UUID, so it holds nothing but hexadecimal digits and dashes.
fn begin_for(organization: OrganizationId) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("BEGIN; SET LOCAL app.organization_id = '{organization}'"))
}

async fn run<T, E, F>(
    pool: &PgPool,
    instruments: &Instruments,
    organization: OrganizationId,
    work: F,
) -> Result<T, E>
where
    E: From<CommonError>,
    F: for<'t> FnOnce(&'t mut PgConnection) -> BoxFuture<'t, Result<T, E>>,
{
    let waiting = instruments.wait();
    let mut connection = pool.acquire().await.map_err(CommonError::from)?;
    drop(waiting);
    let mut transaction = connection.begin_with(begin_for(organization)).await.map_err(CommonError::from)?;
    let result = work(&mut transaction).await?;
    transaction.commit().await.map_err(CommonError::from)?;
    Ok(result)
}

async fn spawned<T, E>(work: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<CommonError> + Send + 'static,
{
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(error) => Err(CommonError::Unexpected(error.into()).into()),
    }
}

/// Leaves nothing of one unit to the next, not even a transaction that the driver does not know of
/// (launchbadge/sqlx#4393). A connection that cannot be reset is closed.
async fn reset(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    connection.execute("ROLLBACK; RESET ALL").await?;
    Ok(true)
}
