//! Sending content while the right to it lasts.
//!
//! Owns asking again: nothing leaves for the fetcher more than a few seconds after spaces last said that they may, however
//! slowly they read. What was handed to the connection before cannot be called back.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt, try_unfold};
use service_kit::error::DomainError;

use super::{AssetError, Assets, Fetched};
use crate::storage::Content;

/// How old spaces' last word may be when a piece is sent. With the time that its answer may take, less than five
/// seconds.
pub(crate) const ASK_EVERY: Duration = Duration::from_secs(3);

/// Content that ends with an error when the right to it is gone.
pub(crate) type Allowed = BoxStream<'static, Result<Bytes, AssetError>>;

impl Assets {
    /// Opens what may be fetched, or these bytes of it, for as long as it may be.
    pub(crate) async fn open(
        &self,
        fetched: Fetched,
        range: Option<(i64, i64)>,
    ) -> Result<Allowed, AssetError> {
        let asked = self.clock.now();
        let content = self.store.open(&fetched.key, range).await?;
        let sending = Sending { assets: self.clone(), fetched, content, asked };
        Ok(try_unfold(sending, Sending::next).boxed())
    }
}

struct Sending {
    assets: Assets,
    fetched: Fetched,
    content: Content,
    /// When spaces was last asked.
    asked: DateTime<Utc>,
}

impl Sending {
    /// Returns the next piece. It is asked for first: who waits long for it, or is slow to take it, is asked about again.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, AssetError> {
        let Some(piece) = self.content.try_next().await? else { return Ok(None) };
        let now = self.assets.clock.now();
        if !is_fresh(now - self.asked) {
            if let Err(error) = self.assets.admit_more(&self.fetched).await {
                tracing::info!(error.reason = error.reason(), "content cut off");
                return Err(error);
            }
            self.asked = now;
        }
        Ok(Some((piece, self)))
    }
}

/// Tells whether an answer of this age still counts; a clock that was set back makes none count.
fn is_fresh(age: TimeDelta) -> bool {
    age.to_std().is_ok_and(|age| age < ASK_EVERY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_for_less_than_three_seconds_and_not_where_the_clock_went_back() {
        for (age_ms, is_good) in [(0, true), (2_999, true), (3_000, false), (-1, false)] {
            assert_eq!(is_fresh(TimeDelta::milliseconds(age_ms)), is_good, "{age_ms}");
        }
    }
}
