//! The rules of a session.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use service_kit::address::EmailAddress;
use service_kit::ids::{OrganizationId, UserId};
use uuid::Uuid;

/// How long an access token lives.
pub(crate) const ACCESS_TOKEN_TTL: Duration = Duration::from_secs(300);
/// How long a refresh token lives: a session ends when it is not refreshed for this long.
pub(crate) const REFRESH_TOKEN_TTL: TimeDelta = TimeDelta::days(7);
/// How long a session lives however often it is refreshed.
pub(crate) const SESSION_TTL: TimeDelta = TimeDelta::days(30);
/// Longest name of a device, in characters.
pub(crate) const DEVICE_LABEL_MAX: usize = 255;

service_kit::text_enum! {
    /// How a session began.
    pub(crate) enum Method {
        /// Address and password.
        Password = "PASSWORD",
        /// The one-click link of a mail.
        Link = "LINK",
        /// The code of a mail.
        Code = "CODE",
        /// An invitation.
        Invitation = "INVITATION",
    }
}

/// What a client says of the device somebody signs in on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Device {
    /// What an earlier sign-in handed out; empty: none.
    pub(crate) token: SecretString,
    /// What to call it; may be empty.
    pub(crate) label: String,
}

/// A session as its owner sees it.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) session_id: Uuid,
    pub(crate) method: Method,
    pub(crate) device_label: String,
    pub(crate) create_time: DateTime<Utc>,
    pub(crate) last_use_time: DateTime<Utc>,
    /// When it ends unless it is used.
    pub(crate) expire_time: DateTime<Utc>,
}

/// The key of a row in the list of sessions: last use, then id.
pub(crate) type SessionPageKey = (DateTime<Utc>, Uuid);

/// What a signed-in client holds. Its `Debug` shows none of the tokens.
#[derive(Clone)]
pub(crate) struct Tokens {
    pub(crate) access_token: SecretString,
    pub(crate) refresh_token: SecretString,
    /// What the browser keeps; absent where it has one.
    pub(crate) device_token: Option<SecretString>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(…)")
    }
}

/// Somebody asks to be let in, checked.
#[derive(Clone, Debug)]
pub(crate) struct SignIn {
    /// The organisation's slug.
    pub(crate) slug: String,
    pub(crate) email_address: EmailAddress,
    pub(crate) password: SecretString,
    pub(crate) device: Device,
}

/// Somebody was let in.
#[derive(Debug)]
pub(crate) struct SignedIn {
    pub(crate) tokens: Tokens,
    pub(crate) user_id: UserId,
}

/// Which session, of whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionKey {
    pub(crate) organization_id: OrganizationId,
    pub(crate) session_id: Uuid,
}

/// A refresh token as it is stored, with its session.
#[derive(Clone, Debug)]
pub(crate) struct StoredToken {
    pub(crate) session_id: Uuid,
    pub(crate) user_id: UserId,
    pub(crate) device_label: String,
    /// It was exchanged before.
    pub(crate) is_rotated: bool,
    /// Neither it nor its session has expired or been revoked.
    pub(crate) is_alive: bool,
}

/// What using a refresh token leads to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Use {
    /// The next token is handed out.
    Rotate,
    /// Nothing happens.
    Refuse,
    /// Two hold the same token: the whole session ends (RFC 9700, section 4.14.2).
    Revoke,
}

impl StoredToken {
    /// Decides what using the token leads to. There is no grace for a client that refreshes twice at once: which of two
    /// holders is the thief cannot be told, and signing in again is cheap.
    pub(crate) fn decide(&self) -> Use {
        match (self.is_alive, self.is_rotated) {
            (false, _) => Use::Refuse,
            (true, true) => Use::Revoke,
            (true, false) => Use::Rotate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_exchanged_once_and_using_it_again_ends_the_session() {
        let token = |is_alive, is_rotated| StoredToken {
            session_id: Uuid::nil(),
            user_id: UserId::default(),
            device_label: String::new(),
            is_rotated,
            is_alive,
        };
        assert_eq!(token(true, false).decide(), Use::Rotate);
        assert_eq!(token(true, true).decide(), Use::Revoke);
        assert_eq!(token(false, false).decide(), Use::Refuse);
        assert_eq!(token(false, true).decide(), Use::Refuse);
    }

    #[test]
    fn tokens_are_never_shown() {
        let tokens = Tokens {
            access_token: "canary".into(),
            refresh_token: "canary".into(),
            device_token: Some("canary".into()),
        };
        assert!(!format!("{tokens:?}").contains("canary"));
    }
}
