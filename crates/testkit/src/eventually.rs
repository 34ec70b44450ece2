//! Waiting for what happens elsewhere.
//!
//! Owns the only wait of the tests: look again every 20 ms until it is so, or fail with what was awaited.

use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOK_FOR: Duration = Duration::from_secs(60);

/// What a look may answer: `bool`, or an `Option` whose content is wanted.
pub trait Found {
    /// What was awaited.
    type Value;
    /// Returns what was awaited, once it is there.
    fn found(self) -> Option<Self::Value>;
}

impl Found for bool {
    type Value = ();
    fn found(self) -> Option<()> {
        self.then_some(())
    }
}

impl<T> Found for Option<T> {
    type Value = T;
    fn found(self) -> Option<T> {
        self
    }
}

/// Looks every 20 ms, for at most a minute, until `look` finds it. Panics with `what` where it does not.
pub async fn eventually<F: Found>(what: &str, look: impl AsyncFnMut() -> F) -> F::Value {
    eventually_within(LOOK_FOR, what, look).await
}

/// Looks as [`eventually`] does, for at most `limit`.
pub async fn eventually_within<F: Found>(
    limit: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> F,
) -> F::Value {
    let begin = Instant::now();
    loop {
        if let Some(value) = look().await.found() {
            return value;
        }
        assert!(begin.elapsed() < limit, "waited {limit:?} in vain: {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn eventually_gives_what_the_look_finds() {
        let mut looks = 0;
        let found = eventually("the third look", async || {
            looks += 1;
            (looks == 3).then_some(looks)
        })
        .await;
        assert_eq!(found, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "in vain: something that never is")]
    async fn eventually_fails_with_what_was_awaited() {
        eventually_within(Duration::from_millis(50), "something that never is", async || false).await;
    }
}
