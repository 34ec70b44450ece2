//! Minting tokens.
//!
//! Owns the claims of an access token (RFC 9068) and new opaque tokens. Must not store anything.

use std::sync::Arc;

use anyhow::Context;
use secrecy::SecretString;
use serde::Serialize;
use service_kit::clock::SharedClock;
use service_kit::error::CommonError;
use service_kit::ids::{Ids, OrganizationId, UserId};
use service_kit::verify::AUDIENCE;
use uuid::Uuid;

use super::entity::{ACCESS_TOKEN_TTL, SessionKey};
use crate::keys::SigningKeys;
use crate::person::{Person, Role};
use crate::security_notice::SecurityNotices;
use crate::token::Token;

/// Makes tokens.
#[derive(Clone)]
pub(crate) struct TokenMint {
    keys: Arc<SigningKeys>,
    clock: SharedClock,
    ids: Ids,
    issuer: Arc<str>,
}

/// What an access token says.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: [&'static str; 1],
    sub: UserId,
    org: OrganizationId,
    kind: &'static str,
    roles: Vec<&'static str>,
    sid: Uuid,
    /// The version of the notice that a guest's consent stands for; 0: none, or a member.
    consent_notice_version: i32,
    iat: i64,
    nbf: i64,
    exp: i64,
}

impl TokenMint {
    /// Returns a mint whose tokens name `issuer`.
    pub(crate) fn new(keys: Arc<SigningKeys>, clock: SharedClock, ids: Ids, issuer: &str) -> Self {
        Self { keys, clock, ids, issuer: issuer.into() }
    }

    /// Returns a new id of a session or a device.
    pub(super) fn id(&self) -> Uuid {
        self.ids.next()
    }

    /// Returns who tells people about their accounts.
    pub(super) fn notices(&self) -> SecurityNotices {
        SecurityNotices::new(self.ids.clone(), Arc::clone(&self.clock))
    }

    /// Signs an access token for a person's session. It says nothing about spaces, and it stays valid until it expires:
    /// ending a session ends refreshing, and the services look up all other rights at each call.
    pub(super) fn access_token(
        &self,
        person: &Person,
        session: SessionKey,
    ) -> Result<SecretString, CommonError> {
        let now = self.clock.now().timestamp();
        let ttl = i64::try_from(ACCESS_TOKEN_TTL.as_secs()).unwrap_or_default();
        self.keys.sign(&Claims {
            iss: &self.issuer,
            aud: [AUDIENCE],
            sub: person.user_id,
            org: person.organization_id,
            kind: person.kind.as_str(),
            roles: person.role.map(Role::as_str).into_iter().collect(),
            sid: session.session_id,
            consent_notice_version: person.consent_notice_version,
            iat: now,
            nbf: now,
            exp: now + ttl,
        })
    }

    /// Returns a new opaque token: of a refresh, a device or a browser that asks for a link.
    pub(crate) fn opaque_token(&self, organization_id: OrganizationId) -> Result<Token, CommonError> {
        let secret = self.ids.secret_bytes().context("no token").map_err(CommonError::Unexpected)?;
        Ok(Token::new(organization_id, secret))
    }
}
