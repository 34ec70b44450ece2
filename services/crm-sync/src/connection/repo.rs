//! All SQL on connections; that on their flows is in [`flows_repo`](super::flows_repo). Expiry, pauses and leases go by the
//! database's clock.

use std::time::Duration;

use chrono::{DateTime, Utc};
use service_kit::ids::OrganizationId;
use sqlx::PgConnection;
use url::Url;
use uuid::Uuid;

use super::entity::{Credentials, Pause, SealedSecrets};
use super::secrets::{Keyring, Purpose};
use super::{Connection, ConnectionId, ConnectionState};
use crate::connectors::{Access, Provider, SignInKind};
use service_kit::error::CommonError;

/// A connection that a CRM organisation, or a person, names again.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) connection_id: ConnectionId,
    pub(super) provider: Provider,
    pub(super) crm_organization_id: String,
    pub(super) is_disconnected: bool,
}

/// Finds the connection of a CRM organisation.
pub(super) async fn find_by_crm_organization(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    provider: Provider,
    crm_organization_id: &str,
) -> Result<Option<Known>, sqlx::Error> {
    sqlx::query_as!(
        Known,
        r#"SELECT connection_id AS "connection_id: ConnectionId", provider AS "provider: Provider",
                  crm_organization_id, disconnect_time IS NOT NULL AS "is_disconnected!"
             FROM connections
            WHERE organization_id = $1 AND provider = $2 AND crm_organization_id = $3"#,
        organization_id.uuid(),
        provider.as_str(),
        crm_organization_id,
    )
    .fetch_optional(tx)
    .await
}

/// Finds a connection, ended or not.
pub(super) async fn find_known(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    connection: ConnectionId,
) -> Result<Option<Known>, sqlx::Error> {
    sqlx::query_as!(
        Known,
        r#"SELECT connection_id AS "connection_id: ConnectionId", provider AS "provider: Provider",
                  crm_organization_id, disconnect_time IS NOT NULL AS "is_disconnected!"
             FROM connections
            WHERE organization_id = $1 AND connection_id = $2"#,
        organization_id.uuid(),
        connection.uuid(),
    )
    .fetch_optional(tx)
    .await
}

/// Counts the connections that are not ended.
pub(super) async fn count(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM connections WHERE organization_id = $1 AND disconnect_time IS NULL"#,
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
    pub(super) tokens: &'a SealedSecrets,
    pub(super) credentials: &'a [u8],
    pub(super) expires_in: Option<Duration>,
}

/// Inserts a connection, or renews it; ends a refresh of its old tokens, and its pause.
pub(super) async fn keep(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    keep: Keep<'_>,
) -> Result<Connection, sqlx::Error> {
    let create_time = sqlx::query_scalar!(
        "INSERT INTO connections (connection_id, organization_id, provider, crm_organization_id, display_name,
                                  login_url, instance_url, state, sealed_access_token, sealed_refresh_token,
                                  create_time, sign_in, sealed_credentials, token_expire_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, now() + make_interval(secs => $14))
         ON CONFLICT (organization_id, connection_id) DO UPDATE
            SET display_name = excluded.display_name, login_url = excluded.login_url,
                instance_url = excluded.instance_url, state = excluded.state,
                sealed_access_token = excluded.sealed_access_token,
                sealed_refresh_token = excluded.sealed_refresh_token,
                token_version = connections.token_version + 1, refresh_lease = NULL, refresh_locked_until = NULL,
                sign_in = excluded.sign_in, sealed_credentials = excluded.sealed_credentials,
                token_expire_time = excluded.token_expire_time, reason = '', paused_until = NULL, pause_reason = '',
                disconnect_time = NULL
         RETURNING create_time",
        keep.connection.connection_id.uuid(),
        organization_id.uuid(),
        keep.connection.provider.as_str(),
        keep.crm_organization_id,
        keep.connection.display_name,
        keep.login_url.as_str(),
        keep.connection.instance_url.as_str(),
        keep.connection.state.as_str(),
        keep.tokens.access_token,
        keep.tokens.refresh_token,
        keep.connection.create_time,
        keep.connection.sign_in.as_str(),
        keep.credentials,
        seconds(keep.expires_in),
    )
    .fetch_one(tx)
    .await?;
    Ok(Connection { create_time, ..keep.connection.clone() })
}

fn seconds(duration: Option<Duration>) -> Option<f64> {
    duration.map(|duration| duration.as_secs_f64())
}

struct Row {
    connection_id: Uuid,
    provider: Provider,
    sign_in: SignInKind,
    display_name: String,
    instance_url: String,
    state: ConnectionState,
    reason: String,
    paused_until: Option<DateTime<Utc>>,
    create_time: DateTime<Utc>,
}

impl TryFrom<Row> for Connection {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        Ok(Self {
            connection_id: row.connection_id.into(),
            provider: row.provider,
            sign_in: row.sign_in,
            display_name: row.display_name,
            instance_url: address(&row.instance_url)?,
            state: row.state,
            reason: row.reason,
            paused_until: row.paused_until,
            create_time: row.create_time,
        })
    }
}

/// Lists an organisation's connections, oldest first.
pub(crate) async fn list(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    with_disconnected: bool,
) -> Result<Vec<Connection>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT connection_id, provider AS "provider: Provider", sign_in AS "sign_in: SignInKind", display_name,
                  instance_url, reason, create_time,
                  CASE WHEN disconnect_time IS NULL THEN state ELSE 'DISCONNECTED' END
                      AS "state!: ConnectionState",
                  CASE WHEN paused_until > now() THEN paused_until END AS paused_until
             FROM connections
            WHERE organization_id = $1 AND ($2 OR disconnect_time IS NULL)
            ORDER BY create_time, connection_id LIMIT 500"#,
        organization_id.uuid(),
        with_disconnected,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter().map(Connection::try_from).collect()
}

/// Finds a connection, ended or not.
pub(crate) async fn find(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    connection: ConnectionId,
) -> Result<Option<Connection>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"SELECT connection_id, provider AS "provider: Provider", sign_in AS "sign_in: SignInKind", display_name,
                  instance_url, reason, create_time,
                  CASE WHEN disconnect_time IS NULL THEN state ELSE 'DISCONNECTED' END
                      AS "state!: ConnectionState",
                  CASE WHEN paused_until > now() THEN paused_until END AS paused_until
             FROM connections
            WHERE organization_id = $1 AND connection_id = $2"#,
        organization_id.uuid(),
        connection.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    row.map(Connection::try_from).transpose()
}

/// Tells whether the organisation has this connection, and it is not ended.
pub(crate) async fn exists(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    connection: ConnectionId,
) -> Result<bool, sqlx::Error> {
    let found = find(tx, organization_id, connection).await?;
    Ok(found.is_some_and(|connection| connection.state != ConnectionState::Disconnected))
}

/// Finds what is needed to call a connection's CRM, unless it is ended. `early` is how long before its end an access
/// token counts as ending.
pub(super) async fn find_credentials(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    connection: ConnectionId,
    keyring: &Keyring,
    early: Duration,
) -> Result<Option<Credentials>, CommonError> {
    let row = sqlx::query!(
        r#"SELECT provider AS "provider: Provider", sign_in AS "sign_in: SignInKind", login_url, instance_url,
                  state AS "state: ConnectionState", reason, sealed_access_token, sealed_refresh_token,
                  sealed_credentials, token_version,
                  coalesce(token_expire_time <= now() + make_interval(secs => $3), false) AS "is_ending!",
                  extract(epoch FROM paused_until - now())::float8 AS paused_seconds, pause_reason
             FROM connections WHERE organization_id = $1 AND connection_id = $2 AND disconnect_time IS NULL"#,
        organization_id.uuid(),
        connection.uuid(),
        early.as_secs_f64(),
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let id = connection.uuid();
    let access = Access {
        sign_in: row.sign_in,
        login_url: address(&row.login_url)?,
        instance_url: Some(address(&row.instance_url)?),
        credentials: keyring.open_credentials(id, &row.sealed_credentials)?,
    };
    Ok(Some(Credentials {
        connection_id: connection,
        provider: row.provider,
        access,
        instance_url: address(&row.instance_url)?,
        state: row.state,
        reason: row.reason,
        access_token: keyring
            .open_optional(Purpose::Access, id, &row.sealed_access_token)?
            .unwrap_or_default(),
        refresh_token: keyring.open_optional(Purpose::Refresh, id, &row.sealed_refresh_token)?,
        token_version: row.token_version,
        is_ending: row.is_ending,
        pause: pause(row.paused_seconds, row.pause_reason),
    }))
}

fn pause(seconds: Option<f64>, reason: String) -> Option<Pause> {
    let left = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())?;
    (!left.is_zero()).then_some(Pause { left, reason })
}

/// Finds the pause that a connection is in.
pub(crate) async fn find_pause(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    connection: ConnectionId,
) -> Result<Option<Pause>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT extract(epoch FROM paused_until - now())::float8 AS seconds, pause_reason
           FROM connections WHERE organization_id = $1 AND connection_id = $2 AND disconnect_time IS NULL",
        organization_id.uuid(),
        connection.uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.and_then(|row| pause(row.seconds, row.pause_reason)))
}

/// Keeps everybody from calling a connection's CRM for a while; never shortens a pause.
pub(super) async fn set_pause(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    connection: ConnectionId,
    length: Duration,
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE connections SET paused_until = now() + make_interval(secs => $3), pause_reason = $4
          WHERE organization_id = $1 AND connection_id = $2
            AND (paused_until IS NULL OR paused_until < now() + make_interval(secs => $3))",
        organization_id.uuid(),
        connection.uuid(),
        length.as_secs_f64(),
        reason,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes the lease for renewing a token that others may want to renew too. False: somebody has it, or has renewed
/// already.
pub(super) async fn lease_refresh(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    connection: ConnectionId,
    seen_version: i64,
    lease: Uuid,
    seconds: f64,
) -> Result<bool, sqlx::Error> {
    let taken = sqlx::query!(
        "UPDATE connections SET refresh_lease = $4, refresh_locked_until = now() + make_interval(secs => $5)
          WHERE organization_id = $1 AND connection_id = $2 AND token_version = $3 AND state = 'CONNECTED'
            AND disconnect_time IS NULL AND (refresh_locked_until IS NULL OR refresh_locked_until <= now())",
        organization_id.uuid(),
        connection.uuid(),
        seen_version,
        lease,
        seconds,
    )
    .execute(tx)
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// New tokens, sealed, and what came with them.
pub(super) struct NewTokens<'a> {
    pub(super) instance_url: &'a Url,
    pub(super) tokens: &'a SealedSecrets,
    pub(super) expires_in: Option<Duration>,
}

/// Keeps new tokens and gives the lease back. False: the lease was lost, and the tokens are not kept.
pub(super) async fn keep_tokens(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    connection: ConnectionId,
    lease: Uuid,
    new: NewTokens<'_>,
) -> Result<bool, sqlx::Error> {
    let kept = sqlx::query!(
        "UPDATE connections
            SET sealed_access_token = $4, sealed_refresh_token = $5, instance_url = $6,
                token_expire_time = now() + make_interval(secs => $7),
                token_version = token_version + 1, refresh_lease = NULL, refresh_locked_until = NULL
          WHERE organization_id = $1 AND connection_id = $2 AND refresh_lease = $3",
        organization_id.uuid(),
        connection.uuid(),
        lease,
        new.tokens.access_token,
        new.tokens.refresh_token,
        new.instance_url.as_str(),
        seconds(new.expires_in),
    )
    .execute(tx)
    .await?;
    Ok(kept.rows_affected() == 1)
}

/// Gives the lease back without new tokens.
pub(super) async fn end_lease(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    connection: ConnectionId,
    lease: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE connections SET refresh_lease = NULL, refresh_locked_until = NULL
          WHERE organization_id = $1 AND connection_id = $2 AND refresh_lease = $3",
        organization_id.uuid(),
        connection.uuid(),
        lease,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Notes that the CRM does not let us in with the tokens that were seen, and why. Newer ones are not doubted.
pub(super) async fn set_reconnect_needed(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    connection: ConnectionId,
    seen_version: i64,
    reason: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE connections
            SET state = 'RECONNECT_NEEDED', reason = $4, refresh_lease = NULL, refresh_locked_until = NULL
          WHERE organization_id = $1 AND connection_id = $2 AND token_version = $3",
        organization_id.uuid(),
        connection.uuid(),
        seen_version,
        reason,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Ends a connection and deletes its secrets. What is ended already stays as it is.
pub(super) async fn disconnect(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    connection: ConnectionId,
) -> Result<bool, sqlx::Error> {
    let ended = sqlx::query!(
        "UPDATE connections
            SET disconnect_time = now(), state = 'RECONNECT_NEEDED', reason = '', sealed_access_token = '',
                sealed_refresh_token = '', sealed_credentials = '', token_version = token_version + 1,
                refresh_lease = NULL, refresh_locked_until = NULL, paused_until = NULL, pause_reason = ''
          WHERE organization_id = $1 AND connection_id = $2 AND disconnect_time IS NULL",
        organization_id.uuid(),
        connection.uuid(),
    )
    .execute(tx)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// Lists the sealed tokens of an organisation's connections and keeps others from changing them until the transaction
/// ends.
pub(super) async fn lock_secrets(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<Vec<(ConnectionId, SealedSecrets)>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT connection_id, sealed_access_token, sealed_refresh_token
           FROM connections WHERE organization_id = $1 ORDER BY connection_id FOR UPDATE",
        organization_id.uuid(),
    )
    .fetch_all(tx)
    .await?;
    let secrets = rows.into_iter().map(|row| {
        let sealed =
            SealedSecrets { access_token: row.sealed_access_token, refresh_token: row.sealed_refresh_token };
        (row.connection_id.into(), sealed)
    });
    Ok(secrets.collect())
}

/// Replaces how a connection's tokens are sealed; they are the same tokens.
pub(super) async fn set_secrets(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    connection: ConnectionId,
    sealed: &SealedSecrets,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE connections SET sealed_access_token = $3, sealed_refresh_token = $4
          WHERE organization_id = $1 AND connection_id = $2",
        organization_id.uuid(),
        connection.uuid(),
        sealed.access_token,
        sealed.refresh_token,
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) fn address(text: &str) -> Result<Url, sqlx::Error> {
    text.parse().map_err(|_| sqlx::Error::Decode("connections: unreadable address".into()))
}
