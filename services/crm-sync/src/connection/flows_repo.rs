//! All SQL on the flows that lead to connections. Expiry goes by the database's clock.

use service_kit::caller::Caller;
use service_kit::error::CommonError;
use service_kit::ids::OrganizationId;
use sqlx::PgConnection;
use uuid::Uuid;

use secrecy::SecretString;

use super::ConnectionId;
use super::entity::Flow;
use super::repo::address;
use super::secrets::{Keyring, Purpose};
use crate::connectors::{Access, Provider, SignInKind};

/// Deletes the organisation's flows that nobody came back from.
pub(super) async fn delete_expired(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM connection_flows WHERE organization_id = $1 AND expire_time <= now()",
        organization_id.uuid(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The sealed columns of a flow.
pub(super) struct SealedFlow {
    pub(super) verifier: Vec<u8>,
    pub(super) credentials: Vec<u8>,
}

pub(super) async fn insert(
    tx: &mut PgConnection,
    caller: &Caller,
    flow: &Flow,
    state_sha256: &[u8],
    sealed: &SealedFlow,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO connection_flows (flow_id, organization_id, user_id, provider, display_name, login_url,
                                       state_sha256, sealed_verifier, expire_time, instance_url,
                                       sealed_credentials, connection_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + interval '10 minutes', $9, $10, $11)",
        flow.flow_id,
        caller.organization_id.uuid(),
        caller.user_id.uuid(),
        flow.provider.as_str(),
        flow.display_name,
        flow.access.login_url.as_str(),
        state_sha256,
        sealed.verifier,
        flow.access.instance_url.as_ref().map(url::Url::as_str),
        sealed.credentials,
        flow.connection_id.map(ConnectionId::uuid),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Uses up the flow with a state, which must be the caller's own and not expired; gives it with its verifier. Of two
/// calls, one gets it.
pub(super) async fn take(
    tx: &mut PgConnection,
    caller: &Caller,
    state_sha256: &[u8],
    keyring: &Keyring,
) -> Result<Option<(Flow, SecretString)>, CommonError> {
    let row = sqlx::query!(
        r#"DELETE FROM connection_flows
          WHERE organization_id = $1 AND user_id = $2 AND state_sha256 = $3 AND expire_time > now()
         RETURNING flow_id, provider AS "provider: Provider", display_name, login_url, sealed_verifier,
                   instance_url, sealed_credentials, connection_id"#,
        caller.organization_id.uuid(),
        caller.user_id.uuid(),
        state_sha256,
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let verifier = keyring.open(Purpose::Verifier, row.flow_id, &row.sealed_verifier)?;
    let access = Access {
        sign_in: SignInKind::Code,
        login_url: address(&row.login_url)?,
        instance_url: row.instance_url.as_deref().map(address).transpose()?,
        credentials: keyring.open_credentials(row.flow_id, &row.sealed_credentials)?,
    };
    let flow = Flow {
        flow_id: row.flow_id,
        provider: row.provider,
        display_name: row.display_name,
        access,
        connection_id: row.connection_id.map(ConnectionId::from),
    };
    Ok(Some((flow, verifier)))
}

/// Deletes the flows that would renew a connection.
pub(super) async fn delete_of(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    connection: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM connection_flows WHERE organization_id = $1 AND connection_id = $2",
        organization_id.uuid(),
        connection,
    )
    .execute(tx)
    .await?;
    Ok(())
}
