//! Passwords.
//!
//! Owns the queue of hashings. One takes 19 MiB and a core for tens of milliseconds, so at most one runs per core,
//! [`WAITING_MAX`] wait, and what is beyond is refused at once. [`strength`] owns which passwords may be set, [`hashing`]
//! their hashes. Must not know accounts or sessions.

mod hashing;
mod strength;

use std::num::NonZero;
use std::sync::Arc;

use anyhow::Context;
use secrecy::SecretString;
use service_kit::error::CommonError;
use service_kit::ids::Ids;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{NewMember, NewPassword, Person};
use crate::organization::Organization;

pub(crate) use hashing::Verified;
pub(crate) use strength::{PASSWORD_BYTES_MAX, read_new_password, read_password_to_set};

use hashing::Hasher;
use strength::{Rules, broken_rule};

/// How many hashings wait beside those that run.
pub(super) const WAITING_MAX: usize = 64;

/// Why a password could not be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasswordRefused {
    /// Too many wait already.
    #[error("too many passwords are being checked at once")]
    Busy,
    /// The password is too weak, or hashing failed.
    #[error(transparent)]
    Common(#[from] CommonError),
}

/// Hashes and verifies passwords, a bounded number at a time.
#[derive(Clone)]
pub(crate) struct Passwords {
    cores: Arc<Semaphore>,
    places: Arc<Semaphore>,
    hasher: Hasher,
    /// The hash of a password nobody knows, verified where there is none, so that both take the same work.
    dummy: SecretString,
}

impl Passwords {
    /// Returns how many cores this process may use.
    pub(crate) fn cores() -> usize {
        std::thread::available_parallelism().map_or(1, NonZero::get)
    }

    /// Returns a hasher that keeps `cores` cores busy at most. Takes as long as one hashing.
    pub(crate) fn try_new(cores: usize, ids: &Ids) -> anyhow::Result<Self> {
        let nobody_knows: [u8; 32] = ids.secret_bytes()?;
        let hasher = Hasher::new(ids.clone());
        let dummy = hasher.hash(&nobody_knows)?;
        Ok(Self {
            cores: Arc::new(Semaphore::new(cores)),
            places: Arc::new(Semaphore::new(cores + WAITING_MAX)),
            hasher,
            dummy,
        })
    }

    /// Takes a place in the queue; none where it is full.
    pub(crate) fn reserve(&self) -> Option<Place> {
        let held = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(Place { passwords: self.clone(), _held: held })
    }

    /// Hashes the password a new member brings, if any, after making sure that it is not easy to guess.
    pub(crate) async fn prepare(
        &self,
        new: &NewMember,
        organization: &Organization,
    ) -> Result<Option<SecretString>, PasswordRefused> {
        let Some(password) = new.password.clone() else { return Ok(None) };
        let rules = Rules::new(organization, &new.display_name, &new.email_address);
        self.hash(password, rules).await.map(Some)
    }

    /// Hashes a password that a person wants to set, after making sure that it is not easy to guess.
    pub(crate) async fn prepare_for(
        &self,
        password: NewPassword,
        person: &Person,
        organization: &Organization,
    ) -> Result<SecretString, PasswordRefused> {
        let rules = Rules::new(organization, &person.display_name, &person.email_address);
        self.hash(password, rules).await
    }

    async fn hash(&self, password: NewPassword, rules: Rules) -> Result<SecretString, PasswordRefused> {
        let place = self.reserve().ok_or(PasswordRefused::Busy)?;
        let hasher = self.hasher.clone();
        let hashed = place.run(move || match broken_rule(&password, &rules) {
            Some(broken) => Ok(Err(broken)),
            None => hasher.hash_text(&password.text).map(Ok),
        });
        let hashed = hashed.await.map_err(CommonError::Unexpected)?;
        Ok(hashed.map_err(CommonError::from)?)
    }
}

/// A place in the queue of hashings; given up when the hashing ends or the caller goes away.
pub(crate) struct Place {
    passwords: Passwords,
    _held: OwnedSemaphorePermit,
}

impl Place {
    /// Tells whether a password is the one behind `stored`. Without `stored` the work is the same and the answer is no.
    /// Errors where the stored hash is not one of ours, or costs more than the cap.
    pub(crate) async fn verify(
        self,
        password: SecretString,
        stored: Option<SecretString>,
    ) -> anyhow::Result<Verified> {
        let Passwords { hasher, dummy, .. } = self.passwords.clone();
        self.run(move || {
            let is_somebodys = stored.is_some();
            let verified = hasher.verify(&password, &stored.unwrap_or(dummy))?;
            Ok(if is_somebodys { verified } else { Verified::NO })
        })
        .await
    }

    /// Runs `work` on a core of its own. It goes on when the caller goes away, and holds place and core until it ends.
    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let core = Arc::clone(&self.passwords.cores).acquire_owned().await?;
        let hashing = tokio::task::spawn_blocking(move || {
            let result = work();
            drop((core, self));
            result
        });
        hashing.await.context("hashing was cut off")?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_its_password_matches_a_hash_and_without_a_hash_none_does() {
        let passwords = Passwords::try_new(1, &testkit::ids()).unwrap();
        let stored = passwords.hasher.hash(b"plum-Kettle-orbit-77").unwrap();
        for (text, stored, expected) in [
            ("plum-Kettle-orbit-77", Some(stored.clone()), true),
            ("plum-Kettle-orbit-78", Some(stored), false),
            ("plum-Kettle-orbit-77", None, false),
        ] {
            let place = passwords.reserve().unwrap();
            assert_eq!(place.verify(text.into(), stored).await.unwrap().matches, expected);
        }
    }

    #[tokio::test]
    async fn the_queue_takes_as_many_as_it_says_and_refuses_one_more() {
        let passwords = Passwords::try_new(2, &testkit::ids()).unwrap();
        let places: Vec<_> = (0..2 + WAITING_MAX).map(|_| passwords.reserve().unwrap()).collect();
        assert!(passwords.reserve().is_none());
        drop(places);
        assert!(passwords.reserve().is_some());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_500_at_once_no_more_are_taken_than_cores_and_queue_hold_and_each_core_has_one_buffer() {
        let passwords = Passwords::try_new(2, &testkit::ids()).unwrap();
        let mut calls = tokio::task::JoinSet::new();
        // All ask before the first is answered.
        let places: Vec<_> = (0..500).filter_map(|_| passwords.reserve()).collect();
        assert_eq!(places.len(), 2 + WAITING_MAX);
        for place in places {
            calls.spawn(
                async move { place.verify("plum-Kettle-orbit-77".into(), None).await.unwrap().matches },
            );
        }
        assert!(calls.join_all().await.iter().all(|matches| !matches));
        assert!(passwords.hasher.buffers_at_rest() <= 2);
    }
}
