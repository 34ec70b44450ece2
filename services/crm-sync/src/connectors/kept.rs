//! What connectors remember of a connection for a while: never a customer's record, and nothing that cannot be read anew.
//!
//! Owns how long and how much is kept. A process that starts knows nothing, and that is right.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::connection::ConnectionId;

/// More connections than this and all is forgotten.
const CONNECTIONS_MAX: usize = 10_000;

/// One value for each connection, for a while.
#[derive(Debug)]
pub(super) struct Kept<T> {
    life: Duration,
    values: Mutex<HashMap<ConnectionId, (Instant, T)>>,
}

impl<T: Clone> Kept<T> {
    /// Keeps values for `life`.
    pub(super) fn new(life: Duration) -> Self {
        Self { life, values: Mutex::default() }
    }

    pub(super) fn get(&self, connection: ConnectionId) -> Option<T> {
        let values = self.lock();
        let (since, value) = values.get(&connection)?;
        (since.elapsed() < self.life).then(|| value.clone())
    }

    pub(super) fn put(&self, connection: ConnectionId, value: T) {
        let mut values = self.lock();
        if values.len() >= CONNECTIONS_MAX {
            values.clear();
        }
        values.insert(connection, (Instant::now(), value));
    }

    /// Forgets a connection's value if it is still the one that `is_it` knows.
    pub(super) fn forget(&self, connection: ConnectionId, is_it: impl Fn(&T) -> bool) {
        let mut values = self.lock();
        if values.get(&connection).is_some_and(|(_, value)| is_it(value)) {
            values.remove(&connection);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, (Instant, T)>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn id(number: u128) -> ConnectionId {
        ConnectionId::from(Uuid::from_u128(number))
    }

    #[test]
    fn a_value_is_kept_for_its_connection_while_it_lives() {
        let kept = Kept::new(Duration::from_secs(600));
        kept.put(id(1), "one");
        assert_eq!((kept.get(id(1)), kept.get(id(2))), (Some("one"), None));
        let ended = Kept::new(Duration::ZERO);
        ended.put(id(1), "one");
        assert_eq!(ended.get(id(1)), None);
    }

    #[test]
    fn only_the_value_that_failed_is_forgotten() {
        let kept = Kept::new(Duration::from_secs(600));
        kept.put(id(1), "new");
        kept.forget(id(1), |value| *value == "old");
        assert_eq!(kept.get(id(1)), Some("new"));
        kept.forget(id(1), |value| *value == "new");
        assert_eq!(kept.get(id(1)), None);
    }

    #[test]
    fn memory_is_bounded() {
        let kept = Kept::new(Duration::from_secs(600));
        for number in 0..10_001 {
            kept.put(id(number), ());
        }
        assert_eq!(kept.lock().len(), 1);
    }
}
