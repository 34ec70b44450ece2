//! The settings of spaces alone: how much inviting may send, and how calls of people who have not signed in are counted.

use std::num::NonZeroU32;

use secrecy::SecretString;
use serde::Deserialize;
use service_kit::config::secret;

use crate::participant::InvitingLimits;

/// The settings of spaces alone.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// How many mails inviting may send within any 24 hours.
    #[serde(default)]
    pub inviting: InvitingLimits,
    /// Hashes what is counted, so that no network or address is stored in clear: 32 bytes in base64.
    #[serde(deserialize_with = "secret")]
    pub budget_key: SecretString,
    /// How many proxies in front of this service write `x-forwarded-for`. 0: the header is ignored, and the peer of the
    /// connection is the client.
    #[serde(default)]
    pub trusted_proxies: usize,
    /// How many calls of people who ask for access each replica answers per second and client network, with twice as many
    /// at once.
    #[serde(default = "public_calls_per_second")]
    pub public_calls_per_second: NonZeroU32,
}

fn public_calls_per_second() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(19)
}
