//! Stopping.
//!
//! Owns the order and the longest times of stopping. SIGTERM or SIGINT begins it: the process says that it wants no more
//! calls, lingers while load balancers learn so, ends calls, then work; a second signal ends the process at once. Must not
//! know what is being stopped.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::ShutdownConfig;
use crate::telemetry::FLUSH_TIMEOUT;

/// The exit code after a second signal.
const EXIT_AT_ONCE: i32 = 130;

/// How long workers may take to end: jobs get ten seconds, and a relay publishes what they appended for two more.
pub const WORKERS_END_WITHIN: Duration = Duration::from_secs(14);
/// How long connections to the database may take to close.
pub const POOL_CLOSES_WITHIN: Duration = Duration::from_secs(3);
/// How long traces, metrics and logs may take to be sent, one after the other.
pub const TELEMETRY_FLUSHES_WITHIN: Duration = FLUSH_TIMEOUT.saturating_mul(3);

/// Returns the longest time from SIGTERM to the end of the process. What waits for it before it kills, such as
/// `terminationGracePeriodSeconds` less what `preStop` takes, must be longer.
pub fn longest_stop(config: &ShutdownConfig) -> Duration {
    config.linger() + config.drain() + WORKERS_END_WITHIN + POOL_CLOSES_WITHIN + TELEMETRY_FLUSHES_WITHIN
}

/// Tells the parts of a process when to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// Cancelled at the signal: calls are still answered, but none should be sent here any more.
    pub leave: CancellationToken,
    /// Cancelled when load balancers know: take no new calls, end those in flight.
    pub calls: CancellationToken,
    /// Cancelled when calls have ended: stop consumers and jobs, publish what is in the outbox.
    pub work: CancellationToken,
}

impl Stop {
    /// Cancels `leave` at the first signal and ends the process at the second.
    pub(crate) fn on_signals(&self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let leave = self.leave.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if leave.is_cancelled() {
                    tracing::warn!("second signal, ending at once");
                    std::process::exit(EXIT_AT_ONCE);
                }
                tracing::info!("signal received, stopping");
                leave.cancel();
            }
        });
        Ok(())
    }

    /// Cancels `calls` when `leave` has been cancelled for `linger`, or at once where calls have ended by themselves.
    pub(crate) async fn calls_after(&self, linger: Duration) {
        tokio::select! {
            () = self.calls.cancelled() => return,
            () = self.leave.cancelled() => {}
        }
        tokio::select! {
            () = self.calls.cancelled() => {}
            () = tokio::time::sleep(linger) => self.calls.cancel(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stopping_takes_no_longer_than_what_kubernetes_gives_it_after_pre_stop() {
        let (grace, pre_stop) = (Duration::from_secs(45), Duration::from_secs(8));
        assert_eq!(longest_stop(&ShutdownConfig::default()), Duration::from_secs(30));
        assert!(longest_stop(&ShutdownConfig::default()) < grace - pre_stop);
    }

    #[tokio::test]
    async fn calls_end_when_the_lingering_is_over_and_not_before() {
        let (stop, begin) = (Stop::default(), std::time::Instant::now());
        stop.leave.cancel();
        stop.calls_after(Duration::from_millis(20)).await;
        assert!(stop.calls.is_cancelled() && begin.elapsed() >= Duration::from_millis(20));
    }

    #[tokio::test]
    async fn nothing_is_waited_for_before_the_signal_nor_after_calls_have_ended() {
        let stop = Stop::default();
        let waiting = stop.calls_after(Duration::ZERO);
        assert!(tokio::time::timeout(Duration::from_millis(20), waiting).await.is_err());
        assert!(!stop.calls.is_cancelled());
        stop.calls.cancel();
        stop.calls_after(Duration::from_secs(3_600)).await;
    }
}
