//! The settings of notifications alone: the mail server, the key of links, and how long mails are gathered.

use lettre::message::Mailbox;
use secrecy::SecretString;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use service_kit::config::{optional_secret, secret};

/// The settings of notifications alone.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// The mail server.
    pub(crate) smtp: SmtpConfig,
    /// The links by which people get out of mails.
    pub(crate) unsubscribe: UnsubscribeConfig,
    /// How long mails of the same kind are gathered into one.
    #[serde(default)]
    pub(crate) gather: GatherConfig,
}

/// How long mails of the same kind are gathered into one.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default)]
pub(crate) struct GatherConfig {
    /// From the first comment, content or new joiner until the mail is sent, in seconds: 1 to 3,600.
    #[serde(deserialize_with = "window_seconds")]
    pub(crate) window_seconds: u32,
}

impl Default for GatherConfig {
    fn default() -> Self {
        Self { window_seconds: 300 }
    }
}

fn window_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let seconds = u32::deserialize(deserializer)?;
    if (1..=3_600).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(D::Error::custom("expected 1 to 3600 seconds"))
    }
}

/// The links by which people get out of mails.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct UnsubscribeConfig {
    /// What their tokens are hashed with: 32 bytes in base64.
    #[serde(deserialize_with = "secret")]
    pub(crate) key: SecretString,
}

/// The mail server that takes our mails.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SmtpConfig {
    /// Its name, which its certificate must have.
    pub(crate) host: String,
    /// Its port, such as 587 for `starttls` and 465 for `implicit`.
    pub(crate) port: u16,
    /// Who our mails are from, such as `Shared Spaces <no-reply@example.org>`.
    #[serde(deserialize_with = "mailbox")]
    pub(crate) from: Mailbox,
    /// How the connection is encrypted.
    #[serde(default)]
    pub(crate) tls: TlsMode,
    /// Who signs in; absent: nobody does. Needs an encrypted connection.
    pub(crate) username: Option<String>,
    /// How many mails are sent at once, each over a connection of its own: 1 to 64.
    #[serde(default = "default_connections")]
    pub(crate) connections: usize,
    /// The password that goes with it.
    #[serde(default, deserialize_with = "optional_secret")]
    pub(crate) password: Option<SecretString>,
}

/// How a connection to the mail server is encrypted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TlsMode {
    /// Not at all; for a server on the same machine.
    None,
    /// From STARTTLS on; a server that does not offer it gets no mail.
    #[default]
    StartTls,
    /// From the first byte.
    Implicit,
}

fn default_connections() -> usize {
    4
}

fn mailbox<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Mailbox, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map_err(|_| D::Error::custom("expected an address, such as `Shared Spaces <no-reply@example.org>`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smtp(from: &str, tls: &str) -> Result<SmtpConfig, serde_json::Error> {
        serde_json::from_value(serde_json::json!({"host": "mx", "port": 25, "from": from, "tls": tls}))
    }

    #[test]
    fn the_mail_server_is_read_with_each_way_of_encryption() {
        for (name, mode) in
            [("none", TlsMode::None), ("starttls", TlsMode::StartTls), ("implicit", TlsMode::Implicit)]
        {
            let smtp = smtp("Shared Spaces <no-reply@example.org>", name).unwrap();
            assert_eq!(smtp.tls, mode);
            assert_eq!(smtp.from.email.domain(), "example.org");
        }
    }

    #[test]
    fn mails_are_gathered_for_five_minutes_unless_told_otherwise_and_up_to_an_hour() {
        let read = |seconds: u32| {
            serde_json::from_value::<GatherConfig>(serde_json::json!({"window_seconds": seconds}))
        };
        assert_eq!(GatherConfig::default().window_seconds, 300);
        for (seconds, good) in [(0, false), (1, true), (3_600, true), (3_601, false)] {
            assert_eq!(read(seconds).is_ok(), good, "{seconds}");
        }
    }

    #[test]
    fn a_bad_sender_is_refused_with_what_was_expected() {
        let error = smtp("nobody", "none").unwrap_err().to_string();
        assert!(error.contains("expected an address"), "{error}");
        assert!(smtp("a@example.org", "tls").is_err());
    }

    #[test]
    fn a_password_that_is_no_text_is_refused_without_being_shown() {
        let read = |password: serde_json::Value| {
            let smtp =
                serde_json::json!({"host": "mx", "port": 25, "from": "a@b.test", "password": password});
            serde_json::from_value::<SmtpConfig>(smtp)
        };
        let error = read(40_771.into()).unwrap_err().to_string();
        assert!(error.contains("must be text") && !error.contains("40771"), "{error}");
        assert!(read("40771".into()).unwrap().password.is_some());
    }
}
