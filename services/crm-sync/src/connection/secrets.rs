//! Sealing the secrets of connections: envelope encryption.
//!
//! Owns two layers, both AES-256-GCM by service-kit. Each organisation has data keys of its own, random, kept wrapped with
//! the service's key-encryption key and bound to organisation and version; its secrets are sealed with the newest of
//! them and bound to purpose, organisation, row and version. So a sealed text that is moved to another row, tenant or
//! column does not open, nor does a wrapped key. Several key-encryption keys open and one wraps: a change of it
//! needs no pause, see [`rotate`](super::rotate). What was sealed with the key-encryption key itself, before there were
//! data keys, goes on to open.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use service_kit::error::CommonError;
use service_kit::ids::{Ids, OrganizationId};
use service_kit::seal::{SealError, Sealer};
use sqlx::PgConnection;
use uuid::Uuid;

use super::keys_repo;
use crate::connectors::Credentials;

/// Before the version of the data key; what lacks it was sealed by the key-encryption key itself.
const MARK: &[u8] = b"SSD1";
const MARKED: usize = MARK.len() + size_of::<i32>();
const FIRST_VERSION: i32 = 1;

/// What a secret is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// PKCE verifier of a flow.
    Verifier,
    /// What a machine signs in with; of a flow or a connection.
    Credentials,
    /// Access token of a connection.
    Access,
    /// Refresh token of a connection.
    Refresh,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::Verifier => "verifier",
            Self::Credentials => "credentials",
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }
}

/// Wraps and opens the data keys of organisations.
#[derive(Clone)]
pub(crate) struct Secrets(Arc<KeyEncryption>);

struct KeyEncryption {
    current: Sealer,
    old: Vec<Sealer>,
    ids: Ids,
}

/// A wrapped data key as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct WrappedKey {
    pub(crate) key_version: i32,
    pub(crate) wrapped_key: Vec<u8>,
}

/// The data keys of one organisation, open.
pub(crate) struct Keyring {
    organization_id: OrganizationId,
    keys: BTreeMap<i32, Sealer>,
    wrapping: Secrets,
}

impl Secrets {
    /// Returns the keeper of a key-encryption key, and of those that were it before; each is 32 bytes in base64.
    pub(crate) fn try_new(current: &SecretString, old: &[SecretString], ids: Ids) -> Result<Self, SealError> {
        let old = old.iter().map(Sealer::try_new).collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(KeyEncryption { current: Sealer::try_new(current)?, old, ids })))
    }

    /// Opens an organisation's data keys; there may be none yet.
    pub(crate) async fn keyring(
        &self,
        tx: &mut PgConnection,
        organization_id: OrganizationId,
    ) -> Result<Keyring, CommonError> {
        let wrapped = keys_repo::list(tx, organization_id).await?;
        self.open_all(organization_id, &wrapped)
    }

    /// Opens an organisation's data keys, and makes the first where there is none: what comes back can seal.
    pub(crate) async fn keyring_to_seal(
        &self,
        tx: &mut PgConnection,
        organization_id: OrganizationId,
    ) -> Result<Keyring, CommonError> {
        if keys_repo::list(tx, organization_id).await?.is_empty() {
            let bytes =
                self.0.ids.secret_bytes::<32>().map_err(|error| CommonError::Unexpected(error.into()))?;
            let key = SecretString::from(STANDARD.encode(bytes));
            let wrapped = self.wrap(organization_id, FIRST_VERSION, &key)?;
            // Of two at once, one is kept.
            keys_repo::insert(tx, organization_id, FIRST_VERSION, &wrapped).await?;
        }
        self.keyring(tx, organization_id).await
    }

    /// Wraps a data key anew where it is not wrapped with the current key. Nothing: it is.
    pub(super) fn rewrapped(
        &self,
        organization_id: OrganizationId,
        key: &WrappedKey,
    ) -> Result<Option<Vec<u8>>, CommonError> {
        let bound_to = bound_key(organization_id, key.key_version);
        if self.0.current.open(&key.wrapped_key, bound_to.as_bytes()).is_ok() {
            return Ok(None);
        }
        let opened = text(self.unwrap(&key.wrapped_key, &bound_to)?)?;
        self.wrap(organization_id, key.key_version, &opened).map(Some)
    }

    fn open_all(
        &self,
        organization_id: OrganizationId,
        wrapped: &[WrappedKey],
    ) -> Result<Keyring, CommonError> {
        let mut keys = BTreeMap::new();
        for key in wrapped {
            let bound_to = bound_key(organization_id, key.key_version);
            let opened = text(self.unwrap(&key.wrapped_key, &bound_to)?)?;
            keys.insert(key.key_version, Sealer::try_new(&opened).map_err(unexpected)?);
        }
        Ok(Keyring { organization_id, keys, wrapping: self.clone() })
    }

    fn wrap(
        &self,
        organization_id: OrganizationId,
        key_version: i32,
        key: &SecretString,
    ) -> Result<Vec<u8>, CommonError> {
        let bound_to = bound_key(organization_id, key_version);
        self.0.current.seal(key.expose_secret().as_bytes(), bound_to.as_bytes()).map_err(unexpected)
    }

    /// Opens with the current key or one of those before it.
    fn unwrap(&self, sealed: &[u8], bound_to: &str) -> Result<Vec<u8>, CommonError> {
        let open = |sealer: &Sealer| sealer.open(sealed, bound_to.as_bytes()).ok();
        let opened = open(&self.0.current).or_else(|| self.0.old.iter().find_map(open));
        opened.ok_or_else(|| unexpected(SealError::DoesNotOpen))
    }
}

impl Keyring {
    /// Seals with the newest key. Errors where there is none.
    pub(crate) fn seal(
        &self,
        purpose: Purpose,
        row: Uuid,
        secret: &SecretString,
    ) -> Result<Vec<u8>, CommonError> {
        let (version, sealer) = self.keys.last_key_value().ok_or_else(|| unexpected(SealError::BadKey))?;
        let bound_to = bound(purpose, self.organization_id, row, Some(*version));
        let sealed =
            sealer.seal(secret.expose_secret().as_bytes(), bound_to.as_bytes()).map_err(unexpected)?;
        Ok([MARK, version.to_be_bytes().as_slice(), &sealed].concat())
    }

    /// Seals what may not be there, as nothing.
    pub(crate) fn seal_optional(
        &self,
        purpose: Purpose,
        row: Uuid,
        secret: Option<&SecretString>,
    ) -> Result<Vec<u8>, CommonError> {
        secret.map_or(Ok(Vec::new()), |secret| self.seal(purpose, row, secret))
    }

    /// Opens what was sealed for the same purpose and row.
    pub(crate) fn open(
        &self,
        purpose: Purpose,
        row: Uuid,
        sealed: &[u8],
    ) -> Result<SecretString, CommonError> {
        let opened = match marked(sealed) {
            Some((version, sealed)) => {
                let sealer = self.keys.get(&version).ok_or_else(|| unexpected(SealError::DoesNotOpen))?;
                let bound_to = bound(purpose, self.organization_id, row, Some(version));
                sealer.open(sealed, bound_to.as_bytes()).map_err(unexpected)?
            }
            None => self.wrapping.unwrap(sealed, &bound(purpose, self.organization_id, row, None))?,
        };
        text(opened)
    }

    /// Opens what may be nothing.
    pub(crate) fn open_optional(
        &self,
        purpose: Purpose,
        row: Uuid,
        sealed: &[u8],
    ) -> Result<Option<SecretString>, CommonError> {
        if sealed.is_empty() { Ok(None) } else { self.open(purpose, row, sealed).map(Some) }
    }

    /// Seals anew what is not sealed with a data key; what is, and nothing, stays as it is.
    pub(super) fn resealed(
        &self,
        purpose: Purpose,
        row: Uuid,
        sealed: Vec<u8>,
    ) -> Result<Vec<u8>, CommonError> {
        if sealed.is_empty() || marked(&sealed).is_some() {
            return Ok(sealed);
        }
        self.seal(purpose, row, &self.open(purpose, row, &sealed)?)
    }

    /// Seals what a machine signs in with; where there is nothing, nothing.
    pub(crate) fn seal_credentials(
        &self,
        row: Uuid,
        credentials: &Credentials,
    ) -> Result<Vec<u8>, CommonError> {
        let kept = Kept::of(credentials);
        if kept == Kept::default() {
            return Ok(Vec::new());
        }
        let text = serde_json::to_string(&kept).map_err(|error| CommonError::Unexpected(error.into()))?;
        self.seal(Purpose::Credentials, row, &SecretString::from(text))
    }

    /// Opens what [`Self::seal_credentials`] made.
    pub(crate) fn open_credentials(&self, row: Uuid, sealed: &[u8]) -> Result<Credentials, CommonError> {
        let Some(text) = self.open_optional(Purpose::Credentials, row, sealed)? else {
            return Ok(Credentials::default());
        };
        let kept: Kept<'_> = serde_json::from_str(text.expose_secret())
            .map_err(|_| CommonError::Unexpected(anyhow::anyhow!("sealed credentials cannot be read")))?;
        Ok(kept.into())
    }
}

/// Credentials as the text that is sealed.
#[derive(Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
struct Kept<'a> {
    client_id: std::borrow::Cow<'a, str>,
    client_secret: std::borrow::Cow<'a, str>,
    username: std::borrow::Cow<'a, str>,
    password: std::borrow::Cow<'a, str>,
    private_key_pem: std::borrow::Cow<'a, str>,
    certificate_pem: std::borrow::Cow<'a, str>,
    tenant: std::borrow::Cow<'a, str>,
    issuer: std::borrow::Cow<'a, str>,
}

impl<'a> Kept<'a> {
    fn of(credentials: &'a Credentials) -> Self {
        Self {
            client_id: credentials.client_id.as_str().into(),
            client_secret: credentials.client_secret.expose_secret().into(),
            username: credentials.username.as_str().into(),
            password: credentials.password.expose_secret().into(),
            private_key_pem: credentials.private_key_pem.expose_secret().into(),
            certificate_pem: credentials.certificate_pem.as_str().into(),
            tenant: credentials.tenant.as_str().into(),
            issuer: credentials.issuer.as_str().into(),
        }
    }
}

impl From<Kept<'_>> for Credentials {
    fn from(kept: Kept<'_>) -> Self {
        Self {
            client_id: kept.client_id.into_owned(),
            client_secret: SecretString::from(kept.client_secret.into_owned()),
            username: kept.username.into_owned(),
            password: SecretString::from(kept.password.into_owned()),
            private_key_pem: SecretString::from(kept.private_key_pem.into_owned()),
            certificate_pem: kept.certificate_pem.into_owned(),
            tenant: kept.tenant.into_owned(),
            issuer: kept.issuer.into_owned(),
        }
    }
}

/// Divides a sealed text into the version of its key and the rest.
fn marked(sealed: &[u8]) -> Option<(i32, &[u8])> {
    let (head, rest) = sealed.split_at_checked(MARKED)?;
    let version = head.strip_prefix(MARK)?;
    Some((i32::from_be_bytes(version.try_into().ok()?), rest))
}

fn bound(purpose: Purpose, organization_id: OrganizationId, row: Uuid, version: Option<i32>) -> String {
    let purpose = purpose.as_str();
    let version = version.map(|version| format!("/{version}")).unwrap_or_default();
    format!("crm-sync/{purpose}/{organization_id}/{row}{version}")
}

fn bound_key(organization_id: OrganizationId, version: i32) -> String {
    format!("crm-sync/data-key/{organization_id}/{version}")
}

fn text(opened: Vec<u8>) -> Result<SecretString, CommonError> {
    let text = String::from_utf8(opened).map_err(|_| unexpected(SealError::DoesNotOpen))?;
    Ok(SecretString::from(text))
}

fn unexpected(error: SealError) -> CommonError {
    CommonError::Unexpected(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SecretString {
        SecretString::from(STANDARD.encode([byte; 32]))
    }

    fn secrets(current: u8, old: &[u8]) -> Secrets {
        let old: Vec<SecretString> = old.iter().map(|byte| key(*byte)).collect();
        Secrets::try_new(&key(current), &old, testkit::ids()).unwrap()
    }

    fn organization(n: u128) -> OrganizationId {
        OrganizationId::from(Uuid::from_u128(n))
    }

    /// The keyring of an organisation whose one data key is made of `byte`.
    fn keyring(secrets: &Secrets, organization_id: OrganizationId, byte: u8) -> Keyring {
        let wrapped_key = secrets.wrap(organization_id, 1, &key(byte)).unwrap();
        secrets.open_all(organization_id, &[WrappedKey { key_version: 1, wrapped_key }]).unwrap()
    }

    #[test]
    fn a_secret_opens_only_in_its_own_row_tenant_purpose_and_whole() {
        let secrets = secrets(7, &[]);
        let [one, two] = [3, 4].map(Uuid::from_u128);
        let acme = keyring(&secrets, organization(1), 9);
        // Even if two organisations had the same data key, the tenant is bound in.
        let globex = keyring(&secrets, organization(2), 9);
        let sealed = acme.seal(Purpose::Access, one, &SecretString::from("token")).unwrap();
        assert_eq!(acme.open(Purpose::Access, one, &sealed).unwrap().expose_secret(), "token");
        assert!(globex.open(Purpose::Access, one, &sealed).is_err());
        assert!(acme.open(Purpose::Access, two, &sealed).is_err());
        assert!(acme.open(Purpose::Refresh, one, &sealed).is_err());
        assert!(keyring(&secrets, organization(1), 8).open(Purpose::Access, one, &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(acme.open(Purpose::Access, one, &changed).is_err(), "byte {at}");
        }
        assert!(!sealed.windows(5).any(|window| window == b"token"));
    }

    #[test]
    fn a_wrapped_key_opens_only_in_its_own_tenant_and_version_and_whole() {
        let secrets = secrets(7, &[]);
        let wrapped_key = secrets.wrap(organization(1), 1, &key(9)).unwrap();
        let opens = |organization_id, key_version, wrapped_key: Vec<u8>| {
            secrets.open_all(organization_id, &[WrappedKey { key_version, wrapped_key }]).is_ok()
        };
        assert!(opens(organization(1), 1, wrapped_key.clone()));
        assert!(!opens(organization(2), 1, wrapped_key.clone()));
        assert!(!opens(organization(1), 2, wrapped_key.clone()));
        for at in 0..wrapped_key.len() {
            let mut changed = wrapped_key.clone();
            changed[at] ^= 1;
            assert!(!opens(organization(1), 1, changed), "byte {at}");
        }
    }

    #[test]
    fn a_new_key_encryption_key_opens_the_old_one_until_all_is_wrapped_anew() {
        let wrapped_key = secrets(1, &[]).wrap(organization(1), 1, &key(9)).unwrap();
        let kept = WrappedKey { key_version: 1, wrapped_key };
        let both = secrets(2, &[1]);
        assert!(both.open_all(organization(1), std::slice::from_ref(&kept)).is_ok());
        assert!(secrets(2, &[]).open_all(organization(1), std::slice::from_ref(&kept)).is_err());
        let wrapped_key = both.rewrapped(organization(1), &kept).unwrap().unwrap();
        let anew = WrappedKey { wrapped_key, ..kept };
        assert!(secrets(2, &[]).open_all(organization(1), std::slice::from_ref(&anew)).is_ok());
        assert!(both.rewrapped(organization(1), &anew).unwrap().is_none(), "twice changes nothing");
    }

    #[test]
    fn what_was_sealed_before_there_were_data_keys_opens_and_is_sealed_anew() {
        let row = Uuid::from_u128(3);
        let bound_to = format!("crm-sync/refresh/{}/{row}", organization(1));
        let sealed = Sealer::try_new(&key(1)).unwrap().seal(b"token", bound_to.as_bytes()).unwrap();
        let keyring = keyring(&secrets(2, &[1]), organization(1), 9);
        assert_eq!(keyring.open(Purpose::Refresh, row, &sealed).unwrap().expose_secret(), "token");
        let anew = keyring.resealed(Purpose::Refresh, row, sealed).unwrap();
        assert!(marked(&anew).is_some());
        assert_eq!(keyring.open(Purpose::Refresh, row, &anew).unwrap().expose_secret(), "token");
        assert_eq!(keyring.resealed(Purpose::Refresh, row, anew.clone()).unwrap(), anew);
        assert!(keyring.resealed(Purpose::Refresh, row, Vec::new()).unwrap().is_empty());
    }

    #[test]
    fn credentials_come_back_as_they_were_and_none_are_nothing() {
        let keyring = keyring(&secrets(7, &[]), organization(1), 9);
        let row = Uuid::from_u128(3);
        let given = Credentials {
            username: "integration".to_owned(),
            password: SecretString::from("pass\"word"),
            ..Credentials::default()
        };
        let sealed = keyring.seal_credentials(row, &given).unwrap();
        let opened = keyring.open_credentials(row, &sealed).unwrap();
        assert_eq!(
            (opened.username.as_str(), opened.password.expose_secret()),
            ("integration", "pass\"word")
        );
        assert!(keyring.seal_credentials(row, &Credentials::default()).unwrap().is_empty());
        assert!(keyring.open_credentials(row, &[]).unwrap().username.is_empty());
    }
}
