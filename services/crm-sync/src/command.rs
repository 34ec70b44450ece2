//! What the operator does on the command line.
//!
//! Owns the commands beside those that every service has, and what they print. Must not print a key or a secret.

use clap::Subcommand;
use service_kit::{Kit, Outcome};

use crate::connection::rotate;
use crate::{Settings, secrets};

/// The operator's commands.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Subcommand)]
pub enum Command {
    /// Wraps every organisation's data keys with the current key-encryption key, while the service runs.
    RotateKeys,
}

/// Carries a command out.
pub async fn execute(kit: Kit<Settings>, command: Command) -> anyhow::Result<Outcome> {
    match command {
        Command::RotateKeys => {
            let done = rotate::rotate(&kit.database, &secrets(&kit)?).await?;
            let text = format!(
                "{} organisations: {} data keys wrapped anew, secrets of {} connections sealed anew; every other one \
                 needed nothing",
                done.organizations, done.rewrapped, done.resealed
            );
            Ok(Outcome { text, is_success: true })
        }
    }
}
