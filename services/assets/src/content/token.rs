//! What an address of the content port carries.
//!
//! Owns the token: who may fetch what and until when, sealed, so that nobody reads or makes one but this service.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use service_kit::caller::{Caller, CallerKind};
use service_kit::error::CommonError;
use service_kit::ids::{OrganizationId, SpaceId, UserId};
use service_kit::seal::Sealer;
use url::Url;
use uuid::Uuid;

use crate::asset::AssetId;

/// How long an address lives.
pub(crate) const ADDRESS_TTL: Duration = Duration::from_secs(60);
/// Ties what is sealed to this use.
const BOUND_TO: &[u8] = b"assets content address 1";
/// Longer than any token there is.
const MAX_TOKEN_CHARACTERS: usize = 1_024;

/// What of a file is fetched, and how.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Wanted {
    /// The file, to be saved.
    Download,
    /// The file, to be shown in the browser.
    Inline,
    /// Its small preview.
    Small,
    /// Its large preview.
    Large,
}

/// Who may fetch what.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Grant {
    pub(crate) organization_id: OrganizationId,
    /// The space whose participants may.
    pub(crate) space_id: SpaceId,
    pub(crate) asset_id: AssetId,
    pub(crate) wanted: Wanted,
    pub(crate) user_id: UserId,
    pub(crate) consent_notice_version: i32,
    pub(crate) is_admin: bool,
}

#[derive(Deserialize, Serialize)]
struct Token {
    grant: Grant,
    /// In milliseconds since 1970.
    expires: i64,
}

impl Grant {
    /// Returns whom it was given to.
    pub(crate) fn caller(&self) -> Caller {
        Caller {
            organization_id: self.organization_id,
            user_id: self.user_id,
            kind: if self.is_admin { CallerKind::Admin } else { CallerKind::Guest },
            session_id: Uuid::nil(),
            consent_notice_version: self.consent_notice_version,
        }
    }
}

/// Makes and reads addresses of the content port.
#[derive(Clone)]
pub(crate) struct Addresses {
    base_url: Arc<str>,
    sealer: Arc<Sealer>,
}

impl Addresses {
    /// Errors: the key is not 32 bytes in base64.
    pub(crate) fn try_new(base_url: &Url, key: &SecretString) -> anyhow::Result<Self> {
        let sealer = Arc::new(Sealer::try_new(key).context("setting content.key")?);
        Ok(Self { base_url: base_url.as_str().trim_end_matches('/').into(), sealer })
    }

    /// Returns an address for [`ADDRESS_TTL`] from `now` on.
    pub(crate) fn issue(&self, grant: Grant, now: DateTime<Utc>) -> Result<String, CommonError> {
        let token = Token { grant, expires: (now + ADDRESS_TTL).timestamp_millis() };
        let unexpected = |error: anyhow::Error| CommonError::Unexpected(error);
        let plain = serde_json::to_vec(&token).map_err(|error| unexpected(error.into()))?;
        let sealed = self.sealer.seal(&plain, BOUND_TO).map_err(|error| unexpected(error.into()))?;
        Ok(format!("{}/content/{}", self.base_url, URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// Reads a token. None: it was not made here, or is no longer good.
    pub(crate) fn open(&self, token: &str, now: DateTime<Utc>) -> Option<Grant> {
        if token.len() > MAX_TOKEN_CHARACTERS {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(token).ok()?;
        let plain = self.sealer.open(&sealed, BOUND_TO).ok()?;
        let token: Token = serde_json::from_slice(&plain).ok()?;
        (now.timestamp_millis() < token.expires).then_some(token.grant)
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use service_kit::clock::Clock;

    use super::*;

    fn addresses(key: u8) -> Addresses {
        let key = SecretString::from(STANDARD.encode([key; 32]));
        Addresses::try_new(&"http://content.example/".parse().unwrap(), &key).unwrap()
    }

    fn grant() -> Grant {
        Grant {
            organization_id: testkit::ids().next(),
            space_id: testkit::ids().next(),
            asset_id: testkit::ids().next(),
            wanted: Wanted::Download,
            user_id: testkit::ids().next(),
            consent_notice_version: 3,
            is_admin: false,
        }
    }

    fn token(address: &str) -> String {
        address.strip_prefix("http://content.example/content/").unwrap().to_owned()
    }

    #[test]
    fn an_address_is_good_for_sixty_seconds_and_not_longer() {
        let now = testkit::clock().now();
        let token = token(&addresses(1).issue(grant(), now).unwrap());
        let after = |milliseconds| now + Duration::from_millis(milliseconds);
        assert!(addresses(1).open(&token, after(59_990)).is_some());
        assert!(addresses(1).open(&token, after(60_001)).is_none());
    }

    #[test]
    fn an_address_gives_what_it_was_made_for_and_cannot_be_forged() {
        let (now, grant) = (testkit::clock().now(), grant());
        let token = token(&addresses(1).issue(grant.clone(), now).unwrap());
        assert_eq!(addresses(1).open(&token, now), Some(grant));
        assert_eq!(addresses(2).open(&token, now), None);
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(addresses(1).open(str::from_utf8(&changed).unwrap(), now), None, "{at}");
        }
        for bad in ["", "x", "../..", "%2e%2e", &"A".repeat(2_000), &token[1..]] {
            assert_eq!(addresses(1).open(bad, now), None, "{bad}");
        }
    }
}
