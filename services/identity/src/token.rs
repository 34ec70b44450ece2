//! Opaque tokens: refresh tokens and the tokens in links.
//!
//! Owns their form: 16 bytes organisation id, then 32 bytes secret (256 bits), in base64url. The organisation comes
//! first so that the tenant is known before the look-up, which row-level security then confines to it; the secret
//! decides all the same. At rest there is only the secret's SHA-256: with 256 bits of entropy nothing slower is needed.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use secrecy::SecretString;
use service_kit::ids::OrganizationId;
use uuid::Uuid;

const ORGANIZATION_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;

/// An opaque token.
#[derive(Clone)]
pub(crate) struct Token {
    /// The tenant that the token says it belongs to.
    pub(crate) organization_id: OrganizationId,
    secret: [u8; SECRET_BYTES],
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("organization_id", &self.organization_id).finish_non_exhaustive()
    }
}

impl Token {
    /// Returns a token of a secret.
    pub(crate) fn new(organization_id: OrganizationId, secret: [u8; SECRET_BYTES]) -> Self {
        Self { organization_id, secret }
    }

    /// Reads a token; what has another form cannot be one of ours.
    pub(crate) fn find(text: &str) -> Option<Self> {
        // Four characters hold three bytes; a longer text is not even decoded.
        if text.len() != (ORGANIZATION_BYTES + SECRET_BYTES) / 3 * 4 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (organization, secret) = bytes.split_at_checked(ORGANIZATION_BYTES)?;
        let organization_id = Uuid::from_slice(organization).ok()?.into();
        Some(Self { organization_id, secret: secret.try_into().ok()? })
    }

    /// Returns the token as its holder gets it.
    pub(crate) fn text(&self) -> SecretString {
        let bytes = [self.organization_id.uuid().as_bytes().as_slice(), &self.secret].concat();
        SecretString::from(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Returns what is stored of it.
    pub(crate) fn sha256(&self) -> Vec<u8> {
        digest(&SHA256, &self.secret).as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_token_reads_back_as_it_was_written_and_nothing_else_reads() {
        let token = Token::new(Uuid::from_u128(7).into(), [9; 32]);
        let text = token.text().expose_secret().to_owned();
        let read = Token::find(&text).unwrap();
        assert_eq!((read.organization_id, read.sha256()), (token.organization_id, token.sha256()));
        let padded = format!("{text}=");
        let spoiled = text.replace('C', "!");
        for bad in ["", "x", &text[1..], padded.as_str(), spoiled.as_str()] {
            assert!(Token::find(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_token_does_not_show_its_secret() {
        let token = Token::new(Uuid::nil().into(), [0xab; 32]);
        assert!(!format!("{token:?}").contains("171"));
    }
}
