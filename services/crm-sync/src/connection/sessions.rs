//! Calling a CRM with a connection's tokens.
//!
//! Owns the access token's life: one that is about to end, or is refused, is renewed once, and of all who find it so, in any
//! process, one renews it and the others wait for the result (Salesforce refuses two refreshes at once, and with
//! rotation a second use of a refresh token ends the grant). The right to renew is a lease in the connection's row by
//! the database's clock: no transaction is open while the CRM is called. A rotated refresh token is kept before the
//! access token that came with it is used; a database that is away meanwhile is waited for as long as the lease lasts.
//!
//! Also owns pauses: what a CRM asks to be left alone for stands in the connection's row, and nobody in any process calls
//! it meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use service_kit::db::Database;
use service_kit::error::CommonError;
use service_kit::ids::{Ids, OrganizationId};
use uuid::Uuid;

use super::entity::{Credentials, SealedSecrets};
use super::secrets::{Keyring, Purpose, Secrets};
use super::{ConnectionError, ConnectionId, ConnectionState, repo};
use crate::connectors::{Connectors, CrmConnector, CrmError, Grant, Proof, Provider, Session};

/// Longer than a sign-in can take, so that two never overlap.
const LEASE: Duration = Duration::from_secs(30);
/// How long others wait for the one who renews.
const WAIT_FOR_REFRESH: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long to wait before new tokens that could not be kept are to be kept once more.
const KEEP_EVERY: Duration = Duration::from_millis(250);
/// How long before its end an access token is renewed.
const EARLY: Duration = Duration::from_secs(120);
/// No CRM is left alone for longer, whatever it asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3_600);

/// Why a call with a connection failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The organisation has no such connection, or it is ended.
    #[error("no such connection")]
    NotFound,
    /// The CRM failed or refused.
    #[error(transparent)]
    Crm(#[from] CrmError),
    /// Something of ours failed.
    #[error(transparent)]
    Common(#[from] CommonError),
}

impl From<CallError> for ConnectionError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotFound => Self::NotFound,
            CallError::Crm(error) => error.into(),
            CallError::Common(error) => error.into(),
        }
    }
}

/// The right to renew a connection's tokens.
#[derive(Clone, Copy, Debug)]
struct Lease {
    id: Uuid,
    /// By this process's clock, which was read before the database's.
    end: Instant,
}

/// What is done with a session; it may be done twice.
type Work<I, T> = for<'a> fn(&'a dyn CrmConnector, &'a Session, &'a I) -> BoxFuture<'a, Result<T, CrmError>>;

/// Keeps the tokens of connections.
#[derive(Clone)]
pub(crate) struct Sessions {
    database: Database,
    ids: Ids,
    secrets: Secrets,
    connectors: Connectors,
}

impl Sessions {
    pub(super) fn new(database: Database, ids: Ids, secrets: Secrets, connectors: Connectors) -> Self {
        Self { database, ids, secrets, connectors }
    }

    /// The connectors, for what needs no session.
    pub(crate) fn connectors(&self) -> &Connectors {
        &self.connectors
    }

    /// Tells which CRM a connection that works is to.
    pub(crate) async fn provider(
        &self,
        organization_id: OrganizationId,
        connection: ConnectionId,
    ) -> Result<Provider, CallError> {
        Ok(self.credentials(organization_id, connection).await?.provider)
    }

    /// Calls a connection's CRM, unless it is paused; a second time with a new token where the first is refused.
    pub(crate) async fn call<I: Sync + ?Sized, T>(
        &self,
        organization_id: OrganizationId,
        connection: ConnectionId,
        input: &I,
        work: Work<I, T>,
    ) -> Result<T, CallError> {
        self.call_and_note(organization_id, connection, input, work, |_| None).await
    }

    /// The same for work of several parts: what the first that failed tells of the connection is kept as if all had.
    pub(crate) async fn call_each<I: Sync + ?Sized, T>(
        &self,
        organization_id: OrganizationId,
        connection: ConnectionId,
        input: &I,
        work: Work<I, Vec<Result<T, CrmError>>>,
    ) -> Result<Vec<Result<T, CrmError>>, CallError> {
        self.call_and_note(organization_id, connection, input, work, |outcomes| {
            outcomes.iter().find_map(|outcome| outcome.as_ref().err())
        })
        .await
    }

    async fn call_and_note<I: Sync + ?Sized, T>(
        &self,
        organization_id: OrganizationId,
        connection: ConnectionId,
        input: &I,
        work: Work<I, T>,
        failure: fn(&T) -> Option<&CrmError>,
    ) -> Result<T, CallError> {
        let credentials = self.credentials(organization_id, connection).await?;
        let connector = self.connectors.of(credentials.provider)?;
        if let Some(pause) = credentials.pause.clone() {
            return Err(CrmError::from(pause).into());
        }
        let answered = self.call_in(organization_id, &credentials, connector, input, work).await;
        let told = match &answered {
            Ok(answer) => failure(answer).cloned(),
            Err(CallError::Crm(error)) => Some(error.clone()),
            Err(_) => None,
        };
        if let Some(error) = told {
            self.note(organization_id, &credentials, error).await?;
        }
        answered
    }

    async fn call_in<I: Sync + ?Sized, T>(
        &self,
        organization_id: OrganizationId,
        credentials: &Credentials,
        connector: &dyn CrmConnector,
        input: &I,
        work: Work<I, T>,
    ) -> Result<T, CallError> {
        let mut session = session(credentials);
        if credentials.is_ending {
            match self.renewed(organization_id, credentials.clone()).await {
                Ok(new) => session = new,
                // It has not ended yet, or it is refused: then it is renewed once more.
                Err(CallError::Crm(CrmError::Retry { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        match work(connector, &session, input).await {
            Err(CrmError::Reauthenticate) => {}
            answered => return Ok(answered?),
        }
        let current = self.credentials(organization_id, credentials.connection_id).await?;
        let session = if is_newer(&current, &session) {
            self::session(&current)
        } else {
            self.renewed(organization_id, current).await?
        };
        match work(connector, &session, input).await {
            Err(CrmError::Reauthenticate) => {
                Err(CrmError::retry("The CRM does not take a token that it has just given.").into())
            }
            answered => Ok(answered?),
        }
    }

    /// Keeps for everybody what a failed call has told of the connection as a whole.
    async fn note(
        &self,
        organization_id: OrganizationId,
        credentials: &Credentials,
        error: CrmError,
    ) -> Result<(), CommonError> {
        let (connection, version) = (credentials.connection_id, credentials.token_version);
        match error {
            CrmError::Deferred { after, message } | CrmError::Retry { after: Some(after), message } => {
                let length = after.min(LONGEST_PAUSE);
                self.database
                    .transaction(organization_id, move |tx| {
                        Box::pin(async move {
                            Ok(repo::set_pause(tx, organization_id, connection, length, &message).await?)
                        })
                    })
                    .await
            }
            CrmError::Reconnect { message } => self.end(organization_id, connection, version, message).await,
            _ => Ok(()),
        }
    }

    async fn credentials(
        &self,
        organization_id: OrganizationId,
        connection: ConnectionId,
    ) -> Result<Credentials, CallError> {
        let secrets = self.secrets.clone();
        let credentials = self
            .database
            .read::<_, CommonError, _>(organization_id, move |tx| {
                Box::pin(async move {
                    let keyring = secrets.keyring(tx, organization_id).await?;
                    repo::find_credentials(tx, organization_id, connection, &keyring, EARLY).await
                })
            })
            .await?;
        let credentials = credentials.ok_or(CallError::NotFound)?;
        match credentials.state {
            ConnectionState::Connected => Ok(credentials),
            ConnectionState::ReconnectNeeded | ConnectionState::Disconnected => {
                Err(reconnect_needed(&credentials.reason).into())
            }
        }
    }

    /// Returns a session with a newer token than `seen`: renewed here, or by whoever was faster.
    async fn renewed(
        &self,
        organization_id: OrganizationId,
        seen: Credentials,
    ) -> Result<Session, CallError> {
        let begin = Instant::now();
        let mut now = seen.clone();
        loop {
            if now.token_version > seen.token_version {
                return Ok(session(&now));
            }
            let lease = Lease { id: self.ids.next(), end: Instant::now() + LEASE };
            if self.lease(organization_id, &now, lease).await? {
                // In a task of its own: a caller who gives up must not lose a rotated refresh token.
                let refresh = self.clone().refresh(organization_id, now, lease);
                return tokio::spawn(refresh).await.map_err(|error| CommonError::Unexpected(error.into()))?;
            }
            if begin.elapsed() > WAIT_FOR_REFRESH {
                return Err(CrmError::retry("A new access token is being fetched.").into());
            }
            tokio::time::sleep(LOOK_EVERY).await;
            now = self.credentials(organization_id, seen.connection_id).await?;
        }
    }

    async fn lease(
        &self,
        organization_id: OrganizationId,
        seen: &Credentials,
        lease: Lease,
    ) -> Result<bool, CommonError> {
        let (connection, version) = (seen.connection_id, seen.token_version);
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    let seconds = LEASE.as_secs_f64();
                    Ok(repo::lease_refresh(tx, organization_id, connection, version, lease.id, seconds)
                        .await?)
                })
            })
            .await
    }

    async fn refresh(
        self,
        organization_id: OrganizationId,
        credentials: Credentials,
        lease: Lease,
    ) -> Result<Session, CallError> {
        let connector = self.connectors.of(credentials.provider)?;
        let proof = credentials.refresh_token.as_ref().map_or(Proof::Credentials, Proof::Refresh);
        match connector.sign_in(&credentials.access, proof).await {
            Ok(grant) => self.keep(organization_id, &credentials, lease, grant).await,
            Err(error) => {
                let connection = credentials.connection_id;
                if let CrmError::Reconnect { message } = &error {
                    let (version, message) = (credentials.token_version, message.clone());
                    self.end(organization_id, connection, version, message).await?;
                } else {
                    self.give_up(organization_id, connection, lease).await?;
                }
                Err(error.into())
            }
        }
    }

    /// Keeps new tokens. The CRM may have spent the old refresh token, so that these are the only ones that work: where
    /// the database fails, it is asked again until the lease ends.
    async fn keep(
        &self,
        organization_id: OrganizationId,
        credentials: &Credentials,
        lease: Lease,
        grant: Grant,
    ) -> Result<Session, CallError> {
        let connection = credentials.connection_id;
        let refresh_token = grant.refresh_token.clone().or_else(|| credentials.refresh_token.clone());
        let grant = Arc::new(Grant { refresh_token, ..grant });
        let kept = loop {
            match self.try_keep(organization_id, connection, lease, &grant).await {
                Err(error) if Instant::now() + KEEP_EVERY < lease.end => {
                    let chain = service_kit::error::chain(&error);
                    tracing::warn!(connection.id = %connection, error.chain = %chain, "tokens not kept yet");
                    tokio::time::sleep(KEEP_EVERY).await;
                }
                ended => break ended?,
            }
        };
        if !kept {
            return Err(CrmError::retry("The connection was changed meanwhile.").into());
        }
        Ok(Session {
            connection_id: connection,
            instance_url: grant.instance_url.clone(),
            sign_in: credentials.access.sign_in,
            access_token: grant.access_token.clone(),
        })
    }

    async fn try_keep(
        &self,
        organization_id: OrganizationId,
        connection: ConnectionId,
        lease: Lease,
        grant: &Arc<Grant>,
    ) -> Result<bool, CommonError> {
        let (secrets, grant) = (self.secrets.clone(), Arc::clone(grant));
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    let keyring = secrets.keyring_to_seal(tx, organization_id).await?;
                    let tokens = seal(&keyring, connection, &grant)?;
                    let new = repo::NewTokens {
                        instance_url: &grant.instance_url,
                        tokens: &tokens,
                        expires_in: grant.expires_in,
                    };
                    Ok(repo::keep_tokens(tx, organization_id, connection, lease.id, new).await?)
                })
            })
            .await
    }

    async fn give_up(
        &self,
        organization_id: OrganizationId,
        connection: ConnectionId,
        lease: Lease,
    ) -> Result<(), CommonError> {
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move { Ok(repo::end_lease(tx, organization_id, connection, lease.id).await?) })
            })
            .await
    }

    async fn end(
        &self,
        organization_id: OrganizationId,
        connection: ConnectionId,
        seen_version: i64,
        reason: String,
    ) -> Result<(), CommonError> {
        tracing::warn!(connection.id = %connection, "the crm has ended a connection");
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    let ended =
                        repo::set_reconnect_needed(tx, organization_id, connection, seen_version, &reason);
                    Ok(ended.await?)
                })
            })
            .await
    }
}

/// Seals the tokens of a grant for a connection's row.
pub(super) fn seal(
    keyring: &Keyring,
    connection: ConnectionId,
    grant: &Grant,
) -> Result<SealedSecrets, CommonError> {
    let row = connection.uuid();
    Ok(SealedSecrets {
        access_token: keyring.seal(Purpose::Access, row, &grant.access_token)?,
        refresh_token: keyring.seal_optional(Purpose::Refresh, row, grant.refresh_token.as_ref())?,
    })
}

fn session(from: &Credentials) -> Session {
    Session {
        connection_id: from.connection_id,
        instance_url: from.instance_url.clone(),
        sign_in: from.access.sign_in,
        access_token: from.access_token.clone(),
    }
}

/// Tells whether somebody has renewed the token since a session began.
fn is_newer(current: &Credentials, session: &Session) -> bool {
    use secrecy::ExposeSecret;
    current.access_token.expose_secret() != session.access_token.expose_secret()
}

fn reconnect_needed(reason: &str) -> CrmError {
    if reason.is_empty() {
        return CrmError::reconnect("The connection has ended: an admin must connect it again.");
    }
    CrmError::reconnect(reason)
}
