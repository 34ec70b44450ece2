//! The settings of spaces alone: how much inviting may send.

use serde::Deserialize;

use crate::participant::InvitingLimits;

/// The settings of spaces alone.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Settings {
    /// How many mails inviting may send within any 24 hours.
    #[serde(default)]
    pub inviting: InvitingLimits,
}
