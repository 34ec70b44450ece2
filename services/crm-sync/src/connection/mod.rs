//! Connections of organisations to their CRMs.
//!
//! Owns connecting (by OAuth code flow with PKCE, where a state lives 10 minutes and is used once, or with the credentials of
//! a machine), testing, listing and ending connections, the logging mode, and in [`sessions`] the tokens. The CRM is never
//! called while a transaction is open. Must not give a token to anything but a connector.

pub(crate) mod counts_repo;
mod entity;
mod error;
mod flows_repo;
mod form;
mod keep;
mod keys_repo;
pub(crate) mod repo;
pub(crate) mod rotate;
mod secrets;
pub(crate) mod sessions;

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

use crate::connectors::{
    Access, AccessForm, Check, Connectors, CrmConnector, CrmError, Finding, Proof, Session, Severity,
    SignInKind,
};
use crate::log;
use crate::organization::{self, LoggingMode};

pub(crate) use entity::{
    Connection, ConnectionId, ConnectionState, FinishedFlow, Flow, ListConnections, Listed, NewConnection,
    Pause, StartedConnection, Tested,
};
pub use error::ConnectionError;
use flows_repo::SealedFlow;
use secrets::Purpose;
pub(crate) use secrets::Secrets;
use sessions::{CallError, Sessions};

/// More connections than an organisation can need.
pub(crate) const MAX_CONNECTIONS: i64 = 20;

/// The use cases of connections.
#[derive(Clone)]
pub(crate) struct Connections {
    database: Database,
    clock: SharedClock,
    ids: Ids,
    secrets: Secrets,
    connectors: Connectors,
    sessions: Sessions,
}

impl Connections {
    pub(crate) fn new(
        database: Database,
        clock: SharedClock,
        ids: Ids,
        secrets: Secrets,
        connectors: Connectors,
    ) -> Self {
        let sessions = Sessions::new(database.clone(), ids.clone(), secrets.clone(), connectors.clone());
        Self { database, clock, ids, secrets, connectors, sessions }
    }

    /// Begins connecting: returns where the admin's browser goes, or with the credentials of a machine the connection.
    /// Repeating a call that begins a flow begins another one, whatever its idempotency key: a kept reply would keep
    /// the state, which is a secret, in clear.
    pub(crate) async fn start<R: Reply<StartedConnection>>(
        &self,
        call: &Call,
        new: NewConnection,
    ) -> Result<R, ConnectionError> {
        let caller = call.caller()?.clone();
        self.require_crm(caller.organization_id).await?;
        let (connector, access) = self.check(&new)?;
        self.require_same_crm(caller.organization_id, &new).await?;
        let flow = Flow {
            flow_id: self.ids.next(),
            provider: new.provider,
            display_name: new.display_name,
            access,
            connection_id: new.connection_id,
        };
        if flow.access.sign_in == SignInKind::Code {
            return self.begin_flow(&caller, connector, flow).await.map(R::from);
        }
        if let Some(reply) = self.database.replay(call, caller.organization_id).await? {
            return Ok(reply);
        }
        let grant = connector.sign_in(&flow.access, Proof::Credentials).await.map_err(refused_now)?;
        self.require_setup(connector, &flow, &grant).await?;
        let this = self.clone();
        self.database
            .write(call, caller.organization_id, move |tx| {
                Box::pin(async move {
                    let connection = this.keep(tx, caller.organization_id, flow, grant).await?;
                    Ok(StartedConnection::Connected(Box::new(connection)))
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
        let connector = self.connectors.of(flow.provider)?;
        let proof = Proof::Code { code: &finished.code, verifier: &verifier };
        let grant = connector.sign_in(&flow.access, proof).await.map_err(refused_now)?;
        self.require_setup(connector, &flow, &grant).await?;
        let this = self.clone();
        self.database
            .write(call, organization_id, move |tx| {
                Box::pin(async move { this.keep(tx, organization_id, flow, grant).await })
            })
            .await
    }

    /// Calls the CRM and tells what works and what is missing there. A connection that has ended is told as a finding.
    pub(crate) async fn test(
        &self,
        caller: &Caller,
        connection_id: ConnectionId,
    ) -> Result<Tested, ConnectionError> {
        let organization_id = caller.organization_id;
        self.require_crm(organization_id).await?;
        let looked = self.sessions.call(organization_id, connection_id, &(), |connector, session, ()| {
            connector.check_setup(session)
        });
        let mut findings = match looked.await {
            Ok(mut findings) => {
                findings.push(Finding::new(Check::SignIn, Severity::Ok, "The CRM lets us in."));
                findings
            }
            Err(CallError::Crm(CrmError::Reconnect { message } | CrmError::Permanent { message })) => {
                vec![Finding::new(Check::SignIn, Severity::Error, message)]
            }
            Err(error) => return Err(error.into()),
        };
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let connection = self.find(organization_id, connection_id).await?;
        Ok(Tested { findings, connection })
    }

    /// Returns a connection, ended or not.
    pub(crate) async fn get(
        &self,
        caller: &Caller,
        connection_id: ConnectionId,
    ) -> Result<Connection, ConnectionError> {
        self.require_crm(caller.organization_id).await?;
        self.find(caller.organization_id, connection_id).await
    }

    /// Lists the connections of the caller's organisation, oldest first, and tells whether logs are written.
    pub(crate) async fn list(
        &self,
        caller: &Caller,
        list: ListConnections,
    ) -> Result<Listed, ConnectionError> {
        let organization_id = caller.organization_id;
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    organization::require_crm(tx, organization_id).await?;
                    let connections = repo::list(tx, organization_id, list.with_disconnected).await?;
                    let logging_mode = organization::repo::logging_mode(tx, organization_id).await?;
                    Ok(Listed { connections, logging_mode })
                })
            })
            .await
    }

    /// Ends a connection: deletes its secrets, and its waiting logs fail. Repeating it changes nothing.
    pub(crate) async fn disconnect<R: Reply<Connection>>(
        &self,
        call: &Call,
        connection_id: ConnectionId,
    ) -> Result<R, ConnectionError> {
        let organization_id = call.caller()?.organization_id;
        self.database
            .write(call, organization_id, move |tx| {
                Box::pin(async move {
                    organization::require_crm(tx, organization_id).await?;
                    if repo::disconnect(tx, organization_id, connection_id).await? {
                        flows_repo::delete_of(tx, organization_id, connection_id.uuid()).await?;
                        log::repo::fail_waiting(tx, organization_id, connection_id).await?;
                    }
                    let ended = repo::find(tx, organization_id, connection_id).await?;
                    ended.ok_or(ConnectionError::NotFound)
                })
            })
            .await
    }

    /// Sets whether logs are written. Logs that wait already are written all the same.
    pub(crate) async fn set_logging_mode<R: Reply<LoggingMode>>(
        &self,
        call: &Call,
        mode: LoggingMode,
    ) -> Result<R, ConnectionError> {
        let organization_id = call.caller()?.organization_id;
        self.database
            .write(call, organization_id, move |tx| {
                Box::pin(async move {
                    organization::require_crm(tx, organization_id).await?;
                    organization::repo::set_logging_mode(tx, organization_id, mode).await?;
                    Ok(mode)
                })
            })
            .await
    }

    /// Returns the tokens' keeper, for what else calls the CRMs.
    pub(crate) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Checks what an admin gave, and returns it with the connector it is for.
    fn check(&self, new: &NewConnection) -> Result<(&dyn CrmConnector, Access), ConnectionError> {
        let connector = self
            .connectors
            .find(new.provider)
            .ok_or_else(|| Violations::one("provider", "cannot be connected here"))?;
        let mut check = Violations::default();
        let sign_in = new.sign_in.or_else(|| connector.sign_ins().first().copied());
        let sign_in = sign_in.filter(|sign_in| connector.sign_ins().contains(sign_in)).unwrap_or_else(|| {
            let ways: Vec<&str> = connector.sign_ins().iter().map(|way| way.as_str()).collect();
            check.add("sign_in", format!("must be one of {} with this CRM", ways.join(", ")));
            SignInKind::Code
        });
        form::require_credentials(&mut check, sign_in, &new.form.credentials);
        check.into_result()?;
        let access = connector.check_access(AccessForm { sign_in, ..new.form.clone() })?;
        Ok((connector, access))
    }

    async fn require_crm(&self, organization_id: OrganizationId) -> Result<(), ConnectionError> {
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move { Ok(organization::require_crm(tx, organization_id).await?) })
            })
            .await
    }

    /// Refuses to connect a connection again that is not there, or is another CRM's.
    async fn require_same_crm(
        &self,
        organization_id: OrganizationId,
        new: &NewConnection,
    ) -> Result<(), ConnectionError> {
        let Some(connection_id) = new.connection_id else { return Ok(()) };
        let known = self.find(organization_id, connection_id).await?;
        if known.provider == new.provider {
            return Ok(());
        }
        Err(Violations::one("provider", "must be that of the connection to connect again").into())
    }

    async fn begin_flow(
        &self,
        caller: &Caller,
        connector: &dyn CrmConnector,
        flow: Flow,
    ) -> Result<StartedConnection, ConnectionError> {
        let state = self.random()?;
        let verifier = self.random()?;
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.expose_secret().as_bytes()));
        let url = connector
            .authorization_url(&flow.access, state.expose_secret(), &challenge)
            .ok_or_else(|| Violations::one("sign_in", "is not possible by code with this CRM"))?;
        let state_sha256 = hash(state.expose_secret());
        let (caller, secrets) = (caller.clone(), self.secrets.clone());
        self.database
            .transaction(caller.organization_id, move |tx| {
                Box::pin(async move {
                    let organization_id = caller.organization_id;
                    flows_repo::delete_expired(tx, organization_id).await?;
                    let keyring = secrets.keyring_to_seal(tx, organization_id).await?;
                    let sealed = SealedFlow {
                        verifier: keyring.seal(Purpose::Verifier, flow.flow_id, &verifier)?,
                        credentials: keyring.seal_credentials(flow.flow_id, &flow.access.credentials)?,
                    };
                    flows_repo::insert(tx, &caller, &flow, &state_sha256, &sealed).await?;
                    Ok(StartedConnection::Flow(url))
                })
            })
            .await
    }

    /// Refuses a CRM in which logs cannot be written.
    async fn require_setup(
        &self,
        connector: &dyn CrmConnector,
        flow: &Flow,
        grant: &crate::connectors::Grant,
    ) -> Result<(), ConnectionError> {
        let session = Session {
            connection_id: flow.connection_id.unwrap_or_else(|| ConnectionId::from(flow.flow_id)),
            instance_url: grant.instance_url.clone(),
            sign_in: flow.access.sign_in,
            access_token: grant.access_token.clone(),
        };
        let findings = connector.check_setup(&session).await.map_err(refused_now)?;
        let missing = findings.into_iter().filter(|finding| finding.severity == Severity::Error);
        let missing: Vec<String> = missing.map(|finding| finding.message).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(ConnectionError::Refused { message: missing.join(" ") })
    }

    async fn find(
        &self,
        organization_id: OrganizationId,
        connection_id: ConnectionId,
    ) -> Result<Connection, ConnectionError> {
        self.database
            .read(organization_id, move |tx| {
                Box::pin(async move {
                    repo::find(tx, organization_id, connection_id).await?.ok_or(ConnectionError::NotFound)
                })
            })
            .await
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
        let (of, secrets) = (caller.clone(), self.secrets.clone());
        self.database
            .transaction(caller.organization_id, move |tx| {
                Box::pin(async move {
                    organization::require_crm(tx, of.organization_id).await?;
                    let keyring = secrets.keyring(tx, of.organization_id).await?;
                    Ok(flows_repo::take(tx, &of, &state_sha256, &keyring).await?)
                })
            })
            .await
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
}

/// What was refused while an admin connects is told in the CRM's words: there is no connection that could have ended.
fn refused_now(error: CrmError) -> ConnectionError {
    match error {
        CrmError::Reconnect { message } => ConnectionError::Refused { message },
        other => other.into(),
    }
}

fn hash(state: &str) -> Vec<u8> {
    digest(&SHA256, state.as_bytes()).as_ref().to_vec()
}
