//! Passwords.
//!
//! Owns which ones may be set (NIST SP 800-63B-4: at least 15 characters, not easy to guess) and their hashing with
//! argon2id at OWASP's parameters. Hashing takes 19 MiB and a core for tens of milliseconds, so at most one runs per core,
//! [`WAITING_MAX`] wait, and what is beyond is refused at once. Must not know accounts or sessions.

use std::num::NonZero;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use secrecy::{ExposeSecret, SecretString};
use service_kit::error::CommonError;
use service_kit::ids::Ids;
use service_kit::validate::Violations;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zxcvbn::{Score, zxcvbn};

use super::{NewMember, NewPassword};
use crate::organization::Organization;

/// Largest password that is looked at on signing in, in bytes.
pub(crate) const PASSWORD_BYTES_MAX: usize = 1024;
/// Lengths of a password that may be set, in characters.
const NEW_MIN: usize = 15;
const NEW_MAX: usize = 128;
/// How many hashings wait beside those that run.
pub(super) const WAITING_MAX: usize = 64;

const MEMORY_KIB: u32 = 19_456;
const ITERATIONS: u32 = 2;
const LANES: u32 = 1;
/// Parameters of a stored hash beyond these are refused: who can write a row must not be able to exhaust the memory.
const MEMORY_KIB_CAP: u32 = 65_536;
const ITERATIONS_CAP: u32 = 10;
const LANES_CAP: u32 = 4;

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

/// Checks the length of a password to set; an empty one is none.
pub(crate) fn read_new_password(
    check: &mut Violations,
    field: &'static str,
    value: &str,
) -> Option<NewPassword> {
    if value.is_empty() {
        return None;
    }
    let characters = value.chars().count();
    if !(NEW_MIN..=NEW_MAX).contains(&characters) {
        check.add(field, format!("must have {NEW_MIN} to {NEW_MAX} characters, has {characters}"));
    }
    Some(NewPassword { text: SecretString::from(value), field })
}

/// Hashes and verifies passwords, a bounded number at a time.
#[derive(Clone)]
pub(crate) struct Passwords {
    cores: Arc<Semaphore>,
    places: Arc<Semaphore>,
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
        Ok(Self {
            cores: Arc::new(Semaphore::new(cores)),
            places: Arc::new(Semaphore::new(cores + WAITING_MAX)),
            dummy: hash(&nobody_knows)?,
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
        let place = self.reserve().ok_or(PasswordRefused::Busy)?;
        let context = context_words(new, organization);
        let hashed = place.run(move || match guess_rule(&password, &context) {
            Some(broken) => Ok(Err(broken)),
            None => hash(password.text.expose_secret().as_bytes()).map(Ok),
        });
        let hashed = hashed.await.map_err(CommonError::Unexpected)?;
        Ok(Some(hashed.map_err(CommonError::from)?))
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
    pub(crate) async fn matches(
        self,
        password: SecretString,
        stored: Option<SecretString>,
    ) -> anyhow::Result<bool> {
        let dummy = self.passwords.dummy.clone();
        self.run(move || {
            let is_known = stored.is_some();
            let matches = verify(password.expose_secret().as_bytes(), &stored.unwrap_or(dummy))?;
            Ok(matches && is_known)
        })
        .await
    }

    /// Runs `work` on a thread for blocking work once a core is free. The core stays taken until the work ends, even
    /// when the caller does not wait for it any more.
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

fn hasher() -> anyhow::Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, ITERATIONS, LANES, None).map_err(|error| anyhow!("{error}"))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes a password with a new salt; returns a PHC string.
fn hash(password: &[u8]) -> anyhow::Result<SecretString> {
    let hash: PasswordHash = hasher()?.hash_password(password).map_err(|error| anyhow!("{error}"))?;
    Ok(SecretString::from(hash.to_string()))
}

fn verify(password: &[u8], stored: &SecretString) -> anyhow::Result<bool> {
    let stored = PasswordHash::new(stored.expose_secret())
        .map_err(|_| anyhow!("a stored password hash is malformed"))?;
    let params = Params::try_from(&stored).map_err(|_| anyhow!("a stored password hash is malformed"))?;
    let is_affordable = params.m_cost() <= MEMORY_KIB_CAP
        && params.t_cost() <= ITERATIONS_CAP
        && params.p_cost() <= LANES_CAP;
    if !is_affordable {
        bail!("a stored password hash has parameters beyond the cap");
    }
    match hasher()?.verify_password(password, &stored) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => bail!("a password hash could not be verified: {error}"),
    }
}

/// Returns the rule that an easily guessed password breaks.
fn guess_rule(password: &NewPassword, context: &[String]) -> Option<Violations> {
    let context: Vec<&str> = context.iter().map(String::as_str).collect();
    let is_strong = zxcvbn(password.text.expose_secret(), &context).score() >= Score::Three;
    let rule =
        "is too easy to guess: use several unrelated words, none from your name, address or organisation";
    (!is_strong).then(|| Violations::one(password.field, rule))
}

/// What somebody who knows the person would try first.
fn context_words(new: &NewMember, organization: &Organization) -> Vec<String> {
    let names = [new.display_name.as_str(), &organization.display_name, &organization.slug, "Shared Spaces"];
    let parts = names.iter().flat_map(|name| name.split([' ', '-']));
    let address = [new.email_address.as_str()].into_iter().chain(new.email_address.words());
    names
        .iter()
        .copied()
        .chain(parts)
        .chain(address)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_length_allowed(text: &str) -> bool {
        let mut check = Violations::default();
        read_new_password(&mut check, "password", text);
        check.into_result().is_ok()
    }

    fn new_password(text: &str) -> NewPassword {
        NewPassword { text: text.into(), field: "member.password" }
    }

    #[test]
    fn a_new_password_is_taken_within_its_limits_and_refused_beyond() {
        for (length, allowed) in [(0, true), (1, false), (14, false), (15, true), (128, true), (129, false)] {
            assert_eq!(is_length_allowed(&"é".repeat(length)), allowed, "{length}");
        }
        assert!(read_new_password(&mut Violations::default(), "password", "").is_none());
    }

    #[test]
    fn a_password_that_is_easy_to_guess_is_refused_with_its_field() {
        let context = ["Wilhelmina".to_owned(), "Featherstone".to_owned(), "acme".to_owned()];
        for weak in ["aaaaaaaaaaaaaaa", "password12345678", "WilhelminaFeatherstone", "acmeacmeacmeacme"] {
            let broken = guess_rule(&new_password(weak), &context).unwrap().to_string();
            assert!(broken.starts_with("member.password: ") && !broken.contains(weak), "{broken}");
        }
        assert!(guess_rule(&new_password("plum-Kettle-orbit-77"), &context).is_none());
    }

    #[tokio::test]
    async fn a_hash_is_argon2id_at_the_chosen_parameters_and_only_its_password_matches() {
        let passwords = Passwords::try_new(1, &testkit::ids()).unwrap();
        let stored = hash(b"plum-Kettle-orbit-77").unwrap();
        assert!(stored.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        for (text, stored, expected) in [
            ("plum-Kettle-orbit-77", Some(stored.clone()), true),
            ("plum-Kettle-orbit-78", Some(stored), false),
            ("plum-Kettle-orbit-77", None, false),
        ] {
            let place = passwords.reserve().unwrap();
            assert_eq!(place.matches(text.into(), stored).await.unwrap(), expected);
        }
    }

    #[test]
    fn a_stored_hash_beyond_the_cap_is_refused_without_being_computed() {
        let stored = hash(b"x").unwrap().expose_secret().to_owned();
        for (given, instead) in [("m=19456", "m=8388608"), ("t=2", "t=11"), ("p=1", "p=5")] {
            let costly = SecretString::from(stored.replace(given, instead));
            let error = verify(b"x", &costly).unwrap_err().to_string();
            assert!(error.contains("beyond the cap"), "{error}");
        }
        assert!(verify(b"x", &SecretString::from("nonsense")).is_err());
    }

    #[tokio::test]
    async fn the_queue_takes_as_many_as_it_says_and_refuses_one_more() {
        let passwords = Passwords::try_new(2, &testkit::ids()).unwrap();
        let places: Vec<_> = (0..2 + WAITING_MAX).map(|_| passwords.reserve().unwrap()).collect();
        assert!(passwords.reserve().is_none());
        drop(places);
        assert!(passwords.reserve().is_some());
    }
}
