//! All SQL on connections and the flows that lead to them. Expiry and leases go by the database's clock.

use service_kit::caller::Caller;
use service_kit::ids::OrganizationId;
use sqlx::PgConnection;
use url::Url;
use uuid::Uuid;

use super::entity::{Credentials, SealedTokens};
use super::{Connection, ConnectionId, ConnectionState, Flow, MAX_CONNECTIONS};
use crate::connectors::Provider;

/// Deletes the organisation's flows that nobody came back from.
pub(super) async fn delete_expired_flows(
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

pub(super) async fn insert_flow(
    tx: &mut PgConnection,
    caller: &Caller,
    flow: &Flow,
    state_sha256: &[u8],
    sealed_verifier: &[u8],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO connection_flows (flow_id, organization_id, user_id, provider, display_name, login_url,
                                       state_sha256, sealed_verifier, expire_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + interval '10 minutes')",
        flow.flow_id,
        caller.organization_id.uuid(),
        caller.user_id.uuid(),
        flow.provider.as_str(),
        flow.display_name,
        flow.login_url.as_str(),
        state_sha256,
        sealed_verifier,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Uses up the flow with a state, which must be the caller's own and not expired. Of two calls, one gets it.
pub(super) async fn take_flow(
    tx: &mut PgConnection,
    caller: &Caller,
    state_sha256: &[u8],
) -> Result<Option<(Flow, Vec<u8>)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"DELETE FROM connection_flows
          WHERE organization_id = $1 AND user_id = $2 AND state_sha256 = $3 AND expire_time > now()
         RETURNING flow_id, provider AS "provider: Provider", display_name, login_url, sealed_verifier"#,
        caller.organization_id.uuid(),
        caller.user_id.uuid(),
        state_sha256,
    )
    .fetch_optional(tx)
    .await?;
    row.map(|row| {
        let flow = Flow {
            flow_id: row.flow_id,
            provider: row.provider,
            display_name: row.display_name,
            login_url: address(&row.login_url)?,
        };
        Ok((flow, row.sealed_verifier))
    })
    .transpose()
}

pub(super) async fn find_by_crm_organization(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    provider: Provider,
    crm_organization_id: &str,
) -> Result<Option<ConnectionId>, sqlx::Error> {
    let id = sqlx::query_scalar!(
        "SELECT connection_id FROM connections
          WHERE organization_id = $1 AND provider = $2 AND crm_organization_id = $3",
        organization_id.uuid(),
        provider.as_str(),
        crm_organization_id,
    )
    .fetch_optional(tx)
    .await?;
    Ok(id.map(ConnectionId::from))
}

pub(super) async fn count(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM connections WHERE organization_id = $1"#,
        organization_id.uuid(),
    )
    .fetch_one(tx)
    .await
}

/// A connection to keep, with what only the table holds.
pub(super) struct Keep<'a> {
    pub(super) connection: &'a Connection,
    pub(super) login_url: &'a Url,
    pub(super) crm_organization_id: &'a str,
    pub(super) tokens: &'a SealedTokens,
}

/// Inserts a connection, or renews the one of the same CRM organisation; ends a refresh of its old tokens.
pub(super) async fn keep(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    keep: Keep<'_>,
) -> Result<Connection, sqlx::Error> {
    let create_time = sqlx::query_scalar!(
        "INSERT INTO connections (connection_id, organization_id, provider, crm_organization_id, display_name,
                                  login_url, instance_url, state, sealed_access_token, sealed_refresh_token,
                                  create_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (organization_id, connection_id) DO UPDATE
            SET display_name = excluded.display_name, login_url = excluded.login_url,
                instance_url = excluded.instance_url, state = excluded.state,
                sealed_access_token = excluded.sealed_access_token,
                sealed_refresh_token = excluded.sealed_refresh_token,
                token_version = connections.token_version + 1, refresh_lease = NULL, refresh_locked_until = NULL
         RETURNING create_time",
        keep.connection.connection_id.uuid(),
        organization_id.uuid(),
        keep.connection.provider.as_str(),
        keep.crm_organization_id,
        keep.connection.display_name,
        keep.login_url.as_str(),
        keep.connection.instance_url.as_str(),
        keep.connection.state.as_str(),
        keep.tokens.access,
        keep.tokens.refresh,
        keep.connection.create_time,
    )
    .fetch_one(tx)
    .await?;
    Ok(Connection { create_time, ..keep.connection.clone() })
}

/// Lists an organisation's connections, oldest first.
pub(super) async fn list(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<Vec<Connection>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT connection_id, provider AS "provider: Provider", display_name, instance_url,
                  state AS "state: ConnectionState", create_time
             FROM connections WHERE organization_id = $1 ORDER BY create_time, connection_id LIMIT $2"#,
        organization_id.uuid(),
        MAX_CONNECTIONS,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Connection {
                connection_id: row.connection_id.into(),
                provider: row.provider,
                display_name: row.display_name,
                instance_url: address(&row.instance_url)?,
                state: row.state,
                create_time: row.create_time,
            })
        })
        .collect()
}

/// Tells whether the organisation has this connection.
pub(crate) async fn exists(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    connection: ConnectionId,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM connections WHERE organization_id = $1 AND connection_id = $2) AS "exists!""#,
        organization_id.uuid(),
        connection.uuid(),
    )
    .fetch_one(tx)
    .await
}

/// Finds what is needed to call a connection's CRM.
pub(super) async fn find_credentials(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    connection: ConnectionId,
) -> Result<Option<Credentials>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT provider AS "provider: Provider", login_url, instance_url, state AS "state: ConnectionState",
                  sealed_access_token, sealed_refresh_token, token_version
             FROM connections WHERE organization_id = $1 AND connection_id = $2"#,
        organization_id.uuid(),
        connection.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    row.map(|row| {
        Ok(Credentials {
            connection_id: connection,
            provider: row.provider,
            login_url: address(&row.login_url)?,
            instance_url: address(&row.instance_url)?,
            state: row.state,
            tokens: SealedTokens { access: row.sealed_access_token, refresh: row.sealed_refresh_token },
            token_version: row.token_version,
        })
    })
    .transpose()
}

/// Takes the lease for refreshing a token that others may want to refresh too. False: somebody has it, or has
/// refreshed already.
pub(super) async fn lease_refresh(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    seen: &Credentials,
    lease: Uuid,
    seconds: f64,
) -> Result<bool, sqlx::Error> {
    let taken = sqlx::query!(
        "UPDATE connections SET refresh_lease = $4, refresh_locked_until = now() + make_interval(secs => $5)
          WHERE organization_id = $1 AND connection_id = $2 AND token_version = $3 AND state = 'CONNECTED'
            AND (refresh_locked_until IS NULL OR refresh_locked_until <= now())",
        organization_id.uuid(),
        seen.connection_id.uuid(),
        seen.token_version,
        lease,
        seconds,
    )
    .execute(tx)
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// Keeps new tokens and gives the lease back. False: the lease was lost, and the tokens are not kept.
pub(super) async fn keep_tokens(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    connection: ConnectionId,
    lease: Uuid,
    instance_url: &Url,
    tokens: &SealedTokens,
) -> Result<bool, sqlx::Error> {
    let kept = sqlx::query!(
        "UPDATE connections
            SET sealed_access_token = $4, sealed_refresh_token = $5, instance_url = $6,
                token_version = token_version + 1, refresh_lease = NULL, refresh_locked_until = NULL
          WHERE organization_id = $1 AND connection_id = $2 AND refresh_lease = $3",
        organization_id.uuid(),
        connection.uuid(),
        lease,
        tokens.access,
        tokens.refresh,
        instance_url.as_str(),
    )
    .execute(tx)
    .await?;
    Ok(kept.rows_affected() == 1)
}

/// Gives the lease back without new tokens, and notes how the connection is now.
pub(super) async fn end_lease(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    connection: ConnectionId,
    lease: Uuid,
    state: ConnectionState,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE connections SET state = $4, refresh_lease = NULL, refresh_locked_until = NULL
          WHERE organization_id = $1 AND connection_id = $2 AND refresh_lease = $3",
        organization_id.uuid(),
        connection.uuid(),
        lease,
        state.as_str(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

fn address(text: &str) -> Result<Url, sqlx::Error> {
    text.parse().map_err(|_| sqlx::Error::Decode("connections: unreadable address".into()))
}
