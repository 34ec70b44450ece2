//! Keeping what an admin has connected.
//!
//! Owns which row it becomes: that of the connection which is connected again, of the same CRM organisation, or a new one.

use service_kit::ids::OrganizationId;
use sqlx::PgConnection;

use super::entity::Flow;
use super::repo::{self, Known};
use super::{Connection, ConnectionError, ConnectionState, Connections, MAX_CONNECTIONS, sessions};
use crate::connectors::Grant;
use crate::organization;

impl Connections {
    pub(super) async fn keep(
        &self,
        tx: &mut PgConnection,
        organization_id: OrganizationId,
        flow: Flow,
        grant: Grant,
    ) -> Result<Connection, ConnectionError> {
        organization::repo::lock(tx, organization_id).await?;
        let known = known(tx, organization_id, &flow, &grant).await?;
        let is_one_more = known.as_ref().is_none_or(|known| known.is_disconnected);
        if is_one_more && repo::count(tx, organization_id).await? >= MAX_CONNECTIONS {
            return Err(ConnectionError::TooMany);
        }
        let connection_id = known.map_or_else(|| self.ids.next(), |known| known.connection_id);
        let keyring = self.secrets.keyring_to_seal(tx, organization_id).await?;
        let tokens = sessions::seal(&keyring, connection_id, &grant)?;
        let credentials = keyring.seal_credentials(connection_id.uuid(), &flow.access.credentials)?;
        let connection = Connection {
            connection_id,
            provider: flow.provider,
            sign_in: flow.access.sign_in,
            display_name: flow.display_name,
            instance_url: grant.instance_url,
            state: ConnectionState::Connected,
            reason: String::new(),
            paused_until: None,
            create_time: self.clock.now(),
        };
        let keep = repo::Keep {
            connection: &connection,
            login_url: &flow.access.login_url,
            crm_organization_id: &grant.crm_organization_id,
            tokens: &tokens,
            credentials: &credentials,
            expires_in: grant.expires_in,
        };
        Ok(repo::keep(tx, organization_id, keep).await?)
    }
}

/// Finds the row that is renewed. One that was named must be of the same CRM organisation: its logs and links hold ids of
/// that one.
async fn known(
    tx: &mut PgConnection,
    organization_id: OrganizationId,
    flow: &Flow,
    grant: &Grant,
) -> Result<Option<Known>, ConnectionError> {
    let crm_organization = &grant.crm_organization_id;
    let Some(named) = flow.connection_id else {
        let found =
            repo::find_by_crm_organization(tx, organization_id, flow.provider, crm_organization).await?;
        return Ok(found);
    };
    let named = repo::find_known(tx, organization_id, named).await?.ok_or(ConnectionError::NotFound)?;
    if named.provider == flow.provider && named.crm_organization_id == *crm_organization {
        return Ok(Some(named));
    }
    Err(ConnectionError::Refused {
        message: "This is another organisation of the CRM than the connection's: connect it as a new one."
            .to_owned(),
    })
}
