//! Calling a CRM with a connection's tokens.
//!
//! Owns the access token's life: a refused one is refreshed once, and of all who find it refused, in any process, one
//! refreshes and the others wait for the result (Salesforce refuses two refreshes at once, and with rotation a second
//! use of a refresh token ends the grant). The right to refresh is a lease in the connection's row by the database's
//! clock: no transaction is open while the CRM is called. A rotated refresh token is kept before the access token
//! that came with it is used; a database that is away meanwhile is waited for as long as the lease lasts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use service_kit::db::Database;
use service_kit::error::CommonError;
use service_kit::ids::{Ids, OrganizationId};
use url::Url;
use uuid::Uuid;

use super::entity::{Credentials, SealedTokens};
use super::{ConnectionError, ConnectionId, ConnectionState, Secrets, repo};
use crate::connectors::{Connectors, CrmConnector, CrmError, Grant, Session};

/// Longer than a refresh can take, so that two never overlap.
const LEASE: Duration = Duration::from_secs(30);
/// How long others wait for the one who refreshes.
const WAIT_FOR_REFRESH: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long to wait before new tokens that could not be kept are to be kept once more.
const KEEP_EVERY: Duration = Duration::from_millis(250);

/// Why a call with a connection failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The organisation has no such connection.
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

/// The right to refresh a connection's tokens.
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
    secrets: Arc<Secrets>,
    connectors: Connectors,
}

impl Sessions {
    pub(super) fn new(database: Database, ids: Ids, secrets: Arc<Secrets>, connectors: Connectors) -> Self {
        Self { database, ids, secrets, connectors }
    }

    /// Calls a connection's CRM, a second time with a new token where the first is refused.
    pub(crate) async fn call<I: Sync + ?Sized, T>(
        &self,
        organization_id: OrganizationId,
        connection: ConnectionId,
        input: &I,
        work: Work<I, T>,
    ) -> Result<T, CallError> {
        let credentials = self.credentials(organization_id, connection).await?;
        let connector = self.connectors.of(credentials.provider);
        let session = self.session(organization_id, &credentials)?;
        match work(connector, &session, input).await {
            Err(CrmError::Reauthenticate) => {}
            answered => return Ok(answered?),
        }
        let session = self.renewed(organization_id, credentials).await?;
        match work(connector, &session, input).await {
            Err(CrmError::Reauthenticate) => {
                Err(CrmError::retry("The CRM does not take a token that it has just given.").into())
            }
            answered => Ok(answered?),
        }
    }

    async fn credentials(
        &self,
        organization_id: OrganizationId,
        connection: ConnectionId,
    ) -> Result<Credentials, CallError> {
        let credentials = self
            .database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    repo::find_credentials(tx, organization_id, connection).await.map_err(CommonError::from)
                })
            })
            .await?;
        let credentials = credentials.ok_or(CallError::NotFound)?;
        match credentials.state {
            ConnectionState::Connected => Ok(credentials),
            ConnectionState::ReconnectNeeded => Err(reconnect_needed().into()),
        }
    }

    fn session(&self, organization_id: OrganizationId, from: &Credentials) -> Result<Session, CommonError> {
        Ok(Session {
            connection_id: from.connection_id,
            instance_url: from.instance_url.clone(),
            access_token: self.secrets.open_access(organization_id, from.connection_id, &from.tokens)?,
        })
    }

    /// Returns a session with a newer token than `seen`: refreshed here, or by whoever was faster.
    async fn renewed(
        &self,
        organization_id: OrganizationId,
        seen: Credentials,
    ) -> Result<Session, CallError> {
        let begin = Instant::now();
        loop {
            let now = self.credentials(organization_id, seen.connection_id).await?;
            if now.token_version > seen.token_version {
                return Ok(self.session(organization_id, &now)?);
            }
            let lease = Lease { id: self.ids.next(), end: Instant::now() + LEASE };
            if self.lease(organization_id, now.clone(), lease).await? {
                // In a task of its own: a caller who gives up must not lose a rotated refresh token.
                let refresh = self.clone().refresh(organization_id, now, lease);
                return tokio::spawn(refresh).await.map_err(|error| CommonError::Unexpected(error.into()))?;
            }
            if begin.elapsed() > WAIT_FOR_REFRESH {
                return Err(CrmError::retry("A new access token is being fetched.").into());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn lease(
        &self,
        organization_id: OrganizationId,
        seen: Credentials,
        lease: Lease,
    ) -> Result<bool, CommonError> {
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    Ok(repo::lease_refresh(tx, organization_id, &seen, lease.id, LEASE.as_secs_f64()).await?)
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
        let connection_id = credentials.connection_id;
        let connector = self.connectors.of(credentials.provider);
        let token = self.secrets.open_refresh(organization_id, connection_id, &credentials.tokens)?;
        match connector.refresh(&credentials.login_url, &token).await {
            Ok(grant) => {
                let kept = grant.refresh_token.as_ref().unwrap_or(&token);
                let tokens =
                    self.secrets.seal_tokens(organization_id, connection_id, &grant.access_token, kept)?;
                self.keep(organization_id, connection_id, lease, grant, tokens).await
            }
            Err(error) => {
                let state = match error {
                    CrmError::Reconnect { .. } => ConnectionState::ReconnectNeeded,
                    _ => ConnectionState::Connected,
                };
                self.give_up(organization_id, connection_id, lease, state).await?;
                Err(error.into())
            }
        }
    }

    /// Keeps new tokens. Salesforce may have spent the old refresh token, so that these are the only ones that work:
    /// where the database fails, it is asked again until the lease ends.
    async fn keep(
        &self,
        organization_id: OrganizationId,
        connection_id: ConnectionId,
        lease: Lease,
        grant: Grant,
        tokens: SealedTokens,
    ) -> Result<Session, CallError> {
        let kept = loop {
            match self.try_keep(organization_id, connection_id, lease, &grant.instance_url, &tokens).await {
                Err(error) if Instant::now() + KEEP_EVERY < lease.end => {
                    let chain = service_kit::error::chain(&error);
                    tracing::warn!(connection.id = %connection_id, error.chain = %chain, "tokens not kept yet");
                    tokio::time::sleep(KEEP_EVERY).await;
                }
                ended => break ended?,
            }
        };
        if !kept {
            return Err(CrmError::retry("The connection was changed meanwhile.").into());
        }
        Ok(Session { connection_id, instance_url: grant.instance_url, access_token: grant.access_token })
    }

    async fn try_keep(
        &self,
        organization_id: OrganizationId,
        connection_id: ConnectionId,
        lease: Lease,
        instance_url: &Url,
        tokens: &SealedTokens,
    ) -> Result<bool, CommonError> {
        let (url, tokens) = (instance_url.clone(), tokens.clone());
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    Ok(repo::keep_tokens(tx, organization_id, connection_id, lease.id, &url, &tokens).await?)
                })
            })
            .await
    }

    async fn give_up(
        &self,
        organization_id: OrganizationId,
        connection: ConnectionId,
        lease: Lease,
        state: ConnectionState,
    ) -> Result<(), CommonError> {
        if state == ConnectionState::ReconnectNeeded {
            tracing::warn!(connection.id = %connection, "the crm has ended a connection");
        }
        self.database
            .transaction(organization_id, move |tx| {
                Box::pin(async move {
                    Ok(repo::end_lease(tx, organization_id, connection, lease.id, state).await?)
                })
            })
            .await
    }
}

fn reconnect_needed() -> CrmError {
    CrmError::Reconnect { message: "The connection has ended: an admin must connect it again.".to_owned() }
}
