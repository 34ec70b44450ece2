//! Sealing the secrets of connections.
//!
//! Owns what each secret is bound to: its organisation, its row and its purpose, so that a sealed text moved to
//! another row, tenant or column does not open.

use secrecy::{ExposeSecret, SecretString};
use service_kit::error::CommonError;
use service_kit::ids::OrganizationId;
use service_kit::seal::{SealError, Sealer};
use uuid::Uuid;

use super::ConnectionId;
use super::entity::SealedTokens;

/// Seals and opens the secrets of connections.
pub(crate) struct Secrets(Sealer);

impl Secrets {
    /// Returns the keeper of a key of 32 bytes in base64.
    pub(crate) fn try_new(key: &SecretString) -> Result<Self, SealError> {
        Sealer::try_new(key).map(Self)
    }

    pub(super) fn seal_verifier(
        &self,
        organization_id: OrganizationId,
        flow_id: Uuid,
        verifier: &SecretString,
    ) -> Result<Vec<u8>, CommonError> {
        self.seal(verifier, &bound("verifier", organization_id, flow_id))
    }

    pub(super) fn open_verifier(
        &self,
        organization_id: OrganizationId,
        flow_id: Uuid,
        sealed: &[u8],
    ) -> Result<SecretString, CommonError> {
        self.open(sealed, &bound("verifier", organization_id, flow_id))
    }

    pub(super) fn seal_tokens(
        &self,
        organization_id: OrganizationId,
        connection: ConnectionId,
        access: &SecretString,
        refresh: &SecretString,
    ) -> Result<SealedTokens, CommonError> {
        Ok(SealedTokens {
            access: self.seal(access, &bound("access", organization_id, connection.uuid()))?,
            refresh: self.seal(refresh, &bound("refresh", organization_id, connection.uuid()))?,
        })
    }

    pub(super) fn open_access(
        &self,
        organization_id: OrganizationId,
        connection: ConnectionId,
        tokens: &SealedTokens,
    ) -> Result<SecretString, CommonError> {
        self.open(&tokens.access, &bound("access", organization_id, connection.uuid()))
    }

    pub(super) fn open_refresh(
        &self,
        organization_id: OrganizationId,
        connection: ConnectionId,
        tokens: &SealedTokens,
    ) -> Result<SecretString, CommonError> {
        self.open(&tokens.refresh, &bound("refresh", organization_id, connection.uuid()))
    }

    fn seal(&self, secret: &SecretString, bound_to: &str) -> Result<Vec<u8>, CommonError> {
        self.0.seal(secret.expose_secret().as_bytes(), bound_to.as_bytes()).map_err(unexpected)
    }

    fn open(&self, sealed: &[u8], bound_to: &str) -> Result<SecretString, CommonError> {
        let opened = self.0.open(sealed, bound_to.as_bytes()).map_err(unexpected)?;
        let text = String::from_utf8(opened).map_err(|_| unexpected(SealError::DoesNotOpen))?;
        Ok(SecretString::from(text))
    }
}

fn bound(purpose: &str, organization_id: OrganizationId, row: Uuid) -> String {
    format!("crm-sync/{purpose}/{organization_id}/{row}")
}

fn unexpected(error: SealError) -> CommonError {
    CommonError::Unexpected(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn a_token_opens_only_in_its_own_row_tenant_and_purpose() {
        let secrets = Secrets::try_new(&SecretString::from(STANDARD.encode([7; 32]))).unwrap();
        let [acme, globex] = [1, 2].map(|n| OrganizationId::from(Uuid::from_u128(n)));
        let [one, two] = [3, 4].map(|n| ConnectionId::from(Uuid::from_u128(n)));
        let tokens = secrets
            .seal_tokens(acme, one, &SecretString::from("access"), &SecretString::from("refresh"))
            .unwrap();
        assert_eq!(secrets.open_access(acme, one, &tokens).unwrap().expose_secret(), "access");
        assert_eq!(secrets.open_refresh(acme, one, &tokens).unwrap().expose_secret(), "refresh");
        assert!(secrets.open_access(globex, one, &tokens).is_err());
        assert!(secrets.open_access(acme, two, &tokens).is_err());
        let swapped = SealedTokens { access: tokens.refresh, refresh: tokens.access };
        assert!(secrets.open_access(acme, one, &swapped).is_err());
        assert!(secrets.open_refresh(acme, one, &swapped).is_err());
    }
}
