//! The open streams of notices of this process.
//!
//! Owns how many a person may have, and ending all of them at once when the process stops: a drain waits for nobody who
//! merely listens. Must not know what goes over them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

/// How many streams a person may have open in one process; each of their browsers needs one.
const MOST: usize = 5;

/// The open streams of this process.
#[derive(Clone, Default)]
pub(crate) struct Lines {
    by_person: Arc<Mutex<HashMap<String, usize>>>,
    stop: CancellationToken,
}

/// A place among the streams of a person; dropping it gives it back.
pub(crate) struct Line {
    lines: Lines,
    person: String,
}

impl Lines {
    /// Takes a place; nothing where the person has as many as they may, or the process stops.
    pub(crate) fn enter(&self, person: &str) -> Option<Line> {
        if self.stop.is_cancelled() {
            return None;
        }
        let mut by_person = self.by_person.lock().unwrap_or_else(PoisonError::into_inner);
        let open = by_person.entry(person.to_owned()).or_default();
        if *open >= MOST {
            return None;
        }
        *open += 1;
        Some(Line { lines: self.clone(), person: person.to_owned() })
    }

    /// Ends all streams, and lets nobody begin another.
    pub(crate) fn end(&self) {
        self.stop.cancel();
    }
}

impl Line {
    /// Returns when the process stops.
    pub(crate) async fn ended(&self) {
        self.lines.stop.cancelled().await;
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let mut by_person = self.lines.by_person.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = by_person.get_mut(&self.person) {
            *open -= 1;
            if *open == 0 {
                by_person.remove(&self.person);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_five_streams_and_one_more_for_each_that_ended() {
        let lines = Lines::default();
        let mut open: Vec<Line> = (0..MOST).map(|_| lines.enter("mia").unwrap()).collect();
        assert!(lines.enter("mia").is_none());
        assert!(lines.enter("noah").is_some(), "others have their own");
        open.pop();
        assert!(lines.enter("mia").is_some());
    }

    #[test]
    fn nobody_begins_a_stream_while_the_process_stops() {
        let lines = Lines::default();
        lines.end();
        assert!(lines.enter("mia").is_none());
        assert!(lines.by_person.lock().unwrap().is_empty());
    }
}
