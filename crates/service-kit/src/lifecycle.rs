//! Stopping.
//!
//! Owns the two tokens: first calls end, then work ends. SIGTERM or SIGINT starts the first; a second signal ends the
//! process at once. Must not know what is being stopped.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code after a second signal.
const EXIT_AT_ONCE: i32 = 130;

/// Tells the parts of a process when to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Cancelled first: take no new calls, end those in flight.
    pub calls: CancellationToken,
    /// Cancelled when calls have ended: stop consumers and jobs, publish what is in the outbox.
    pub work: CancellationToken,
}

impl Stop {
    /// Cancels `calls` at the first signal and ends the process at the second.
    pub(crate) fn on_signals(&self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let calls = self.calls.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if calls.is_cancelled() {
                    tracing::warn!("second signal, ending at once");
                    std::process::exit(EXIT_AT_ONCE);
                }
                tracing::info!("signal received, stopping");
                calls.cancel();
            }
        });
        Ok(())
    }
}
