//! How many answers of the content port are sent at once.
//!
//! Owns the places: so many in all, few of them one person's, and none for whom takes nothing. Must not know what is sent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use service_kit::ids::UserId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tracing::Instrument;

/// Answers at once in this process; each holds a few chunks and a connection to the store.
const ANSWERS: usize = 128;
/// Of them one person's: more than a browser opens to one host.
const ANSWERS_PER_PERSON: usize = 8;
/// How long a piece may wait to be taken.
const STALLED_AFTER: Duration = Duration::from_secs(30);

/// The places of a process.
#[derive(Clone)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    taken: Arc<Mutex<HashMap<UserId, usize>>>,
    stalled_after: Duration,
}

/// A place, free again when it is dropped.
pub(super) struct Place {
    user_id: UserId,
    taken: Arc<Mutex<HashMap<UserId, usize>>>,
    stalled_after: Duration,
    _one_of_all: OwnedSemaphorePermit,
}

impl Default for Places {
    fn default() -> Self {
        Self::new(ANSWERS, STALLED_AFTER)
    }
}

impl Places {
    fn new(all: usize, stalled_after: Duration) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), taken: Arc::default(), stalled_after }
    }

    /// Takes a place for somebody. None: all are taken, or theirs are.
    pub(super) fn take(&self, user_id: UserId) -> Option<Place> {
        let permit = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.entry(user_id).or_default();
        if *own >= ANSWERS_PER_PERSON {
            return None;
        }
        *own += 1;
        let (taken, stalled_after) = (Arc::clone(&self.taken), self.stalled_after);
        Some(Place { user_id, taken, stalled_after, _one_of_all: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let left = taken.get(&self.user_id).map_or(0, |own| own.saturating_sub(1));
        if left == 0 {
            taken.remove(&self.user_id);
        } else {
            taken.insert(self.user_id, left);
        }
    }
}

impl Place {
    /// Hands pieces on, and gives the place back after the last, or when nothing is taken for too long. A task of its own
    /// does it: nobody asks for the next piece on behalf of a fetcher who stopped reading.
    pub(super) fn send<T, S>(self, mut pieces: S) -> impl Stream<Item = T> + Send + use<T, S>
    where
        T: Send + 'static,
        S: Stream<Item = T> + Send + Unpin + 'static,
    {
        let (sender, sent) = mpsc::channel(1);
        let sending = async move {
            // All of it, not one field: it is free again when this ends.
            let place = self;
            while let Some(piece) = pieces.next().await {
                match tokio::time::timeout(place.stalled_after, sender.send(piece)).await {
                    Ok(Ok(())) => {}
                    // Gone, or as good as gone: what is not sent is missed by its length.
                    Ok(Err(_)) | Err(_) => break,
                }
            }
        };
        tokio::spawn(sending.in_current_span());
        ReceiverStream::new(sent)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn somebody() -> UserId {
        testkit::ids().next()
    }

    #[test]
    fn one_person_has_eight_places_and_no_ninth_and_another_is_not_kept_out() {
        let (places, greedy) = (Places::default(), somebody());
        let mut held: Vec<_> = (0..8).map(|_| places.take(greedy).unwrap()).collect();
        assert!(places.take(greedy).is_none());
        assert!(places.take(somebody()).is_some());
        held.pop();
        held.push(places.take(greedy).expect("one was given back"));
        assert!(places.take(greedy).is_none());
        drop(held);
        assert!(places.taken.lock().unwrap().is_empty(), "nobody is remembered who holds none");
        assert_eq!(places.all.available_permits(), 128);
    }

    #[test]
    fn as_many_as_there_are_have_a_place_and_no_more() {
        let places = Places::new(2, STALLED_AFTER);
        let held = [places.take(somebody()).unwrap(), places.take(somebody()).unwrap()];
        assert!(places.take(somebody()).is_none());
        drop(held);
        assert!(places.take(somebody()).is_some());
    }

    #[tokio::test]
    async fn who_takes_nothing_for_too_long_loses_the_place_and_who_takes_slowly_keeps_it() {
        let (places, pieces) = (Places::new(1, Duration::from_secs(3)), || stream::iter(0..4));
        let mut slow = Box::pin(places.take(somebody()).unwrap().send(pieces()));
        for wanted in 0..4 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert_eq!(slow.next().await, Some(wanted));
        }
        assert_eq!(slow.next().await, None);
        let is_free = async || places.all.available_permits() == 1;
        testkit::eventually("the place is given back", is_free).await;

        let stopped = places.take(somebody()).unwrap().send(pieces());
        assert!(places.take(somebody()).is_none());
        testkit::eventually("the place is taken away", is_free).await;
        assert_eq!(stopped.collect::<Vec<_>>().await, [0], "cut off after what was under way");
    }
}
