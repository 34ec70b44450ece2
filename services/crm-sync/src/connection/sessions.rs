//! Calling a CRM with a connection's tokens.
//!
//! Owns the access token's life: a refused one is refreshed once, and of all who find it refused, in any process, one
//! refreshes and the others wait for the result (Salesforce refuses two refreshes at once, and with rotation a second
//! use of a refresh token ends the grant). The right to refresh is a lease in the connection's row by the database's
//! clock: no transaction is open while the CRM is called. A rotated refresh token is kept before the access token
//! that came with it is used.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use service_kit::db::Database;
use service_kit::error::CommonError;
use service_kit::ids::{Ids, OrganizationId};
use uuid::Uuid;

use super::entity::{Credentials, SealedTokens};
use super::{ConnectionError, ConnectionId, ConnectionState, Secrets, repo};
use crate::connectors::{Connectors, CrmConnector, CrmError, Grant, Session};

/// Longer than a refresh can take, so that two never overlap.
const LEASE_SECONDS: f64 = 30.0;
/// How long others wait for the one who refreshes.
const WAIT_FOR_REFRESH: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);

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
        organization: OrganizationId,
        connection: ConnectionId,
        input: &I,
        work: Work<I, T>,
    ) -> Result<T, CallError> {
        let credentials = self.credentials(organization, connection).await?;
        let connector = self.connectors.of(credentials.provider);
        let session = self.session(organization, &credentials)?;
        match work(connector, &session, input).await {
            Err(CrmError::Reauthenticate) => {}
            answered => return Ok(answered?),
        }
        let session = self.renewed(organization, credentials).await?;
        match work(connector, &session, input).await {
            Err(CrmError::Reauthenticate) => {
                Err(CrmError::retry("The CRM does not take a token that it has just given.").into())
            }
            answered => Ok(answered?),
        }
    }

    async fn credentials(
        &self,
        organization: OrganizationId,
        connection: ConnectionId,
    ) -> Result<Credentials, CallError> {
        let credentials = self
            .database
            .read(organization, move |tx| {
                Box::pin(async move {
                    repo::find_credentials(tx, organization, connection).await.map_err(CommonError::from)
                })
            })
            .await?;
        let credentials = credentials.ok_or(CallError::NotFound)?;
        match credentials.state {
            ConnectionState::Connected => Ok(credentials),
            ConnectionState::ReconnectNeeded => Err(reconnect_needed().into()),
        }
    }

    fn session(&self, organization: OrganizationId, from: &Credentials) -> Result<Session, CommonError> {
        Ok(Session {
            connection_id: from.connection_id,
            instance_url: from.instance_url.clone(),
            access_token: self.secrets.open_access(organization, from.connection_id, &from.tokens)?,
        })
    }

    /// Returns a session with a newer token than `seen`: refreshed here, or by whoever was faster.
    async fn renewed(&self, organization: OrganizationId, seen: Credentials) -> Result<Session, CallError> {
        let begin = Instant::now();
        loop {
            let now = self.credentials(organization, seen.connection_id).await?;
            if now.token_version > seen.token_version {
                return Ok(self.session(organization, &now)?);
            }
            let lease: Uuid = self.ids.next();
            if self.lease(organization, now.clone(), lease).await? {
                // In a task of its own: a caller who gives up must not lose a rotated refresh token.
                let refresh = self.clone().refresh(organization, now, lease);
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
        organization: OrganizationId,
        seen: Credentials,
        lease: Uuid,
    ) -> Result<bool, CommonError> {
        self.database
            .transaction(organization, move |tx| {
                Box::pin(async move {
                    Ok(repo::lease_refresh(tx, organization, &seen, lease, LEASE_SECONDS).await?)
                })
            })
            .await
    }

    async fn refresh(
        self,
        organization: OrganizationId,
        credentials: Credentials,
        lease: Uuid,
    ) -> Result<Session, CallError> {
        let connection_id = credentials.connection_id;
        let connector = self.connectors.of(credentials.provider);
        let token = self.secrets.open_refresh(organization, connection_id, &credentials.tokens)?;
        match connector.refresh(&credentials.login_url, &token).await {
            Ok(grant) => {
                let kept = grant.refresh_token.as_ref().unwrap_or(&token);
                let tokens =
                    self.secrets.seal_tokens(organization, connection_id, &grant.access_token, kept)?;
                self.keep(organization, connection_id, lease, grant, tokens).await
            }
            Err(error) => {
                let state = match error {
                    CrmError::Reconnect { .. } => ConnectionState::ReconnectNeeded,
                    _ => ConnectionState::Connected,
                };
                self.give_up(organization, connection_id, lease, state).await?;
                Err(error.into())
            }
        }
    }

    async fn keep(
        &self,
        organization: OrganizationId,
        connection_id: ConnectionId,
        lease: Uuid,
        grant: Grant,
        tokens: SealedTokens,
    ) -> Result<Session, CallError> {
        let url = grant.instance_url.clone();
        let kept = self
            .database
            .transaction(organization, move |tx| {
                Box::pin(async move {
                    let kept = repo::keep_tokens(tx, organization, connection_id, lease, &url, &tokens).await;
                    kept.map_err(CommonError::from)
                })
            })
            .await?;
        if !kept {
            return Err(CrmError::retry("The connection was changed meanwhile.").into());
        }
        Ok(Session { connection_id, instance_url: grant.instance_url, access_token: grant.access_token })
    }

    async fn give_up(
        &self,
        organization: OrganizationId,
        connection: ConnectionId,
        lease: Uuid,
        state: ConnectionState,
    ) -> Result<(), CommonError> {
        if state == ConnectionState::ReconnectNeeded {
            tracing::warn!(connection.id = %connection, "the crm has ended a connection");
        }
        self.database
            .transaction(organization, move |tx| {
                Box::pin(
                    async move { Ok(repo::end_lease(tx, organization, connection, lease, state).await?) },
                )
            })
            .await
    }
}

fn reconnect_needed() -> CrmError {
    CrmError::Reconnect { message: "The connection has ended: an admin must connect it again.".to_owned() }
}
