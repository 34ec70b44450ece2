//! The operator's change of the key-encryption key.
//!
//! Owns going through all organisations: each data key that an older key wraps is wrapped with the current one, and each
//! secret from before there were data keys is sealed with one. Nothing waits meanwhile: every process opens with all
//! the keys it is configured with. The order is: configure the new key as current and the old one beside it
//! everywhere, run the command, take the old one away.

use service_kit::db::Database;
use service_kit::error::CommonError;
use service_kit::ids::OrganizationId;
use sqlx::PgConnection;

use super::secrets::{Purpose, Secrets};
use super::{keys_repo, repo};

/// What was done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Rotation {
    pub(crate) organizations: u64,
    /// Data keys that were wrapped anew.
    pub(crate) rewrapped: u64,
    /// Connections whose secrets were sealed anew.
    pub(crate) resealed: u64,
}

/// Wraps and seals anew all that needs it. Repeating it changes nothing more.
pub(crate) async fn rotate(database: &Database, secrets: &Secrets) -> Result<Rotation, CommonError> {
    let mut done = Rotation::default();
    for organization_id in keys_repo::list_organizations(database.pool()).await? {
        let secrets = secrets.clone();
        let of_organization = database
            .transaction::<_, CommonError, _>(organization_id, move |tx| {
                Box::pin(async move { rotate_organization(tx, &secrets, organization_id).await })
            })
            .await?;
        done.organizations += 1;
        done.rewrapped += of_organization.rewrapped;
        done.resealed += of_organization.resealed;
    }
    Ok(done)
}

async fn rotate_organization(
    tx: &mut PgConnection,
    secrets: &Secrets,
    organization_id: OrganizationId,
) -> Result<Rotation, CommonError> {
    let mut done = Rotation::default();
    for key in keys_repo::lock_all(tx, organization_id).await? {
        if let Some(wrapped) = secrets.rewrapped(organization_id, &key)? {
            keys_repo::set_wrapped(tx, organization_id, key.key_version, &wrapped).await?;
            done.rewrapped += 1;
        }
    }
    let keyring = secrets.keyring_to_seal(tx, organization_id).await?;
    for (connection_id, sealed) in repo::lock_secrets(tx, organization_id).await? {
        let row = connection_id.uuid();
        let before = sealed.clone();
        let access_token = keyring.resealed(Purpose::Access, row, sealed.access_token)?;
        let refresh_token = keyring.resealed(Purpose::Refresh, row, sealed.refresh_token)?;
        if (&access_token, &refresh_token) != (&before.access_token, &before.refresh_token) {
            let sealed = super::entity::SealedSecrets { access_token, refresh_token };
            repo::set_secrets(tx, organization_id, connection_id, &sealed).await?;
            done.resealed += 1;
        }
    }
    Ok(done)
}
