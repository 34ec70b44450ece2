//! Connections of organisations to their CRMs.
//!
//! Owns connecting (OAuth code flow with PKCE: a state lives 10 minutes and is used once), listing, searching a CRM's
//! records, and in [`sessions`] the tokens. The CRM is never called while a transaction is open. Must not give a token
//! to anything but a connector.

mod entity;
mod error;
pub(crate) mod repo;
mod secrets;
pub(crate) mod sessions;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use service_kit::caller::{Call, Caller};
use service_kit::clock::SharedClock;
use service_kit::db::{Database, Reply};
use service_kit::error::CommonError;
use service_kit::ids::{Ids, OrganizationId};
use service_kit::validate::Violations;
use sqlx::PgConnection;

use crate::connectors::{Connectors, CrmRecord, Grant, Session};
use crate::organization;

pub(crate) use entity::{
    Connection, ConnectionId, ConnectionState, FinishedFlow, Flow, NewConnection, Search, StartedConnection,
};
pub use error::ConnectionError;
pub(crate) use secrets::Secrets;
use sessions::Sessions;

/// More connections than an organisation can need.
pub(crate) const MAX_CONNECTIONS: i64 = 20;

/// The use cases of connections.
#[derive(Clone)]
pub(crate) struct Connections {
    database: Database,
    clock: SharedClock,
    ids: Ids,
    secrets: Arc<Secrets>,
    connectors: Connectors,
    sessions: Sessions,
}

impl Connections {
    pub(crate) fn new(
        database: Database,
        clock: SharedClock,
        ids: Ids,
        secrets: Arc<Secrets>,
        connectors: Connectors,
    ) -> Self {
        let sessions = Sessions::new(database.clone(), ids.clone(), Arc::clone(&secrets), connectors.clone());
        Self { database, clock, ids, secrets, connectors, sessions }
    }

    /// Begins connecting; returns where the admin's browser goes. Repeating the call begins another flow, whatever its
    /// idempotency key: a kept reply would keep the state, which is a secret, in clear.
    pub(crate) async fn start(
        &self,
        caller: &Caller,
        new: NewConnection,
    ) -> Result<StartedConnection, ConnectionError> {
        let caller = caller.clone();
        let connector = self.connectors.of(new.provider);
        let login_url = connector
            .check_login_url(&new.login_url)
            .map_err(|refused| Violations::one("login_url", refused.to_string()))?;
        let state = self.random()?;
        let verifier = self.random()?;
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.expose_secret().as_bytes()));
        let url = connector.authorization_url(&login_url, state.expose_secret(), &challenge);
        let flow = Flow {
            flow_id: self.ids.next(),
            provider: new.provider,
            display_name: new.display_name,
            login_url,
        };
        let sealed = self.secrets.seal_verifier(caller.organization_id, flow.flow_id, &verifier)?;
        let state_sha256 = hash(state.expose_secret());
        self.database
            .transaction(caller.organization_id, move |tx| {
                Box::pin(async move {
                    let organization_id = caller.organization_id;
                    organization::require_crm(tx, organization_id).await?;
                    repo::delete_expired_flows(tx, organization_id).await?;
                    repo::insert_flow(tx, &caller, &flow, &state_sha256, &sealed).await?;
                    Ok(StartedConnection { authorization_url: url.into() })
                })
            })
            .await
    }

    /// Ends connecting with what the CRM sent the browser back with. The same CRM organisation again renews its
    /// connection. A state that was used once is refused, but for the repetition of the call that used it.
    pub(crate) async fn complete<R: Reply<Connection>>(
        &self,
        call: &Call,
        finished: FinishedFlow,
    ) -> Result<R, ConnectionError> {
        let caller = call.caller()?.clone();
        let organization_id = caller.organization_id;
        let Some((flow, verifier)) = self.take_flow(&caller, &finished).await? else {
            return self.refuse_or_repeat(call, organization_id).await;
        };
        let connector = self.connectors.of(flow.provider);
        let grant = connector.exchange(&flow.login_url, finished.code.expose_secret(), &verifier).await?;
        let session = Session {
            connection_id: ConnectionId::from(flow.flow_id),
            instance_url: grant.instance_url.clone(),
            access_token: grant.access_token.clone(),
        };
        connector.check_setup(&session).await?;
        let this = self.clone();
        self.database
            .write(call, organization_id, move |tx| Box::pin(this.keep(tx, organization_id, flow, grant)))
            .await
    }

    /// Lists the connections of the caller's organisation, oldest first.
    pub(crate) async fn list(&self, caller: &Caller) -> Result<Vec<Connection>, ConnectionError> {
        let organization_id = caller.organization_id;
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    organization::require_crm(tx, organization_id).await?;
                    Ok(repo::list(tx, organization_id).await?)
                })
            })
            .await
    }

    /// Finds Accounts of a connected CRM by a part of their name.
    pub(crate) async fn search_accounts(
        &self,
        caller: &Caller,
        search: Search,
    ) -> Result<Vec<CrmRecord>, ConnectionError> {
        let organization_id = caller.organization_id;
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    Ok::<_, ConnectionError>(organization::require_crm(tx, organization_id).await?)
                })
            })
            .await?;
        let found = self.sessions.call(
            organization_id,
            search.connection_id,
            search.query.as_str(),
            |connector, session, query| connector.search_accounts(session, query),
        );
        Ok(found.await?)
    }

    /// Returns the tokens' keeper, for what else calls the CRMs.
    pub(crate) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    fn random(&self) -> Result<SecretString, ConnectionError> {
        let bytes = self.ids.secret_bytes::<32>().map_err(|error| CommonError::Unexpected(error.into()))?;
        Ok(SecretString::from(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Uses a state up and returns what was kept under it.
    async fn take_flow(
        &self,
        caller: &Caller,
        finished: &FinishedFlow,
    ) -> Result<Option<(Flow, SecretString)>, ConnectionError> {
        let state_sha256 = hash(finished.state.expose_secret());
        let of = caller.clone();
        let taken = self
            .database
            .transaction(caller.organization_id, move |tx| {
                Box::pin(async move {
                    organization::require_crm(tx, of.organization_id).await?;
                    Ok::<_, ConnectionError>(repo::take_flow(tx, &of, &state_sha256).await?)
                })
            })
            .await?;
        let Some((flow, sealed)) = taken else { return Ok(None) };
        let verifier = self.secrets.open_verifier(caller.organization_id, flow.flow_id, &sealed)?;
        Ok(Some((flow, verifier)))
    }

    /// Answers a state that is not there: as before, where this very call has used it; otherwise with a refusal.
    async fn refuse_or_repeat<R: Reply<Connection>>(
        &self,
        call: &Call,
        organization_id: OrganizationId,
    ) -> Result<R, ConnectionError> {
        self.database
            .write(call, organization_id, |_| Box::pin(async { Err(ConnectionError::StateRefused) }))
            .await
    }

    async fn keep(
        self,
        tx: &mut PgConnection,
        organization_id: OrganizationId,
        flow: Flow,
        grant: Grant,
    ) -> Result<Connection, ConnectionError> {
        organization::repo::lock(tx, organization_id).await?;
        let known =
            repo::find_by_crm_organization(tx, organization_id, flow.provider, &grant.crm_organization_id)
                .await?;
        if known.is_none() && repo::count(tx, organization_id).await? >= MAX_CONNECTIONS {
            return Err(ConnectionError::TooMany);
        }
        let connection_id = known.unwrap_or_else(|| self.ids.next());
        let refresh_token = grant.refresh_token.as_ref().ok_or_else(|| {
            CommonError::Unexpected(anyhow::anyhow!("a connector exchanged a code for no refresh token"))
        })?;
        let tokens =
            self.secrets.seal_tokens(organization_id, connection_id, &grant.access_token, refresh_token)?;
        let connection = Connection {
            connection_id,
            provider: flow.provider,
            display_name: flow.display_name,
            instance_url: grant.instance_url,
            state: ConnectionState::Connected,
            create_time: self.clock.now(),
        };
        let keep = repo::Keep {
            connection: &connection,
            login_url: &flow.login_url,
            crm_organization_id: &grant.crm_organization_id,
            tokens: &tokens,
        };
        Ok(repo::keep(tx, organization_id, keep).await?)
    }
}

fn hash(state: &str) -> Vec<u8> {
    digest(&SHA256, state.as_bytes()).as_ref().to_vec()
}
