//! One person's notices as they come.
//!
//! Owns the order in which a stream says things, and when it ends: with its session, its access token or the process.
//! Nothing is lost over a reconnect: positions become visible in their order, and a stream reads on from the last it sent.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::Stream;
use futures_util::stream::unfold;
use service_kit::caller::Caller;
use tokio::time::Instant;

use super::hub::{Hub, Place};
use super::{Notice, NoticeError, Notices};

/// How often a stream looks without being woken, and tells that it is alive.
const BEAT: Duration = Duration::from_secs(15);
/// How long what was read is sent without being read again.
const KEEP: Duration = Duration::from_secs(4);

/// Who watches, from where, and until when.
#[derive(Clone, Debug)]
pub(crate) struct Watcher {
    /// The person.
    pub(crate) caller: Caller,
    /// Until when their access token is valid.
    pub(crate) expire_time: DateTime<Utc>,
    /// Where they stood; absent: only what comes from now on.
    pub(crate) after: Option<i64>,
}

/// What a stream says.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// A notice; absent: only that it is alive.
    pub(crate) notice: Option<Notice>,
    /// Where the person stands now.
    pub(crate) position: i64,
    /// How many are unread, at most 1,000.
    pub(crate) unread: i64,
}

/// What a stream waited for.
enum Wait {
    /// The stream is to end.
    Over,
    /// Something may have changed.
    News,
    /// It is time to tell that the stream is alive.
    Beat,
}

struct Watch {
    notices: Notices,
    place: Place,
    caller: Caller,
    expires: Instant,
    beat: Instant,
    position: Option<i64>,
    unread: Option<i64>,
    ready: VecDeque<Notice>,
    read: Instant,
    /// The last batch was full: there may be more.
    is_behind: bool,
}

impl Notices {
    /// Streams the watcher's notices. `now` is the time of the clock that `expire_time` is by.
    pub(crate) fn watch(
        &self,
        hub: &Hub,
        watcher: Watcher,
        now: DateTime<Utc>,
    ) -> Result<impl Stream<Item = Result<Seen, NoticeError>> + Send + use<>, NoticeError> {
        let left = (watcher.expire_time - now).to_std().unwrap_or(Duration::ZERO);
        let watch = Watch {
            notices: self.clone(),
            place: hub.enter(&watcher.caller)?,
            caller: watcher.caller,
            expires: Instant::now() + left,
            beat: Instant::now(),
            position: watcher.after,
            unread: None,
            ready: VecDeque::new(),
            read: Instant::now(),
            is_behind: true,
        };
        Ok(unfold(Some(watch), |watch| async move {
            let mut watch = watch?;
            match watch.next().await {
                Ok(Some(seen)) => Some((Ok(seen), Some(watch))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        }))
    }
}

impl Watch {
    /// Returns what to say next; nothing: the process stops.
    async fn next(&mut self) -> Result<Option<Seen>, NoticeError> {
        loop {
            if self.place.ended().is_cancelled() || Instant::now() >= self.expires {
                return Err(NoticeError::SessionEnded);
            }
            if self.place.stop().is_cancelled() {
                return Ok(None);
            }
            if self.read.elapsed() > KEEP {
                // What was read for a client that is slow may be hidden by now.
                self.is_behind |= !self.ready.is_empty();
                self.ready.clear();
            }
            if let Some(notice) = self.ready.pop_front() {
                self.position = Some(notice.position);
                return Ok(Some(self.seen(Some(notice))));
            }
            let seen = match self.wait().await {
                Wait::Over => None,
                Wait::News => self.look(false).await?,
                Wait::Beat => self.look(true).await?,
            };
            if seen.is_some() {
                return Ok(seen);
            }
        }
    }

    /// Waits until there may be something to say.
    async fn wait(&self) -> Wait {
        if self.is_behind {
            return Wait::News;
        }
        tokio::select! {
            biased;
            () = self.place.ended().cancelled() => Wait::Over,
            () = self.place.stop().cancelled() => Wait::Over,
            () = tokio::time::sleep_until(self.expires) => Wait::Over,
            () = self.place.woken() => Wait::News,
            () = tokio::time::sleep_until(self.beat) => Wait::Beat,
        }
    }

    /// Reads what has come. Returns what to say where nothing has, but it is time to, or the count of unread has changed.
    async fn look(&mut self, is_beat: bool) -> Result<Option<Seen>, NoticeError> {
        let (organization_id, user_id) = (self.caller.organization_id, self.caller.user_id);
        let batch = self.notices.read_after(organization_id, user_id, self.position).await?;
        self.read = Instant::now();
        self.position = Some(batch.position);
        self.is_behind = i64::try_from(batch.notices.len()).is_ok_and(|count| count >= super::BATCH);
        let is_news = self.unread.replace(batch.unread) != Some(batch.unread);
        self.ready = batch.notices.into();
        Ok((self.ready.is_empty() && (is_beat || is_news)).then(|| self.seen(None)))
    }

    fn seen(&mut self, notice: Option<Notice>) -> Seen {
        self.beat = Instant::now() + BEAT;
        Seen { notice, position: self.position.unwrap_or_default(), unread: self.unread.unwrap_or_default() }
    }
}
